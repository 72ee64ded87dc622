"""Keep runs of policies with their problem, and the offline optimum beside them, in one file.

What a run cost and burdened follows from its plan, so that the file holds neither.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_args

import numpy as np

from .._account import loads
from .._arrays import AnyArray, FloatArray
from ..answer import Answer
from ..choices import RunStatus
from ..errors import InputError
from ..problem import Problem
from . import answers, layout
from .archive import reading_archive, write_archive
from .dataset import to_xarray as problem_to_xarray
from .disk import parse_json, read_archive_path
from .layout import Arrays, Key, Variables, is_text, list_of
from .netcdf import read_netcdf, write_netcdf

FORMAT = "equiload runs 1"
_WHAT = "runs that Run.save or Comparison.save wrote"
_STATUSES = get_args(RunStatus)
_KEPT = 1e-6  # of demand and capacity: policies round where solutions are repaired


@dataclass(frozen=True)
class Record:
    """What of a run does not follow from the rest; `Run` says what it means."""

    policy: str
    status: RunStatus
    message: str
    allocation: FloatArray
    shed: FloatArray | None
    switching: FloatArray | None
    gaps: FloatArray
    seconds: FloatArray
    prices: dict[str, FloatArray]


class _Run(Protocol):
    @property
    def policy(self) -> str: ...
    @property
    def status(self) -> RunStatus: ...
    @property
    def message(self) -> str: ...
    @property
    def allocation(self) -> FloatArray: ...
    @property
    def shed(self) -> FloatArray | None: ...
    @property
    def switching(self) -> FloatArray | None: ...
    @property
    def gaps(self) -> FloatArray: ...
    @property
    def seconds(self) -> FloatArray: ...
    @property
    def prices(self) -> dict[str, FloatArray]: ...


_TEXT = Key(lambda value: isinstance(value, str), "must be text")
_RUN = {
    "name": Key(is_text, "must be text"),
    "policy": Key(is_text, "must be text"),
    "status": Key(lambda value: value in _STATUSES, f"must be one of {', '.join(_STATUSES)}"),
    "message": _TEXT,
    "steps": Key(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
        "must be a whole number of at least 0",
    ),
}
_HEADER = {
    "format": Key(lambda value: value == FORMAT, f'must be "{FORMAT}"'),
    "runs": Key(list_of(lambda value: isinstance(value, dict)), "must be a list of runs"),
}


def save(
    problem: Problem,
    runs: Mapping[str, _Run],
    offline: Answer | None,
    path: str | os.PathLike[str],
) -> None:
    """Write runs on one problem, by name, and the offline optimum; see `Comparison.save`."""
    path = read_archive_path(path)
    fields: dict[str, layout.Field] = {}
    tables: Variables = {}
    for number, run in enumerate(runs.values()):
        fields |= layout.run_fields(problem.footprints, number)
        for name, values in _arrays(run).items():
            key = f"run{number}_{name}"
            tables[key] = fields[key].dims[0], values
    described = [
        {"name": name, "policy": run.policy, "status": run.status, "message": run.message}
        | {"steps": int(run.gaps.size)}
        for name, run in runs.items()
    ]
    header = json.dumps({"format": FORMAT, "runs": described})
    if path.suffix == ".nc":
        dataset = problem_to_xarray(problem) if offline is None else answers.to_xarray(offline)
        for name, (dims, values) in tables.items():
            dataset[name] = (dims, values)
            dataset[name].attrs["units"] = fields[name].unit
        dataset.attrs["runs"] = header
        write_netcdf(dataset, path)
        return
    arrays = layout.flat(problem) if offline is None else answers.flat(offline)
    arrays |= {name: values for name, (_, values) in tables.items()}
    write_archive(path, arrays | {"runs": np.array(header)})


def load(path: str | os.PathLike[str]) -> tuple[Problem, dict[str, Record], Answer | None]:
    """Read what `save` wrote, checking that the plans keep demand and capacities."""
    path = read_archive_path(path)
    if path.suffix == ".nc":
        return _assemble(read_netcdf(path), path)
    with reading_archive(path, _WHAT) as archive:
        return _assemble(archive, path)


def _arrays(run: _Run) -> dict[str, AnyArray]:
    arrays: dict[str, AnyArray] = {"allocation": run.allocation}
    arrays |= {"gap": run.gaps, "seconds": run.seconds}
    arrays |= {} if run.shed is None else {"shed": run.shed}
    arrays |= {} if run.switching is None else {"switching": run.switching}
    return arrays | {f"equity_price_{name}": values for name, values in run.prices.items()}


def _assemble(arrays: Arrays, source: Path) -> tuple[Problem, dict[str, Record], Answer | None]:
    if "runs" not in arrays:
        raise InputError(f'{source}: not {_WHAT}: there is no "runs"')
    where = f"{source}, runs"
    text = layout.text_of(arrays, "runs", source)
    described = layout.checked_keys(parse_json(text, where), _HEADER, where)["runs"]
    number = layout.runs_in(arrays)
    if len(described) != number:
        raise InputError(f"{where}: {len(described)} runs are listed; there are {number}")
    own = [name for n in range(number) for name in arrays if name.startswith(f"run{n}_")]
    rest = {name: arrays[name] for name in arrays if name not in own and name != "runs"}
    offline = None
    if "solution" in rest:
        offline = answers.assemble(rest, source)
        problem = offline.problem
    else:
        problem, _ = layout.unflat(rest, source)
    records: dict[str, Record] = {}
    for n, header in enumerate(described):
        header = layout.checked_keys(header, _RUN, f"{where}[{n}]")
        if header["name"] in records:
            raise InputError(f'{where}: "{header["name"]}" is listed twice')
        records[header.pop("name")] = _record(arrays, problem, header, n, source)
    return problem, records, offline


def _record(
    arrays: Arrays, problem: Problem, header: dict[str, Any], number: int, source: Path
) -> Record:
    """Read one run, its tables of the right shapes and its plan one that can be."""
    sizes = layout.sizes_of(problem) | {f"run{number}_step": header["steps"]}
    found = {}
    fields = layout.run_fields(problem.footprints, number)
    for key in arrays:
        if key.startswith(f"run{number}_"):
            layout.require_known(str(source), key, fields)
    for key, field in fields.items():
        name = key.split("_", 1)[1]
        if key in arrays:
            found[name] = layout.checked_table(key, arrays[key], field, sizes, source)
        elif field.needed or (name == "shed" and problem.shed_cost is not None):
            raise InputError(f'{source}: there is no "{key}"')
    prices = {name: found.get(f"equity_price_{name}") for name in problem.footprints}
    record = Record(
        header["policy"],
        header["status"],
        header["message"],
        found["allocation"],
        found.get("shed"),
        found.get("switching"),
        found["gap"],
        found["seconds"],
        {name: values for name, values in prices.items() if values is not None},
    )
    for complaint in _complaints(problem, record):
        raise InputError(f"{source}: run{number}_allocation: {complaint}")
    return record


def _complaints(problem: Problem, record: Record) -> list[str]:
    """Say what a plan breaks: a run is worth what its plan is."""
    work = record.allocation
    if (work < 0).any():
        return ["work is negative"]
    load = loads(problem, work)
    capacity = np.broadcast_to(problem.capacity, load.shape)
    found = ["a capacity is not kept"] if (load > capacity * (1 + _KEPT) + 1e-12).any() else []
    served = np.zeros((problem.gateways, work.shape[0]))
    np.add.at(served, problem.network.gateway, work.T)
    served = served.T + (0.0 if record.shed is None else record.shed)
    slots = problem.slots if record.status == "done" else record.gaps.size
    off = np.abs(served - problem.demand)[:slots]
    if (off > _KEPT * problem.demand[:slots] + 1e-12).any():
        found.append("demand is not kept")
    return found
