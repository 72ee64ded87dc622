"""What a page tells of a plan, wherever it came from: a solution, a run, a comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._account import burdens_by_slot
from .._arrays import FloatArray
from ..certificate import Certificate, certify
from ..errors import InputError
from ..problem import COSTS, Problem
from ..solution import Solution

if TYPE_CHECKING:
    from ..online import Comparison, Run


@dataclass(frozen=True)
class Plan:
    """A plan as the page shows it.

    Attributes
    ----------
    name : str
        What it is called.
    problem : Problem
        The problem.
    load : ndarray of float64, shape (T, I)
        Energy drawn, MWh.
    totals : dict of str to ndarray of float64, shape (G,)
        Burden by region; the heaviest window where there are windows.
    prices : dict of str to ndarray of float64, shape (G,)
        Price of every region's burden; empty for a run.
    cost : float
        What the operator pays, USD.
    breakdown : dict of str to float
        The objective by part, USD.
    status : str
        How it ended.
    certificate : Certificate or None
        Recomputed from the data.
    answer : object
        The solution or run itself.
    """

    name: str
    problem: Problem
    load: FloatArray
    totals: dict[str, FloatArray]
    prices: dict[str, FloatArray]
    cost: float
    breakdown: dict[str, float]
    status: str
    certificate: Certificate | None
    answer: Any


def plan_of(answer: Solution | Run, name: str) -> Plan:
    """Take from an answer what a page shows."""
    if isinstance(answer, Solution):
        answer = answer.on_host()
        if answer.infeasibility is not None:
            raise InputError(f"there is no plan to report: {answer.infeasibility}")
        prices = {key: _by_region(values, sum) for key, values in answer.prices.equity.items()}
        certificate = certify(answer.problem, answer)
    else:
        prices, certificate = {}, None
    return Plan(
        name=name,
        problem=answer.problem,
        load=np.asarray(answer.site_load),
        totals={key: _by_region(values, max) for key, values in answer.footprints.items()},
        prices=prices,
        cost=math.fsum(answer.breakdown[part] for part in COSTS if part in answer.breakdown),
        breakdown=dict(answer.breakdown),
        status=answer.status,
        certificate=certificate,
        answer=answer,
    )


def _by_region(values: FloatArray, how: Any) -> FloatArray:
    """Return one value a region, of several windows the largest or the sum."""
    values = np.asarray(values)
    if values.ndim < 2:
        return values
    result: FloatArray = values.max(axis=1) if how is max else values.sum(axis=1)
    return result


def answer_of(subject: Any) -> tuple[Solution | Run, Comparison | None]:
    """Return the plan to show first, and the comparison that it belongs to."""
    from ..online import Comparison, Run

    if isinstance(subject, Solution | Run):
        return subject, None
    if isinstance(subject, Comparison):
        return subject.offline or next(iter(subject.runs.values())), subject
    what = type(subject).__name__
    raise InputError(f"a {what} cannot be reported; it must be a Solution, a Run or a Comparison")


def cumulative(plan: Plan, name: str) -> FloatArray:
    """Return how the burdens of the regions grew (T, G), history included."""
    grown = burdens_by_slot(plan.problem, name, plan.load).cumsum(axis=0)
    result: FloatArray = plan.problem.history[name] + grown
    return result


def site_names(problem: Problem) -> list[str]:
    """Return the names of the sites, or their numbers."""
    return list(problem.site_names or map(str, range(problem.sites)))
