"""What a solution says about itself, held against what the data say about it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ._account import breakdown, burdens, loads, relative_gap
from ._arrays import FloatArray
from .answer import Answer
from .certificate import Certificate, certify
from .errors import InputError

__all__ = ["verify"]

# How far sums of the same numbers in another order may be apart, as a share of what is added up,
# and what a solve may leave of demand, capacities and budgets.
ROUNDING = 1e-9
VIOLATION = 1e-8


def verify(solution: Answer) -> Certificate:
    """Recompute the certificate and raise an `InputError` where it contradicts the solution."""
    try:
        with np.errstate(over="raise"):
            certificate = certify(solution.problem, solution)
            complaint = next(_complaints(solution, certificate), None)
    except FloatingPointError:
        raise InputError("its numbers are too large to be multiplied and added up") from None
    if complaint is not None:
        raise InputError(complaint)
    return certificate


def _complaints(solution: Answer, found: Certificate) -> Iterator[str]:
    """Say what the data contradict, one after the other."""
    if not _same(solution.gap, relative_gap(solution.objective, solution.lower_bound), 1e-12):
        yield f"gap is {solution.gap:.3g}, which objective and lower bound contradict"
    if solution.infeasibility is not None:
        if found.lower_bound != math.inf:
            yield "infeasibility: the prices prove nothing, an allocation may exist"
        return
    if solution.status != "unsolved":
        yield from _of_plan(solution, found)
    slack = ROUNDING * (_size(solution) + _scarcity(solution))
    if math.isfinite(solution.lower_bound) and not (
        found.lower_bound >= solution.lower_bound - slack
    ):
        claim = f"lower_bound is {solution.lower_bound:.9g}"
        yield f"{claim}; the prices bear out {found.lower_bound:.9g}"


def _of_plan(solution: Answer, found: Certificate) -> Iterator[str]:
    for what, broken in (
        ("demand", found.unmet),
        ("a capacity", found.overload),
        ("a budget", found.overspent),
    ):
        if not broken <= VIOLATION:
            yield f"allocation: {what} is not kept, by {broken:.2g} of it at worst"
    problem, slack = solution.problem, ROUNDING * _size(solution)
    if not _same(solution.objective, found.objective, slack):
        claim = f"objective is {solution.objective:.9g}"
        yield f"{claim}; the allocation costs {found.objective:.9g}"
    load = loads(problem, solution.allocation)
    totals = burdens(problem, load)
    parts = breakdown(problem, solution.allocation, solution.shed, load, totals)
    for name, cost in parts.items():
        if not _same(solution.breakdown[name], cost, slack):
            yield f"breakdown[{name!r}] is {solution.breakdown[name]:.9g}; it should be {cost:.9g}"
    if not _close(solution.site_load, load):
        yield "site_load is not what the allocation draws"
    for name, total in totals.items():
        if not _close(solution.footprints[name], total):
            yield f"footprints[{name!r}] is not what the allocation brings"


def _size(solution: Answer) -> float:
    """Return how large the numbers are that the objective is the sum of, USD."""
    return max(1.0, math.fsum(map(abs, solution.breakdown.values())))


def _scarcity(solution: Answer) -> float:
    """Return what all capacity is worth at its prices, USD, which the bound subtracts."""
    capacity = np.broadcast_to(solution.problem.capacity, solution.site_load.shape)
    price = np.maximum(solution.prices.capacity, 0.0)
    return float((price * np.where(np.isfinite(capacity), capacity, 0.0)).sum())


def _same(one: float, other: float, slack: float) -> bool:
    return abs(one - other) <= slack or one == other or (math.isnan(one) and math.isnan(other))


def _close(one: FloatArray, other: FloatArray) -> bool:
    slack = ROUNDING * max(1e-300, float(np.abs(other).max(initial=0.0)))
    return one.shape == other.shape and bool((np.abs(one - other) <= slack).all())
