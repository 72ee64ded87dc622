"""Solving again what remains: the present slot, and past ones in place of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import FloatArray, read_count, read_number
from ..errors import InputError
from ..network import Network
from ..problem import Problem
from ..slots import Slot, Static
from ..solver import solve
from .forecast import Forecast
from .history import pack_slots, read_past, unpack_slots
from .horizon import out_of_reach
from .mirror import MirrorDescent
from .policy import Decision, Policy

__all__ = ["Resolve"]

MOST_ITERATIONS = 5_000  # of a solve; a few in a thousand would take any number
SHORTEST = 24  # slots to plan for, at least, where nobody knows the horizon
ARCS = 2_600  # in all slots of a solve, that a step may solve for in the mean: some milliseconds
OFTEN = 2  # slots between the solves of a small fleet


@dataclass(frozen=True)
class _Solved:
    """The latest prices that suit each block's future."""

    turn: int  # the solves so far; it says whose turn is next
    known: NDArray[np.bool_]  # (blocks,)
    prices: dict[str, FloatArray]  # (blocks, G)

    @classmethod
    def none(cls, burdens: Mapping[str, FloatArray], blocks: int) -> _Solved:
        """Return that nothing has been solved yet."""
        empty = {name: np.zeros((blocks, value.size)) for name, value in burdens.items()}
        return cls(0, np.zeros(blocks, bool), empty)

    @property
    def mean(self) -> dict[str, FloatArray]:
        """The mean over the blocks, the older the less; 0 while there are none."""
        weight = self.known / (1.0 + np.arange(self.known.size))
        weight = weight / max(weight.sum(), 1e-300)
        return {name: weight @ value for name, value in self.prices.items()}

    def renewed(self, block: int, prices: Mapping[str, FloatArray] | None) -> _Solved:
        """Return these with the prices of one block replaced, if there are new ones."""
        if prices is None:
            return replace(self, turn=self.turn + 1)
        known, table = self.known.copy(), dict(self.prices)
        known[block] = True
        for name, value in prices.items():
            table[name] = table[name].copy()
            table[name][block] = value
        return _Solved(self.turn + 1, known, table)


class Resolve(Policy):
    r"""Solves what remains of the horizon with past slots in place of the future, and no forecast.

    The latest `memory` slots, cut into blocks of consecutive ones, are as many futures that there
    may be. With the burdens E so far, n slots left after the present one and m slots s sampled
    evenly from a block, the prices of the regions' burdens that suit this future are those of

    .. math:: \min\; C_t + \tfrac{n}{m+1} \sum_{s} C_s
              + \sum_r \mu_r \phi_r\bigl(w_r (E_r + B_{r,t} + \tfrac{n}{m+1} \sum_s B_{r,s})\bigr)

    over what is done in each of these slots, the present one also counting as a sample; C is a
    slot's cost and B its burdens. The mean of these prices over the blocks is the slope of the mean
    cost of what remains; the k-th latest block counts 1/k. The blocks take turns: each solve renews
    the prices of one, and only the last slots solve all. What went wrong so far is in E, so prices
    answer to it, and at the end of the horizon exactly. Since the future may be like no block, the
    prices that `MirrorDescent` learns have a share in those that a slot is served at.

    Parameters
    ----------
    static : Static
        What is known beforehand; its number of slots is the horizon. Where nobody knows it, as many
        slots again as have passed count as left, 24 at least.
    past : Problem or sequence of Slot, optional
        Slots that came before the first one, for instance the week before.
    memory : int
        Latest slots to take futures from: two weeks of hours.
    every : int, optional
        Solve every so many slots, and in between go by the last solves; by default from 2 slots on
        as many as keep a step within 20 milliseconds in the mean for a fleet of 1000 sites.
    samples : int
        Past slots in a solve, at least 1.
    tol : float
        Certified gap of a solve, relative to its cost.
    threads : int, optional
        Threads of the solver; the answer has the same bits for any number.
    blocks : int
        How many blocks the memory has: of two days each; with 1 all samples come from all of it.
    steady : float
        The share of mirror descent's prices, from 0 to 1; 0 where an equity term is a hard limit,
        from which mirror descent learns nothing.
    switching : array_like, shape (I,), or float, optional
        Cost of moving load that it heeds within a slot, USD/MWh^2: see `simulate`.
    forecast : callable, optional
        What is believed of the later slots that work may wait for; by default the same hour
        yesterday.

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
        memory: int = 336,
        every: int | None = None,
        samples: int = 12,
        tol: float = 1e-2,
        threads: int | None = 1,
        blocks: int = 7,
        steady: float = 0.3,
        switching: ArrayLike | None = None,
        forecast: Forecast | None = None,
    ) -> None:
        self.memory = read_count("memory", memory)
        self.samples = read_count("samples", samples)
        self.every = self._seldom(static) if every is None else read_count("every", every)
        self.blocks = min(read_count("blocks", blocks), self.memory)
        self.tol = read_number("tol", tol, "it must be above 0", 0.0, open_=True)
        self.threads = threads
        rule = "it must be from 0 to 1"
        self.steady = read_number("steady", steady, rule, 0.0)
        if self.steady > 1:
            raise InputError(f"steady is {steady}; {rule}")
        self._given = read_past(static, past)[-self.memory :]
        self._network = _without_delays(static.network)
        self._learner = _learner(static, self._given) if self.steady > 0 else None
        super().__init__(static, switching, forecast, self._given)

    def reset(self) -> None:
        """Forget everything but the given past: the next slot is the first."""
        super().reset()
        self._past = list(self._given)
        self._solved = _Solved.none(self.burdens, self.blocks)
        self._next: tuple[int, _Solved] | None = None
        if self._learner is not None:
            self._learner.reset()

    def decide(self, slot: Slot) -> Decision:
        """Serve the slot at the prices of what remains, solved anew if it is due."""
        solved = self._solved
        if self.slot % self.every == 0:
            solved = self._solve(slot)
            self._next = self.slot, solved
        prices = self._steadied(slot, solved.mean)
        return self._serve(slot, partial(self._burdened, prices=prices), prices)

    def _steadied(self, slot: Slot, prices: dict[str, FloatArray]) -> dict[str, FloatArray]:
        """Return prices of which mirror descent's have a share."""
        if self._learner is None:
            return prices
        learnt = self._learner.prices_for(slot)
        return {
            name: (1 - self.steady) * value + self.steady * learnt.get(name, value)
            for name, value in prices.items()
        }

    def observe(self, slot: Slot, decision: Decision) -> None:
        """Take a decision as done, and keep its prices until the next solve."""
        if self._next is not None and self._next[0] == self.slot:
            self._solved = self._next[1]
        if self._learner is not None:
            self._learner.observe(slot, decision)
        super().observe(slot, decision)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a policy of the same settings needs to go on with equal bits."""
        state = super().state_dict() | pack_slots(self._past)
        state |= {"turn": self._solved.turn, "known": self._solved.known.copy()}
        if self._learner is not None:
            state["learner"] = self._learner.state_dict()
        return state | {f"price/{n}": value.copy() for n, value in self._solved.prices.items()}

    def _load(self, state: Mapping[str, Any]) -> None:
        prices = {name: np.array(state[f"price/{name}"]) for name in self.static.footprints}
        self._solved = _Solved(int(state["turn"]), np.array(state["known"]), prices)
        self._past = unpack_slots(state, "past", self.static.footprints)
        if self._learner is not None:
            self._learner.load_state_dict(state["learner"])

    def _learn(self, slot: Slot, burdens: Mapping[str, FloatArray]) -> None:
        self._past = [*self._past[1 - self.memory :], slot] if self.memory > 1 else [slot]

    def _seldom(self, static: Static) -> int:
        """Return after how many slots to solve again."""
        return max(OFTEN, (1 + self.samples) * len(static.network) // ARCS)

    def _solve(self, slot: Slot) -> _Solved:
        """Renew the prices of the block whose turn it is, or of those without any; last of all."""
        futures, solved = self._futures(), self._solved
        count = len(futures)
        due = [block for block in range(count) if not solved.known[block]]
        if self.left is not None and self.left < count * OFTEN:
            due = list(range(count))
        for block in due or [solved.turn % count]:
            solved = solved.renewed(block, self._prices_of(self._remains(slot, futures[block])))
        return solved

    def _futures(self) -> list[list[Slot]]:
        """Return the samples of every block of the memory, the latest first."""
        length = self.memory // self.blocks
        count = min(max(1, len(self._past) // length), self.blocks)
        if count == 1:
            return [self._sampled(self._past)]
        ends = [len(self._past) - n * length for n in range(count)]
        return [self._sampled(self._past[end - length : end]) for end in ends]

    def _sampled(self, block: list[Slot]) -> list[Slot]:
        count = len(block)
        if count <= self.samples:
            return block
        chosen = np.unique(np.round(np.linspace(0, count - 1, self.samples)).astype(int))
        return [block[n] for n in chosen]

    def _prices_of(self, problem: Problem) -> dict[str, FloatArray] | None:
        """Return the prices of what remains, or None where it has no answer."""
        settings: dict[str, Any] = {"tol": self.tol, "threads": self.threads}
        settings["max_iterations"] = MOST_ITERATIONS
        answer = solve(problem, **settings)
        if answer.status == "infeasible" and problem.shed_cost is None:
            answer = solve(problem.replace(shed_cost=out_of_reach(problem)), **settings)
        if answer.status not in ("optimal", "feasible"):
            return None
        return {name: np.array(value) for name, value in answer.prices.equity.items()}

    def _remains(self, slot: Slot, future: list[Slot]) -> Problem:
        """Build the problem of the present slot and the weighted samples."""
        left = max(self.slot, SHORTEST) if self.left is None else self.left
        slots, weight = [slot], np.ones(1)
        if left > 0:
            slots += future
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


def _learner(static: Static, past: Sequence[Slot]) -> MirrorDescent | None:
    """Return what learns beside the solves, or None where the equity terms let nothing learn."""
    try:
        return MirrorDescent(static, past=past)
    except InputError:  # a hard limit has no price to learn
        return None


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
