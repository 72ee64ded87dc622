"""Keep an answer with its problem: one NumPy archive or one NetCDF file."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import AnyArray
from ..answer import SCALARS, Answer, Prices
from ..errors import InputError
from ..infeasibility import Infeasibility
from ..problem import Problem
from . import files, layout
from .layout import Variables

if TYPE_CHECKING:
    import xarray

UNITS = {
    "allocation": "MWh of work",
    "shed": "MWh of work",
    "site_load": "MWh",
    "capacity_price": "USD/MWh",
    "energy_price": "USD/MWh",
}


def save(solution: Answer, path: str | os.PathLike[str]) -> None:
    """Write a solution, in NumPy arrays, and its problem; see `Solution.save`."""
    path = _checked(path)
    try:
        if path.suffix == ".nc":
            to_xarray(solution).to_netcdf(path)
        else:
            np.savez(path, **_plain(solution))  # type: ignore[arg-type]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def load(path: str | os.PathLike[str]) -> Answer:
    """Read what `save` wrote; see `Solution.load`."""
    path = _checked(path)
    try:
        if path.suffix == ".nc":
            return _from_netcdf(path)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return _from_plain(dict(stored))
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a solution that Solution.save wrote") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def to_xarray(solution: Answer) -> xarray.Dataset:
    """Return a problem and its solution as one dataset; see `Solution.to_xarray`."""
    dataset = files.to_xarray(solution.problem)
    for name, names in solution.problem.region_names.items():
        dataset.coords[f"regions_{name}"] = np.array(names)
    for variable, (dims, values) in _variables(solution).items():
        dataset[variable] = (dims, values)
        dataset[variable].attrs["units"] = UNITS.get(variable, "")
    dataset.attrs["solution"] = json.dumps(_header(solution))
    return dataset


def _variables(solution: Answer) -> Variables:
    """Return the arrays of a solution, without those of its problem."""
    cells = ("slot", "site")
    variables: Variables = {
        "allocation": (("slot", "arc"), solution.allocation),
        "site_load": (cells, solution.site_load),
        "capacity_price": (cells, solution.prices.capacity),
        "energy_price": (cells, solution.prices.energy),
    }
    if solution.shed is not None:
        variables["shed"] = (("slot", "gateway"), solution.shed)
    reason = solution.infeasibility
    if reason is not None and reason.prices is not None:
        variables["infeasibility_price"] = (cells, reason.prices)
    for name, prices in ((reason and reason.budgets) or {}).items():
        variables[f"infeasibility_price_{name}"] = ((f"regions_{name}",), prices)
    for name, totals in solution.footprints.items():
        variables[f"total_{name}"] = ((f"regions_{name}",), totals)
        variables[f"equity_price_{name}"] = ((f"regions_{name}",), solution.prices.equity[name])
    return variables


def _header(solution: Answer) -> dict[str, Any]:
    """Return everything of a solution that is no array."""
    header = {name: getattr(solution, name) for name in SCALARS}
    header |= {"breakdown": solution.breakdown, "infeasibility": None}
    if solution.infeasibility is not None:
        gone = {"prices": None, "budgets": None}
        header["infeasibility"] = asdict(solution.infeasibility) | gone
    return header


def _plain(solution: Answer) -> dict[str, AnyArray]:
    """Return a problem and its solution as arrays and two strings of JSON."""
    header, variables = layout.pack(solution.problem)
    given = layout.given_labels(solution.problem)
    labels = {f"label_{dim}": np.array(values) for dim, values in given.items()}
    texts = {"scenario": np.array(json.dumps(header))}
    texts["solution"] = np.array(json.dumps(_header(solution)))
    arrays = {name: values for name, (_, values) in (variables | _variables(solution)).items()}
    return arrays | labels | texts


def _from_plain(stored: dict[str, AnyArray]) -> Answer:
    header, scalars = (json.loads(str(stored.pop(key))) for key in ("scenario", "solution"))
    labels = {dim: stored[f"label_{dim}"] for dim in header["labels"]}
    tables = {name: (tuple(dims), stored[name]) for name, dims in header["tables"].items()}
    return _assemble(layout.unpack(header, tables, labels), stored, scalars)


def _from_netcdf(path: Path) -> Answer:
    with files.require_xarray().open_dataset(path) as lazy:
        dataset = lazy.load()
    arrays = {str(name): variable.values for name, variable in dataset.data_vars.items()}
    header = json.loads(dataset.attrs["solution"])
    return _assemble(files.from_xarray(dataset), arrays, header)


def _assemble(problem: Problem, arrays: Mapping[str, AnyArray], header: dict[str, Any]) -> Answer:
    reason = header.pop("infeasibility")
    if reason is not None:
        reason["prices"] = arrays.get("infeasibility_price")
        key = "infeasibility_price_"
        budgets = {n: arrays[key + n] for n in problem.footprints if key + n in arrays}
        reason["budgets"] = budgets or None
        pairs = {name: tuple(reason[name]) for name in ("sites", "gateways")}
        reason = Infeasibility(**(reason | pairs))
    equity = {name: arrays[f"equity_price_{name}"] for name in problem.footprints}
    return Answer(
        problem=problem,
        allocation=arrays["allocation"],
        shed=arrays.get("shed"),
        site_load=arrays["site_load"],
        footprints={name: arrays[f"total_{name}"] for name in problem.footprints},
        prices=Prices(arrays["capacity_price"], arrays["energy_price"], equity),
        infeasibility=reason,
        **header,
    )


def _checked(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix not in (".npz", ".nc"):
        raise InputError(f"{path}: the name must end in .npz or .nc")
    return path
