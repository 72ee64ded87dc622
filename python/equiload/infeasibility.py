"""Why a problem has no allocation, in one line and with its proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from . import _core
from ._arrays import FloatArray
from .equity import Budget
from .problem import Problem, region_axis

__all__ = ["Infeasibility", "explain"]


@dataclass(frozen=True)
class Infeasibility:
    """Why no allocation exists: some demand cannot fit the capacity or the budgets that there are.

    Attributes
    ----------
    slot : int or None
        The slot where it shows, if one can be named.
    sites, gateways : tuple of int
        The sites that are too small and the gateways whose work they would have to serve.
    demand, capacity : float
        Energy that the work needs at least, and energy that there is, MWh. With `budgets`, the
        worth of both sides of the proof at its prices instead.
    prices : ndarray of float64, shape (T, I), or None
        Capacity prices ``u`` that prove it: ``sum d min_a k u > sum u C``.
    message : str
        All this in one line; also ``str()`` of the object.
    budgets : mapping of str to ndarray of float64, shape (G,), or None
        Prices ``lambda`` of the budgets, where the proof needs them:
        ``sum d min_a k (u + sum lambda f) + sum lambda h > sum u C + sum lambda B``.
    """

    slot: int | None
    sites: tuple[int, ...]
    gateways: tuple[int, ...]
    demand: float
    capacity: float
    prices: FloatArray | None
    message: str
    budgets: Mapping[str, FloatArray] | None = None

    def __str__(self) -> str:
        """Return the message."""
        return self.message


def explain(problem: Problem, result: _core.Result) -> Infeasibility | None:
    """Say in one line which work cannot fit where, if that is what the core found."""
    if result.status != "infeasible":
        return None
    sites, gateways = tuple(result.infeasible_sites), tuple(result.infeasible_gateways)
    needed, there = result.infeasible_demand, result.infeasible_capacity
    slot = result.infeasible_slot if result.infeasible_slot >= 0 else None
    when = "" if slot is None else f"{problem.slot_axis.at(slot)}: "
    work = problem.gateway_axis.some(gateways) if gateways else "the demand"
    budgets = _budget_prices(problem, result)
    if budgets:
        message = _over_budget(problem, budgets, needed - there)
        prices = result.infeasible_prices
        return Infeasibility(None, (), (), needed, there, prices, message, budgets)
    if sites:
        verb = "needs" if len(gateways) < 2 else "need"
        holds = "holds" if len(sites) == 1 else "hold"
        message = (
            f"{when}{work} {verb} at least {needed:.6g} MWh, but "
            f"{problem.site_axis.some(sites)} {holds} {there:.6g} MWh"
        )
    else:
        message = f"{when}no arc serves the work of {work} within the horizon"
    return Infeasibility(slot, sites, gateways, needed, there, result.infeasible_prices, message)


def _budget_prices(problem: Problem, result: _core.Result) -> dict[str, FloatArray]:
    by_name = zip(problem.footprints, result.infeasible_budget)  # noqa: B905 (empty without proof)
    return {n: lam for n, lam in by_name if isinstance(problem.equity.get(n), Budget)}


def _over_budget(problem: Problem, prices: Mapping[str, FloatArray], excess: float) -> str:
    """Say which budgets cannot be kept together, and by how much at least."""
    top = max(float(lam.max()) for lam in prices.values())
    where = []
    for name, lam in prices.items():
        regions = np.flatnonzero(lam > 1e-3 * top).tolist()
        if regions:
            axis = region_axis(problem.region_names[name])
            where.append(f"{name} in {axis.some(regions)}")
    short = excess / sum(float(lam.sum()) for lam in prices.values())
    return (
        f"the budgets of {' and '.join(where)} cannot all be kept: every allocation exceeds them, "
        f"by {short:.4g} or more on their price-weighted average"
    )
