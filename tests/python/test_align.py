"""One problem of tables with different steps, zones, units and places."""

import logging
import re

import numpy as np
import pytest

pytest.importorskip("pandas", reason="the tables are those of pandas")

import pandas as pd
from grid_files import fleet, write

import equiload as el

RATES = {"EUR": 1.1}


@pytest.fixture
def files(tmp_path):
    return fleet(tmp_path)


def aligned(files, **changes):
    given = {"footprints": {"carbon": files["carbon"], "water": 1.0}, "rates": RATES}
    given |= {"demand": files["demand"], "price": files["price"], "sites": files["sites"]}
    return el.data.align(**(given | changes))


def test_quarter_hours_and_hours_meet(files):
    problem = aligned(files, step="1h")
    assert problem.site_names == ("Frankfurt", "Berlin", "Paris")
    assert problem.gateway_names == ("Berlin", "Paris")
    assert problem.slots == 24
    np.testing.assert_allclose(problem.demand, [[6.0, 2.5]] * 24)
    np.testing.assert_allclose(problem.price[5], np.array([65, 65, 35]) * 1.1)
    np.testing.assert_allclose(problem.footprints["carbon"][5], [0.305, 0.305, 0.105])
    np.testing.assert_allclose(problem.capacity, [6, 4, 6])
    assert el.solve(problem, tol=1e-3).status == "optimal"


def test_slots_are_those_of_the_demand(files):
    problem = aligned(files)
    assert problem.slots == 96
    np.testing.assert_allclose(problem.demand[:2, 0], [4.5 / 4, 5.5 / 4])
    np.testing.assert_allclose(problem.price[7], problem.price[4])
    np.testing.assert_allclose(problem.capacity, [1.5, 1, 1.5])


def test_what_is_left_out_is_logged(files, caplog):
    lines = files["price"].read_text().splitlines()
    write(files["price"], lines[0], *lines[3:])
    with caplog.at_level(logging.INFO, logger="equiload.data"):
        problem = aligned(files, step="1h")
    assert problem.slots == 22
    assert "demand covers 2024-01-01T00:00:00 to 2024-01-02T00:00:00; 2024-01-01T02" in caplog.text


def test_frames_with_zones_and_attrs(files):
    times = pd.date_range("2024-01-01", periods=24, freq="h", tz="Europe/Berlin")
    price = pd.DataFrame({"DE_LU": 0.05, "FR": 0.04}, index=times)
    with pytest.raises(el.InputError, match="the unit of price is not said"):
        aligned(files, price=price)
    price.attrs["units"] = "USD/kWh"
    problem = aligned(files, price=price, step="1h")
    assert problem.slots == 23 and str(problem.slot_times[0]).startswith("2024-01-01T00")
    np.testing.assert_allclose(problem.price[0], [50, 50, 40])
    del price.attrs["units"]
    same = aligned(files, price=price, step="1h", units={"price": "USD/kWh"})
    np.testing.assert_allclose(same.price, problem.price)


def test_numbers_by_site(files):
    water = pd.Series({"Paris": 1.2, "Berlin": 1.5, "Frankfurt": 1.8})
    problem = aligned(files, footprints={"water": water})
    np.testing.assert_allclose(problem.footprints["water"][0], [1.8, 1.5, 1.2])


def test_distances_make_the_network(files):
    problem = aligned(files, nearest=2, cost_per_km=0.01)
    assert problem.arcs == 4
    near = {(int(j), int(i)) for j, i in zip(problem.network.gateway, problem.network.site)}  # noqa: B905
    assert near == {(0, 1), (0, 0), (1, 2), (1, 0)}
    cost = dict(zip(zip(problem.network.gateway, problem.network.site), problem.network.cost))  # noqa: B905
    assert cost[0, 1] == pytest.approx(0.0, abs=1e-9) and 4.0 < cost[0, 0] < 4.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rates": None}, "price: unit 'EUR/MWh': EUR has no rate to USD"),
        ({"units": {"coal": "t"}}, "units names 'coal'; the tables are demand, price, carbon"),
        ({"demand": 5.0}, "demand and price must be tables over time"),
        ({"footprints": {"water": {"Paris": 1.0}}}, "water has no entry for site 'Frankfurt'"),
        ({"sites": None}, "carbon has no column for site 'DE_LU', only DE, FR; a column"),
        ({"cost_per_km": -1.0}, "cost_per_km is -1"),
    ],
)
def test_what_does_not_fit_is_named(files, changes, message):
    with pytest.raises(el.InputError, match=re.escape(message)):
        aligned(files, **changes)


def test_sites_that_do_not_fit_are_named(files, tmp_path):
    bad = write(tmp_path / "bad.csv", "site,capacity [MW],price,carbon", "A,5,ES,DE")
    with pytest.raises(el.InputError, match=r"row 2, column 'price': price has no 'ES'; it has DE"):
        aligned(files, sites=bad)
    bare = write(tmp_path / "bare.csv", "site,price,carbon", "A,FR,DE")
    with pytest.raises(el.InputError, match="capacity is missing: give it, or a column"):
        aligned(files, sites=bare)
    with pytest.raises(el.InputError, match="gateway 'Berlin' of the demand has no place"):
        aligned(files, sites=bare, nearest=1, capacity=9.0)
    with pytest.raises(el.InputError, match="the sites need columns"):
        aligned(files, sites=bare, gateways=files["sites"], nearest=1, capacity=9.0)
    later = write(tmp_path / "later.csv", "time,A [MW]", "2025-01-01T00:00Z,5")
    with pytest.raises(el.InputError, match=r"ends at .* before demand begins at 2025"):
        aligned(files, demand=later)
