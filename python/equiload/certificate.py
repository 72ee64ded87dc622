"""The certificate: an answer judged from the data alone, independently of the compiled core.

Everything is recomputed in double precision from the arrays handed back, slot by slot, so that
no array of slots x arcs is ever made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ._account import burdened_price, burdens, equity_costs, relative_gap, site_costs
from ._arrays import FloatArray, IntArray, require_a
from ._regions import at_sites
from .answer import Answer
from .equity import Budget
from .errors import InputError
from .infeasibility import Infeasibility
from .problem import Problem

__all__ = ["Certificate", "certify"]


@dataclass(frozen=True)
class Certificate:
    """What the data say about an answer.

    Attributes
    ----------
    unmet : float
        Worst demand not served exactly, as a share of that demand; negative work counts too.
    overload : float
        Worst capacity exceeded, as a share of that capacity.
    overspent : float
        Worst budget exceeded, as a share of that budget.
    objective : float
        Cost of the allocation, USD.
    lower_bound : float
        The bound of the prices, USD: no allocation costs less. Infinite when the prices prove that
        no allocation exists.
    gap : float
        ``(objective - lower_bound) / max(1, |objective|)``.
    """

    unmet: float
    overload: float
    overspent: float
    objective: float
    lower_bound: float
    gap: float

    def __str__(self) -> str:
        """Report in one line."""
        return (
            f"objective {self.objective:.8g}, lower bound {self.lower_bound:.8g}, "
            f"gap {self.gap:.1e}; worst unmet demand {self.unmet:.1e}, "
            f"worst overload {self.overload:.1e}, worst excess over a budget {self.overspent:.1e} "
            f"(relative)"
        )


def certify(problem: Problem, solution: Answer) -> Certificate:
    r"""Recompute feasibility, objective and lower bound of a solution from the data.

    For prices ``u`` of capacity and ``lambda`` of burdens, with ``c0 = p + sum_r lambda_r f_r``,

    .. math:: \sum_{t,j} d_{tj} \min_a (l_a + k_a v_{t+s_a,i_a}) - \sum u C
              - \sum_{q>0} \max(0, v - c_0 - u)^2 / (2 q) + \sum_r \lambda_r h_r

    is a lower bound for every ``u >= 0`` and every ``lambda`` in the dual sets, where
    ``v = c0 + u`` wherever ``q = 0``.  Prices a rounding outside are first moved inside.

    Parameters
    ----------
    problem : Problem
        The data.
    solution : Solution
        An answer to it, from any source.

    Returns
    -------
    Certificate
        Violations, objective, lower bound and gap.

    Raises
    ------
    InputError
        If the solution belongs to a problem of another shape.

    Notes
    -----
    Takes a few passes over the allocation and memory of a few (T, I) and (A,) arrays.

    Examples
    --------
    >>> solution = el.solve(problem, tol=1e-4)
    >>> certificate = el.certify(problem, solution)
    >>> certificate.gap <= 1e-4 and certificate.unmet < 1e-9 and certificate.overload < 1e-9
    True
    """
    require_a("problem", problem, Problem)
    require_a("solution", solution, Answer, "Solution")
    solution = solution.on_host()
    shape = (problem.slots, problem.arcs)
    if solution.allocation.shape != shape:
        found = solution.allocation.shape
        raise InputError(f"solution.allocation has shape {found}; expected (slots, arcs) = {shape}")
    arcs = _Arcs(problem)
    load, unmet, arc_cost = _serve(problem, solution, arcs)
    totals = burdens(problem, load)
    broken = unmet, _overload(problem, load), _overspent(problem, totals)
    if solution.infeasibility is not None and solution.infeasibility.prices is not None:
        if _proves_infeasible(problem, solution.infeasibility, arcs):
            return Certificate(*broken, math.inf, math.inf, math.nan)
    energy, curve = site_costs(problem, load)
    terms = equity_costs(problem.equity, problem.sensitivity, totals)
    objective = arc_cost + (problem.idle_cost + energy + curve) + sum(terms.values())
    bound = _bound(problem, solution, arcs)
    return Certificate(*broken, objective, bound, relative_gap(objective, bound))


class _Arcs:
    """The arcs grouped by gateway, for sums and minima over each gateway's arcs."""

    def __init__(self, problem: Problem) -> None:
        network = problem.network
        self.problem = problem
        self.flat = network.delay.astype(np.int64) * problem.sites + network.site
        self.order: IntArray = np.argsort(network.gateway, kind="stable").astype(np.int32)
        count = np.bincount(network.gateway, minlength=problem.gateways)
        self.filled = np.flatnonzero(count)
        self.first = (np.cumsum(count) - count)[self.filled]

    def cheapest(self, slot: int, cost: FloatArray | float, price: FloatArray) -> FloatArray:
        """Return the least ``cost + energy * price`` of every gateway's arcs in a slot, (J,)."""
        network = self.problem.network
        future = price[slot:].reshape(-1)
        usable = self.flat < future.size
        value = np.where(
            usable, cost + network.energy * future[np.where(usable, self.flat, 0)], np.inf
        )
        least = np.full(self.problem.gateways, np.inf)
        least[self.filled] = np.minimum.reduceat(value[self.order], self.first)
        return least


def _serve(problem: Problem, solution: Answer, arcs: _Arcs) -> tuple[FloatArray, float, float]:
    """Return the load of every site and slot (T, I), the worst unmet share and the arc cost."""
    network, slots, sites = problem.network, problem.slots, problem.sites
    load = np.zeros((slots, sites))
    typical = float(problem.demand.max()) or 1.0
    unmet, costs = 0.0, []
    for t in range(slots):
        work, demand = solution.allocation[t], problem.demand[t]
        usable = arcs.flat < (slots - t) * sites
        useful = np.where(usable, work, 0.0)
        drawn = np.bincount(arcs.flat[usable], (network.energy * useful)[usable])
        load.reshape(-1)[t * sites : t * sites + drawn.size] += drawn
        served = np.bincount(network.gateway, useful, problem.gateways)
        costs.append(float(network.cost @ work))
        if solution.shed is not None:
            served = served + solution.shed[t]
            costs.append((problem.shed_cost or 0.0) * float(solution.shed[t].sum()))
        scale = np.where(demand > 0, demand, typical)
        short = np.abs(served - demand) / scale
        below = np.maximum(-work, 0.0) / scale[network.gateway]
        unmet = max(unmet, float(short.max()), float(below.max()))
    return load, unmet, math.fsum(costs)


def _overload(problem: Problem, load: FloatArray) -> float:
    capacity = np.broadcast_to(problem.capacity, load.shape)
    finite = capacity[np.isfinite(capacity)]
    typical = float(finite.max(initial=0.0)) or 1.0
    excess = np.maximum(load - capacity, 0.0) / np.where(capacity > 0, capacity, typical)
    return float(excess.max())


def _overspent(problem: Problem, totals: dict[str, FloatArray]) -> float:
    worst = 0.0
    for name, term in problem.equity.items():
        if isinstance(term, Budget):
            limit = term.limits(totals[name].size)
            typical = float(limit[np.isfinite(limit)].max(initial=0.0)) or 1.0
            excess = np.maximum(totals[name] - limit, 0.0) / np.where(limit > 0, limit, typical)
            worst = max(worst, float(excess.max()))
    return worst


def _bound(problem: Problem, solution: Answer, arcs: _Arcs) -> float:
    capacity = np.broadcast_to(problem.capacity, problem.price.shape)
    # An unlimited site has nothing to price.
    scarcity = np.where(np.isfinite(capacity), np.maximum(solution.prices.capacity, 0.0), 0.0)
    base, terms = _priced(problem, solution)
    terms.append(problem.idle_cost)
    price = base + scarcity
    terms.append(-_worth(scarcity, capacity))
    if problem.quadratic is not None:
        q = np.broadcast_to(problem.quadratic, price.shape)
        margin = np.where(q > 0, solution.prices.energy - price, 0.0)
        price = price + margin
        conjugate = np.maximum(margin, 0.0) ** 2 / np.where(q > 0, 2 * q, 1.0)
        terms.append(-float(conjugate.sum()))
    terms += _work_value(problem, arcs, problem.network.cost, price, problem.shed_cost)
    return math.fsum(terms)


def _priced(problem: Problem, solution: Answer) -> tuple[FloatArray, list[float]]:
    """Return ``c0 = p + sum_r lambda_r f_r`` (T, I), the worth of histories and of budgets."""
    prices, histories = {}, []
    for name, term in problem.equity.items():
        if term.weight == 0:
            continue
        scale = term.weight * problem.sensitivity[name]
        price = prices[name] = scale * term.into_dual_set(solution.prices.equity[name] / scale)
        histories.append(float(price @ problem.carried[name]))
        if isinstance(term, Budget):
            histories.append(-_worth(price, term.limits(price.size)))
    return burdened_price(problem, prices), histories


def _worth(price: FloatArray, amount: FloatArray) -> float:
    """Return ``sum price * amount`` where amounts may be infinite at a price of 0."""
    return float((price * np.where(price > 0, amount, 0.0)).sum())


def _work_value(
    problem: Problem,
    arcs: _Arcs,
    cost: FloatArray | float,
    price: FloatArray,
    ceiling: float | None,
) -> list[float]:
    """Return, slot by slot, all demand at the price of each gateway's cheapest arc."""
    values = []
    for t in range(problem.slots):
        least = arcs.cheapest(t, cost, price)
        if ceiling is not None:
            least = np.minimum(least, ceiling)
        wanted = problem.demand[t] > 0
        values.append(float(problem.demand[t][wanted] @ least[wanted]))
    return values


def _proves_infeasible(problem: Problem, reason: Infeasibility, arcs: _Arcs) -> bool:
    """Say whether ``sum d min_a k (u + sum lambda f) + sum lambda h > sum u C + sum lambda B``."""
    assert reason.prices is not None
    capacity = np.broadcast_to(problem.capacity, problem.price.shape)
    scarcity = np.where(np.isfinite(capacity), np.maximum(reason.prices, 0.0), 0.0)
    price, needed, held = scarcity.copy(), 0.0, _worth(scarcity, capacity)
    for name, lam in (reason.budgets or {}).items():
        term = problem.equity[name]
        if isinstance(term, Budget):
            lam = np.maximum(lam, 0.0)
            price += at_sites(problem.regions[name], lam) * problem.footprints[name]
            needed += float(lam @ problem.carried[name])
            held += _worth(lam, term.limits(lam.size))
    ceiling = None if problem.shed_cost is None else 0.0
    return needed + math.fsum(_work_value(problem, arcs, 0.0, price, ceiling)) > held
