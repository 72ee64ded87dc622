"""Forecasts: what a policy that plans believes of the slots to come.

A forecast is any callable ``forecast(slot, past, slots)``: the number of the present slot, the
latest slots up to and including the present one (168 of them at most), and how many later slots are
wanted.  It returns at most that many `Slot`, nearest first; fewer mean that the horizon ends.  An
attribute ``reach`` says for how many slots, the present one included, it is worth planning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from .._arrays import FloatArray, read_count, read_number
from ..errors import InputError
from ..problem import Problem
from ..slots import Slot

__all__ = ["Fading", "Forecast", "Noisy", "Perfect", "Persistence", "scenarios"]

DAY, WEEK = 24, 168

Forecast: TypeAlias = Callable[[int, Sequence[Slot], int], Sequence[Slot]]


class Perfect:
    """Knows the problem: the yardstick for what forecasts can be worth.

    Parameters
    ----------
    problem : Problem
        The problem that will come true.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.reach = WEEK

    def __call__(self, slot: int, past: Sequence[Slot], slots: int) -> list[Slot]:
        """Return the slots that will come."""
        last = min(slot + 1 + slots, self.problem.slots)
        return [self.problem.slot(t) for t in range(slot + 1, last)]


class Noisy(Perfect):
    """Knows the problem up to errors: each number is off by a factor of mean 1.

    Parameters
    ----------
    problem : Problem
        The problem that will come true.
    sigma : float
        Standard deviation of the logarithm of the factors, at least 0; independent for every
        gateway, site and series. Capacities are known.
    seed : int
        The same seed gives the same errors for a slot, up to their growth, whenever it is forecast.
    scale : float, optional
        Lets errors grow with the lead: at h slots they have the standard deviation
        ``sigma * sqrt(1 - exp(-2 h / scale))``, as a process that is drawn back to its mean drifts
        away from where it was. By default they have all of `sigma` from the next slot on.
    memory : float
        Correlation of the errors of one slot and the next, at least 0 and below 1.

    Attributes
    ----------
    reach : int
        A day; with a scale twice that, between a day and a week.

    Raises
    ------
    InputError
        If a setting is out of range.
    """

    def __init__(
        self,
        problem: Problem,
        sigma: float,
        seed: int = 0,
        scale: float | None = None,
        memory: float = 0.0,
    ) -> None:
        super().__init__(problem)
        self.sigma = read_number("sigma", sigma, "it must be finite and not negative", 0.0)
        self.seed = read_count("seed", seed, 0)
        self.scale = scale
        self.reach = DAY
        if scale is not None:
            self.scale = read_number("scale", scale, "it must be above 0", 0.0, open_=True)
            self.reach = int(np.clip(2 * self.scale, DAY, WEEK))
        rule = "it must be at least 0 and below 1"
        self.memory = read_number("memory", memory, rule, 0.0)
        if self.memory >= 1.0:
            raise InputError(f"memory is {memory}; {rule}")

    def __call__(self, slot: int, past: Sequence[Slot], slots: int) -> list[Slot]:
        """Return what is believed of the slots that will come."""
        believed = []
        for lead, true in enumerate(super().__call__(slot, past, slots), start=1):
            grown = 1.0 if self.scale is None else np.sqrt(-np.expm1(-2 * lead / self.scale))
            believed.append(self._blurred(slot + lead, true, self.sigma * float(grown)))
        return believed

    def _blurred(self, t: int, slot: Slot, sigma: float) -> Slot:
        series = {"demand": slot.demand, "price": slot.price, **slot.footprints}
        ends = np.cumsum([values.size for values in series.values()])
        errors = np.split(self._errors(t, int(ends[-1])), ends[:-1])
        off = {
            name: values * np.exp(sigma * error - sigma**2 / 2)
            for (name, values), error in zip(series.items(), errors, strict=True)
        }
        demand, price = off.pop("demand"), off.pop("price")
        return Slot(demand, slot.capacity, price, off, slot.quadratic, slot.idle)

    def _errors(self, t: int, count: int) -> FloatArray:
        """Return errors of unit variance; those of a slot hold on to those of the slots before."""
        errors: FloatArray = np.random.default_rng([self.seed, t]).standard_normal(count)
        if self.memory == 0.0:
            return errors
        # What is older than so many slots has less than a thousandth of the weight.
        reach = min(t, int(np.ceil(np.log(1e-3) / np.log(self.memory))))
        for age in range(1, reach + 1):
            earlier = np.random.default_rng([self.seed, t - age]).standard_normal(count)
            errors = errors + self.memory**age * earlier
        variance = (1 - self.memory ** (2 * (reach + 1))) / (1 - self.memory**2)
        return errors / float(np.sqrt(variance))


class Persistence:
    """Expects each slot to be as the one a period before: the same hour yesterday.

    Parameters
    ----------
    period : int
        Slots after which things repeat. Until so many have been seen, the present slot stands for
        those that have not.
    """

    def __init__(self, period: int = 24) -> None:
        self.period = read_count("period", period)
        self.reach = DAY

    def __call__(self, slot: int, past: Sequence[Slot], slots: int) -> list[Slot]:
        """Return the latest slots of the same hours."""
        return [self._like(past, n % self.period) for n in range(1, slots + 1)]

    def _like(self, past: Sequence[Slot], ahead: int) -> Slot:
        back = (self.period - ahead) % self.period
        return past[-1 - back] if back < len(past) else past[-1]


class Fading:
    """Starts as good as one forecast and fades into another as the lead time grows.

    Parameters
    ----------
    near : Problem or callable
        What the nearest slots are believed to be: a forecast, or the problem that will come true.
    scale : float
        At a lead of h slots `near` has the share ``exp(-h / scale)``; above 0.
    onto : callable, optional
        The forecast that has the rest; by default the same hour last week.

    Attributes
    ----------
    reach : int
        Twice the scale, where `near` has lost all but an eighth; between a day and a week.

    Raises
    ------
    InputError
        If the scale is out of range or a forecast cannot be called.
    """

    def __init__(
        self, near: Problem | Forecast, scale: float = 72.0, onto: Forecast | None = None
    ) -> None:
        self.near: Forecast = Perfect(near) if isinstance(near, Problem) else near
        self.onto: Forecast = Persistence(WEEK) if onto is None else onto
        for name, forecast in (("near", self.near), ("onto", self.onto)):
            if not callable(forecast):
                raise InputError(f"{name} is a {type(forecast).__name__}; it must be a forecast")
        self.scale = read_number("scale", scale, "it must be above 0", 0.0, open_=True)
        self.reach = int(np.clip(2 * self.scale, DAY, WEEK))

    def __call__(self, slot: int, past: Sequence[Slot], slots: int) -> list[Slot]:
        """Return what is believed of the slots that will come."""
        pairs = zip(self.near(slot, past, slots), self.onto(slot, past, slots), strict=False)
        return [
            _blend(near, far, float(np.exp(-lead / self.scale)))
            for lead, (near, far) in enumerate(pairs, start=1)
        ]


def scenarios(
    near: Problem | Forecast, scale: float = 72.0, periods: Sequence[int] = (168, 24, 48, 72)
) -> list[Fading]:
    """Return futures that begin alike and differ in what of the past they fade into.

    Parameters
    ----------
    near, scale
        As for `Fading`.
    periods : sequence of int
        A future for each: it fades into slots as those so many slots before.

    Returns
    -------
    list of Fading
        What `RecedingHorizon` takes as its forecasts.
    """
    return [Fading(near, scale, Persistence(period)) for period in periods]


def _blend(near: Slot, far: Slot, share: float) -> Slot:
    """Return a share of one slot and the rest of another; capacity and curves of the first."""
    return replace(
        near,
        demand=share * near.demand + (1 - share) * far.demand,
        price=share * near.price + (1 - share) * far.price,
        footprints={
            name: share * values + (1 - share) * far.footprints[name]
            for name, values in near.footprints.items()
        },
    )
