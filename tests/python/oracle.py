"""Two independent judges: HiGHS for the optimum, plain loops for the certificate.

Neither uses any code of the package beyond the data that a `Problem` holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest

import equiload as el

if TYPE_CHECKING:
    import highspy


def need_highs() -> ModuleType:
    """Return HiGHS's module; the test is skipped where there is none."""
    return pytest.importorskip("highspy", reason="the independent optimum is that of HiGHS")


class Model:
    """The problem as a linear program: x per arc, y per cell, s >= q y^2 / 2, shed, z per term.

    Rows: work of every gateway and slot; energy of every cell; one per region of a priced term.
    Norms and quadratic costs are approached by tangents.
    """

    def __init__(self, problem: el.Problem, switching: float | None = None) -> None:
        self.problem = p = problem
        self.cost: list[float] = []
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.rows: list[tuple[float, float, list[int], list[float]]] = []
        idle = np.broadcast_to(0.0 if p.idle_power is None else p.idle_power, p.price.shape)
        self.idle = idle
        self.constant = float((p.price * idle).sum())
        net = p.network
        self.x = {
            (t, a): self.column(net.cost[a])
            for t in range(p.slots)
            for a in range(p.arcs)
            if t + net.delay[a] < p.slots
        }
        capacity = np.broadcast_to(p.capacity, (p.slots, p.sites))
        self.y = {
            (t, i): self.column(p.price[t, i], upper=capacity[t, i])
            for t in range(p.slots)
            for i in range(p.sites)
        }
        self.quadratic = np.broadcast_to(0.0 if p.quadratic is None else p.quadratic, p.price.shape)
        # s >= q d^2 / 2 of a load's d = y, and of what it moves by, d = y[t] - y[t-1].
        self.curve = {
            self.column(1.0): (float(self.quadratic[cell]), {y: 1.0})
            for cell, y in self.y.items()
            if self.quadratic[cell] > 0
        }
        if switching is not None:
            self.curve |= {
                self.column(1.0): (switching, {y: 1.0, self.y[t - 1, i]: -1.0})
                for (t, i), y in self.y.items()
                if t > 0
            }
        self.add_work_rows()
        self.first_energy_row = len(self.rows)
        self.add_energy_rows()
        self.equity_rows: dict[str, list[int]] = {}
        self.norms: list[tuple[int, float, list[tuple[float, dict[int, float]]]]] = []
        for name, term in p.equity.items():
            self.add_equity(name, term)

    def column(self, cost: float, lower: float = 0.0, upper: float = math.inf) -> int:
        self.cost.append(float(cost))
        self.lower.append(lower)
        self.upper.append(float(upper))
        return len(self.cost) - 1

    def row(self, lower: float, upper: float, entries: dict[int, float]) -> int:
        self.rows.append((lower, upper, list(entries), [float(v) for v in entries.values()]))
        return len(self.rows) - 1

    def add_work_rows(self) -> None:
        p = self.problem
        entries: dict[tuple[int, int], dict[int, float]] = {
            (t, j): {} for t in range(p.slots) for j in range(p.gateways)
        }
        for (t, a), column in self.x.items():
            entries[t, int(p.network.gateway[a])][column] = 1.0
        self.shed = {}
        for (t, j), row in entries.items():
            if p.shed_cost is not None:
                self.shed[t, j] = self.column(p.shed_cost)
                row[self.shed[t, j]] = 1.0
            self.row(p.demand[t, j], p.demand[t, j], row)

    def add_energy_rows(self) -> None:
        net = self.problem.network
        entries: dict[tuple[int, int], dict[int, float]] = {
            cell: {column: 1.0} for cell, column in self.y.items()
        }
        for (t, a), column in self.x.items():
            entries[t + int(net.delay[a]), int(net.site[a])][column] = -float(net.energy[a])
        for row in entries.values():
            self.row(0.0, 0.0, row)

    def add_equity(self, name: str, term: object) -> None:
        p = self.problem
        scale, history = p.sensitivity[name], p.history[name].copy()
        burden: list[dict[int, float]] = [{} for _ in history]
        for (t, i), column in self.y.items():
            for g, share in shares(p, name, i):
                burden[g][column] = share * float(p.footprints[name][t, i])
                history[g] += share * p.footprints[name][t, i] * self.idle[t, i]
        if isinstance(term, el.Budget):
            limit = np.broadcast_to(term.limit, history.shape)
            for b, h, row in zip(limit, history, burden, strict=True):
                self.row(-math.inf, b - h, row)
            return
        if isinstance(term, el.Sum):
            self.constant += term.weight * float(scale @ history)
            for w, row in zip(scale, burden, strict=True):
                for column, value in row.items():
                    self.cost[column] += term.weight * w * value
            return
        scaled = [
            (w * h, {c: w * v for c, v in row.items()})
            for w, h, row in zip(scale, history, burden, strict=True)
        ]
        if isinstance(term, el.Norm):
            self.norms.append((self.column(term.weight), term.q, scaled))
            return
        if isinstance(term, el.TopMean):  # k t + sum max(0, z_g - t), over k
            k = min(term.k, len(scaled))
            level = self.column(term.weight, lower=-math.inf)
            for h, row in scaled:
                above = self.column(term.weight / k)
                self.row(h, math.inf, {level: 1.0, above: 1.0} | {c: -v for c, v in row.items()})
            return
        assert isinstance(term, el.Max)
        z = self.column(term.weight, lower=-math.inf)
        self.equity_rows[name] = [
            self.row(h, math.inf, {z: 1.0} | {c: -v for c, v in row.items()}) for h, row in scaled
        ]

    def run(self) -> highspy.Highs:
        """Hand the linear part to HiGHS and solve it."""
        highs = need_highs().Highs()
        highs.silent()
        for option in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
            highs.setOptionValue(option, 1e-10)
        highs.setOptionValue("threads", 1)
        count = len(self.cost)
        highs.addVars(count, np.array(self.lower), np.array(self.upper))
        highs.changeColsCost(count, np.arange(count, dtype=np.int32), np.array(self.cost))
        for lower, upper, columns, values in self.rows:
            index = np.array(columns, dtype=np.int32)
            highs.addRow(lower, upper, len(columns), index, np.array(values))
        highs.run()
        return highs

    def add_tangents(self, highs: highspy.Highs) -> float:
        """Add tangents at the present point; return how far below the curves it was, USD."""
        y, short = np.array(highs.getSolution().col_value), 0.0
        for column, q, scaled in self.norms:  # z >= g (wE) with g the norm's gradient at E0
            at = np.array([h + sum(v * y[c] for c, v in row.items()) for h, row in scaled])
            at = np.maximum(at, 0.0)  # the solver may be a rounding below
            if not at.any():
                continue
            norm = at.max() * ((at / at.max()) ** q).sum() ** (1 / q)
            gradient = (at / norm) ** (q - 1)
            short += self.cost[column] * (norm - y[column])
            entries, constant = {column: 1.0}, 0.0
            for g, (h, row) in zip(gradient, scaled, strict=True):
                constant += g * h
                for c, v in row.items():
                    entries[c] = entries.get(c, 0.0) - g * v
            index = np.array(list(entries), dtype=np.int32)
            values = np.array(list(entries.values()))
            highs.addRow(constant, math.inf, len(index), index, values)
        for column, (q, distance) in self.curve.items():
            d0 = sum(sign * y[of] for of, sign in distance.items())
            short += q * d0**2 / 2 - y[column]
            index = np.array([column, *distance], dtype=np.int32)
            values = np.array([1.0, *(-q * d0 * sign for sign in distance.values())])
            highs.addRow(-q * d0**2 / 2, math.inf, len(index), index, values)
        return short


def optimum(problem: el.Problem, switching: float | None = None) -> float:
    """Return the optimal cost by HiGHS; infinite when there is no allocation.

    Of a switching cost, half of it times the square of what every site's load moves by is added.
    A quadratic cost is approached by tangents (Kelley), each round a linear program: its optimum
    is below that of the problem by at most what the tangents lack at the present point. (The QP
    solver of HiGHS does not return on some of these problems.)
    """
    outcomes = need_highs().HighsModelStatus
    model = Model(problem, switching)
    highs = model.run()
    for _ in range(200):
        status = highs.getModelStatus()
        if status == outcomes.kInfeasible:
            return math.inf
        assert status == outcomes.kOptimal, highs.modelStatusToString(status)
        value = highs.getInfo().objective_function_value + model.constant
        short = model.add_tangents(highs)
        if short <= 1e-9 * max(1.0, abs(value)):
            return value
        highs.run()
    raise AssertionError("the tangents did not converge")


def shares(p: el.Problem, name: str, site: int) -> list[tuple[int, float]]:
    """The regions that a site burdens, with its shares."""
    regions = p.regions[name]
    if regions.ndim == 1:
        return [(int(regions[site]), 1.0)]
    return [(g, float(share)) for g, share in enumerate(regions[:, site]) if share > 0]


@dataclass
class Judgement:
    unmet: float  # worst |served - demand| / demand
    overload: float  # worst (load - capacity) / capacity
    overspent: float  # worst (burden - budget) / budget
    negative: float  # most negative work
    objective: float
    bound: float


def judge(problem: el.Problem, solution: el.Solution) -> Judgement:
    """Recompute everything from the data with one loop per sum."""
    p, net = problem, problem.network
    served, load = np.zeros((p.slots, p.gateways)), np.zeros((p.slots, p.sites))
    cost = 0.0
    for t in range(p.slots):
        for a in range(p.arcs):
            work, site = solution.allocation[t, a], net.site[a]
            if t + net.delay[a] < p.slots:
                served[t, net.gateway[a]] += work
                load[t + net.delay[a], site] += net.energy[a] * work
                cost += net.cost[a] * work
            else:
                assert work == 0.0, f"work on arc {a} of slot {t} ends past the horizon"
    negative = -float(min(0.0, solution.allocation.min()))
    if p.shed_cost is not None:
        served += solution.shed
        cost += p.shed_cost * float(solution.shed.sum())
        negative = max(negative, -float(solution.shed.min()))
    capacity = np.broadcast_to(p.capacity, load.shape)
    cost += _site_cost(p, load) + _equity_cost(p, load)
    return Judgement(
        unmet=_worst(np.abs(served - p.demand), p.demand),
        overload=_worst(np.maximum(load - capacity, 0.0), capacity),
        overspent=_overspent(p, load),
        negative=negative,
        objective=cost,
        bound=_bound(p, solution),
    )


def _worst(error: np.ndarray, size: np.ndarray) -> float:
    """The largest error relative to its size; where that is 0, no error is forgiven."""
    worst = 0.0
    for e, s in zip(error.ravel(), size.ravel(), strict=True):
        if e > 0:
            worst = max(worst, e / s if s > 0 else math.inf)
    return worst


def _site_cost(p: el.Problem, load: np.ndarray) -> float:
    q = np.broadcast_to(0.0 if p.quadratic is None else p.quadratic, load.shape)
    cost, idle = 0.0, _idle(p)
    for t, i in np.ndindex(load.shape):
        cost += p.price[t, i] * (load[t, i] + idle[t, i]) + q[t, i] * load[t, i] ** 2 / 2
    return cost


def _idle(p: el.Problem) -> np.ndarray:
    return np.broadcast_to(0.0 if p.idle_power is None else p.idle_power, p.price.shape)


def _burden(p: el.Problem, name: str, load: np.ndarray) -> np.ndarray:
    burden, idle = p.history[name].copy(), _idle(p)
    for t, i in np.ndindex(load.shape):
        for g, share in shares(p, name, i):
            burden[g] += share * p.footprints[name][t, i] * (load[t, i] + idle[t, i])
    return burden


def _equity_cost(p: el.Problem, load: np.ndarray) -> float:
    cost = 0.0
    for name, term in p.equity.items():
        scaled = np.sort(_burden(p, name, load) * p.sensitivity[name])[::-1]
        if isinstance(term, el.Max):
            cost += term.weight * scaled[0]
        elif isinstance(term, el.Sum):
            cost += term.weight * scaled.sum()
        elif isinstance(term, el.TopMean):
            cost += term.weight * scaled[: term.k].mean()
        elif isinstance(term, el.Norm) and scaled[0] > 0:
            shares = scaled / scaled[0]
            cost += term.weight * scaled[0] * (shares**term.q).sum() ** (1 / term.q)
    return float(cost)


def _overspent(p: el.Problem, load: np.ndarray) -> float:
    worst = 0.0
    for name, term in p.equity.items():
        if isinstance(term, el.Budget):
            burden = _burden(p, name, load)
            limit = np.broadcast_to(term.limit, burden.shape)
            worst = max(worst, _worst(np.maximum(burden - limit, 0.0), limit))
    return worst


def _bound(p: el.Problem, solution: el.Solution) -> float:
    base, bound = p.price.copy(), float((p.price * _idle(p)).sum())
    nothing = np.zeros(base.shape)
    for name, term in p.equity.items():
        price = solution.prices.equity[name]
        _check_equity_price(term, price / p.sensitivity[name])
        bound += float(price @ _burden(p, name, nothing))
        if isinstance(term, el.Budget):
            bound -= sum(x * b for x, b in zip(price, term.limits(price.size), strict=True) if x)
        for t, i in np.ndindex(base.shape):
            base[t, i] += p.footprints[name][t, i] * sum(
                share * price[g] for g, share in shares(p, name, i)
            )
    u = solution.prices.capacity
    assert u.min() >= 0
    value = base + u
    capacity = np.broadcast_to(p.capacity, base.shape)
    q = np.broadcast_to(0.0 if p.quadratic is None else p.quadratic, base.shape)
    for t, i in np.ndindex(base.shape):
        if u[t, i] > 0:
            bound -= u[t, i] * capacity[t, i]
        if q[t, i] > 0:
            above = max(0.0, solution.prices.energy[t, i] - value[t, i])
            bound -= above**2 / (2 * q[t, i])
            value[t, i] = solution.prices.energy[t, i]
    return bound + _work_value(p, value)


def _check_equity_price(term: object, scaled: np.ndarray) -> None:
    rounding = 1e-12 * max(1.0, term.weight)
    assert scaled.min() >= -rounding
    if isinstance(term, el.Budget):
        return
    if isinstance(term, el.Max | el.TopMean):
        assert scaled.sum() <= term.weight + rounding
        most = term.weight / min(getattr(term, "k", 1), scaled.size)
        assert scaled.max() <= most + rounding
    elif isinstance(term, el.Norm):
        p = term.q / (term.q - 1)
        assert ((scaled / max(term.weight, 1e-300)) ** p).sum() <= 1 + 1e-12 * p
    else:
        assert np.abs(scaled - term.weight).max() <= rounding


def _work_value(p: el.Problem, value: np.ndarray) -> float:
    net, total = p.network, 0.0
    for t, j in np.ndindex(p.demand.shape):
        if p.demand[t, j] == 0:
            continue
        least = math.inf if p.shed_cost is None else p.shed_cost
        for a in np.flatnonzero(net.gateway == j):
            if t + net.delay[a] < p.slots:
                there = value[t + net.delay[a], net.site[a]]
                least = min(least, net.cost[a] + net.energy[a] * there)
        total += p.demand[t, j] * least
    return float(total)
