"""Keep an answer with its problem: one NumPy archive or one NetCDF file."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from .._account import relative_gap
from .._arrays import AnyArray
from ..answer import SCALARS, Answer, Prices
from ..choices import Status
from ..errors import InputError
from ..infeasibility import Infeasibility
from ..problem import COSTS, Problem
from ..verifying import verify
from . import layout
from .archive import reading_archive, write_archive
from .dataset import to_xarray as problem_to_xarray
from .disk import parse_json, read_archive_path
from .layout import Arrays, Header, Key, Variables, is_number, is_text, list_of
from .netcdf import read_netcdf, write_netcdf

if TYPE_CHECKING:
    import xarray

FORMAT = "equiload solution 1"
_WHAT = "a solution that Solution.save wrote"
_STATUSES = get_args(Status)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _number(value: Any) -> bool:
    return is_number(value) or value != value


_COUNT = Key(_count, "must be a whole number of at least 0")
_NUMBER = Key(_number, "must be a number")
_TIME = Key(lambda value: is_number(value) and 0 <= value < math.inf, "must be a time in seconds")
_TEXT = Key(is_text, "must be text")
_COSTS = Key(layout.mapping_of(_number), "must be a mapping to numbers")
_MAPPING = Key(lambda value: value is None or isinstance(value, dict), "must be a mapping")

KEYS = {
    "format": Key(lambda value: value == FORMAT, f'must be "{FORMAT}"'),
    "status": Key(lambda value: value in _STATUSES, f"must be one of {', '.join(_STATUSES)}"),
    **dict.fromkeys(("objective", "lower_bound", "gap"), _NUMBER),
    **dict.fromkeys(("iterations", "restarts", "threads"), _COUNT),
    **dict.fromkeys(("seconds", "setup_seconds"), _TIME),
    **dict.fromkeys(("device", "method"), _TEXT),
    "breakdown": _COSTS,
    "infeasibility": _MAPPING,
}
_REASON = {
    "slot": Key(lambda value: value is None or _count(value), "must be a slot"),
    **dict.fromkeys(("sites", "gateways"), Key(list_of(_count), "must be a list of numbers")),
    **dict.fromkeys(("demand", "capacity"), _NUMBER),
    "message": Key(lambda value: isinstance(value, str), "must be text"),
}


def save(solution: Answer, path: str | os.PathLike[str]) -> None:
    """Write a solution, in NumPy arrays, and its problem; see `Solution.save`."""
    path = read_archive_path(path)
    if path.suffix == ".nc":
        write_netcdf(to_xarray(solution), path)
        return
    write_archive(path, flat(solution))


def flat(solution: Answer) -> dict[str, AnyArray]:
    """Return a solution, in NumPy arrays, and its problem as an archive holds them."""
    arrays = {name: values for name, (_, values) in _variables(solution).items()}
    arrays["solution"] = np.array(json.dumps(_header(solution)))
    return layout.flat(solution.problem) | arrays


def load(path: str | os.PathLike[str], verified: bool = True) -> Answer:
    """Read what `save` wrote; see `Solution.load`."""
    path = read_archive_path(path)
    if path.suffix == ".nc":
        solution = assemble(read_netcdf(path), path)
    else:
        with reading_archive(path, _WHAT) as archive:
            solution = assemble(archive, path)
    if verified:
        try:
            verify(solution)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    return solution


def to_xarray(solution: Answer) -> xarray.Dataset:
    """Return a problem and its solution as one dataset; see `Solution.to_xarray`."""
    dataset = problem_to_xarray(solution.problem)
    for name, names in solution.problem.region_names.items():
        dataset.coords[f"regions_{name}"] = np.array(names)
    fields = layout.answer_fields(solution.problem.footprints)
    for variable, (dims, values) in _variables(solution).items():
        dataset[variable] = (dims, values)
        dataset[variable].attrs["units"] = fields[variable].unit
    dataset.attrs["solution"] = json.dumps(_header(solution))
    return dataset


def _variables(solution: Answer) -> Variables:
    """Return the arrays of a solution, without those of its problem."""
    reason, prices = solution.infeasibility, solution.prices
    arrays: dict[str, AnyArray | None] = {
        "allocation": solution.allocation,
        "site_load": solution.site_load,
        "capacity_price": prices.capacity,
        "energy_price": prices.energy,
        "shed": solution.shed,
        "infeasibility_price": None if reason is None else reason.prices,
    }
    for name, budget in ((reason and reason.budgets) or {}).items():
        arrays[f"infeasibility_price_{name}"] = budget
    for name, totals in solution.footprints.items():
        arrays[f"total_{name}"], arrays[f"equity_price_{name}"] = totals, prices.equity[name]
    fields = layout.answer_fields(solution.footprints)
    return {n: (fields[n].dims[0], array) for n, array in arrays.items() if array is not None}


def _header(solution: Answer) -> Header:
    """Return everything of a solution that is no array."""
    header: Header = {"format": FORMAT} | {name: getattr(solution, name) for name in SCALARS}
    header |= {"breakdown": solution.breakdown, "infeasibility": None}
    if solution.infeasibility is not None:
        reason = asdict(solution.infeasibility)
        header["infeasibility"] = {name: reason[name] for name in _REASON}
    return header


def assemble(arrays: Arrays, source: Path) -> Answer:
    """Put together again what `flat` took apart, checking all of it against the problem."""
    for name in ("scenario", "solution"):
        if name not in arrays:
            raise InputError(f'{source}: not {_WHAT}: there is no "{name}"')
    problem, scenario = layout.unflat(arrays, source)
    header = _checked_header(arrays, problem, source)
    tables = _checked_tables(arrays, problem, scenario, source)
    reason = header.pop("infeasibility")
    del header["format"]
    if reason is not None:
        budgets = {
            name: tables[key]
            for name in problem.footprints
            if (key := f"infeasibility_price_{name}") in tables
        }
        pairs = {name: tuple(reason[name]) for name in ("sites", "gateways")}
        proof = {"prices": tables.get("infeasibility_price"), "budgets": budgets or None}
        reason = Infeasibility(**(reason | pairs | proof))
    equity = {name: tables[f"equity_price_{name}"] for name in problem.footprints}
    return Answer(
        problem=problem,
        allocation=tables["allocation"],
        shed=tables.get("shed"),
        site_load=tables["site_load"],
        footprints={name: tables[f"total_{name}"] for name in problem.footprints},
        prices=Prices(tables["capacity_price"], tables["energy_price"], equity),
        infeasibility=reason,
        **header,
    )


def _checked_header(arrays: Arrays, problem: Problem, source: Path) -> Header:
    """Read what is no array and check it entry by entry."""
    where = f"{source}, solution"
    text = layout.text_of(arrays, "solution", source)
    header = layout.checked_keys(parse_json(text, where), KEYS, where)
    costs = {*COSTS, *problem.equity}
    if header["breakdown"].keys() != costs:
        raise InputError(f'{where}: "breakdown" must have {", ".join(sorted(costs))}')
    gap = relative_gap(header["objective"], header["lower_bound"])
    if not (abs(header["gap"] - gap) <= 1e-12 or (math.isnan(header["gap"]) and math.isnan(gap))):
        raise InputError(f'{where}: "gap" is {header["gap"]}; objective and bound are {gap} apart')
    reason = header["infeasibility"]
    if (reason is None) == (header["status"] == "infeasible"):
        raise InputError(f'{where}: "infeasibility" goes with the status "infeasible"')
    if reason is not None:
        layout.checked_keys(reason, _REASON, f"{where}, infeasibility")
        for name, count in (("sites", problem.sites), ("gateways", problem.gateways)):
            if any(index >= count for index in reason[name]):
                raise InputError(f'{where}: "{name}" must be below {count}')
    return header


def _checked_tables(
    arrays: Arrays, problem: Problem, scenario: Header, source: Path
) -> dict[str, AnyArray]:
    """Read the arrays of the answer and check that they are finite and fit the problem."""
    fields = layout.answer_fields(problem.footprints)
    known = {*scenario["tables"], *(f"label_{dim}" for dim in scenario["labels"]), *fields}
    for name in arrays:
        layout.require_known(str(source), name, known | {"scenario", "solution"})
    sizes, tables = layout.sizes_of(problem), {}
    for name, field in fields.items():
        if name not in arrays:
            if field.needed or (name == "shed" and problem.shed_cost is not None):
                raise InputError(f'{source}: there is no "{name}"')
            continue
        tables[name] = layout.checked_table(name, arrays[name], field, sizes, source)
    return tables
