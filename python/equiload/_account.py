"""What work draws, whom that burdens and what it costs: the one place for this arithmetic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._arrays import FloatArray, IntArray
from ._regions import at_sites, by_region, is_map
from .equity import Equity
from .network import Network
from .problem import COSTS, Problem
from .slots import Slot, Static

__all__ = [
    "SlotAccounts",
    "breakdown",
    "burdened_price",
    "burdens",
    "burdens_by_slot",
    "drawn",
    "equity_costs",
    "loads",
    "operator_cost",
    "relative_gap",
    "site_costs",
]


def relative_gap(objective: float, lower_bound: float) -> float:
    """Return ``(objective - lower_bound) / max(1, |objective|)``; NaN where either is infinite."""
    if not (math.isfinite(objective) and math.isfinite(lower_bound)):
        return math.nan
    return (objective - lower_bound) / max(1.0, abs(objective))


def operator_cost(breakdown: Mapping[str, float]) -> float:
    """Return what the operator pays: all parts of an objective but the equity terms, USD."""
    return math.fsum(breakdown[name] for name in COSTS)


def drawn(network: Network, work: FloatArray) -> FloatArray:
    """Return the energy that the work of a slot (A,) draws now and later, (1 + S, I)."""
    cell, cells = _cells(network)
    energy = np.bincount(cell, network.energy * work, cells).astype(np.float64, copy=False)
    return energy.reshape(-1, network.sites)


def loads(problem: Problem, allocation: FloatArray) -> FloatArray:
    """Return the energy that the work of all slots (T, A) draws at every site, (T, I)."""
    network, (slots, sites) = problem.network, (problem.slots, problem.sites)
    cell, cells = _cells(network)
    load = np.zeros(slots * sites + cells)
    for t, work in enumerate(allocation):
        load[t * sites : t * sites + cells] += np.bincount(cell, network.energy * work, cells)
    return load[: slots * sites].reshape(slots, sites)


def _cells(network: Network) -> tuple[IntArray, int]:
    """Return the place of every arc among the cells of a slot and its later ones; their number."""
    cell = network.delay.astype(np.int64) * network.sites + network.site
    return cell, (int(network.delay.max()) + 1) * network.sites


def burdens(problem: Problem, load: FloatArray) -> dict[str, FloatArray]:
    """Return what a load (T, I), history and idle power burden every region with, (G,) each."""
    return {
        name: problem.carried[name]
        + by_region(problem.regions[name], (values * load).sum(axis=0), problem.carried[name].size)
        for name, values in problem.footprints.items()
    }


def burdens_by_slot(problem: Problem, name: str, load: FloatArray) -> FloatArray:
    """Return what a load and idle power add to one footprint's regions in every slot, (T, G)."""
    added = np.zeros((problem.slots, problem.history[name].size))
    idle = 0.0 if problem.idle_power is None else problem.idle_power
    regions: Any = problem.regions[name]
    by_site = problem.footprints[name] * (load + idle)
    if is_map(regions):
        result: FloatArray = by_site @ regions.T
        return result
    np.add.at(added.T, regions, by_site.T)
    return added


def backlogs(problem: Problem, allocation: FloatArray) -> FloatArray:
    """Return the work carried out of each slot by gateway (T, J): released and not yet served."""
    network, change = problem.network, np.zeros((problem.slots, problem.gateways))
    for arc in np.flatnonzero(network.delay):
        gateway, delay = int(network.gateway[arc]), int(network.delay[arc])
        change[:, gateway] += allocation[:, arc]
        change[delay:, gateway] -= allocation[:-delay, arc]
    waiting: FloatArray = np.maximum(change.cumsum(axis=0), 0.0)
    return waiting


def burdened_price(problem: Problem, prices: Mapping[str, FloatArray]) -> FloatArray:
    """Return ``c0 = p + sum_r lambda_r f_r`` (T, I) at prices of the burdens."""
    cost = problem.price.copy()
    for name, price in prices.items():
        cost += at_sites(problem.regions[name], price) * problem.footprints[name]
    return cost


def equity_costs(
    equity: Mapping[str, Equity],
    sensitivity: Mapping[str, FloatArray],
    totals: Mapping[str, FloatArray],
) -> dict[str, float]:
    """Return what every equity term makes of the regions' burdens, USD."""
    return {
        name: term.weight * term.value(sensitivity[name] * totals[name])
        for name, term in equity.items()
    }


def site_costs(problem: Problem, load: FloatArray) -> tuple[float, float]:
    """Return what energy costs at a load (T, I), linear and quadratic, USD."""
    curve = 0.0
    if problem.quadratic is not None:
        curve = float((problem.quadratic * load**2).sum()) / 2
    return float((problem.price * load).sum()), curve


def breakdown(
    problem: Problem,
    allocation: FloatArray,
    shed: FloatArray | None,
    load: FloatArray,
    totals: Mapping[str, FloatArray],
) -> dict[str, float]:
    """Return the objective by part, USD."""
    energy, curve = site_costs(problem, load)
    dropped = 0.0 if shed is None else (problem.shed_cost or 0.0) * float(shed.sum())
    arc = float((allocation @ problem.network.cost).sum())
    costs = dict(zip(COSTS, (energy, arc, curve, dropped, problem.idle_cost), strict=True))
    return costs | equity_costs(problem.equity, problem.sensitivity, totals)


class SlotAccounts:
    """The same for single slots, as they come."""

    def __init__(self, static: Static) -> None:
        self._static = static
        own = np.arange(static.sites)
        self._region = {  # None: every site is its own region, which saves a sum
            name: None if np.array_equal(region, own) else region
            for name, region in static.regions.items()
        }

    def burden(self, name: str, slot: Slot, load: FloatArray) -> FloatArray:
        """Return what a load (I,) and idle power add to the burdens of the regions (G,)."""
        draw = load if slot.idle is None else load + slot.idle
        by_site: FloatArray = slot.footprints[name] * draw
        region = self._region[name]
        if region is None:
            return by_site
        return by_region(region, by_site, self._static.history[name].size)

    def burdened_price(self, slot: Slot, prices: Mapping[str, FloatArray]) -> FloatArray:
        """Return ``p + sum_r lambda_r f_r`` (I,)."""
        price = slot.price
        for name, value in prices.items():
            region = self._region[name]
            at_site = value if region is None else at_sites(region, value)
            price = price + at_site * slot.footprints[name]
        return price

    def cost(
        self, slot: Slot, load: FloatArray, work: FloatArray, shed: FloatArray | None
    ) -> float:
        """Return what the operator pays for a load (I,), work (A,) and shed work (J,), USD."""
        static = self._static
        cost = float(slot.price @ load) + float(static.network.cost @ work)
        if slot.idle is not None:
            cost += float(slot.price @ slot.idle)
        if slot.quadratic is not None:
            cost += float(slot.quadratic @ load**2) / 2
        if shed is not None:
            cost += (static.shed_cost or 0.0) * float(shed.sum())
        return cost

    def equity(self, totals: Mapping[str, FloatArray]) -> float:
        """Return what the equity terms make of burdens so far (G,), USD."""
        return sum(equity_costs(self._static.equity, self._static.sensitivity, totals).values())
