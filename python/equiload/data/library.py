"""The reference library: named instances, made by recipe, with certified bounds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from .._arrays import require_a
from ..equity import Budget, Equity, Norm, Sum, TopMean
from ..errors import InputError
from ..network import Model
from ..problem import Problem
from .disk import parse_json
from .eglb import read_eglb
from .world import world

__all__ = ["Instance", "instance", "instances"]

FOLDER = "EQUILOAD_DATA"  # the environment variable that says where the study's data are
LIBRARY = "library.json"


@dataclass(frozen=True, eq=False)
class Instance:
    """A problem that everybody can make alike, and what is known of its optimum.

    Attributes
    ----------
    name, about : str
        What it is called and what it is for.
    recipe : mapping
        What it is made from: the arguments of `world` or `read_eglb`, and changes.
    sha256 : str
        Hash of its data, those of the past included.
    lower_bound, objective : float
        No plan costs less than the one, USD; a plan is known that costs the other.
    """

    name: str
    about: str
    recipe: Mapping[str, Any]
    sha256: str
    lower_bound: float
    objective: float
    data: Path | None = None

    @property
    def problem(self) -> Problem:
        """The problem; made, and held against the hash, when it is first asked for."""
        return self._made[1]

    @property
    def past(self) -> Problem | None:
        """The slots before the problem's first one, for policies; None where it has none."""
        return self._made[0]

    @property
    def gap(self) -> float:
        """Relative distance of the bounds, as in `Solution.gap`."""
        return (self.objective - self.lower_bound) / max(1.0, abs(self.objective))

    @cached_property
    def _made(self) -> tuple[Problem | None, Problem]:
        past, problem = make(self.recipe, self.data)
        found = fingerprint(past, problem)
        if found != self.sha256:
            source = "the data given" if "study" in self.recipe else "the data made here"
            raise InputError(
                f"instance {self.name!r}: {source} are not the library's: their sha256 is "
                f"{found[:12]}..., not {self.sha256[:12]}..."
            )
        return past, problem

    def __repr__(self) -> str:
        """Summarise in one line."""
        bounds = f"{self.lower_bound:.10g} to {self.objective:.10g} USD"
        return f"Instance({self.name}: {self.about}; {bounds})"


def instance(name: str, data: str | os.PathLike[str] | None = None) -> Instance:
    """Make an instance of the reference library.

    Parameters
    ----------
    name : str
        One of `instances()`.
    data : path, optional
        For the instances of the study, whose data are not part of the package: the folder that
        `read_eglb` reads; by default the environment's EQUILOAD_DATA.

    Returns
    -------
    Instance
        Its problem made and held against the hash.

    Raises
    ------
    InputError
        If there is no such instance, the study's data are missing, or the data have another hash.
    """
    require_a("name", name, str, "text")
    known = instances(data)
    if name not in known:
        raise InputError(f"name is {name!r}; the instances are {', '.join(known)}")
    chosen = known[name]
    _ = chosen.problem
    return chosen


def instances(data: str | os.PathLike[str] | None = None) -> dict[str, Instance]:
    """Return the reference library by name; the problems are made when they are first used.

    Parameters
    ----------
    data : path, optional
        As for `instance`.
    """
    if data is not None:
        require_a("data", data, str | os.PathLike, "path")
    given = data if data is not None else os.environ.get(FOLDER)
    folder = None if given is None else Path(given)
    text = resources.files(__package__).joinpath(LIBRARY).read_text(encoding="utf-8")
    entries: dict[str, dict[str, Any]] = parse_json(text, LIBRARY)
    return {name: Instance(name, data=folder, **entry) for name, entry in entries.items()}


def make(recipe: Mapping[str, Any], data: Path | None) -> tuple[Problem | None, Problem]:
    """Follow a recipe: a world or the study, changed, and cut into past and horizon."""
    if "study" in recipe:
        if data is None:
            raise InputError(
                f"data is missing: the study's data are not part of the package; give the folder, "
                f"or set {FOLDER} to it"
            )
        whole = read_eglb(data, recipe["study"])
    else:
        whole = world(**recipe["world"])
    for change, apply in CHANGES.items():
        if change in recipe:
            whole = apply(whole, recipe[change])
    first = recipe.get("past", 0)
    past = _cut(whole, slice(first)) if first else None
    return past, _cut(whole, slice(first, None)) if first else whole


def _cut(problem: Problem, part: slice) -> Problem:
    """Return some of a problem's slots."""
    assert problem.slot_times is not None
    return problem.replace(
        demand=problem.demand[part],
        price=problem.price[part],
        footprints={name: values[part] for name, values in problem.footprints.items()},
        slot_times=problem.slot_times[part],
    )


def _waiting(problem: Problem, of: Mapping[str, Any]) -> Problem:
    """Let the work of every other gateway wait up to so many slots."""
    longest = dict.fromkeys(range(0, problem.gateways, 2), of["slots"])
    return problem.replace(network=problem.network.with_delays(longest, of["cost"]))


def _models(problem: Problem, of: Mapping[str, Any]) -> Problem:
    """Let models share the work, each with its energy and its cost per unit of work."""
    models = [Model(name, *numbers) for name, numbers in of.items()]
    return problem.replace(network=problem.network.with_models(models))


def _equity(problem: Problem, of: Mapping[str, Any]) -> Problem:
    """Put other equity functions of the same weight in place of the maximum."""
    kinds: dict[str, Callable[..., Equity]] = {"norm": Norm, "top mean": TopMean, "sum": Sum}
    terms = dict(problem.equity)
    for name, (kind, *numbers) in of.items():
        weight = terms[name].weight
        terms[name] = Budget(*numbers) if kind == "budget" else kinds[kind](weight, *numbers)
    return problem.replace(equity=terms)


def _regions(problem: Problem, count: int) -> Problem:
    """Let sites share regions, some of which are more sensitive and carry more already."""
    region = np.arange(problem.sites) % count
    names = list(problem.footprints)
    history = {}
    for name, values in problem.footprints.items():
        history[name] = np.arange(count) * round(float(values.mean()) * problem.slots / 10, 3)
    return problem.replace(
        regions=dict.fromkeys(names, region),
        sensitivity=dict.fromkeys(names, 1.0 + np.arange(count) % 3 / 2),
        history=history,
    )


CHANGES: dict[str, Callable[[Problem, Any], Problem]] = {
    "demand": lambda problem, factor: problem.replace(demand=factor * problem.demand),
    "waiting": _waiting,
    "models": _models,
    "regions": _regions,
    "equity": _equity,
    "quadratic": lambda problem, value: problem.replace(quadratic=value),
    "idle_power": lambda problem, value: problem.replace(idle_power=value),
    "shed_cost": lambda problem, value: problem.replace(shed_cost=value),
}


def fingerprint(past: Problem | None, problem: Problem) -> str:
    """Return the SHA-256 of all numbers of a problem and its past, in a fixed order and format."""
    digest = hashlib.sha256()
    for part in (problem,) if past is None else (problem, past):
        for name, values in _numbers(part):
            # Adding zero turns the negative zero, which some machines round to, into zero.
            table = np.ascontiguousarray(values, "<f8") + 0.0
            digest.update(f"{name}{table.shape}".encode())
            digest.update(table.tobytes())
    return digest.hexdigest()


def _numbers(problem: Problem) -> Iterator[tuple[str, Any]]:
    """Yield a name and the numbers of every part of a problem."""
    network = problem.network
    yield "sizes", (problem.slots, problem.gateways, problem.sites, problem.arcs)
    for name in ("demand", "capacity", "price", "quadratic", "idle_power", "shed_cost"):
        if (values := getattr(problem, name)) is not None:
            yield name, values
    for name in ("gateway", "site", "delay", "energy", "cost"):
        yield name, getattr(network, name)
    for name, values in problem.footprints.items():
        yield name, values
        yield "region", problem.regions[name]
        yield "history", problem.history[name]
        yield "sensitivity", problem.sensitivity[name]
    for name, term in problem.equity.items():
        limits = term.limits(problem.history[name].size)
        yield f"{name} {term.kind}", (term.weight, term.parameter)
        if limits is not None:
            yield "limits", limits
