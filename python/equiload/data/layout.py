"""What a scenario file holds, whatever its format: a JSON header and named tables.

`FIELDS`, `BY_FOOTPRINT` and `KEYS` are the format: what they do not list is refused.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import equity as equities
from .._arrays import AnyArray, FloatArray, frozen, read_ints
from .._regions import BurdenMap, is_map
from ..errors import InputError
from ..network import Model, Network
from ..problem import Problem
from .disk import parse_json

Dims = tuple[str, ...]
Arrays = Mapping[str, NDArray[Any]]
# A variable as xarray takes it: the names of its dimensions and its values.
Variables = dict[str, tuple[Dims, NDArray[Any]]]
Header = dict[str, Any]
Labels = dict[str, Any]  # per dimension a sequence of names or times

FORMAT = "equiload scenario 1"

# ---------------------------------------------------------------------------- the format


@dataclass(frozen=True)
class Field:
    """A table: the dimensions that it may have, whether it must be there, what it holds."""

    dims: tuple[Dims, ...]
    unit: str = ""
    needed: bool = False
    text: bool = False


CELLS = ("slot", "site")
BY_SITE, ARC, REGIONS = (("site",), CELLS), (("arc",),), (("regions",),)

FIELDS = {
    "demand": Field((("slot", "gateway"),), "MWh per slot", needed=True),
    "price": Field((CELLS,), "USD/MWh", needed=True),
    "capacity": Field(BY_SITE, "MWh per slot", needed=True),
    "quadratic": Field(BY_SITE, "USD/MWh^2"),
    "idle_power": Field(BY_SITE, "MWh per slot"),
    "arc_gateway": Field(ARC),
    "arc_site": Field(ARC),
    "arc_delay": Field(ARC),
    "arc_energy": Field(ARC),
    "arc_cost": Field(ARC, "USD per MWh of work"),
    "arc_model": Field(ARC),
}
# For a footprint R the table footprint_R and so on; "regions" are its own, the dimension regions_R.
BY_FOOTPRINT = {
    "footprint": Field((CELLS,), needed=True),
    "region": Field((("site",),), text=True),
    "share": Field((("regions", "site"),)),  # a burden map, in the place of regions
    "history": Field(REGIONS),
    "sensitivity": Field(REGIONS),
}
# The tables of an answer, in one file with its problem.
ANSWER_FIELDS = {
    "allocation": Field((("slot", "arc"),), "MWh of work", needed=True),
    "site_load": Field((CELLS,), "MWh", needed=True),
    "capacity_price": Field((CELLS,), "USD/MWh", needed=True),
    "energy_price": Field((CELLS,), "USD/MWh", needed=True),
    "shed": Field((("slot", "gateway"),), "MWh of work"),
    "infeasibility_price": Field((CELLS,)),
}
ANSWER_BY_FOOTPRINT = {
    "total": Field(REGIONS, needed=True),
    "equity_price": Field(REGIONS, needed=True),
    "infeasibility_price": Field(REGIONS),
}
# The tables of a run of a policy; a step is a slot that it decided.
RUN_FIELDS = {
    "allocation": Field((("slot", "arc"),), "MWh of work", needed=True),
    "shed": Field((("slot", "gateway"),), "MWh of work"),
    "switching": Field((("site",),), "USD/MWh^2"),
    "gap": Field((("step",),), needed=True),
    "seconds": Field((("step",),), "s", needed=True),
}
RUN_BY_FOOTPRINT = {"equity_price": Field((("step", "regions"),))}
BURDEN_UNITS = {"footprint_carbon": "t/MWh", "footprint_water": "m3/MWh"}


@dataclass(frozen=True)
class Key:
    """An entry of a header: what it must be, and its value where it may be left out."""

    good: Callable[[Any], bool]
    rule: str
    default: Any = ...


def is_text(value: Any) -> bool:
    """Say whether a value is text that a file can hold."""
    return isinstance(value, str) and value.isprintable() and len(value) <= 200


def is_number(value: Any) -> bool:
    """Say whether a value is a number, maybe infinite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def list_of(good: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return a test for lists whose entries pass another."""
    return lambda value: isinstance(value, list) and all(map(good, value))


def mapping_of(good: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return a test for JSON objects whose values pass another."""
    return lambda value: isinstance(value, dict) and all(map(good, value.values()))


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


_LABELS = re.compile(r"text|<U\d{1,9}|datetime64\[\d{0,4}(Y|M|W|D|h|m|s|ms|us|ns)\]")
_BOTH = 'cannot be read: "footprints" must be a list and "tables" a mapping'

KEYS = {
    "format": Key(lambda value: value == FORMAT, f'must be "{FORMAT}"'),
    "footprints": Key(list_of(is_text), _BOTH),
    "tables": Key(mapping_of(list_of(is_text)), f"{_BOTH} to lists of dimensions"),
    "equity": Key(mapping_of(_is_mapping), "must be a mapping of mappings", {}),
    "shed_cost": Key(lambda value: value is None or is_number(value), "must be a number", None),
    "models": Key(list_of(_is_mapping), "must be a list of mappings", []),
    "labels": Key(mapping_of(is_text), "must be a mapping from dimensions to text", {}),
    "text": Key(list_of(is_text), "must be a list of tables", []),
    "units": Key(mapping_of(is_text), "must be a mapping from tables to text", {}),
}


def fields(footprints: Iterable[str]) -> dict[str, Field]:
    """Return every table that a scenario with these footprints may have, by its name."""
    return FIELDS | by_footprint(BY_FOOTPRINT, footprints)


def answer_fields(footprints: Iterable[str]) -> dict[str, Field]:
    """Return every table that an answer to such a scenario may have, by its name."""
    return ANSWER_FIELDS | by_footprint(ANSWER_BY_FOOTPRINT, footprints)


def run_fields(footprints: Iterable[str], number: int) -> dict[str, Field]:
    """Return every table that the run of that number may have, by its name in a file of runs."""
    fields = RUN_FIELDS | by_footprint(RUN_BY_FOOTPRINT, footprints)
    step = f"run{number}_step"
    return {
        f"run{number}_{name}": dataclasses.replace(
            field,
            dims=tuple(tuple(step if d == "step" else d for d in dims) for dims in field.dims),
        )
        for name, field in fields.items()
    }


def runs_in(names: Iterable[str]) -> int:
    """Return how many runs tables of these names belong to."""
    return sum(re.fullmatch(r"run\d{1,4}_allocation", name) is not None for name in names)


def by_footprint(kinds: Mapping[str, Field], footprints: Iterable[str]) -> dict[str, Field]:
    """Return the tables of every footprint, by their names, with its own regions."""
    return {
        f"{kind}_{name}": dataclasses.replace(
            field, dims=tuple(_own(dims, name) for dims in field.dims)
        )
        for name in footprints
        for kind, field in kinds.items()
    }


def _own(dims: Dims, footprint: str) -> Dims:
    return tuple(f"regions_{footprint}" if dim == "regions" else dim for dim in dims)


# ---------------------------------------------------------------------------- writing


def pack(problem: Problem) -> tuple[Header, Variables]:
    """Take a problem apart into what JSON holds and what tables hold."""
    given = problem._arguments()
    arrays = {name: given[name] for name in ("demand", "price", "capacity", "quadratic")}
    arrays["idle_power"] = given["idle_power"]
    for name, values in problem.footprints.items():
        if not is_text(name):
            raise InputError(f"footprints names {name!r}, which no file can hold")
        arrays[f"footprint_{name}"] = values
        regions = given["regions"].get(name)
        mapped = isinstance(regions, BurdenMap)
        arrays[f"share_{name}" if mapped else f"region_{name}"] = (
            regions.shares if mapped else regions
        )
        for kind in ("history", "sensitivity"):
            arrays[f"{kind}_{name}"] = given[kind].get(name)
    for field in ("gateway", "site", "delay", "energy", "cost"):
        arrays[f"arc_{field}"] = getattr(problem.network, field)
    if problem.network.models:
        arrays["arc_model"] = problem.network.model
    known = fields(problem.footprints)
    variables: Variables = {
        name: (next(dims for dims in known[name].dims if len(dims) == values.ndim), values)
        for name, values in arrays.items()
        if values is not None
    }
    return _header(problem, variables), variables


def _header(problem: Problem, variables: Variables) -> Header:
    known = fields(problem.footprints)
    units = {name: BURDEN_UNITS.get(name, known[name].unit) for name in variables}
    return {
        "format": FORMAT,
        "footprints": list(problem.footprints),
        "equity": {
            name: {"function": type(term).__name__, **_plain(vars(term))}
            for name, term in problem.equity.items()
        },
        "shed_cost": problem.shed_cost,
        "models": [vars(model) for model in problem.network.models],
        "labels": {dim: _kind(labels) for dim, labels in given_labels(problem).items()},
        "tables": {name: list(dims) for name, (dims, _) in variables.items()},
        "text": [name for name, (_, values) in variables.items() if values.dtype.kind in "UO"],
        "units": {name: unit for name, unit in units.items() if unit},
    }


def given_labels(problem: Problem) -> Labels:
    """Return the labels of those dimensions that have any."""
    labels = {
        "slot": problem.slot_times,
        "gateway": problem.gateway_names,
        "site": problem.site_names,
    }
    for name, regions in problem.regions.items():  # those of sites are a table of their own
        names = problem.region_names[name]
        if is_map(regions) and names != tuple(map(str, range(len(names)))):
            labels[f"regions_{name}"] = names
    return {dim: values for dim, values in labels.items() if values is not None}


def _kind(labels: Any) -> str:
    dtype = np.asarray(labels).dtype
    return str(dtype) if dtype.kind == "M" else "text"


def _plain(values: Header) -> Header:
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}


def flat(problem: Problem) -> dict[str, NDArray[Any]]:
    """Return a problem as arrays by name, the header among them: what an archive holds."""
    header, variables = pack(problem)
    labels = {f"label_{dim}": np.array(values) for dim, values in given_labels(problem).items()}
    arrays = {name: values for name, (_, values) in variables.items()}
    return {"scenario": np.array(json.dumps(header))} | arrays | labels


# ---------------------------------------------------------------------------- reading


def checked_header(text: str, source: object) -> Header:
    """Read the JSON part, check all of it, and fill in what may be left out."""
    found = parse_json(text, source)
    if not isinstance(found, dict) or not KEYS["format"].good(found.get("format")):
        raise InputError(f'{source}: "format" {KEYS["format"].rule}')
    header = checked_keys(found, KEYS, source)
    for name in header["footprints"]:
        if "/" in name or header["footprints"].count(name) > 1:
            raise InputError(f'{source}: "footprints" names {name!r}; every name once, without /')
    known = fields(header["footprints"])
    for name, field in known.items():
        if field.needed and name not in header["tables"]:
            raise InputError(f'{source}: "tables" has no "{name}"')
    for name, dims in header["tables"].items():
        require_known(f'{source}: "tables"', name, known)
        if tuple(dims) not in known[name].dims:
            over = " or ".join(", ".join(dims) for dims in known[name].dims)
            raise InputError(f'{source}: "tables": "{name}" is over {", ".join(dims)}, not {over}')
    for name in header["text"]:
        if name not in header["tables"] or not known[name].text:
            raise InputError(f'{source}: "text" names "{name}", which is no table of text')
    _check_labels(header, source)
    return header


def checked_keys(found: Any, keys: Mapping[str, Key], source: object) -> Header:
    """Check the entries of a JSON object one by one and fill in what may be left out."""
    if not isinstance(found, dict):
        raise InputError(f"{source}: not a JSON object")
    for name in found:
        require_known(str(source), name, keys)
    for name, key in keys.items():
        if name not in found and key.default is ...:
            raise InputError(f'{source}: no entry "{name}"')
        if name in found and not key.good(found[name]):
            raise InputError(f'{source}: "{name}" {key.rule}')
    return {name: key.default for name, key in keys.items()} | found


def require_known(where: str, name: str, known: Iterable[str]) -> None:
    """Raise an `InputError` for a name that is not known, with the one that may be meant."""
    known = list(known)
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        meant = f', did you mean "{near[0]}"?' if near else ""
        raise InputError(f'{where} has "{name}", which this format does not know{meant}')


def labelled_dims(header: Header) -> list[str]:
    """Return the dimensions that may have labels: those of the network, and regions of maps."""
    maps = [name for name in header["footprints"] if f"share_{name}" in header["tables"]]
    return ["slot", "gateway", "site", *(f"regions_{name}" for name in maps)]


def _check_labels(header: Header, source: object) -> None:
    for dim, kind in header["labels"].items():
        require_known(f'{source}: "labels"', dim, labelled_dims(header))
        if not _LABELS.fullmatch(kind) or (kind.startswith("datetime") and dim != "slot"):
            what = "slot_times" if dim == "slot" else f"{dim}_names"
            raise InputError(f'{source}: "labels": {what} cannot be "{kind}"')


def unflat(arrays: Arrays, source: object) -> tuple[Problem, Header]:
    """Put together again what `flat` took apart; whatever else there is, is left alone."""
    header = checked_header(text_of(arrays, "scenario", source), source)
    for name in (*header["tables"], *(f"label_{dim}" for dim in header["labels"])):
        if name not in arrays:
            raise InputError(f'{source}: there is no "{name}"')
    labels = {dim: arrays[f"label_{dim}"] for dim in header["labels"]}
    return unpack(header, {name: arrays[name] for name in header["tables"]}, labels, source), header


def text_of(arrays: Arrays, name: str, source: object) -> str:
    """Return a text that is kept as an array."""
    if name not in arrays or arrays[name].dtype.kind != "U" or arrays[name].shape != ():
        raise InputError(f'{source}: no text "{name}"')
    return str(arrays[name])


def unpack(header: Header, arrays: Arrays, labels: Labels, source: object) -> Problem:
    """Put together again what `pack` and `given_labels` took apart."""
    tables = {name: tuple(dims) for name, dims in header["tables"].items()}
    check_sizes(tables, arrays, labels, source)
    regional: dict[str, dict[str, Any]] = {
        argument: {
            name: arrays[f"{kind}_{name}"]
            for name in header["footprints"]
            if f"{kind}_{name}" in arrays
        }
        for argument, kind in (
            ("regions", "region"),
            ("history", "history"),
            ("sensitivity", "sensitivity"),
        )
    }
    for name in header["footprints"]:
        if f"share_{name}" not in arrays:
            continue
        if name in regional["regions"]:
            raise InputError(f'{source}: "region_{name}" and "share_{name}" exclude each other')
        dim = f"regions_{name}"
        names = _names(dim, labels.get(dim))
        shares = BurdenMap(arrays[f"share_{name}"], None if names is None else tuple(names))
        regional["regions"][name] = shares
    return Problem(
        demand=arrays["demand"],
        capacity=arrays["capacity"],
        price=arrays["price"],
        footprints={name: arrays[f"footprint_{name}"] for name in header["footprints"]},
        equity={name: _equity(name, term) for name, term in header["equity"].items()},
        network=_network(header, arrays, source),
        **regional,
        quadratic=arrays.get("quadratic"),
        idle_power=arrays.get("idle_power"),
        shed_cost=header["shed_cost"],
        site_names=_names("site_names", labels.get("site")),
        gateway_names=_names("gateway_names", labels.get("gateway")),
        slot_times=_times(labels.get("slot"), header["labels"].get("slot", "text")),
    )


def check_sizes(
    tables: Mapping[str, Dims], arrays: Arrays, labels: Labels, source: object
) -> dict[str, int]:
    """Check that all tables and labels agree about the sizes of their dimensions."""
    sizes: dict[str, int] = {}
    shapes = {name: (dims, np.shape(arrays[name])) for name, dims in tables.items()}
    shapes |= {f"labels of {dim}": ((dim,), np.shape(names)) for dim, names in labels.items()}
    for name, (dims, shape) in shapes.items():
        expected = tuple(
            sizes.setdefault(dim, size) for dim, size in zip(dims, shape, strict=False)
        )
        if len(dims) != len(shape) or shape != expected:
            over = ", ".join(f"{dim}s" for dim in dims)
            raise InputError(
                f'{source}: "{name}" has shape {shape}; expected ({over}) = {expected}'
            )
    return sizes


def sizes_of(problem: Problem) -> dict[str, int]:
    """Return how long the dimensions of a problem's answers are."""
    sizes = {"slot": problem.slots, "gateway": problem.gateways, "site": problem.sites}
    sizes |= {"arc": problem.arcs}
    return sizes | {f"regions_{name}": values.size for name, values in problem.history.items()}


def checked_table(
    name: str, array: AnyArray, field: Field, sizes: Mapping[str, int], source: object
) -> FloatArray:
    """Check that a table of an answer has its shape and is finite, and return it."""
    shape = tuple(sizes[dim] for dim in field.dims[0])
    if array.shape != shape or array.dtype.kind != "f":
        raise InputError(
            f'{source}: "{name}" has shape {array.shape} of {array.dtype}; '
            f"expected ({', '.join(f'{dim}s' for dim in field.dims[0])}) = {shape} of float64"
        )
    if not np.isfinite(array).all():
        place = np.unravel_index(int(np.argmin(np.isfinite(array))), shape)
        raise InputError(f'{source}: "{name}" is not finite at {tuple(map(int, place))}')
    return frozen(np.array(array, dtype=np.float64, order="C"))


def _names(field: str, labels: Any) -> Sequence[str] | None:
    if labels is None:
        return None
    if np.asarray(labels).dtype.kind != "U":
        raise InputError(f"{field} are {np.asarray(labels).dtype}; they must be text")
    return [str(label) for label in labels]


def _times(labels: Any, dtype: str) -> Any:
    if labels is None or not dtype.startswith("datetime64"):
        return _names("slot_times", labels)
    if np.asarray(labels).dtype.kind not in "MU":
        raise InputError(f"slot_times are {np.asarray(labels).dtype}; they must be times")
    try:
        times = np.asarray(labels).astype(dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"slot_times: {error}") from None
    if np.isnat(times).any():
        raise InputError(f"slot_times[slot {int(np.argmax(np.isnat(times)))}] is no time")
    return times


def _network(header: Header, arrays: Arrays, source: object) -> Network | None:
    arcs: dict[str, Any] = {
        n.removeprefix("arc_"): v for n, v in arrays.items() if n.startswith("arc_")
    }
    model = arcs.pop("model", None)
    if not arcs and model is None:
        return None
    for name in ("gateway", "site"):
        if name not in arcs:
            raise InputError(f'{source}: "tables" has other tables of arcs, but no "arc_{name}"')
    counts = {"gateways": arrays["demand"].shape[1], "sites": arrays["price"].shape[1]}
    network = Network.from_arcs(**arcs, **counts)
    if (model is None) != (not header["models"]):
        raise InputError(f'{source}: "models" and the table "arc_model" go together')
    if model is None:
        return network
    models = tuple(_model(choice, source) for choice in header["models"])
    index = read_ints("arc_model", model)
    if index.min() < 0 or index.max() >= len(models):
        raise InputError(f'{source}: "arc_model" must be within 0 to {len(models) - 1}')
    return dataclasses.replace(network, model=index, models=models)


def _model(values: Header, source: object) -> Model:
    keys = {"name": Key(is_text, "must be text")}
    keys |= {name: Key(is_number, "must be a number") for name in ("energy", "cost")}
    return Model(**checked_keys(values, keys, f'{source}, "models"'))


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
