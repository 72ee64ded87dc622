"""Following advice without ever paying much more than a policy that needs none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._arrays import FloatArray, read_number
from ..errors import InputError
from ..slots import Slot
from .mirror import MirrorDescent
from .policy import Decision, Policy

__all__ = ["Robust"]

HALVINGS = 40  # of the share of the advice that the bound allows
ROUNDING = 1e-12  # of a later load that two decisions may differ by


class Robust(Policy):
    r"""Follows advice as far as a bound against a fallback policy allows.

    Let :math:`J_F(t)` be what the fallback would have paid up to slot t had it acted alone: its
    operating cost plus the equity terms of its burdens so far, history included. Then on every
    input

    .. math:: J(T) \le J_F(T) + \text{trust} \cdot \max_{t \le T} J_F(t),

    that is, at most ``1 + trust`` times the fallback's cost wherever that cost only grows (prices
    and arc costs of at least 0). The bound holds after every slot, not only after the last.

    It is kept by a debt. With C the operating cost and E the burdens, own and the fallback's,

    .. math:: D(t) = C(t) - C_F(t) + \sum_r \mu_r \phi_r(w_r \max(E(t) - E_F(t), 0)),

    and since phi is non-decreasing and subadditive, J(t) is at most J_F(t) + D(t). Each slot serves
    the largest share of the advice, and the rest as the fallback does, that keeps D(t) within
    ``trust * max J_F``; doing just as the fallback does leaves D as it is, so there always is one.

    Where work may wait, what the decisions have left for later slots stays at or below what the
    fallback's have, site by site. So the fallback's next decisions fit, whatever they are, and D
    does not grow by what is served later, as long as prices of energy are at least 0.

    Parameters
    ----------
    advice : Policy
        What to follow, for instance a `RecedingHorizon`. It sees the decisions really taken.
    fallback : Policy, optional
        What to be measured against, for instance (the default) a `MirrorDescent`. It sees its own.
    trust : float
        Share of the fallback's cost that bad advice may cost; at least 0.

    Raises
    ------
    InputError
        If the policies are of different problems, or the trust is negative.

    References
    ----------
    arXiv 2512.11131 and the literature on learning-augmented algorithms that it cites.
    """

    name = "Robust"

    def __init__(self, advice: Policy, trust: float = 0.1, fallback: Policy | None = None) -> None:
        self.trust = read_number("trust", trust, "it must be finite and not negative", 0.0)
        self.advice = advice
        self.fallback = MirrorDescent(advice.static) if fallback is None else fallback
        if self.fallback.static is not advice.static:
            same = self.fallback.static.network == advice.static.network
            if not same or dict(self.fallback.static.equity) != dict(advice.static.equity):
                raise InputError("fallback and advice are policies of different problems")
        super().__init__(advice.static)

    def reset(self) -> None:
        """Forget everything: the next slot is the first."""
        super().reset()
        self.advice.reset()
        self.fallback.reset()
        self.debt = 0.0
        self._extra = 0.0  # operating cost so far, beyond the fallback's
        self._fallback_cost = 0.0
        self._peak = max(0.0, self._equity(self.fallback.burdens))

    @property
    def bound(self) -> float:
        """The most that may have been paid so far, equity terms included, USD."""
        paid = self._fallback_cost + self._equity(self.fallback.burdens)
        return paid + self.trust * self._peak

    def decide(self, slot: Slot) -> Decision:
        """Serve the slot by the largest share of the advice that the bound allows."""
        told, safe = self.advice.decide(slot), self.fallback.decide(slot)
        if "infeasible" in (told.status, safe.status):
            return safe
        allowed = self.trust * max(self._peak, self._paid_after(slot, safe))
        low, high = 0.0, self._share_that_fits(told, safe)
        most = told if high == 1.0 else _mix(told, safe, high)
        if self._debt_after(slot, most, safe) <= allowed:
            return most
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            within = self._debt_after(slot, _mix(told, safe, middle), safe) <= allowed
            low, high = (middle, high) if within else (low, middle)
        return _mix(told, safe, low)

    def observe(self, slot: Slot, decision: Decision) -> None:
        """Take a decision as done, and let advice and fallback learn from it and from their own."""
        safe = self.fallback.decide(slot)
        if "infeasible" not in (decision.status, safe.status):
            theirs = self._cost(self.fallback, slot, safe)
            self._extra += self._cost(self, slot, decision) - theirs
            self._fallback_cost += theirs
        self.fallback.observe(slot, safe)
        self.advice.observe(slot, decision)
        super().observe(slot, decision)
        self.debt = self._extra + self._excess(self.burdens, self.fallback.burdens)
        self._peak = max(self._peak, self._fallback_cost + self._equity(self.fallback.burdens))

    def state_dict(self) -> dict[str, Any]:
        """Return all that a policy of the same settings needs to go on with equal bits."""
        own = {"extra": self._extra, "fallback_cost": self._fallback_cost, "peak": self._peak}
        state = super().state_dict() | own | {"debt": self.debt}
        state["advice"], state["fallback"] = self.advice.state_dict(), self.fallback.state_dict()
        return state

    def _load(self, state: Mapping[str, Any]) -> None:
        self._extra, self._peak = float(state["extra"]), float(state["peak"])
        self._fallback_cost, self.debt = float(state["fallback_cost"]), float(state["debt"])
        self.advice.load_state_dict(state["advice"])
        self.fallback.load_state_dict(state["fallback"])

    def _share_that_fits(self, told: Decision, safe: Decision) -> float:
        """Return the share of the advice that leaves no more for later than the fallback does."""
        ours, theirs = self._committed, self.fallback._committed
        if ours is None or theirs is None:
            return 1.0
        more = told.load[1:] - safe.load[1:]
        room = np.maximum(theirs[1:] - ours[1:], 0.0)
        room += ROUNDING * (theirs[1:] + safe.load[1:])
        shares = np.divide(room, more, out=np.ones_like(more), where=more > room)
        return float(shares.min())

    def _cost(self, policy: Policy, slot: Slot, decision: Decision) -> float:
        """Return what the operator pays in a slot for a decision, without the equity terms."""
        load = policy.load_now(decision)
        return self._accounts.cost(slot, load, decision.allocation, decision.shed)

    def _equity(self, burdens: Mapping[str, FloatArray]) -> float:
        return self._accounts.equity(burdens)

    def _excess(self, burdens: Mapping[str, FloatArray], others: Mapping[str, FloatArray]) -> float:
        return self._equity({r: np.maximum(burdens[r] - others[r], 0.0) for r in burdens})

    def _burdens_after(
        self, policy: Policy, slot: Slot, decision: Decision
    ) -> dict[str, FloatArray]:
        load = policy.load_now(decision)
        return {r: value + self.burden(r, slot, load) for r, value in policy.burdens.items()}

    def _paid_after(self, slot: Slot, safe: Decision) -> float:
        burdens = self._burdens_after(self.fallback, slot, safe)
        paid = self._fallback_cost + self._cost(self.fallback, slot, safe)
        return paid + self._equity(burdens)

    def _debt_after(self, slot: Slot, decision: Decision, safe: Decision) -> float:
        own = self._burdens_after(self, slot, decision)
        others = self._burdens_after(self.fallback, slot, safe)
        extra = self._cost(self, slot, decision) - self._cost(self.fallback, slot, safe)
        return self._extra + extra + self._excess(own, others)


def _mix(told: Decision, safe: Decision, share: float) -> Decision:
    """Return a share of one decision and the rest of the other."""
    if share == 0.0:
        return safe
    shed = None
    if told.shed is not None and safe.shed is not None:
        shed = share * told.shed + (1 - share) * safe.shed
    return Decision(
        "feasible",
        share * told.allocation + (1 - share) * safe.allocation,
        shed,
        share * told.load + (1 - share) * safe.load,
        told.prices,
        max(told.gap, safe.gap),
    )
