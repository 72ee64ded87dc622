"""Tables with labels are put in order by them, or refused by name."""

from __future__ import annotations

import re

import numpy as np
import pytest

import equiload as el

pandas = pytest.importorskip("pandas")

HOURS = pandas.date_range("2024-03-01", periods=4, freq="h")
SITES = ["Oslo", "Texas", "Iowa"]


def frame(columns=SITES, index=HOURS, first: float = 1.0):
    shape = len(index), len(columns)
    return pandas.DataFrame(first + np.arange(np.prod(shape)).reshape(shape), index, columns)


def tables(**changes):
    demand = frame(["a", "b"])
    return {"demand": demand, "capacity": 90.0, "price": frame()} | changes


def test_tables_are_put_in_order_by_their_labels():
    price = frame()
    carbon = frame(["Iowa", "Oslo", "Texas", "Mars"], HOURS[::-1])
    capacity = pandas.Series({"Texas": 92.0, "Iowa": 93.0, "Oslo": 91.0})
    regions = pandas.Series({"Texas": "US", "Oslo": "EU", "Iowa": "US"})
    history = pandas.Series({"US": 2.0, "EU": 1.0})
    problem = el.Problem(
        **tables(price=price, capacity=capacity, footprints={"carbon": carbon}),
        regions={"carbon": regions},
        history={"carbon": history},
    )
    assert problem.site_names == tuple(SITES) and problem.gateway_names == ("a", "b")
    assert np.array_equal(problem.slot_times, HOURS.to_numpy())
    assert problem.capacity.tolist() == [91.0, 92.0, 93.0]
    expected = carbon.loc[HOURS, SITES].to_numpy()
    np.testing.assert_array_equal(problem.footprints["carbon"], expected)
    np.testing.assert_array_equal(problem.price, price.to_numpy())
    assert problem.region_names["carbon"] == ("EU", "US")
    assert problem.history["carbon"].tolist() == [1.0, 2.0]
    again = problem.replace(price=price[SITES[::-1]])
    np.testing.assert_array_equal(again.price, price.to_numpy())


def test_names_that_are_given_decide():
    problem = el.Problem(**tables(), site_names=SITES[::-1], slot_times=HOURS.strftime("%FT%T"))
    np.testing.assert_array_equal(problem.price, frame().to_numpy()[:, ::-1])
    assert problem.site_names == tuple(SITES[::-1])


def test_zones_of_time_are_turned_to_utc():
    price = frame(index=HOURS.tz_localize("UTC").tz_convert("Europe/Oslo"))
    problem = el.Problem(**tables(price=price))
    np.testing.assert_array_equal(problem.price, price.to_numpy())


def test_arrays_of_xarray_are_put_in_order():
    price = pytest.importorskip("xarray").DataArray(
        frame(SITES[::-1]).to_numpy(), {"time": HOURS, "site": SITES[::-1]}
    )
    problem = el.Problem(**tables(footprints={"carbon": price}))
    np.testing.assert_array_equal(problem.footprints["carbon"], price.to_numpy()[:, ::-1])


QUARTERS = pandas.date_range("2024-03-01", periods=16, freq="15min")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"price": frame(["Oslo", "Oslo", "Iowa"])}, "price has site Oslo twice"),
        ({"demand": frame(["a", "b"], HOURS[[0, 1, 1, 2]])}, "demand has slot .*T01:00:00 twice"),
        ({"demand": frame(["a", "b"], HOURS[::-1])}, "demand has its slots out of order"),
        ({"price": frame(index=QUARTERS)}, "price has 9 rows .*15 min apart, the slots 60 min; av"),
        (
            {"demand": np.ones((4, 2)), "price": frame(index=QUARTERS)},
            r"price has 16 slots",
        ),
        ({"demand": frame(["a", "b"], QUARTERS)}, "price has no slot .*60 min apart, the slots 15"),
        ({"footprints": {"carbon": frame(SITES[:2])}}, r"footprints\['carbon'\] has no site Iowa"),
        ({"capacity": pandas.Series({"Oslo": 9.0})}, "capacity has no site Texas"),
        ({"site_names": ["x", "y", "z"]}, "price has no site x"),
        (
            {"price": frame().to_numpy(), "site_names": ["x", "y", "x"]},
            "site_names has site x t",
        ),
        ({"demand": frame(["a", "a"])}, "demand has gateway a twice"),
        ({"slot_times": HOURS[[0, 0, 1, 2]]}, "slot_times has slot .*T00:00:00 twice"),
    ],
)
def test_what_does_not_match_is_refused(changes, message):
    with pytest.raises(el.InputError, match=message):
        el.Problem(**tables(**changes))


def test_from_pandas_refuses_a_finer_price():
    with pytest.raises(el.InputError, match=r"price has 9 rows .*15 min apart"):
        el.data.from_pandas(frame(["a", "b"]), 90.0, frame(index=QUARTERS))


def test_the_data_of_a_slot_are_put_in_order():
    static = el.Problem(**tables()).static()
    price = pandas.Series({"Iowa": 3.0, "Oslo": 1.0, "Texas": 2.0})
    slot = static.slot(pandas.Series({"b": 2.0, "a": 1.0}), price)
    assert slot.demand.tolist() == [1.0, 2.0] and slot.price.tolist() == [1.0, 2.0, 3.0]
    unnamed = el.Problem(np.ones((1, 2)), 9.0, np.ones((1, 3))).static()
    with pytest.raises(el.InputError, match="price has labels, but the sites have no names"):
        unnamed.slot([1.0, 1.0], price)


def test_networks_refuse_labels():
    mask = pandas.DataFrame(np.ones((2, 3)), ["a", "b"], SITES)
    for make in el.Network.from_mask, el.Network.nearest:
        with pytest.raises(el.InputError, match=re.escape("has labels; a network goes by order")):
            make(mask)


def test_budgets_are_put_in_the_order_of_the_regions():
    limit = pandas.Series({"Iowa": 3.0, "Oslo": 1.0, "Mars": 9.0, "Texas": 2.0})
    budget = el.Budget(limit)
    problem = el.Problem(**tables(footprints={"carbon": frame()}), equity={"carbon": budget})
    assert problem.equity["carbon"].limit.tolist() == [1.0, 2.0, 3.0]
    assert budget != el.Budget(limit.to_numpy()) and budget == el.Budget(limit)
    with pytest.raises(el.InputError, match=r"equity\['carbon'\].limit has no region Texas"):
        problem.replace(equity={"carbon": el.Budget(limit.drop("Texas"))})


def test_columns_of_arcs_are_put_in_the_order_of_the_rows():
    arcs = pandas.DataFrame({"gateway": [0, 1, 1], "site": [0, 1, 2], "cost": [5.0, 6.0, 7.0]})
    expected = el.Network.from_arcs(*arcs.to_numpy(dtype=float).T[:2], cost=[5.0, 6.0, 7.0])
    shuffled = arcs.cost[[2, 0, 1]]
    for table in arcs, arcs.set_index(pandas.Index(["a", "a", "b"])), arcs.to_xarray():
        assert el.Network.from_arcs(table.gateway, table.site, cost=table.cost) == expected
    assert el.Network.from_arcs(arcs.gateway, arcs.site, cost=shuffled) == expected
    assert el.Network.from_arcs(arcs.gateway.to_numpy(), arcs.site, cost=arcs.cost) == expected
    later = arcs[1:]
    for columns, message in (
        ((later.gateway, later.site, 0, 1.0, arcs.cost[:2]), "cost has no arc 2"),
        ((later.gateway.to_numpy(), later.site), "site has labels, but gateway has none"),
    ):
        with pytest.raises(el.InputError, match=message):
            el.Network.from_arcs(*columns)


def test_positions_on_the_map_go_by_the_names_of_the_sites():
    problem = el.Problem(**tables())
    positions = pandas.DataFrame(np.ones((2, 2)), SITES[:2], ["latitude", "longitude"])
    with pytest.raises(el.InputError, match="positions has no site Iowa"):
        el.report(el.solve(problem), "none.html", positions=positions)
