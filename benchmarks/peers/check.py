"""The judge: cost, violation and lower bound from the arrays alone, straight from the definitions.

Shares no code with equiload nor with the linear programs that the peers get.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .instance import Footprint, Instance


@dataclass(frozen=True)
class Verdict:
    """What an allocation really costs and by how much it breaks the rules."""

    objective: float  # USD
    violation: float  # worst broken row over max(1, its right-hand side)
    violation_mwh: float  # worst broken row, MWh, or units of a footprint with a budget


def site_load(instance: Instance, allocation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return y[t, i] = sum over the arcs into i of k x[t - s, a]."""
    load = np.zeros_like(instance.price)
    for delay in np.unique(instance.delay):
        arcs = np.flatnonzero(instance.delay == delay)
        served = allocation[: max(0, instance.slots - delay), arcs] * instance.energy[arcs]
        np.add.at(load[delay:].T, instance.site[arcs], served.T)
    return load


def equity(footprint: Footprint, burden: NDArray[np.float64]) -> float:
    """Return what the weighted burdens of the regions come to, before the weight."""
    if footprint.kind == "sum":
        return float(burden.sum())
    if footprint.kind == "topmean":
        return float(np.sort(burden)[::-1][: footprint.count].mean())
    if footprint.kind == "norm":
        most = float(burden.max())
        return (
            most * float(((burden / most) ** footprint.q).sum() ** (1 / footprint.q))
            if most
            else 0.0
        )
    return float(burden.max())


def judge(instance: Instance, allocation: NDArray[np.float64]) -> Verdict:
    """Recompute objective and violations of an allocation (T, A)."""
    load = site_load(instance, allocation)
    served = np.zeros_like(instance.demand)
    np.add.at(served.T, instance.gateway, allocation.T)
    past = np.arange(instance.slots)[:, None] + instance.delay >= instance.slots

    objective = float((allocation * instance.cost).sum() + (load * instance.price).sum())
    objective += float((instance.quadratic * load**2).sum()) / 2
    budgets = []
    for footprint in instance.footprints:
        total = footprint.history.copy()
        np.add.at(total, footprint.region, (footprint.values * load).sum(axis=0))
        objective += footprint.weight * equity(footprint, footprint.sensitivity * total)
        budgets.append((total - footprint.limit, np.minimum(footprint.limit, total)))

    bounded = np.isfinite(instance.capacity)
    broken = [
        (np.abs(served - instance.demand), instance.demand),
        ((load - instance.capacity)[bounded], instance.capacity[bounded]),
        (np.maximum(-allocation, np.where(past, np.abs(allocation), 0.0)), 0.0),
        *budgets,
    ]
    return Verdict(
        objective,
        max(float(np.max(by / np.maximum(1.0, scale), initial=0.0)) for by, scale in broken),
        max(float(np.max(by, initial=0.0)) for by, _ in broken),
    )


def admissible(footprint: Footprint, price: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return prices of burdens that give a bound, near the given ones, which are not negative."""
    if footprint.kind == "budget":
        return np.where(np.isfinite(footprint.limit), price, 0.0)
    unit = footprint.weight * footprint.sensitivity
    if footprint.kind == "sum":
        return unit
    theta = np.divide(price, unit, out=np.zeros_like(unit), where=unit > 0)
    if footprint.kind == "norm":
        most, dual = float(theta.max()), footprint.q / (footprint.q - 1.0)
        size = most * float(((theta / most) ** dual).sum() ** (1 / dual)) if most else 0.0
        return unit * theta / max(1.0, size)
    theta = np.minimum(theta, 1.0 / min(footprint.count, theta.size))
    return unit * theta / max(1.0, theta.sum())


def least_cost(
    instance: Instance, price: NDArray[np.float64], energy_price: NDArray[np.float64]
) -> float:
    """Return min over 0 <= y <= capacity of (price - v) y + q y^2 / 2, summed over the cells."""
    slope, q = energy_price - price, instance.quadratic
    best = np.divide(slope, q, out=np.where(slope > 0, np.inf, 0.0), where=q > 0)
    load = np.minimum(np.maximum(best, 0.0), instance.capacity)
    open_ = load > 0
    return float((q[open_] * load[open_] ** 2 / 2 - slope[open_] * load[open_]).sum())


def lower_bound(
    instance: Instance,
    energy_price: NDArray[np.float64],
    equity_prices: list[NDArray[np.float64]],
) -> float:
    """Return a lower bound on the optimum: valid for every price once these are made admissible.

    For marginal prices v of energy (T, I) and lambda of burdens: work at its cheapest arc at v, and
    every cell at its cheapest load, which pays v, p, lambda f and q.
    """
    price, bound = instance.price.copy(), 0.0
    for footprint, given in zip(instance.footprints, equity_prices, strict=True):
        burden_price = admissible(footprint, np.maximum(given, 0.0))
        price += burden_price[footprint.region] * footprint.values
        bound += float(burden_price @ footprint.history)
        if footprint.kind == "budget":
            priced = burden_price > 0
            bound -= float((burden_price * np.where(priced, footprint.limit, 0.0)).sum())
    unbounded = ~np.isfinite(instance.capacity) & (instance.quadratic == 0)
    marginal = np.where(unbounded, np.minimum(energy_price, price), energy_price)
    bound += least_cost(instance, price, marginal)

    best = np.full_like(instance.demand, np.inf)
    for delay in np.unique(instance.delay):
        arcs = np.flatnonzero(instance.delay == delay)
        worth = instance.cost[arcs] + instance.energy[arcs] * marginal[delay:, instance.site[arcs]]
        usable = max(0, instance.slots - delay)
        np.minimum.at(best[:usable].T, instance.gateway[arcs], worth.T)
    needed = instance.demand > 0
    return bound + float((instance.demand[needed] * best[needed]).sum())
