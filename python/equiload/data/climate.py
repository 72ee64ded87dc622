"""How hard a generated world is to foresee: regimes, spikes, restless demand, shared weather."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from .._arrays import read_number, require_a
from ..errors import InputError
from .places import CLUSTERS, Floats, great_circle_km

__all__ = ["CLIMATES", "Climate", "read_climate"]

SPIKE_HOURS = 3.0  # mean length of a price spike
SPIKE_TAIL = 2.5  # a spike multiplies the price by 2 times a Pareto variable of this exponent
SPIKE_MOST = 15.0
BURST_MEMORY = 0.5  # of demand's noise from hour to hour
FRONT_REACH_KM = 2000.0


@dataclass(frozen=True)
class Climate:
    """What makes the later hours of a world unlike its earlier ones.

    Parameters
    ----------
    regime_days : float
        Mean length of a regime of a grid, days; ``inf`` for a grid that stays as it is. A regime
        multiplies the price by a log-normal factor, and carbon and water of the plant behind it by
        others.
    regime_price, regime_burden : float
        Standard deviation of the logarithm of those factors, in [0, 10].
    spikes : float
        Share of a grid's hours in which its price is at least doubled, in [0, 1).
    daily : float
        Share of demand's daily and weekly cycle that there is, in [0, 1].
    bursts : float
        Standard deviation of demand's noise, as a share of its mean, in [0, 0.5]. Above 0.03 it has
        a memory from hour to hour, of a half.
    correlation : float
        Share of the variance of weather and regimes that neighbours have in common, and of
        demand's noise that all gateways have, in [0, 1].

    Raises
    ------
    InputError
        If a number is out of range.
    """

    regime_days: float = np.inf
    regime_price: float = 0.0
    regime_burden: float = 0.0
    spikes: float = 0.0
    daily: float = 1.0
    bursts: float = 0.03
    correlation: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        rule = "it must be above 0"
        days: object = self.regime_days
        if not (isinstance(days, float) and days == np.inf):
            days = read_number("climate: regime_days", days, rule, 0.0, open_=True)
            object.__setattr__(self, "regime_days", days)
        for name, most in (
            ("regime_price", 10.0),
            ("regime_burden", 10.0),
            ("spikes", np.nextafter(1.0, 0.0)),
            ("daily", 1.0),
            ("bursts", 0.5),
            ("correlation", 1.0),
        ):
            rule = f"it must lie between 0 and {most:.3g}"
            value = read_number(f"climate: {name}", getattr(self, name), rule, 0.0)
            if value > most:
                raise InputError(f"climate: {name} is {value}; {rule}")


CLIMATES = {
    "mild": Climate(),
    "harsh": Climate(
        regime_days=16.0,
        regime_price=0.75,
        regime_burden=0.06,
        spikes=0.004,
        daily=0.15,
        bursts=0.2,
        correlation=0.6,
    ),
}


def read_climate(climate: str | Climate) -> Climate:
    """Return a climate by its name, or as given."""
    if isinstance(climate, Climate):
        return climate
    require_a("climate", climate, str, "Climate or the name of one")
    if climate not in CLIMATES:
        raise InputError(f"climate is {climate!r}; it must be a Climate or {', '.join(CLIMATES)}")
    return CLIMATES[climate]


def spikes(rng: np.random.Generator, shape: tuple[int, int], share: float) -> Floats:
    """Draw factors (T, Z) on prices: 1, or in `share` of the hours at least 2."""
    start, stay, size = np.moveaxis(rng.random((shape[0], 3, shape[1])), 1, 0)
    height = np.minimum(2.0 * (1.0 - size) ** (-1.0 / SPIKE_TAIL), SPIKE_MOST)
    begin = share / SPIKE_HOURS / (1.0 - share)
    factor = np.ones(shape)
    for t in range(shape[0]):
        goes_on = (factor[t - 1] > 1.0) & (stay[t] > 1.0 / SPIKE_HOURS) if t else np.False_
        begins = start[t] < begin
        factor[t] = np.where(begins, height[t], 1.0)
        factor[t] = np.where(goes_on, factor[t - 1], factor[t])
    return factor


def bursts(rng: np.random.Generator, shape: tuple[int, int], climate: Climate) -> Floats:
    """Draw demand's noise (T, J) around 0, partly the same at all gateways."""
    if climate.bursts <= 0.03:
        return climate.bursts * rng.standard_normal(shape)
    own = autoregression(rng, (shape[0], shape[1] + 1), BURST_MEMORY)
    mine, common = np.sqrt(1.0 - climate.correlation), np.sqrt(climate.correlation)
    noise: Floats = climate.bursts * (mine * own[:, 1:] + common * own[:, :1])
    return noise


def autoregression(rng: np.random.Generator, shape: tuple[int, ...], memory: float) -> Floats:
    """Draw first-order autoregressions (T, Z) with mean 0 and variance 1."""
    x = rng.standard_normal(shape)
    x[1:] *= np.sqrt(1.0 - memory**2)
    for t in range(1, shape[0]):
        x[t] += memory * x[t - 1]
    return x


def _regimes(rng: np.random.Generator, shape: tuple[int, int], days: float) -> Floats:
    """Draw standard normal numbers (T, Z), each kept until the grid's next turn."""
    # Slot by slot, so that a longer horizon begins alike.
    draws = rng.standard_normal((shape[0], 2, shape[1]))
    often = float(np.clip(1.0 - 1.0 / (24.0 * days), 1e-9, 1.0 - 1e-12))
    turns, levels = draws[:, 0] > NormalDist().inv_cdf(often), draws[:, 1]
    turns[0] = True
    since = np.maximum.accumulate(np.where(turns, np.arange(shape[0])[:, None], 0), axis=0)
    return np.take_along_axis(levels, since, axis=0)


class Fronts:
    """Weather over the populated parts of the Earth; zones share it the more, the nearer they lie.

    Parameters
    ----------
    latitude, longitude : ndarray of float64, shape (Z,)
        Where the zones lie, degrees.
    correlation : float
        Share of the variance that is shared.
    """

    def __init__(self, latitude: Floats, longitude: Floats, correlation: float) -> None:
        centre = np.array([cluster[1:3] for cluster in CLUSTERS])
        away = great_circle_km(latitude, longitude, centre[:, 0], centre[:, 1])
        part = np.exp(-away / FRONT_REACH_KM)
        self.correlation = correlation
        self._part = part / np.sqrt((part**2).sum(axis=1, keepdims=True))

    def weather(
        self, own: np.random.Generator, shared: np.random.Generator, slots: int, memory: float
    ) -> Floats:
        """Draw first-order autoregressions (T, Z) with mean 0 and variance 1."""
        return self._blend(lambda rng, n: autoregression(rng, (slots, n), memory), own, shared)

    def regimes(
        self, own: np.random.Generator, shared: np.random.Generator, slots: int, days: float
    ) -> Floats:
        """Draw standard normal numbers (T, Z) that stay for so many days in the mean."""
        return self._blend(lambda rng, n: _regimes(rng, (slots, n), days), own, shared)

    def _blend(
        self,
        draw: Callable[[np.random.Generator, int], Floats],
        own: np.random.Generator,
        shared: np.random.Generator,
    ) -> Floats:
        alone = draw(own, self._part.shape[0])
        if self.correlation == 0.0:
            return alone
        common = np.zeros_like(alone)
        fronts = draw(shared, self._part.shape[1])
        for n, front in enumerate(fronts.T):  # a product's order of sums depends on the machine
            common += front[:, None] * self._part[:, n]
        mixed: Floats = np.sqrt(1 - self.correlation) * alone + np.sqrt(self.correlation) * common
        return mixed
