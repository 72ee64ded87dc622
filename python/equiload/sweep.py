"""Many solves at once: scenarios of one network, and the trade-off between cost and equity."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from . import _core
from ._arrays import Axis, FloatArray, frozen, read_floats, require
from .equity import Budget
from .errors import InputError
from .problem import Problem
from .solution import Solution
from .solver import _settings, _warm_start, solve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Frontier", "frontier", "solve_batch"]


def solve_batch(
    problems: Sequence[Problem],
    *,
    tol: float = 1e-6,
    device: str = "auto",
    threads: int | None = None,
    time_limit: float | None = None,
    max_iterations: int | None = None,
    warm_start: Solution | None = None,
) -> list[Solution]:
    """Solve scenarios side by side, each to its own certificate and its own early finish.

    Every scenario is solved by one thread from beginning to end, so that threads never wait for
    each other.

    Parameters
    ----------
    problems : sequence of Problem
        The scenarios: one network, and the same numbers of slots and regions. Demand, prices,
        capacities, footprints and weights may differ.
    tol : float
        The gap to reach in every scenario.
    device : str
        As for `solve`.
    threads : int, optional
        Scenarios in work at the same time; by default as many as the process may use cores. The
        answers have the same bits for any number.
    time_limit : float, optional
        Seconds for all scenarios together. Those that it leaves no time for return their first
        certified plan.
    max_iterations : int, optional
        Iterations after which to stop a scenario with its best answer so far.
    warm_start : Solution, optional
        Where every scenario starts from: the solution of one of them, or of their mean.

    Returns
    -------
    list of Solution
        In the order of the problems; each the same, bit for bit, as `solve` would return.

    Raises
    ------
    InputError
        If the scenarios do not share a network and shapes, or an argument is out of range.
    """
    problems = list(problems)
    _check_family(problems)
    settings = _settings(tol, device, threads, time_limit, max_iterations)
    starts = [None if warm_start is None else _warm_start(p, warm_start) for p in problems]
    if not problems:
        return []
    results = _core.solve_batch([problem._core() for problem in problems], settings, starts)
    return [Solution._from_core(p, r) for p, r in zip(problems, results, strict=True)]


def _check_family(problems: list[Problem]) -> None:
    for k, problem in enumerate(problems):
        if not isinstance(problem, Problem):
            raise InputError(f"problems[{k}] is a {type(problem).__name__}; it must be a Problem")
        first = problems[0]
        if problem.network is not first.network and problem.network != first.network:
            raise InputError(f"problems[{k}] has another network than problems[0]")
        shape, expected = (problem.slots, problem.sites), (first.slots, first.sites)
        if shape != expected:
            found = f"{shape}; problems[0] has {expected}"
            raise InputError(f"problems[{k}] has (slots, sites) = {found}")
        if dict(problem.region_names) != dict(first.region_names):
            raise InputError(f"problems[{k}] has other footprints or regions than problems[0]")


@dataclass(frozen=True, eq=False)
class Frontier:
    """What equity costs: one certified solution for every weight.

    Attributes
    ----------
    solutions : tuple of Solution
        In the order of the weights given.
    weights : dict of str to ndarray of float64, shape (N,)
        The weights of each footprint that was swept, USD per unit.
    cost : ndarray of float64, shape (N,)
        What the operator pays, without the equity terms, USD.
    burden : dict of str to ndarray of float64, shape (N,)
        The equity function's value of every footprint that has one: under `Max` the heaviest
        burden of a region, in units of the footprint times the sensitivity.
    gap : ndarray of float64, shape (N,)
        The certified gap of every point.
    """

    solutions: tuple[Solution, ...]
    weights: dict[str, FloatArray]

    def __len__(self) -> int:
        """Return the number of points N."""
        return len(self.solutions)

    def __iter__(self) -> Iterator[Solution]:
        """Iterate over the solutions."""
        return iter(self.solutions)

    def __getitem__(self, index: int) -> Solution:
        """Return one solution."""
        return self.solutions[index]

    @property
    def cost(self) -> FloatArray:
        """What the operator pays, USD (N,)."""
        return np.array([solution._operator_cost() for solution in self.solutions])

    @property
    def burden(self) -> dict[str, FloatArray]:
        """The value of every equity function (N,)."""
        return {
            name: np.array([_burden(solution, name) for solution in self.solutions])
            for name in self.solutions[0].problem.equity
        }

    @property
    def gap(self) -> FloatArray:
        """The certified gaps (N,)."""
        return np.array([solution.gap for solution in self.solutions])

    def plot(self) -> Figure:
        """Draw the cost against every burden; needs matplotlib.

        Returns
        -------
        matplotlib.figure.Figure
            One panel a footprint.
        """
        from .plot import frontier_curves

        return frontier_curves(self)


def frontier(
    problem: Problem, weights: Mapping[str, ArrayLike], **settings: Any
) -> Frontier:
    """Sweep the weights of equity terms, every solve starting from that of a neighbour.

    Parameters
    ----------
    problem : Problem
        What to solve; its other weights stay.
    weights : mapping of str to array_like, shape (N,)
        Per footprint the weights to sweep, USD per unit, at least 0; several are swept together,
        point by point.
    **settings
        As for `solve`: `tol`, `threads`, `device`, `time_limit` (for all points together),
        `max_iterations`.

    Returns
    -------
    Frontier
        One certified solution for every weight, in the order given.

    Raises
    ------
    InputError
        If a footprint has no equity term with a weight, lengths differ, or a weight is negative.
    """
    swept = _read_weights(problem, weights)
    count = next(iter(swept.values())).size
    # From the lightest to the heaviest: a neighbour's prices scale with the weight.
    order = sorted(range(count), key=lambda n: [float(values[n]) for values in swept.values()])
    limit = settings.pop("time_limit", None)
    left = math.inf if limit is None else limit
    found: dict[int, Solution] = {}
    last: Solution | None = None
    for n in order:
        terms = {
            name: replace(problem.equity[name], weight=float(values[n]))  # type: ignore[call-arg]
            for name, values in swept.items()
        }
        point = problem.replace(equity=dict(problem.equity) | terms)
        last = solve(point, warm_start=last, time_limit=max(left, 1e-9), **settings)
        left -= last.seconds
        found[n] = last
        if last.status in ("infeasible", "unsolved"):
            last = None
    return Frontier(tuple(found[n] for n in range(count)), swept)


def _burden(solution: Solution, name: str) -> float:
    problem = solution.problem
    return problem.equity[name].value(problem.sensitivity[name] * solution.footprints[name])


def _read_weights(problem: Problem, weights: Mapping[str, ArrayLike]) -> dict[str, FloatArray]:
    if not isinstance(weights, Mapping) or not weights:
        raise InputError("weights must be a mapping of footprints to weights, not empty")
    swept: dict[str, FloatArray] = {}
    for name, values in weights.items():
        term = problem.equity.get(name)
        if term is None or isinstance(term, Budget):
            raise InputError(f"weights names {name!r}, which has no equity term with a weight")
        table = read_floats(f"weights[{name!r}]", values)
        if table.ndim != 1 or table.size == 0:
            raise InputError(f"weights[{name!r}] has shape {table.shape}; expected (points,)")
        good = (table >= 0) & np.isfinite(table)
        rule = "it must be finite and not negative"
        require(f"weights[{name!r}]", table, good, rule, Axis("point", table.size))
        swept[name] = frozen(np.array(table))
    if len({values.size for values in swept.values()}) > 1:
        sizes = ", ".join(f"{name}: {values.size}" for name, values in swept.items())
        raise InputError(f"weights have different lengths ({sizes})")
    return swept
