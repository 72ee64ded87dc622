"""Many solves at once: scenarios of one network, and the trade-off between cost and equity."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from . import plot
from ._account import operator_cost
from ._arrays import Axis, FloatArray, frozen, read_floats, require, require_a
from ._call import WarmStart, call_batch, follow, make_start, raises, read_settings
from .answer import WITHOUT_ANSWER
from .choices import Device, OnInterrupt, Precision
from .equity import Budget
from .errors import InputError, Interrupted
from .html import grid, written
from .problem import Problem
from .solution import Solution, region_totals

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Frontier", "frontier", "solve_batch"]


def solve_batch(
    problems: Sequence[Problem],
    *,
    tol: float = 1e-6,
    device: Device = "auto",
    precision: Precision = "double",
    threads: int | None = None,
    time_limit: float | None = None,
    max_iterations: int | None = None,
    warm_start: Solution | None = None,
    on_interrupt: OnInterrupt = "raise",
) -> list[Solution]:
    """Solve scenarios side by side, each to its own certificate and its own early finish.

    On the host every scenario is solved by one thread from beginning to end, so that threads never
    wait for each other; by several where there are fewer scenarios than threads.  On a CUDA device
    the same launches work on all scenarios that its memory holds together.

    Parameters
    ----------
    problems : sequence of Problem
        The scenarios: one network, and the same numbers of slots and regions. Demand, prices,
        capacities, footprints and weights may differ.
    tol : float
        The gap to reach in every scenario.
    device, precision : str
        As for `solve`, but "auto" takes a device only if the arrays lie there; on one, scenarios
        are solved side by side, as many as fit into its memory. They are solved where their arrays
        lie if all lie on the same device, else by way of the host.
    threads : int, optional
        Scenarios in work at the same time on the host; by default as many as for `solve`. The
        answers have the same bits for any number.
    time_limit : float, optional
        Seconds for all scenarios together. Those that it leaves no time for return their first
        certified plan.
    max_iterations : int, optional
        Iterations after which to stop a scenario with its best answer so far.
    warm_start : Solution, optional
        Where every scenario starts from: the solution of one of them, or of their mean.
    on_interrupt : str
        What Ctrl-C does, which stops all scenarios: "raise" raises `Interrupted`, whose `solution`
        is the list of the best answers so far; "return" returns that list.

    Returns
    -------
    list of Solution
        In the order of the problems; each the same, bit for bit, as `solve` would return from the
        same device.

    Raises
    ------
    InputError
        If the scenarios do not share a network and shapes, or an argument is out of range.
    Interrupted
        On Ctrl-C, unless `on_interrupt` is "return".

    Examples
    --------
    >>> scenarios = [problem.replace(price=factor * problem.price) for factor in (0.9, 1.1)]
    >>> [solution.status for solution in el.solve_batch(scenarios, tol=1e-3)]
    ['optimal', 'optimal']
    """
    stops = raises(on_interrupt)
    try:
        problems = list(problems)
    except TypeError:
        kind = type(problems).__name__
        raise InputError(f"problems is a {kind}; it must be a sequence of Problem") from None
    _check_family(problems)
    settings = read_settings(tol, device, threads, time_limit, max_iterations, precision=precision)
    starts = [None if warm_start is None else make_start(p, warm_start) for p in problems]
    if not problems:
        return []
    raws = call_batch(problems, settings, starts, follow(settings, problems))
    solutions = [Solution._from_core(raw) for raw in raws]
    if raws[0].result.interrupted and stops:
        raise Interrupted(f"stopped a batch of {len(problems)} scenarios", solutions)
    return solutions


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
        return np.array([operator_cost(solution.breakdown) for solution in self.solutions])

    @property
    def burden(self) -> dict[str, FloatArray]:
        """The value of every equity function (N,)."""
        terms = self.solutions[0].problem.equity if self.solutions else ()
        return {
            name: np.array([_burden(solution, name) for solution in self.solutions])
            for name in terms
        }

    @property
    def gap(self) -> FloatArray:
        """The certified gaps (N,)."""
        return np.array([solution.gap for solution in self.solutions])

    def _repr_html_(self) -> str:
        """Show a notebook a row a point."""
        head = [*(f"{name} weight" for name in self.weights), "cost (USD)"]
        head += [*(f"{name} burden" for name in self.burden), "gap"]
        columns = [*self.weights.values(), self.cost, *self.burden.values(), self.gap]
        rows = ([written(value) for value in row] for row in zip(*columns, strict=True))
        return grid("Frontier", head, rows)

    def plot(self) -> Figure:
        """Draw the cost against every burden; needs matplotlib.

        Returns
        -------
        matplotlib.figure.Figure
            One panel a footprint.
        """
        return plot.frontier_curves(self)


def frontier(
    problem: Problem,
    weights: Mapping[str, ArrayLike],
    *,
    tol: float = 1e-6,
    device: Device = "auto",
    precision: Precision = "double",
    threads: int | None = None,
    time_limit: float | None = None,
    max_iterations: int | None = None,
    on_interrupt: OnInterrupt = "raise",
) -> Frontier:
    """Sweep the weights of equity terms, every point starting from its solved neighbours.

    The points are halved again and again, first the ends, then the middle, then the quarters; the
    points of one such wave are solved side by side, like those of `solve_batch`. What lies between
    the neighbours is often certified without an iteration.

    Parameters
    ----------
    problem : Problem
        What to solve; its other weights stay.
    weights : mapping of str to array_like, shape (N,)
        Per footprint the weights to sweep, USD per unit, at least 0; several are swept together,
        point by point.
    tol : float
        The gap to reach at every point.
    device, precision, threads : str, str, int
        As for `solve_batch`.
    time_limit : float, optional
        Seconds for all points together; those that it leaves no time for return a first plan.
    max_iterations : int, optional
        Iterations after which to stop a point with its best answer so far.
    on_interrupt : str
        What Ctrl-C does, which stops the sweep: "raise" raises `Interrupted`, whose `solution` is
        the `Frontier` of the points that have an answer; "return" returns it.

    Returns
    -------
    Frontier
        One certified solution for every weight, in the order given.

    Raises
    ------
    InputError
        If a footprint has no equity term with a weight, lengths differ, or a weight is negative.
    Interrupted
        On Ctrl-C, unless `on_interrupt` is "return".

    Examples
    --------
    >>> front = el.frontier(problem, {"carbon": [1.0, 30.0, 1000.0]}, tol=1e-3)
    >>> len(front), bool((front.gap <= 1e-3).all())
    (3, True)
    >>> bool(front.burden["carbon"][0] > front.burden["carbon"][-1])
    True
    """
    stops, interrupted = raises(on_interrupt), False
    require_a("problem", problem, Problem)
    swept = _read_weights(problem, weights)
    settings = read_settings(tol, device, threads, time_limit, max_iterations, precision=precision)
    worker = follow(settings, [problem])
    count = next(iter(swept.values())).size
    order = sorted(range(count), key=lambda n: [float(values[n]) for values in swept.values()])
    began = time.monotonic()
    found: dict[int, Solution] = {}  # by place in the order
    for wave in _waves(count):
        points = [_with_weights(problem, swept, order[place]) for place in wave]
        starts = [_between(p, place, found) for p, place in zip(points, wave, strict=True)]
        if time_limit is not None:
            settings.time_limit = max(1e-9, time_limit - (time.monotonic() - began))
        raws = call_batch(points, settings, starts, worker)
        found |= zip(wave, map(Solution._from_core, raws), strict=True)
        interrupted = raws[0].result.interrupted
        if interrupted:
            found = {n: found[n] for n in found if found[n].status not in WITHOUT_ANSWER}
            break
    solved = {order[place]: solution for place, solution in found.items()}
    kept = np.array(sorted(solved), dtype=np.intp)
    front = Frontier(
        tuple(solved[n] for n in sorted(solved)),
        {name: frozen(values[kept]) for name, values in swept.items()},
    )
    if interrupted and stops:
        raise Interrupted(f"stopped with {len(front)} of {count} points", front)
    return front


def _waves(count: int) -> Iterator[list[int]]:
    """Yield the ends, the middle, the quarters, ... of 0 .. count-1, each number once."""
    yield sorted({0, count - 1})
    gaps = [(0, count - 1)]
    while gaps := [(low, high) for low, high in gaps if high - low > 1]:
        yield [(low + high) // 2 for low, high in gaps]
        middles = [(low, (low + high) // 2, high) for low, high in gaps]
        gaps = [pair for low, mid, high in middles for pair in ((low, mid), (mid, high))]


def _with_weights(problem: Problem, swept: Mapping[str, FloatArray], point: int) -> Problem:
    terms: dict[str, Any] = dict(problem.equity)
    for name, values in swept.items():
        terms[name] = replace(terms[name], weight=float(values[point]))
    return problem.replace(equity=terms)


def _between(problem: Problem, place: int, found: Mapping[int, Solution]) -> WarmStart | None:
    """Interpolate the nearest solved points on both sides.

    The prices of the mixture belong to its weights, and bound and cost are off to second order.
    """
    usable = sorted(n for n, solution in found.items() if solution.status not in WITHOUT_ANSWER)
    below, above = [n for n in usable if n < place], [n for n in usable if n > place]
    near = [found[n] for n in below[-1:] + above[:1]]
    starts = [make_start(problem, solution) for solution in near]
    if len(near) < 2:
        return starts[0] if starts else None
    low, here, high = (_weight(p) for p in (near[0].problem, problem, near[1].problem))
    share = min(1.0, max(0.0, (here - low) / (high - low))) if high != low else 0.5
    return _mixed(starts[0], starts[1], share)


def _weight(problem: Problem) -> float:
    return sum(getattr(term, "weight", 0.0) for term in problem.equity.values())


def _mixed(one: WarmStart, two: WarmStart, share: float) -> WarmStart:
    def mix(a: FloatArray, b: FloatArray) -> FloatArray:
        return (1 - share) * a + share * b

    return WarmStart(
        allocation=mix(one.allocation, two.allocation),
        shed=None if one.shed is None or two.shed is None else mix(one.shed, two.shed),
        energy_prices=mix(one.energy_prices, two.energy_prices),
        equity_prices=[
            mix(a, b) for a, b in zip(one.equity_prices, two.equity_prices, strict=True)
        ],
    )


def _burden(solution: Solution, name: str) -> float:
    problem, totals = solution.problem, region_totals(solution)[name]
    return problem.equity[name].value(problem.sensitivity[name] * totals)


def _read_weights(problem: Problem, weights: Mapping[str, ArrayLike]) -> dict[str, FloatArray]:
    given: object = weights  # whatever the type says
    if not isinstance(given, Mapping) or not weights:
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
