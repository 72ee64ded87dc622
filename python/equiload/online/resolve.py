"""Solving again what remains: the present slot, and past ones in place of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._arrays import FloatArray, read_count, read_number
from ..network import Network
from ..problem import Problem
from ..slots import Slot, Static
from ..solver import solve
from .history import pack_slots, read_past, unpack_slots
from .horizon import out_of_reach
from .policy import Decision, Policy

__all__ = ["Resolve"]

MOST_ITERATIONS = 5_000  # of a solve; a few in a thousand would take any number
SHORTEST = 24  # slots to plan for, at least, where nobody knows the horizon


class Resolve(Policy):
    r"""Solves what remains of the horizon with past slots in place of the future, and no forecast.

    With the burdens E so far, n slots left after the present one and m slots s sampled evenly from
    the latest `memory` ones, the prices of the regions' burdens are those of

    .. math:: \min\; C_t + \tfrac{n}{m+1} \sum_{s} C_s
              + \sum_r \mu_r \phi_r\bigl(w_r (E_r + B_{r,t} + \tfrac{n}{m+1} \sum_s B_{r,s})\bigr)

    over what is done in each of these slots, the present one also counting as a sample; C is a
    slot's cost and B its burdens. The slot is then served at these prices. What went wrong so far
    is in E, so prices answer to it at once, and at the end of the horizon exactly.

    Parameters
    ----------
    static : Static
        What is known beforehand; its number of slots is the horizon. Where nobody knows it, as many
        slots again as have passed count as left, 24 at least.
    past : Problem or sequence of Slot, optional
        Slots that came before the first one, for instance the week before.
    memory : int
        Latest slots to sample from. Few of them follow a price that drifts, many tell its level.
    every : int
        Solve every so many slots; in between the prices stay.
    samples : int
        Past slots in a solve, at least 1.
    tol : float
        Certified gap of a solve, relative to its cost.
    threads : int, optional
        Threads of the solver; the answer has the same bits for any number.

    Raises
    ------
    InputError
        If a setting is out of range or a past slot does not fit the problem.

    Notes
    -----
    Sampled slots have no later ones: there, work of a gateway is served with its shortest delay.

    References
    ----------
    arXiv 2602.10469 and arXiv 2209.00399 (solving again with samples).
    """

    name = "Resolve"

    def __init__(
        self,
        static: Static,
        past: Problem | Sequence[Slot] | None = None,
        memory: int = 96,
        every: int = 4,
        samples: int = 24,
        tol: float = 1e-4,
        threads: int | None = 1,
    ) -> None:
        self.memory = read_count("memory", memory)
        self.every = read_count("every", every)
        self.samples = read_count("samples", samples)
        self.tol = read_number("tol", tol, "it must be above 0", 0.0, open_=True)
        self.threads = threads
        self._given = read_past(static, past)[-self.memory :]
        self._network = _without_delays(static.network)
        super().__init__(static)

    def reset(self) -> None:
        """Forget everything but the given past: the next slot is the first."""
        super().reset()
        self._past = list(self._given)
        self._prices = {name: np.zeros_like(value) for name, value in self.burdens.items()}

    def decide(self, slot: Slot) -> Decision:
        """Serve the slot at the prices of what remains, solved anew if it is due."""
        prices = self._solved(slot) if self.slot % self.every == 0 else self._prices
        return self._serve(slot, self._burdened(slot, prices), prices)

    def observe(self, slot: Slot, decision: Decision) -> None:
        """Take a decision as done, and keep its prices until the next solve."""
        self._prices = {name: decision.prices.get(name, p) for name, p in self._prices.items()}
        super().observe(slot, decision)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a policy of the same settings needs to go on with equal bits."""
        prices = {f"price/{name}": value.copy() for name, value in self._prices.items()}
        return super().state_dict() | prices | pack_slots(self._past)

    def _load(self, state: Mapping[str, Any]) -> None:
        self._prices = {name: np.array(state[f"price/{name}"]) for name in self._prices}
        self._past = unpack_slots(state, self.static.footprints)

    def _learn(self, slot: Slot, burdens: Mapping[str, FloatArray]) -> None:
        self._past = [*self._past[1 - self.memory :], slot] if self.memory > 1 else [slot]

    def _solved(self, slot: Slot) -> dict[str, FloatArray]:
        """Return the prices of what remains; the last ones where it has no answer."""
        problem = self._remains(slot)
        settings: dict[str, Any] = {"tol": self.tol, "threads": self.threads}
        settings["max_iterations"] = MOST_ITERATIONS
        answer = solve(problem, **settings)
        if answer.status == "infeasible" and problem.shed_cost is None:
            answer = solve(problem.replace(shed_cost=out_of_reach(problem)), **settings)
        if answer.status not in ("optimal", "feasible"):
            return self._prices
        return {name: np.array(value) for name, value in answer.prices.equity.items()}

    def _remains(self, slot: Slot) -> Problem:
        """Build the problem of the present slot and the weighted samples."""
        left = max(self.slot, SHORTEST) if self.left is None else self.left
        slots, weight = [slot], np.ones(1)
        if left > 0:
            slots += self._sampled()
            weight = np.full(len(slots), left / len(slots))
            weight[0] += 1.0
        weight = weight[:, None]
        quadratic = None
        if slot.quadratic is not None:
            quadratic = np.array([s.quadratic for s in slots]) / weight
        static = self.static
        return Problem(
            demand=weight * np.array([s.demand for s in slots]),
            capacity=weight * np.array([s.capacity for s in slots]),
            price=np.array([s.price for s in slots]),
            footprints={
                name: np.array([s.footprints[name] for s in slots]) for name in static.footprints
            },
            equity=static.equity,
            network=self._network,
            regions=static.regions,
            history=self.burdens,
            sensitivity=static.sensitivity,
            quadratic=quadratic,
            shed_cost=static.shed_cost,
            idle_power=None if slot.idle is None else weight * np.array([s.idle for s in slots]),
        )

    def _sampled(self) -> list[Slot]:
        count = len(self._past)
        if count <= self.samples:
            return self._past
        chosen = np.unique(np.round(np.linspace(0, count - 1, self.samples)).astype(int))
        return [self._past[n] for n in chosen]


def _without_delays(network: Network) -> Network:
    """Return the arcs of every gateway's shortest delay, undelayed."""
    if not network.delay.any():
        return network
    shortest = np.full(network.gateways, network.delay.max())
    np.minimum.at(shortest, network.gateway, network.delay)
    keep = network.delay == shortest[network.gateway]
    gateway, site = network.gateway[keep], network.site[keep]
    energy, cost = network.energy[keep], network.cost[keep]
    return Network.from_arcs(gateway, site, 0, energy, cost, network.gateways, network.sites)
