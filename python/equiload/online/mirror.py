"""Dual mirror descent: the prices of the regions' burdens learn from slot to slot.

Prices are kept without a unit: ``theta = lambda / (mu w)``, a point of phi's dual set at the
offline optimum, and burdens in money, ``beta = mu w f y``.  So one step, in 1/USD, suits every
footprint, whatever its unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .._arrays import FloatArray, read_number, require_a
from ..equity import Equity
from ..errors import InputError
from ..problem import Problem
from ..slots import Slot, Static
from .forecast import Forecast
from .geometry import auxiliary, dual_set
from .history import read_past
from .policy import Decision, Policy

__all__ = ["MirrorDescent"]

REHEARSALS = 64  # dual steps before the first decision, at least
SHARE = (
    0.2  # of the newest prices in those played: an average over about a quarter of a day of hours
)
SHORTEST = 24  # slots to plan for, at least, where nobody knows the horizon

Step = float | Callable[[int], float] | Literal["auto"]
Reference = Literal["euclidean", "entropic"]


class MirrorDescent(Policy):
    r"""Equity-aware online load balancing without forecasts (eGLB).

    Every slot is served at calibrated prices :math:`p + \sum_r \lambda_r f_r`.  With a step
    :math:`\eta` of its own, the prices then follow

    .. math:: \zeta = \arg\min_{0 \le \zeta \le cap} \phi(\zeta) - \langle\theta,\zeta\rangle,\qquad
              \theta \leftarrow \arg\max_{\theta \ge 0} \langle \beta-\zeta, \theta\rangle
              - D(\theta, \theta_{old}) / \eta

    where :math:`\theta = \lambda/(\mu w)` and :math:`\beta` is the slot's burden times
    :math:`\mu w`.

    ``step="auto"`` follows the regularised leader instead: with all burdens so far, history
    included, :math:`\theta = \arg\max_{\theta \in \Theta} \langle \sum\beta, \theta\rangle -
    D(\theta, \theta_0)/\eta` over phi's dual set, which is where an unlimited `cap` would keep it,
    and :math:`\eta = \sqrt{2 \ln G / (V n)}`, the best step for the n slots that are left if
    their burdens spread as those seen so far (mean square spread V).  :math:`\theta_0` comes from
    rehearsing the past slots, or without any the first slot 64 times, before the first decision,
    and the prices played are a running average (a fifth of the newest).  Nothing is known of later
    slots but how many there are.

    Parameters
    ----------
    static : Static
        What is known beforehand: ``problem.static()``. Its number of slots is the horizon; a policy
        that does not know it plans for as many slots again as it has seen.
    step : "auto", float, or callable
        A constant step in 1/USD, above 0; or what maps the slot's number 0, 1, ... to its step
        (`decaying`).
    cap : float or mapping of str to float, optional
        Upper end of the auxiliary vector, in units of the footprint per slot; by default the
        largest burden that any region has had in a slot so far. Not used by ``step="auto"``.
    reference : {"euclidean", "entropic"}, optional
        The distance D: half the squared distance, or the relative entropy; by default entropic for
        ``step="auto"`` and Euclidean otherwise.
    start : float or mapping of str to array_like, optional
        Prices to start from as a share of ``mu w``: one number for all regions, or (G,) by
        footprint. By default 0 (Euclidean), 1/G (entropic), or the rehearsed prices (auto).
    past : Problem or sequence of Slot, optional
        Slots that came before the first one, for ``step="auto"`` to rehearse and for the forecast
        to look back on.
    switching : array_like, shape (I,), or float, optional
        Cost of moving load that it heeds, USD/MWh^2: see `simulate`.
    forecast : callable, optional
        What is believed of the later slots that work may wait for; by default the same hour
        yesterday.

    Raises
    ------
    InputError
        If a setting is out of range, an entropic start is not above 0, or an equity term is a
        budget, or a past slot does not fit the problem.

    References
    ----------
    arXiv 2307.05494 (eGLB); arXiv 2007.00514 (dual mirror descent for online allocation).
    """

    name = "MirrorDescent"

    def __init__(
        self,
        static: Static,
        step: Step = "auto",
        cap: float | Mapping[str, float] | None = None,
        reference: Reference | None = None,
        start: float | Mapping[str, Any] | None = None,
        past: Problem | Sequence[Slot] | None = None,
        switching: ArrayLike | None = None,
        forecast: Forecast | None = None,
    ) -> None:
        require_a("static", static, Static, "Static: problem.static()")
        self.step_size = _read_step(step)
        auto = self.step_size is None
        self.reference = reference or ("entropic" if auto else "euclidean")
        if self.reference not in ("euclidean", "entropic"):
            raise InputError(f"reference is {reference!r}; it must be euclidean or entropic")
        self._terms = {name: term for name, term in static.equity.items() if term.weight > 0}
        self._scale = {
            name: term.weight * static.sensitivity[name] for name, term in self._terms.items()
        }
        self._sets = {
            name: dual_set(name, term, static.history[name].size)
            for name, term in self._terms.items()
        }
        self._cap = _read_cap(cap, self._terms)
        self._given = start
        self._rehearsed = read_past(static, past)
        self._start = {name: self._first(name, start, static) for name in self._terms}
        super().__init__(static, switching, forecast, self._rehearsed)

    def reset(self) -> None:
        """Forget everything: the next slot is the first."""
        super().reset()
        self._theta = {name: value.copy() for name, value in self._start.items()}
        self._origin = {name: value.copy() for name, value in self._start.items()}
        self._squares = dict.fromkeys(self._terms, 0.0)
        self._largest = dict.fromkeys(self._terms, 0.0)

    @property
    def prices(self) -> dict[str, FloatArray]:
        """Price of each region's burden in the next slot, (G,) by footprint, USD per unit."""
        return {name: self._scale[name] * theta for name, theta in self._theta.items()}

    def prices_for(self, slot: Slot) -> dict[str, FloatArray]:
        """Return the prices of a slot, rehearsed where it is the first; (G,) by footprint."""
        if self.slot == 0 and self.step_size is None and self._given is None:
            self._rehearse(self._rehearsed or [slot])
        return self.prices

    def decide(self, slot: Slot) -> Decision:
        """Serve the slot at the present prices."""
        prices = self.prices_for(slot)
        return self._serve(slot, partial(self._burdened, prices=prices), prices)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a policy of the same settings needs to go on with equal bits."""
        state = super().state_dict()
        for name in self._terms:
            state[f"theta/{name}"] = self._theta[name].copy()
            state[f"origin/{name}"] = self._origin[name].copy()
            state[f"squares/{name}"] = self._squares[name]
            state[f"largest/{name}"] = self._largest[name]
        return state

    def _load(self, state: Mapping[str, Any]) -> None:
        for name in self._terms:
            self._theta[name] = np.array(state[f"theta/{name}"])
            self._origin[name] = np.array(state[f"origin/{name}"])
            self._squares[name] = float(state[f"squares/{name}"])
            self._largest[name] = float(state[f"largest/{name}"])

    def _learn(self, slot: Slot, burdens: Mapping[str, FloatArray]) -> None:
        for name in self._terms:
            money = self._scale[name] * burdens[name]
            if self.step_size is None:
                self._follow_leader(name, money)
            else:
                self._mirror_step(name, money, burdens[name], self.step_size(self.slot - 1))

    def _mirror_step(self, name: str, money: FloatArray, burden: FloatArray, step: float) -> None:
        """Take eGLB's step along burden minus auxiliary vector, both in USD."""
        self._largest[name] = max(self._largest[name], float(burden.max()))
        cap = self._cap.get(name, self._largest[name]) * self._scale[name]
        theta = self._theta[name]
        slope = money - auxiliary(self._terms[name], theta, cap)
        slots, history = self.static.slots, self.static.history[name]
        if slots is not None:
            slope = slope + self._scale[name] * history / slots
        elif self.slot == 1:
            slope = slope + self._scale[name] * history
        if self.reference == "entropic":
            # A price at the edge of what a float holds would never come back.
            self._theta[name] = np.maximum(theta * np.exp(np.minimum(step * slope, 50.0)), 1e-30)
        else:
            self._theta[name] = np.maximum(theta + step * slope, 0.0)

    def _follow_leader(self, name: str, money: FloatArray) -> None:
        """Move towards the prices that are best for all burdens so far, held steady by D."""
        self._squares[name] += self._sets[name].spread(money, self.reference)
        left = self.left if self.static.slots is not None else max(self.slot, SHORTEST)
        variance = self._squares[name] / self.slot
        score = self._scale[name] * self.burdens[name]
        theta = self._lead(name, score, variance * ((left or 0) + 1))
        self._theta[name] = (1 - SHARE) * self._theta[name] + SHARE * theta

    def _lead(self, name: str, score: FloatArray, variance: float) -> FloatArray:
        size = self._sets[name].size(self.reference)
        step = math.sqrt(2 * size / variance) if variance > 0 else 0.0
        return self._sets[name].leader(self._origin[name], step * score, self.reference)

    def _rehearse(self, slots: Sequence[Slot]) -> None:
        """Find first prices: those that suit these slots, were they to come again and again."""
        self._origin = {name: value.copy() for name, value in self._start.items()}
        theta, horizon = dict(self._origin), self.static.slots
        zeros = {name: np.zeros(value.size) for name, value in theta.items()}
        mean, total, squares = dict(zeros), dict(zeros), dict.fromkeys(theta, 0.0)
        rounds = max(REHEARSALS, len(slots))
        for n in range(rounds):
            slot = slots[n % len(slots)]
            prices = {name: self._scale[name] * value for name, value in theta.items()}
            done = self._dispatch(slot, self._burdened(slot, prices), self._committed, self.left)
            for name, scale in self._scale.items():
                money = scale * self.burden(name, slot, done.load[0])
                if horizon is not None:
                    money = money + scale * self.static.history[name] / horizon
                mean[name] = mean[name] + theta[name] / rounds
                total[name] = total[name] + money
                squares[name] += 2 * self._sets[name].spread(money, self.reference)
                theta[name] = self._lead(name, total[name], squares[name])
        # Half of the even start remains: later slots may burden others.
        self._origin = {name: 0.5 * mean[name] + 0.5 * self._start[name] for name in theta}
        self._theta = {name: value.copy() for name, value in self._origin.items()}

    def _first(
        self, name: str, start: float | Mapping[str, Any] | None, static: Static
    ) -> FloatArray:
        regions = static.history[name].size
        if start is None:
            even = self.step_size is None or self.reference == "entropic"
            return self._sets[name].centre() if even else np.zeros(regions)
        value = start.get(name, 0.0) if isinstance(start, Mapping) else start
        theta = np.asarray(value, dtype=np.float64)
        if theta.shape not in ((), (regions,)):
            raise InputError(f"start[{name!r}] has shape {theta.shape}; expected ({regions},)")
        floor = 0.0 if self.reference == "euclidean" else np.nextafter(0.0, 1.0)
        if not (np.isfinite(theta).all() and (theta >= floor).all()):
            rule = "not be negative" if floor == 0 else "be above 0"
            raise InputError(f"start[{name!r}] must be finite and {rule}")
        return np.full(regions, theta) if theta.ndim == 0 else theta.copy()


def decaying(first: float) -> Callable[[int], float]:
    """Return the step rule ``first / sqrt(t + 1)``.

    Parameters
    ----------
    first : float
        The step of the first slot, 1/USD; above 0.
    """
    first = read_number("first", first, "it must be above 0", 0.0, open_=True)
    return partial(_decayed, first)


def _decayed(first: float, slot: int) -> float:
    return first / math.sqrt(slot + 1)


def _constant(step: float, slot: int) -> float:
    _ = slot
    return step


def _read_step(step: Step) -> Callable[[int], float] | None:
    """Return the rule of the step, or None for "auto"."""
    if callable(step):
        return step
    if isinstance(step, str) and step == "auto":
        return None
    rule = 'it must be "auto", a number above 0 in 1/USD, or a function of the slot'
    constant = read_number("step", step, rule, 0.0, open_=True)
    return partial(_constant, constant)


def _read_cap(
    cap: float | Mapping[str, float] | None, terms: Mapping[str, Equity]
) -> dict[str, float]:
    if cap is None:
        return {}
    given = cap if isinstance(cap, Mapping) else dict.fromkeys(terms, cap)
    for name in given:
        if name not in terms:
            raise InputError(f"cap names {name!r}, which has no equity term")
    rule = "it must be above 0"
    return {
        name: read_number(f"cap[{name!r}]", c, rule, 0.0, open_=True) for name, c in given.items()
    }
