"""One slot at given prices: the exact transport solver, or the offline core where it does not fit.

Work with a delay is served in a later slot.  The slot problem therefore has one cell for every site
and every delay; the capacity of a later cell is what earlier decisions have left of it, and its
price a forecast, or the present one where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .. import _core
from .._account import relative_gap
from .._arrays import FloatArray
from ..choices import Status
from ..errors import InputError
from ..network import Network
from ..problem import Problem
from ..slots import Slot, Static
from ..solver import solve

__all__ = ["Dispatch", "Dispatcher"]

# The offline core serves slots that are no transport problem; its gap is relative to their cost.
CORE_TOLERANCE = 1e-8


class Dispatch(NamedTuple):
    """What is done with the work of a slot.

    Attributes
    ----------
    status : str
        "optimal", or "infeasible" when the work cannot fit; then `message` says why.
    allocation : ndarray of float64, shape (A,)
        Work on every arc.
    load : ndarray of float64, shape (1 + S, I)
        Energy that it will draw now and in the S later slots that delays reach, MWh.
    shed : ndarray of float64, shape (J,), or None
        Work that is dropped.
    gap : float
        Certified gap of the slot problem, relative to its cost.
    message : str
        Why there is no allocation.
    """

    status: Status
    allocation: FloatArray
    load: FloatArray
    shed: FloatArray | None
    gap: float
    message: str = ""


class Dispatcher:
    """Solves the slot problems of one network; everything static is prepared once.

    Parameters
    ----------
    static : Static
        The problem.
    arc_cost : ndarray of float64, shape (A,), optional
        Replaces the arcs' own cost, USD per unit of work.

    Notes
    -----
    A slot is a transport problem when no site has a quadratic cost and energies factor into one
    number a gateway times one a site; it is then solved to rounding.  Otherwise (several models,
    quadratic costs) the offline core solves it to a gap of 1e-8.
    """

    def __init__(self, static: Static, arc_cost: FloatArray | None = None) -> None:
        self._static = static
        self._arc_cost = arc_cost
        network = static.network
        self.delays = int(network.delay.max())
        cost = network.cost if arc_cost is None else arc_cost
        cell = (network.delay * network.sites + network.site).astype(np.int32)
        self._cells = (1 + self.delays) * network.sites
        self._least = np.full(network.gateways, np.inf)  # energy per unit of a gateway's work
        np.minimum.at(self._least, network.gateway, network.energy)
        self._least[np.isinf(self._least)] = 0.0  # a gateway without arcs
        self._arcs = (network.gateway, cell, network.energy, cost)
        self._solver: _core.SlotSolver | None = None
        gateways, energy = network.gateways, network.energy
        if _core.energies_factor(gateways, self._cells, network.gateway, cell, energy):
            self._solver = _core.SlotSolver(
                gateways, self._cells, network.gateway, cell, energy, cost, static.shed_cost
            )

    def __reduce__(self) -> tuple[type[Dispatcher], tuple[Static, FloatArray | None]]:
        """Pickle what it was made from; the compiled solver is built anew."""
        return Dispatcher, (self._static, self._arc_cost)

    def __call__(
        self,
        slot: Slot,
        price: FloatArray,
        committed: FloatArray | None,
        left: int | None,
        later: Sequence[FloatArray] | None = None,
        kept: float = 0.0,
    ) -> Dispatch:
        """Serve the work of a slot at least cost.

        Parameters
        ----------
        slot : Slot
            The data.
        price : ndarray of float64, shape (I,)
            Calibrated price of energy at the sites, USD/MWh.
        committed : ndarray of float64, shape (1 + S, I), or None
            Load that earlier decisions draw now and later; None without delays.
        left : int or None
            Slots after this one; delays that end past them are unusable.
        later : sequence of ndarray of float64, shape (I,), optional
            Prices of the next slots; those that are missing are as the present one's.
        kept : float
            Share of the later capacities that waiting work leaves to the work of those slots.
        """
        if self._solver is not None and slot.quadratic is None and committed is None:
            return self._transport(self._solver, slot, slot.capacity, price)
        known = [price, *(later or ())]
        cells = np.concatenate(known + [price] * (1 + self.delays - len(known)))
        done = self._in_room(slot, self._room(slot, committed, left, kept), cells, committed)
        if done.status == "infeasible" and kept > 0.0:  # what is kept is needed now
            done = self._in_room(slot, self._room(slot, committed, left, 0.0), cells, committed)
        return done

    def _in_room(
        self, slot: Slot, capacity: FloatArray, cells: FloatArray, committed: FloatArray | None
    ) -> Dispatch:
        if slot.quadratic is None and self._solver is not None:
            return self._transport(self._solver, slot, capacity, cells)
        return self._general(slot, capacity, cells, committed)

    def fullness(self, slot: Slot) -> float:
        """Return the share of all capacity that the work of a slot fills, served at once."""
        needed, there = float(self._least @ slot.demand), float(slot.capacity.sum())
        return min(1.0, needed / there) if there > 0 else 1.0

    def _room(
        self, slot: Slot, committed: FloatArray | None, left: int | None, kept: float
    ) -> FloatArray:
        room = np.tile(slot.capacity, (1 + self.delays, 1))
        room[1:, np.isfinite(slot.capacity)] *= 1.0 - kept
        if committed is not None:
            room = np.maximum(room - committed, 0.0)
        if left is not None:
            room[left + 1 :] = 0.0
        return room.reshape(-1)

    def _transport(
        self, solver: _core.SlotSolver, slot: Slot, capacity: FloatArray, price: FloatArray
    ) -> Dispatch:
        try:
            answer = solver.decide(slot.demand, capacity, price)
        except ValueError as error:
            raise InputError(f"slot: {error}") from None
        feasible, allocation, load, shed, objective, bound, _ = answer
        if not feasible:
            return self._general(slot, capacity, price, None)
        gap = relative_gap(objective, bound)
        return Dispatch("optimal", allocation, load.reshape(1 + self.delays, -1), shed, gap)

    def _general(
        self, slot: Slot, capacity: FloatArray, price: FloatArray, committed: FloatArray | None
    ) -> Dispatch:
        gateway, cell, energy, cost = self._arcs
        curve = None if slot.quadratic is None else np.tile(slot.quadratic, 1 + self.delays)
        if curve is not None and committed is not None:
            price = price + curve * committed.reshape(-1)  # what the load that is there adds
        static = self._static
        problem = Problem(
            demand=slot.demand[None],
            capacity=capacity,
            price=price,
            network=Network.from_arcs(gateway, cell, 0, energy, cost, static.gateways, self._cells),
            quadratic=curve,
            shed_cost=static.shed_cost,
            site_names=static.site_names if self.delays == 0 else None,
            gateway_names=static.gateway_names,
        )
        answer = solve(problem, tol=CORE_TOLERANCE, threads=1, max_iterations=100_000)
        load, why = answer.site_load.reshape(1 + self.delays, -1), str(answer.infeasibility or "")
        shed = None if answer.shed is None else answer.shed[0]
        return Dispatch(answer.status, answer.allocation[0], load, shed, answer.gap, why)
