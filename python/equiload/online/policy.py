"""What all policies share: the slot clock, the burdens so far, delayed work, state to save."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .._account import SlotAccounts
from .._arrays import FloatArray, require_a, require_function
from ..choices import Status
from ..errors import InputError
from ..problem import Problem
from ..slots import Slot, Static
from .dispatch import Dispatch, Dispatcher
from .forecast import WEEK, Forecast, Persistence, believed
from .history import pack_slots, read_past, unpack_slots
from .switching import drawn_towards, read_switching

__all__ = ["Decision", "Policy", "Pricing"]

Pricing: TypeAlias = Callable[[Slot], FloatArray]  # what makes prices (I,) of energy of a slot


class Decision(NamedTuple):
    """What a policy does with the work of a slot.

    Attributes
    ----------
    status : str
        "optimal" (at the policy's prices), "feasible", or "infeasible", with the reason in
        `message`.
    allocation : ndarray of float64, shape (A,)
        Work released in this slot that each arc serves.
    shed : ndarray of float64, shape (J,), or None
        Work that is dropped, where the problem has a `shed_cost`.
    load : ndarray of float64, shape (1 + S, I)
        Energy that this work draws at each site now and in the S slots that delays reach, MWh.
    prices : dict of str to ndarray of float64, shape (G,)
        The price that the policy put on each region's burden, USD per unit.
    gap : float
        Certified gap of the slot problem at these prices.
    message : str
        Why there is no allocation.
    """

    status: Status
    allocation: FloatArray
    shed: FloatArray | None
    load: FloatArray
    prices: Mapping[str, FloatArray]
    gap: float
    message: str = ""


class Policy(abc.ABC):
    """Decides slot by slot, knowing the past and the present only.

    Parameters
    ----------
    static : Static
        What is known beforehand: ``problem.static()``.
    switching : array_like, shape (I,), or float, optional
        Cost of moving load, ``switching / 2 (y - y_before)^2`` a site and slot, USD/MWh^2; free by
        default. A policy that is told heeds it wherever it serves a slot at prices.
    forecast : callable, optional
        What is believed of the later slots that work may wait for; by default the same hour
        yesterday. Without delays nothing asks for it.
    past : Problem or sequence of Slot, optional
        Slots that came before the first one, for the forecast to look back on.

    Attributes
    ----------
    name : str
        For tables.
    switching : ndarray of float64, shape (I,), or None
        The cost of moving load that it heeds.
    slot : int
        Number of the next slot.
    burdens : dict of str to ndarray of float64, shape (G,)
        Burden of every region so far, history included.

    Notes
    -----
    Work that is sent to a later slot is a commitment: the capacity that it takes there is gone, and
    its burden counts when it is served, at the footprint of that slot.
    """

    name = "policy"

    def __init__(
        self,
        static: Static,
        switching: ArrayLike | None = None,
        forecast: Forecast | None = None,
        past: Problem | Sequence[Slot] | None = None,
    ) -> None:
        if not isinstance(static, Static):
            kind = type(static).__name__
            raise InputError(f"static is a {kind}; it must be the result of Problem.static()")
        self.static = static
        self.switching = read_switching(switching, static.network, static.site_names)
        require_function("forecast", forecast, "forecast")
        self._later: Forecast = Persistence() if forecast is None else forecast
        self._dispatch = Dispatcher(static, self._arc_cost())
        self._before = read_past(static, past)[-WEEK:] if self._dispatch.delays else []
        self._accounts = SlotAccounts(static)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next slot is the first."""
        static, delays = self.static, self._dispatch.delays
        self.slot = 0
        self.burdens = {name: static.history[name].copy() for name in static.footprints}
        self._committed = np.zeros((1 + delays, static.sites)) if delays else None
        self._drawn: FloatArray | None = None  # the load of the slot before
        self._seen = list(self._before)  # by which later slots are forecast, where work may wait
        self._fullest = max((self._dispatch.fullness(slot) for slot in self._seen), default=0.0)

    def step(self, slot: Slot) -> Decision:
        """Decide one slot and learn from it.

        Parameters
        ----------
        slot : Slot
            The data of the present slot: ``problem.slot(t)`` or ``static.slot(...)``.

        Returns
        -------
        Decision
            What to do. If the work cannot fit, the status is "infeasible" and nothing is served.

        Raises
        ------
        InputError
            If the arrays do not fit the problem.
        """
        require_a("slot", slot, Slot)
        decision = self.decide(slot)
        self.observe(slot, decision)
        return decision

    @abc.abstractmethod
    def decide(self, slot: Slot) -> Decision:
        """Return what the policy would do with a slot, without taking it as done."""

    def observe(self, slot: Slot, decision: Decision) -> None:
        """Take a decision as done: count its burdens, remember its commitments."""
        load = self.load_now(decision)
        if self._committed is not None:
            self._committed += decision.load
            self._committed[:-1] = self._committed[1:]
            self._committed[-1] = 0.0
            self._seen = [*self._seen[1 - WEEK :], slot]
            self._fullest = max(self._fullest, self._dispatch.fullness(slot))
        burdens = {name: self.burden(name, slot, load) for name in self.burdens}
        for name, burden in burdens.items():
            self.burdens[name] = self.burdens[name] + burden
        if self.switching is not None:
            self._drawn = load.copy()
        self.slot += 1
        self._learn(slot, burdens)

    def load_now(self, decision: Decision) -> FloatArray:
        """Return what a decision and earlier ones draw in the present slot, (I,) MWh."""
        load: FloatArray = decision.load[0]
        if self._committed is not None:
            load = load + self._committed[0]
        return load

    def state_dict(self) -> dict[str, Any]:
        """Return all that a policy of the same settings needs to go on with equal bits."""
        state: dict[str, Any] = {"policy": self.name, "slot": self.slot}
        state |= {f"burden/{name}": value.copy() for name, value in self.burdens.items()}
        if self._committed is not None:
            state["committed"] = self._committed.copy()
            state |= {"fullest": self._fullest} | pack_slots(self._seen, "seen")
        if self._drawn is not None:
            state["drawn"] = self._drawn.copy()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned.

        Raises
        ------
        InputError
            If the state is another policy's, or of another problem.
        """
        require_a("state", state, Mapping, "mapping")
        if state.get("policy") != self.name:
            raise InputError(f"state is of policy {state.get('policy')!r}; this is {self.name!r}")
        self.reset()
        fresh = self.state_dict()
        for key in fresh:
            if key.startswith("seen/"):
                continue
            if key not in state:
                raise InputError(f"state has no {key!r}")
            if np.shape(state[key]) != np.shape(fresh[key]):
                shapes = f"{np.shape(state[key])}; this policy needs {np.shape(fresh[key])}"
                raise InputError(f"state[{key!r}] has shape {shapes}")
        self.slot = int(state["slot"])
        self.burdens = {name: np.array(state[f"burden/{name}"]) for name in self.burdens}
        if self._committed is not None:
            self._committed = np.array(state["committed"])
            self._seen = unpack_slots(state, "seen", self.static.footprints)
            self._fullest = float(state["fullest"])
        if "drawn" in state:
            self._drawn = np.array(state["drawn"])
        self._load(state)

    def burden(self, name: str, slot: Slot, load: FloatArray) -> FloatArray:
        """Return what a load (I,) and idle power add to the burdens of the regions (G,)."""
        return self._accounts.burden(name, slot, load)

    @property
    def left(self) -> int | None:
        """Slots after the present one, if the horizon is known; never less than 0."""
        slots = self.static.slots
        return None if slots is None else max(0, slots - 1 - self.slot)

    def _arc_cost(self) -> FloatArray | None:
        """Return the cost of the arcs as the policy sees it, or None for their own."""
        return None

    def _learn(self, slot: Slot, burdens: Mapping[str, FloatArray]) -> None:
        """Update the policy's own state with the burdens (G,) of the slot that has passed."""
        _ = slot, burdens

    def _load(self, state: Mapping[str, Any]) -> None:
        """Restore the policy's own state."""
        _ = state

    def _burdened(self, slot: Slot, prices: Mapping[str, FloatArray]) -> FloatArray:
        """Return ``p + sum_r lambda_r f_r`` (I,)."""
        return self._accounts.burdened_price(slot, prices)

    def _smoothed(self, slot: Slot, price: FloatArray) -> tuple[Slot, FloatArray]:
        """Return the slot and its prices with the cost of moving load from the slot before."""
        if self.switching is None or self._drawn is None:
            return slot, price
        return drawn_towards(slot, price, self.switching, self._drawn)

    def _serve(
        self, slot: Slot, price: FloatArray | Pricing, prices: Mapping[str, FloatArray]
    ) -> Decision:
        """Serve the slot at calibrated prices (I,) of energy, or at what makes them of a slot.

        Prices of later slots, which work may wait for, are those of their forecast; without a way
        to make them, those of the present slot.
        """
        if callable(price):
            later = self._forecast_prices(slot, price)
            price = price(slot)
        else:
            later = None
        slot, price = self._smoothed(slot, price)
        kept = max(self._fullest, self._dispatch.fullness(slot)) if self._dispatch.delays else 0.0
        done: Dispatch = self._dispatch(slot, price, self._committed, self.left, later, kept)
        return Decision(
            done.status, done.allocation, done.shed, done.load, prices, done.gap, done.message
        )

    def _forecast_prices(self, slot: Slot, price: Pricing) -> list[FloatArray]:
        """Return prices (I,) of the later slots that delays reach, as many as are forecast."""
        delays = self._dispatch.delays
        if not delays:
            return []
        seen = [*self._seen[1 - WEEK :], slot]
        told = believed("forecast", self._later, self.slot, seen, delays)
        return [price(one) for one in told[:delays]]
