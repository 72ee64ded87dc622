"""Keep a scenario: a folder of CSV files, or one NetCDF file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..problem import Problem
from .folder import read_folder, write_folder
from .layout import UNITS, Variables, checked_header, given_labels, pack, unpack

if TYPE_CHECKING:
    from types import ModuleType

    import xarray


def save(problem: Problem, path: str | Path) -> None:
    """Write a scenario to a folder of CSV files, or to one file if the path ends in `.nc`.

    Parameters
    ----------
    problem : Problem
        What to keep; `load` gives back an equal one.
    path : path
        A folder (made if need be; files of the same names are replaced) or a NetCDF file.

    Raises
    ------
    InputError
        The path cannot be written, or a NetCDF file is asked for and xarray is missing.
    """
    path = Path(path)
    try:
        if path.suffix == ".nc":
            _write_netcdf(to_xarray(problem), path)
        else:
            write_folder(problem, path)
    except OSError as error:
        raise InputError(f"{error.filename or path}: {error.strerror or error}") from None


def load(path: str | Path) -> Problem:
    """Read a scenario that `save` wrote, or one written by hand in the same layout.

    Parameters
    ----------
    path : path
        A folder with a `scenario.json`, or a NetCDF file whose name ends in `.nc`.

    Returns
    -------
    Problem
        Equal to the one that was saved.

    Raises
    ------
    InputError
        Something is missing or cannot be read; the message names the file, the line and the
        column. Also whatever `Problem` finds wrong with the data.
    """
    path = Path(path)
    return from_xarray(_read_netcdf(path)) if path.suffix == ".nc" else read_folder(path)


def to_xarray(problem: Problem) -> xarray.Dataset:
    """Return a scenario as a labelled dataset, the content of its NetCDF file.

    Parameters
    ----------
    problem : Problem
        The scenario.

    Returns
    -------
    xarray.Dataset
        Variables over `slot`, `gateway`, `site` and `arc`, with their units.

    Raises
    ------
    InputError
        The package xarray is missing.
    """
    header, variables = pack(problem)
    ds: xarray.Dataset = require_xarray().Dataset(variables, attrs={"scenario": json.dumps(header)})
    for name, unit in UNITS.items():
        if name in ds:
            ds[name].attrs["units"] = unit
    for dim, labels in given_labels(problem).items():
        values = np.asarray(labels)
        # xarray keeps times in nanoseconds and warns when it has to convert them itself.
        ds.coords[dim] = values.astype("datetime64[ns]") if values.dtype.kind == "M" else values
    return ds


def from_xarray(ds: xarray.Dataset) -> Problem:
    """Make a problem from a dataset as `to_xarray` returns it.

    Parameters
    ----------
    ds : xarray.Dataset
        The dataset, perhaps changed: other numbers, only some of the slots.

    Returns
    -------
    Problem
        The scenario.

    Raises
    ------
    InputError
        The dataset has another layout, or `Problem` finds the data wrong.
    """
    header = checked_header(ds.attrs.get("scenario", ""), 'dataset, attribute "scenario"')
    missing = [name for name in header["tables"] if name not in ds]
    if missing:
        raise InputError(f'dataset: no variable "{missing[0]}"')
    variables: Variables = {
        name: (tuple(dims), _transposed(ds, name, dims)) for name, dims in header["tables"].items()
    }
    labels = {dim: ds.coords[dim].values for dim in header["labels"] if dim in ds.coords}
    return unpack(header, variables, labels)


def _transposed(ds: xarray.Dataset, name: str, dims: Sequence[str]) -> NDArray[Any]:
    try:
        return np.asarray(ds[name].transpose(*dims).values)
    except ValueError:
        found = ", ".join(map(str, ds[name].dims))
        raise InputError(f'dataset: "{name}" is over {found}, not {", ".join(dims)}') from None


def require_xarray() -> ModuleType:
    """Import xarray, or say how to get it."""
    try:
        import xarray
    except ImportError:
        raise InputError(
            'NetCDF files and datasets need the package xarray: pip install "equiload[data]"'
        ) from None
    return xarray


def _write_netcdf(ds: xarray.Dataset, path: Path) -> None:
    try:
        ds.to_netcdf(path)
    except (ImportError, ValueError) as error:  # no package that writes NetCDF
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from None


def _read_netcdf(path: Path) -> xarray.Dataset:
    xr = require_xarray()
    try:
        with xr.open_dataset(path) as ds:
            loaded: xarray.Dataset = ds.load()
    except (OSError, ImportError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: {reason}") from None
    return loaded
