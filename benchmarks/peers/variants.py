"""What becomes of a named problem: other equity functions, waiting work, quadratic costs, models.

The named problems have minimax terms, work that is served at once and linear costs; a variant
changes one of these, ``all`` every one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import equiload

WAITING = 0.2  # share of every gateway's work that may wait
WAITING_COST = 0.05  # USD/MWh a slot
CONGESTION = 0.2  # quadratic cost of a full site over its mean energy cost


def split_waiting(
    problem: equiload.Problem, slots: int, cost_per_slot: float = 0.0
) -> equiload.Problem:
    """Split every gateway into work to be served at once and work that may wait for `slots`."""
    import equiload as el

    gateways, network = problem.gateways, problem.network
    doubled = el.Network.from_arcs(
        np.concatenate([network.gateway, network.gateway + gateways]),
        np.tile(network.site, 2),
        energy=np.tile(network.energy, 2),
        cost=np.tile(network.cost, 2),
        gateways=2 * gateways,
        sites=problem.sites,
    )
    if slots:
        waiting = dict.fromkeys(range(gateways, 2 * gateways), slots)
        doubled = doubled.with_delays(waiting, cost_per_slot)
    return problem.replace(
        demand=np.hstack([(1 - WAITING) * problem.demand, WAITING * problem.demand]),
        network=doubled,
        gateway_names=None,
    )


def _waits(problem: equiload.Problem, slots: int) -> equiload.Problem:
    return split_waiting(problem, slots, WAITING_COST)


def _norm(problem: equiload.Problem, q: float) -> equiload.Problem:
    import equiload as el

    equity = {key: el.Norm(term.weight, q) for key, term in problem.equity.items()}
    return problem.replace(equity=equity)


def _topmean(problem: equiload.Problem) -> equiload.Problem:
    import equiload as el

    equity = {key: el.TopMean(term.weight, k=3) for key, term in problem.equity.items()}
    return problem.replace(equity=equity)


def _budget(problem: equiload.Problem) -> equiload.Problem:
    """Limit burdens a little above the least heaviest one: tight, and surely feasible."""
    import equiload as el

    fair = el.solve(problem, tol=1e-4)
    limits = {key: el.Budget(1.01 * float(fair.footprints[key].max())) for key in problem.equity}
    return problem.replace(equity=limits)


def _quadratic(problem: equiload.Problem) -> equiload.Problem:
    mean = np.abs(problem.price).mean(axis=0)
    return problem.replace(quadratic=2 * CONGESTION * mean / problem.capacity)


def _models(problem: equiload.Problem) -> equiload.Problem:
    import equiload as el

    kinds = [el.Model("large"), el.Model("small", energy=0.3, cost=30.0)]
    return problem.replace(network=problem.network.with_models(kinds))


def _all(problem: equiload.Problem) -> equiload.Problem:
    """Quadratic costs, two models, waiting for up to a day, a norm and a mean of the largest."""
    import equiload as el

    first, *rest = problem.equity
    equity: dict[str, equiload.Equity] = {first: el.Norm(problem.equity[first].weight, 4.0)}
    equity |= {key: el.TopMean(problem.equity[key].weight, k=3) for key in rest}
    return _waits(_models(_quadratic(problem)), 24).replace(equity=equity)


VARIANTS: dict[str, Callable[[equiload.Problem], equiload.Problem]] = {
    "max": lambda problem: problem,
    "topmean": _topmean,
    "budget": _budget,
    **{f"norm-{q:g}": partial(_norm, q=q) for q in (1.5, 2.0, 4.0, 16.0)},
    **{f"waits-{slots}": partial(_waits, slots=slots) for slots in (4, 24, 48)},
    "quadratic": _quadratic,
    "models": _models,
    "all": _all,
}
