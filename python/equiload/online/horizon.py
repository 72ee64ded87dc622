"""Receding horizon: plan with forecasts, keep the first slots, plan again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np

from .._account import drawn
from .._arrays import FloatArray, read_count, read_number
from ..choices import Status
from ..equity import Equity
from ..errors import InputError
from ..problem import Problem
from ..slots import Slot, Static
from ..solver import solve
from .forecast import Forecast, Persistence
from .history import pack_slots, read_past, unpack_slots
from .policy import Decision, Policy

__all__ = ["RecedingHorizon"]

DAY = 24  # slots of a plan where the forecast does not say how far it reaches
PAST = 168  # slots that a forecast gets to see
MOST_ITERATIONS = 5_000  # of a plan; a few windows in a thousand would take any number


@dataclass(frozen=True)
class _Plan:
    """What is kept of a window's solution."""

    first: int  # the slot that it begins with
    status: Status
    gap: float
    demand: FloatArray  # (W, J)
    capacity: FloatArray  # (W, I)
    allocation: FloatArray  # (W, A)
    shed: FloatArray | None  # (W, J)
    equity: dict[str, FloatArray]  # (G,)

    @property
    def usable(self) -> bool:
        return self.status in ("optimal", "feasible")

    def pack(self, key: str) -> dict[str, Any]:
        """Return it as numbers and arrays, their names after a key."""
        parts = {f"{key}{f.name}": getattr(self, f.name) for f in fields(self)}
        equity = parts.pop(f"{key}equity")
        return parts | {f"{key}equity/{name}": value for name, value in equity.items()}

    @classmethod
    def unpack(cls, state: Mapping[str, Any], key: str, names: Sequence[str]) -> _Plan:
        """Return what `pack` took apart."""
        parts = {f.name: state[f"{key}{f.name}"] for f in fields(cls) if f.name != "equity"}
        return cls(**parts, equity={name: state[f"{key}equity/{name}"] for name in names})


class RecedingHorizon(Policy):
    r"""Plans a window ahead with the offline solver and keeps the first slots of each plan.

    The equity terms see the burdens so far.  They are settled at the end of the horizon, of which
    the window is a part: were the rest of it like the window, the present burdens E would be spread
    over all n slots that are left, not over the W of the window.  With cost C and burdens B of the
    window, each plan minimises

    .. math:: C + \sum_r \mu_r \phi_r(w_r (\tfrac{W}{n} E_r + B_r)),

    which is the problem of n slots made of n/W such windows, by homogeneity of phi, and the exact
    rest of the problem once the window reaches the horizon's end.  Of a hard limit a window gets
    its share W/n; it is aimed at, and kept where the forecasts allow.

    Several forecasts are as many futures that there may be (scenarios).  They take turns, each slot
    plans one, and slots are served at the mean of the latest plans' prices of the regions' burdens:
    the slope of the mean cost of what remains.  The last slots plan them all.

    Parameters
    ----------
    static : Static
        What is known beforehand; its number of slots is the horizon. Where nobody knows it, as many
        slots again as have passed count as left.
    forecast : callable or sequence of callable, optional
        ``forecast(slot, past, slots)``: see `Persistence` (the default), `Fading`, `Perfect` and
        `Noisy`; or several: see `scenarios`.
    window : int, optional
        Slots of a plan, the present one included; by default the first forecast's `reach`, as far
        as it has skill, or 24 where it does not say.
    every : int
        Plan every so many slots. In between, slots that come as the one forecast do as planned,
        others are served at the plans' prices of burdens.
    tol : float
        Certified gap of a plan, relative to its cost.
    threads : int, optional
        Threads of the solver.
    past : Problem or sequence of Slot, optional
        Slots that came before the first one, for the forecast to look back on.

    Raises
    ------
    InputError
        If a setting is out of range or a past slot does not fit the problem.

    Notes
    -----
    Every plan starts cold: the interior point method cannot use the last plan and is faster without
    it (9 iterations for a day of ten sites; the first-order method takes 112 cold, 64 from there).
    """

    name = "RecedingHorizon"

    def __init__(
        self,
        static: Static,
        forecast: Forecast | Sequence[Forecast] | None = None,
        window: int | None = None,
        every: int = 1,
        tol: float = 1e-4,
        threads: int | None = None,
        past: Problem | Sequence[Slot] | None = None,
    ) -> None:
        self.forecasts = _read_forecasts(forecast)
        reach = getattr(self.forecasts[0], "reach", DAY) if window is None else window
        self.window = read_count("window", reach)
        self._given = read_past(static, past)[-PAST:]
        self.every = min(read_count("every", every), self.window)
        self.tol = read_number("tol", tol, "it must be above 0", 0.0, open_=True)
        self.threads = threads
        super().__init__(static, forecast=self.forecasts[0], past=self._given)

    def reset(self) -> None:
        """Forget everything: the next slot is the first."""
        super().reset()
        self._past: list[Slot] = list(self._given)
        self._plans: tuple[_Plan, ...] = ()  # one a forecast, once there are any

    def decide(self, slot: Slot) -> Decision:
        """Do as the plan says, after making one if it is due."""
        if not self._plans or not 0 <= self.slot - self._latest.first < self.every:
            self._plans = self._renewed(slot)
        plan = self._latest
        if self._as_planned(plan, slot):
            now = self.slot - plan.first
            work, shed = plan.allocation[now], None if plan.shed is None else plan.shed[now]
            if self.static.shed_cost is None:
                shed = None
            return Decision(
                plan.status, work, shed, drawn(self.static.network, work), plan.equity, plan.gap
            )
        prices = self._mean_prices()
        return self._serve(slot, partial(self._burdened, prices=prices), prices)

    @property
    def _latest(self) -> _Plan:
        return max(self._plans, key=lambda plan: plan.first)

    def _renewed(self, slot: Slot) -> tuple[_Plan, ...]:
        """Plan anew for the forecast whose turn it is; for all at the start and at the end."""
        count, left = len(self.forecasts), self.left
        if not self._plans or (left is not None and left < count * self.every):
            return tuple(self._make_plan(slot, forecast) for forecast in self.forecasts)
        turn = min(range(count), key=lambda n: self._plans[n].first)
        new = self._make_plan(slot, self.forecasts[turn])
        return (*self._plans[:turn], new, *self._plans[turn + 1 :])

    def _mean_prices(self) -> dict[str, FloatArray]:
        """Return the mean of the plans' prices of burdens, of those that have any."""
        plans = [plan for plan in self._plans if plan.usable] or self._plans[:1]
        return {
            name: np.mean([plan.equity[name] for plan in plans], axis=0) for name in plans[0].equity
        }

    def state_dict(self) -> dict[str, Any]:
        """Return all that a policy of the same settings and forecast needs to go on."""
        state = super().state_dict() | pack_slots(self._past)
        for n, plan in enumerate(self._plans):
            state |= plan.pack(f"plan/{n}/")
        return state

    def _load(self, state: Mapping[str, Any]) -> None:
        names = self.static.footprints
        self._past = unpack_slots(state, "past", names)
        made = range(len(self.forecasts)) if "plan/0/first" in state else ()
        self._plans = tuple(_Plan.unpack(state, f"plan/{n}/", names) for n in made)

    def _learn(self, slot: Slot, burdens: Mapping[str, FloatArray]) -> None:
        self._past = [*self._past[1 - PAST :], slot]

    def _make_plan(self, slot: Slot, forecast: Forecast) -> _Plan:
        left = self.left
        ahead = self.window - 1 if left is None else min(self.window - 1, left)
        past = [*self._past[1 - PAST :], slot]
        future = forecast(self.slot, past, ahead) if ahead else []
        problem = self._window_problem([slot, *future[:ahead]], left)
        settings: dict[str, Any] = {"tol": self.tol, "threads": self.threads}
        settings["max_iterations"] = MOST_ITERATIONS
        answer = solve(problem, **settings)
        if answer.status == "feasible":
            # A second start from the answer so far forgets the step sizes that led nowhere.
            answer = solve(problem, warm_start=answer, **settings)
        if answer.status == "infeasible" and problem.shed_cost is None:
            # The forecast asks for more than there is: plan for as much of it as fits.
            answer = solve(problem.replace(shed_cost=out_of_reach(problem)), **settings)
        return _Plan(
            first=self.slot,
            status=answer.status,
            gap=answer.gap,
            demand=problem.demand,
            capacity=problem.capacity,
            allocation=answer.allocation,
            shed=answer.shed,
            equity=dict(answer.prices.equity),
        )

    def _window_problem(self, slots: Sequence[Slot], left: int | None) -> Problem:
        static, count = self.static, len(slots)
        left = max(self.slot, count - 1) if left is None else left
        share = count / max(count, left + 1)
        capacity = np.array([slot.capacity for slot in slots])
        price = np.array([slot.price for slot in slots])
        quadratic = None
        if slots[0].quadratic is not None:
            quadratic = np.array([slot.quadratic for slot in slots])
        if self._committed is not None:
            reach = min(count, len(self._committed))
            taken = self._committed[:reach]
            capacity[:reach] = np.maximum(capacity[:reach] - taken, 0.0)
            if quadratic is not None:
                price[:reach] += quadratic[:reach] * taken
        return Problem(
            demand=np.array([slot.demand for slot in slots]),
            capacity=capacity,
            price=price,
            footprints={
                name: np.array([slot.footprints[name] for slot in slots])
                for name in static.footprints
            },
            equity={name: _over_window(term, share) for name, term in static.equity.items()},
            network=static.network,
            regions=static.regions,
            history={name: share * self._ahead(name, slots) for name in static.footprints},
            sensitivity=static.sensitivity,
            quadratic=quadratic,
            shed_cost=static.shed_cost,
            idle_power=None if slots[0].idle is None else np.array([slot.idle for slot in slots]),
        )

    def _ahead(self, name: str, slots: Sequence[Slot]) -> FloatArray:
        """Return the burdens so far and those of the commitments, as far as they are foreseen."""
        burden = self.burdens[name]
        if self._committed is not None:
            for slot, load in zip(slots, self._committed, strict=False):
                burden = burden + self.burden(name, replace(slot, idle=None), load)
        return burden

    def _as_planned(self, plan: _Plan, slot: Slot) -> bool:
        """Say whether the plan's allocation serves the slot as it has come."""
        now = self.slot - plan.first
        if len(self._plans) > 1 or not plan.usable or now >= len(plan.allocation):
            return False
        if plan.shed is not None and self.static.shed_cost is None and plan.shed[now].any():
            return False
        if now == 0:
            return True
        # Commitments since the plan was made have changed what is left of later capacities.
        if self._committed is not None or not np.array_equal(plan.demand[now], slot.demand):
            return False
        return np.array_equal(plan.capacity[now], slot.capacity)


def _read_forecasts(forecast: Forecast | Sequence[Forecast] | None) -> tuple[Forecast, ...]:
    if forecast is None:
        return (Persistence(),)
    given = tuple(forecast) if isinstance(forecast, Sequence) else (forecast,)
    for n, one in enumerate(given):
        if not callable(one):
            raise InputError(f"forecast {n} is a {type(one).__name__}; it must be a forecast")
    if not given:
        raise InputError("forecast is empty; there is nothing to plan with")
    return given


def _over_window(term: Equity, share: float) -> Equity:
    """Return an equity function as a window sees it: its share of a hard limit, if it has one."""
    limit = getattr(term, "limit", None)
    if limit is None:
        return term
    hard: Any = term
    shared: Equity = replace(hard, limit=share * limit)
    return shared


def out_of_reach(problem: Problem) -> float:
    """Return a price of dropped work that nothing else in the problem comes near."""
    dearest = np.abs(problem.price).max()
    for name, term in problem.equity.items():
        scale = term.weight * problem.sensitivity[name].max()
        dearest += scale * problem.footprints[name].max()
    network = problem.network
    return 10.0 * float(dearest * network.energy.max() + np.abs(network.cost).max() + 1.0)
