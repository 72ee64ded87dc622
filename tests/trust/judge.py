"""A judge of answers that shares no code with the package: plain arrays in, HiGHS for the optimum.

A case is a dictionary of arrays, as `random_case` makes one; nothing here knows `equiload`.

    demand (T, J)   capacity, price, quadratic, idle (T, I)   shed: price or None
    gateway, site, delay, energy, cost (A,)
    burdens: by name {footprint (T, I), region (I,) or shares (G, I), history and sensitivity (G,),
        term}
    term: kind, weight, parameter
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np

Case = dict[str, Any]
Array = np.ndarray


# ---------------------------------------------------------------------------- random cases


def random_case(rng: np.random.Generator) -> Case:
    """Return a small problem of any kind: tight, roomy or overfull, with any of the terms."""
    slots, gateways, sites = rng.integers(1, 7), rng.integers(1, 5), rng.integers(1, 6)
    case: Case = random_arcs(rng, gateways, sites)
    demand, load = random_plan(rng, case, slots, gateways, sites)
    scale = 10.0 ** rng.choice([0, 0, 0, -4, 4])
    case["demand"], case["capacity"] = demand * scale, random_capacity(rng, load) * scale
    spread = rng.choice([0.0, 1.0, 40.0]) * rng.normal(size=(slots, sites))
    case["price"] = rng.choice([0.0, 30.0]) + spread
    curved = rng.random() < 0.25
    case["quadratic"] = rng.choice([0.0, 0.1, 2.0], (slots, sites)) * curved / scale
    case["idle"] = rng.random((slots, sites)) * scale * (rng.random() < 0.2)
    case["shed"] = float(rng.uniform(0, 100)) if rng.random() < 0.2 else None
    names = ("carbon", "water", "air")[: rng.integers(0, 4)]
    case["burdens"] = {name: random_burden(rng, slots, sites, load, scale) for name in names}
    return case


def random_arcs(rng: np.random.Generator, gateways: int, sites: int) -> Case:
    mask = rng.random((gateways, sites)) < rng.choice([0.4, 0.8, 1.0])
    mask[np.arange(gateways), rng.integers(0, sites, gateways)] = True
    gateway, site = np.nonzero(mask)
    if rng.random() < 0.2:  # parallel arcs
        gateway, site = np.tile(gateway, 2), np.tile(site, 2)
    count = gateway.size
    kind = rng.choice(["ones", "powers", "any"])
    energy = {
        "ones": np.ones(count),
        "powers": rng.choice([0.5, 1.0, 2.0], count),
        "any": rng.uniform(0.3, 3.0, count),
    }[kind]
    cost = rng.choice([0.0, 1.0]) * np.round(rng.normal(0, 10, count), 2)
    delay = rng.integers(0, 4, count) * (rng.random() < 0.3)
    # Something for every gateway that can be served in the slot itself.
    delay = np.concatenate([delay, np.zeros(gateways, int)])
    gateway = np.concatenate([gateway, np.arange(gateways)])
    site = np.concatenate([site, [site[gateway[:count] == j][0] for j in range(gateways)]])
    energy, cost = (
        np.append(energy, energy[:1].repeat(gateways)),
        np.append(cost, np.zeros(gateways)),
    )
    return {"gateway": gateway, "site": site, "delay": delay, "energy": energy, "cost": cost}


def random_plan(
    rng: np.random.Generator, case: Case, slots: int, gateways: int, sites: int
) -> tuple[Array, Array]:
    """Return a demand and the load of one way to serve it."""
    demand, load = np.zeros((slots, gateways)), np.zeros((slots, sites))
    busy = rng.choice([0.0, 0.3, 0.8, 1.0], p=[0.02, 0.3, 0.38, 0.3])
    for t in range(slots):
        for a in np.flatnonzero(
            (case["delay"] < slots - t) & (rng.random(len(case["delay"])) < busy)
        ):
            work = rng.integers(1, 40) / 4
            demand[t, case["gateway"][a]] += work
            load[t + case["delay"][a], case["site"][a]] += work * case["energy"][a]
    return demand, load


def random_capacity(rng: np.random.Generator, load: Array) -> Array:
    """Return capacities that the load just fills, leaves room in, or cannot fill."""
    kind = rng.choice(["tight", "roomy", "mixed", "static", "unlimited", "short", "closed"])
    room = rng.uniform(0, 10, load.shape)
    return {
        "tight": load * (1 + 1e-12),
        "roomy": load + room,
        "mixed": np.where(rng.random(load.shape) < 0.4, load * (1 + 1e-12), load * 1.5 + room),
        "static": np.broadcast_to(load.max(axis=0), load.shape) + 0.0,
        "unlimited": np.where(rng.random(load.shape) < 0.5, np.inf, load + 1),
        "short": load * rng.choice([0.5, 0.9, 0.999, 1.1]),
        "closed": np.where(rng.random(load.shape) < 0.3, 0.0, load + room),
    }[str(kind)]


def random_burden(
    rng: np.random.Generator, slots: int, sites: int, load: Array, scale: float
) -> dict[str, Any]:
    footprint = rng.choice([0.0, 1.0]) + rng.uniform(0, 1, (slots, sites)).round(3)
    footprint *= rng.random(sites) < 0.9
    region = (
        np.arange(sites)
        if rng.random() < 0.5
        else np.unique(rng.integers(0, sites, sites), return_inverse=True)[1]
    )
    if rng.random() < 0.25:
        region = rng.uniform(0, 2, (rng.integers(1, 6), sites)) * (rng.random(sites) < 0.7)
    groups = region.shape[0] if region.ndim == 2 else int(region.max()) + 1
    history = rng.uniform(0, 30, groups) * scale * (rng.random() < 0.4)
    sensitivity = rng.uniform(0.2, 5, groups) if rng.random() < 0.4 else np.ones(groups)
    weight = float(rng.choice([0.0, 0.5, 20.0, 1500.0]))
    kind = str(rng.choice(["none", "max", "max", "sum", "norm", "topmean", "budget"]))
    parameter: Any = None
    if kind == "norm":
        parameter = float(rng.choice([1.5, 2.0, 4.0]))
    elif kind == "topmean":
        parameter = int(rng.integers(1, 5))
    elif kind == "budget":
        weight = 1.0
        total = history + shares_of(region, groups) @ (footprint * load * scale).sum(axis=0)
        parameter = total * rng.choice([0.9, 1.0 + 1e-6, 1.2, 3.0]) + rng.choice([0.0, 1.0])
        parameter[rng.random(groups) < 0.2] = np.inf
    return {"footprint": footprint, "region": region, "history": history} | {
        "sensitivity": sensitivity,
        "term": (kind, weight, parameter),
    }


# ---------------------------------------------------------------------------- the optimum


@dataclass
class Program:
    """A linear program that grows: columns with costs and ranges, rows with ranges."""

    cost: list[float] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    rows: list[tuple[float, float, Array, Array]] = field(default_factory=list)

    def columns(self, cost: Array, lower: float = 0.0, upper: Array | float = math.inf) -> Array:
        """Add columns and return their numbers, in the shape of the costs."""
        cost = np.asarray(cost, float)
        first = len(self.cost)
        self.cost += cost.ravel().tolist()
        self.lower += [lower] * cost.size
        self.upper += np.broadcast_to(upper, cost.shape).ravel().tolist()
        return np.arange(first, first + cost.size).reshape(cost.shape)

    def row(self, lower: float, upper: float, columns: Any, values: Any) -> None:
        """Add a row; columns that occur twice are added up."""
        columns = np.asarray(columns, np.int32).ravel()
        values = np.broadcast_to(np.asarray(values, float), columns.shape)
        names, where = np.unique(columns, return_inverse=True)
        self.rows.append((lower, upper, names.astype(np.int32), np.bincount(where, values)))

    def start(self) -> highspy.Highs:
        """Hand it to HiGHS."""
        highs = highspy.Highs()
        highs.silent()
        highs.setOptionValue("threads", 1)
        for option in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
            highs.setOptionValue(option, 1e-10)
        count = len(self.cost)
        highs.addVars(count, np.array(self.lower), np.array(self.upper))
        highs.changeColsCost(count, np.arange(count, dtype=np.int32), np.array(self.cost))
        sizes = np.array([len(row[2]) for row in self.rows])
        highs.addRows(
            len(self.rows),
            np.array([row[0] for row in self.rows]),
            np.array([row[1] for row in self.rows]),
            int(sizes.sum()),
            (np.cumsum(sizes) - sizes).astype(np.int32),
            np.concatenate([row[2] for row in self.rows]),
            np.concatenate([row[3] for row in self.rows]),
        )
        return highs


def optimum(case: Case) -> float:
    """Return the least cost; infinite where there is no allocation.

    Norms and quadratic costs are approached by tangents (Kelley): the value is below the optimum by
    at most a billionth of it.
    """
    scale = float(case["demand"].max()) or 1.0  # of work and energy, so that HiGHS' tolerances fit
    program, y, constant, norms = _program(case, scale)
    highs = program.start()
    q = case["quadratic"] * scale
    for _ in range(400):
        highs.run()
        status = highs.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return math.inf
        if status != highspy.HighsModelStatus.kOptimal:
            raise ArithmeticError(f"HiGHS: {highs.modelStatusToString(status)}")
        value = highs.getInfo().objective_function_value * scale + constant
        found = np.array(highs.getSolution().col_value)
        short = 0.0
        for curve, cell, rate in zip(y["curve"], y["curved"], q[q > 0], strict=True):
            at = found[cell]
            if (lack := rate * at**2 / 2 - found[curve]) > 1e-12:
                short += lack * scale
                program_row(highs, -rate * at**2 / 2, [curve, cell], [1.0, -rate * at])
        for top, weight, order, parts in norms:
            z = np.array([h + v @ found[c] for h, c, v in parts])
            size = float((z**order).sum() ** (1 / order))
            if size > 0 and weight * (size - found[top]) > 1e-12:
                short += weight * (size - found[top]) * scale
                slope = (z / size) ** (order - 1)
                columns = np.concatenate([[top], *(c for _, c, _ in parts)])
                values = np.concatenate(
                    [[1.0], *(-g * v for g, (_, _, v) in zip(slope, parts, strict=True))]
                )
                fixed = sum(g * h for g, (h, _, _) in zip(slope, parts, strict=True))
                program_row(highs, fixed, columns, values)
        if short <= 1e-9 * max(1.0, abs(value)):
            return value
    raise ArithmeticError("the tangents did not converge")


def program_row(highs: highspy.Highs, lower: float, columns: Any, values: Any) -> None:
    columns, where = np.unique(np.asarray(columns, np.int32), return_inverse=True)
    values = np.bincount(where, np.asarray(values, float))
    highs.addRow(lower, highspy.kHighsInf, len(columns), columns.astype(np.int32), values)


def _program(case: Case, scale: float) -> tuple[Program, dict[str, Any], float, list[Any]]:
    """Return the linear part in units of `scale`, the columns of the curves, and the constants."""
    program = Program()
    demand, price = case["demand"] / scale, case["price"]
    slots, gateways = demand.shape
    count = len(case["gateway"])
    x = program.columns(np.tile(case["cost"], (slots, 1)))
    late = np.arange(slots)[:, None] + case["delay"] >= slots
    for column in x[late]:
        program.upper[column] = 0.0
    y = program.columns(price, upper=case["capacity"] / scale)
    shed = None if case["shed"] is None else program.columns(np.full(demand.shape, case["shed"]))
    for t in range(slots):
        for j in range(gateways):
            columns = x[t, case["gateway"] == j]
            if shed is not None:
                columns = np.append(columns, shed[t, j])
            program.row(demand[t, j], demand[t, j], columns, 1.0)
        for i in range(price.shape[1]):
            arcs = np.flatnonzero((case["site"] == i) & (case["delay"] <= t))
            columns = [x[t - case["delay"][a], a] for a in arcs]
            program.row(0.0, 0.0, [y[t, i], *columns], [1.0, *(-case["energy"][arcs])])
    assert count == x.shape[1]
    curved = case["quadratic"] > 0
    curves = {"curved": y[curved], "curve": program.columns(np.ones(int(curved.sum())))}
    constant, norms = float((price * case["idle"]).sum()), []
    for burden in case["burdens"].values():
        constant += _add_term(program, case, burden, y, scale, norms)
    return program, curves, constant, norms


def _add_term(
    program: Program, case: Case, burden: dict[str, Any], y: Array, scale: float, norms: list[Any]
) -> float:
    """Add an equity term; return what it costs whatever is decided."""
    kind, weight, parameter = burden["term"]
    if kind == "none" or (weight == 0 and kind != "budget"):
        return 0.0
    w, groups = burden["sensitivity"], burden["history"].size
    carried = burdens_of(case, burden, np.zeros(y.shape)) / scale
    parts = []  # w E of every region: a constant, columns, values
    for g in range(groups):
        share = np.broadcast_to(shares_of(burden["region"], groups)[g], y.shape)
        cells = share > 0
        factor = 1.0 if kind == "budget" else w[g]
        values = factor * (share * burden["footprint"])[cells]
        parts.append((factor * carried[g], y[cells], values))
    if kind == "budget":
        for (h, columns, values), limit in zip(parts, parameter / scale, strict=True):
            if math.isfinite(limit):
                program.row(-math.inf, limit - h, columns, values)
        return 0.0
    if kind == "sum":
        for _, columns, values in parts:
            for column, value in zip(columns, values, strict=True):
                program.cost[column] += weight * value
        return weight * sum(h for h, _, _ in parts) * scale
    if kind == "norm":
        norms.append((int(program.columns(np.array(weight))), weight, parameter, parts))
        return 0.0
    k = min(parameter or 1, groups)  # max is the mean of the largest one
    level = int(program.columns(np.array(weight), lower=-math.inf))
    for h, columns, values in parts:
        above = int(program.columns(np.array(weight / k)))
        program.row(h, math.inf, [level, above, *columns], [1.0, 1.0, *(-values)])
    return 0.0


def burdens_of(case: Case, burden: dict[str, Any], load: Array) -> Array:
    """Return the burden of every region under a load, history and idle power included."""
    by_site = (burden["footprint"] * (load + case["idle"])).sum(axis=0)
    return burden["history"] + shares_of(burden["region"], burden["history"].size) @ by_site


def shares_of(region: Array, groups: int) -> Array:
    """Return the share of each site's burden that falls on each region, (G, I)."""
    if region.ndim == 2:
        return region
    return (np.arange(groups)[:, None] == region).astype(float)


# ---------------------------------------------------------------------------- the certificate


@dataclass
class Judgement:
    """What the arrays of an answer amount to."""

    unmet: float
    overload: float
    overspent: float
    objective: float
    bound: float
    burdens: dict[str, Array]
    load: Array


def judge(case: Case, work: Array, shed: Array | None, prices: dict[str, Any]) -> Judgement:
    """Recompute violations, cost and bound; prices: capacity, energy (T, I), equity (G,)."""
    slots, gateways = case["demand"].shape
    load, served = np.zeros(case["price"].shape), np.zeros((slots, gateways))
    assert np.isfinite(work).all() and (work >= 0).all(), "work that is negative or not finite"
    for t in range(slots):
        late = t + case["delay"] >= slots
        assert not work[t, late].any(), "work that ends past the horizon"
        np.add.at(served[t], case["gateway"], work[t])
        np.add.at(
            load, (t + case["delay"][~late], case["site"][~late]), (case["energy"] * work[t])[~late]
        )
    objective = float((work @ case["cost"]).sum() + (case["price"] * (load + case["idle"])).sum())
    objective += float((case["quadratic"] * load**2).sum()) / 2
    if shed is not None:
        assert (shed >= 0).all(), "negative shed work"
        served += shed
        objective += case["shed"] * float(shed.sum())
    burdens = {name: burdens_of(case, burden, load) for name, burden in case["burdens"].items()}
    overspent = 0.0
    for name, burden in case["burdens"].items():
        kind, weight, parameter = burden["term"]
        if kind == "budget":
            overspent = max(overspent, _excess(burdens[name], parameter))
        else:
            objective += weight * value(kind, parameter, burden["sensitivity"] * burdens[name])
    unmet = _excess(served, case["demand"], both=True)
    overload = _excess(load, case["capacity"])
    return Judgement(unmet, overload, overspent, objective, bound(case, prices), burdens, load)


def _excess(amount: Array, limit: Array, both: bool = False) -> float:
    """Return the largest excess over a limit as a share of it, of the largest where it is 0."""
    finite = limit[np.isfinite(limit)]
    typical = float(finite.max(initial=0.0)) or 1.0
    over = np.abs(amount - limit) if both else np.maximum(amount - limit, 0.0)
    return float((over / np.where(limit > 0, limit, typical)).max())


def value(kind: str, parameter: Any, z: Array) -> float:
    """Return phi(z)."""
    if kind == "none":
        return 0.0
    if kind == "sum":
        return float(z.sum())
    if kind == "norm":
        top = float(z.max())
        return top and top * float(((z / top) ** parameter).sum() ** (1 / parameter))
    return float(np.sort(z)[::-1][: parameter or 1].mean())


def bound(case: Case, prices: dict[str, Any]) -> float:
    """Return the lower bound at the prices, which must lie in their sets."""
    u, price = prices["capacity"], case["price"].copy()
    assert (u >= 0).all() and np.isfinite(u).all(), "a price of capacity below 0"
    total = float((price * case["idle"]).sum())
    for name, burden in case["burdens"].items():
        kind, weight, parameter = burden["term"]
        lam = prices["equity"][name]
        _require_dual(kind, weight, parameter, lam / burden["sensitivity"])
        total += float(lam @ burdens_of(case, burden, np.zeros(price.shape)))
        if kind == "budget":
            total -= float(sum(x * b for x, b in zip(lam, parameter, strict=True) if x))
        price += (lam @ shares_of(burden["region"], lam.size)) * burden["footprint"]
    price += u
    limited = u > 0
    total -= float((u[limited] * case["capacity"][limited]).sum())
    q = case["quadratic"]
    above = np.where(q > 0, np.maximum(prices["energy"] - price, 0.0), 0.0)
    total -= float((above**2 / np.where(q > 0, 2 * q, 1.0)).sum())
    price = np.where(q > 0, prices["energy"], price)
    slots, gateways = case["demand"].shape
    for t in range(slots):
        there = t + case["delay"]
        usable = there < slots
        worth = case["cost"] + case["energy"] * price[np.minimum(there, slots - 1), case["site"]]
        for j in range(gateways):
            own = worth[usable & (case["gateway"] == j)]
            least = min(
                own.min(initial=math.inf), math.inf if case["shed"] is None else case["shed"]
            )
            if case["demand"][t, j] > 0:
                total += case["demand"][t, j] * least
    return total


def _require_dual(kind: str, weight: float, parameter: Any, theta: Array) -> None:
    slack = 1e-9 * max(1.0, weight)
    assert (theta >= -slack).all(), f"{kind}: a negative price"
    if kind in ("max", "topmean"):
        k = min(parameter or 1, theta.size)
        assert theta.sum() <= weight + slack and theta.max() <= weight / k + slack, (
            f"{kind}: prices too high"
        )
    elif kind == "sum":
        assert np.abs(theta - weight).max() <= slack, "sum: prices other than the weight"
    elif kind == "norm":
        dual = parameter / (parameter - 1)
        assert (np.maximum(theta, 0) ** dual).sum() ** (1 / dual) <= weight + slack, (
            "norm: prices too high"
        )
    elif kind == "none":
        assert not theta.any(), "a price without a term"
