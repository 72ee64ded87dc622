"""What a scenario file holds, whatever its format: a JSON header and named tables."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import equity as equities
from .._arrays import read_ints
from ..errors import InputError
from ..network import Model, Network
from ..problem import Problem

# A variable as xarray takes it: the names of its dimensions and its values.
Variables = dict[str, tuple[tuple[str, ...], NDArray[Any]]]
Header = dict[str, Any]
Labels = dict[str, Any]  # per dimension a sequence of names or times

FORMAT = "equiload scenario 1"
UNITS = {
    "demand": "MWh per slot",
    "capacity": "MWh per slot",
    "price": "USD/MWh",
    "quadratic": "USD/MWh^2",
    "idle_power": "MWh per slot",
    "arc_cost": "USD per MWh of work",
    "footprint_carbon": "t/MWh",
    "footprint_water": "m3/MWh",
}


def pack(problem: Problem) -> tuple[Header, Variables]:
    """Take a problem apart into what JSON holds and what tables hold."""
    given = problem._arguments()
    variables: Variables = {"demand": (("slot", "gateway"), problem.demand)}
    for name in ("price", "capacity", "quadratic", "idle_power"):
        if given[name] is not None:
            variables[name] = (("slot", "site")[-given[name].ndim :], given[name])
    for name, values in problem.footprints.items():
        variables[f"footprint_{name}"] = (("slot", "site"), values)
        if name in given["regions"]:
            variables[f"region_{name}"] = (("site",), given["regions"][name])
        for field in ("history", "sensitivity"):
            if name in given[field]:
                variables[f"{field}_{name}"] = ((f"regions_{name}",), given[field][name])
    for field in ("gateway", "site", "delay", "energy", "cost"):
        variables[f"arc_{field}"] = (("arc",), getattr(problem.network, field))
    if problem.network.models:
        variables["arc_model"] = (("arc",), problem.network.model)
    return _header(problem, variables), variables


def _header(problem: Problem, variables: Variables) -> Header:
    return {
        "format": FORMAT,
        "footprints": list(problem.footprints),
        "equity": {
            name: {"function": type(term).__name__, **_plain(vars(term))}
            for name, term in problem.equity.items()
        },
        "shed_cost": problem.shed_cost,
        "models": [vars(model) for model in problem.network.models],
        "labels": {
            dim: str(np.asarray(labels).dtype) if dim == "slot" else "text"
            for dim, labels in given_labels(problem).items()
        },
        "tables": {name: list(dims) for name, (dims, _) in variables.items()},
        "text": [name for name, (_, values) in variables.items() if values.dtype.kind in "UO"],
        "units": {name: unit for name, unit in UNITS.items() if name in variables},
    }


def unpack(header: Header, variables: Variables, labels: Labels) -> Problem:
    """Put together again what `pack` and `given_labels` took apart."""
    arrays = {name: values for name, (_, values) in variables.items()}
    names = [name for name in header["footprints"] if f"footprint_{name}" in arrays]
    regional = {
        argument: {n: arrays[f"{field}_{n}"] for n in names if f"{field}_{n}" in arrays}
        for argument, field in (
            ("regions", "region"),
            ("history", "history"),
            ("sensitivity", "sensitivity"),
        )
    }
    return Problem(
        demand=arrays["demand"],
        capacity=arrays["capacity"],
        price=arrays["price"],
        footprints={name: arrays[f"footprint_{name}"] for name in names},
        equity={name: _equity(name, term) for name, term in header["equity"].items()},
        network=_network(header, arrays),
        **regional,
        quadratic=arrays.get("quadratic"),
        idle_power=arrays.get("idle_power"),
        shed_cost=header["shed_cost"],
        site_names=labels.get("site"),
        gateway_names=labels.get("gateway"),
        slot_times=_times(labels.get("slot"), header["labels"].get("slot", "text")),
    )


def _times(labels: Any, dtype: str) -> Any:
    if labels is None or not dtype.startswith("datetime64"):
        return labels
    try:
        return np.asarray(labels).astype(dtype)
    except (ValueError, TypeError) as error:
        raise InputError(f"slot_times: {error}") from None


def _network(header: Header, arrays: dict[str, NDArray[Any]]) -> Network | None:
    arcs: dict[str, Any] = {
        n.removeprefix("arc_"): v for n, v in arrays.items() if n.startswith("arc_")
    }
    if not arcs:
        return None
    model = arcs.pop("model", None)
    counts = {"gateways": arrays["demand"].shape[-1], "sites": arrays["price"].shape[-1]}
    network = Network.from_arcs(**arcs, **counts)
    if model is None:
        return network
    models = tuple(Model(**model) for model in header["models"])
    return dataclasses.replace(network, model=read_ints("arc_model", model), models=models)


def _equity(name: str, term: Header) -> equities.Equity:
    values = dict(term)
    function = values.pop("function", None)
    if function not in equities.__all__ or function == "Equity":
        raise InputError(f'equity of "{name}": there is no function {function!r}')
    try:
        made: equities.Equity = getattr(equities, function)(**values)
    except TypeError as error:
        raise InputError(f'equity of "{name}": {error}') from None
    return made


def given_labels(problem: Problem) -> Labels:
    """Return the labels of those dimensions that have any."""
    labels = {
        "slot": problem.slot_times,
        "gateway": problem.gateway_names,
        "site": problem.site_names,
    }
    return {dim: values for dim, values in labels.items() if values is not None}


def _plain(values: Header) -> Header:
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}


def checked_header(text: str, source: object) -> Header:
    """Read the JSON part and fill in what may be left out."""
    try:
        header = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{source}, line {error.lineno}: {error.msg}") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise InputError(f'{source}: "format" must be "{FORMAT}"')
    optional: Header = {"equity": {}, "shed_cost": None, "models": [], "labels": {}, "text": []}
    header = optional | header
    for name in ("footprints", "tables"):
        if name not in header:
            raise InputError(f'{source}: no entry "{name}"')
    if not isinstance(header["footprints"], list) or not isinstance(header["tables"], dict):
        raise InputError(f'{source}: "footprints" must be a list and "tables" a mapping')
    needed = ["demand", "capacity", "price", *(f"footprint_{n}" for n in header["footprints"])]
    for name in needed:
        if name not in header["tables"]:
            raise InputError(f'{source}: "tables" has no "{name}"')
    return header
