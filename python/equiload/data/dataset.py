"""A scenario as a labelled dataset of xarray, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._arrays import require_a
from ..errors import InputError
from ..problem import Problem
from .layout import (
    answer_fields,
    checked_header,
    given_labels,
    labelled_dims,
    pack,
    require_known,
    run_fields,
    runs_in,
    unflat,
)

if TYPE_CHECKING:
    import xarray


def require_xarray() -> ModuleType:
    """Import xarray, or say how to get it."""
    try:
        import xarray
    except ImportError:
        raise InputError(
            'NetCDF files and datasets need the package xarray: pip install "equiload[data]"'
        ) from None
    return xarray


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
    require_a("problem", problem, Problem)
    header, variables = pack(problem)
    ds: xarray.Dataset = require_xarray().Dataset(variables, attrs={"scenario": json.dumps(header)})
    for name, unit in header["units"].items():
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
        The dataset, perhaps changed: other numbers, only some of the slots. The coordinates of
        slots, gateways and sites are their labels.

    Returns
    -------
    Problem
        The scenario.

    Raises
    ------
    InputError
        The dataset has another layout or variables that its header does not list, or `Problem`
        finds the data wrong.
    """
    problem, _ = unflat(arrays_of(ds), "dataset")
    return problem


def arrays_of(ds: xarray.Dataset) -> dict[str, NDArray[Any]]:
    """Return the arrays of a scenario or an answer by name, as an archive holds them."""
    require_a("ds", ds, require_xarray().Dataset)
    header = checked_header(_text(ds, "scenario"), 'dataset, attribute "scenario"')
    dims = {name: tuple(over) for name, over in header["tables"].items()}
    for name in dims:
        if name not in ds:
            raise InputError(f'dataset: no variable "{name}"')
    texts = {}
    if "solution" in ds.attrs:
        texts["solution"] = np.array(_text(ds, "solution"))
        of_answer = answer_fields(header["footprints"])
        dims |= {name: field.dims[0] for name, field in of_answer.items() if name in ds}
    if "runs" in ds.attrs:
        texts["runs"] = np.array(_text(ds, "runs"))
        for number in range(runs_in(map(str, ds.data_vars))):
            of_run = run_fields(header["footprints"], number)
            dims |= {name: field.dims[0] for name, field in of_run.items() if name in ds}
    for name in map(str, ds.data_vars):
        require_known("dataset", name, dims)
    arrays = {name: _plain(name, _transposed(ds, name, over)) for name, over in dims.items()}
    coordinates = {
        dim: _plain(dim, ds.coords[dim].values) for dim in labelled_dims(header) if dim in ds.coords
    }
    header["labels"] = {
        dim: header["labels"].get(dim, "text" if values.dtype.kind == "U" else str(values.dtype))
        for dim, values in coordinates.items()
        if dim in header["labels"] or values.dtype.kind in "UM"
    }
    texts["scenario"] = np.array(json.dumps(header))
    return texts | arrays | {f"label_{dim}": coordinates[dim] for dim in header["labels"]}


def _text(ds: xarray.Dataset, name: str) -> str:
    value = ds.attrs.get(name, "")
    return value if isinstance(value, str) else ""


def _transposed(ds: xarray.Dataset, name: str, dims: Sequence[str]) -> NDArray[Any]:
    try:
        return np.asarray(ds[name].transpose(*dims).values)
    except ValueError:
        found = ", ".join(map(str, ds[name].dims))
        raise InputError(f'dataset: "{name}" is over {found}, not {", ".join(dims)}') from None


def _plain(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return text in an array of its own kind, as an archive holds it."""
    if values.dtype.kind not in "OTSU":
        return values
    if not all(isinstance(entry, str) for entry in values.flat):
        raise InputError(f'dataset: "{name}" holds neither numbers nor text')
    return np.array(values.tolist(), dtype=str)
