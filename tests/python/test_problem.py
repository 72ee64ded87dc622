from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest

import equiload as el


def spoiled(shape: tuple[int, ...], place: tuple[int, ...], value: float) -> np.ndarray:
    table = np.ones(shape)
    table[place] = value
    return table


def test_shapes_and_defaults(arguments):
    problem = el.Problem(**arguments)
    assert (problem.slots, problem.gateways, problem.sites, problem.arcs) == (4, 2, 3, 6)
    assert problem.network == el.Network.complete(2, 3)
    assert problem.regions["carbon"].tolist() == [0, 1, 2]
    assert problem.region_names["carbon"] == ("Oslo", "Paris", "Texas")
    assert problem.history["carbon"].tolist() == [0, 0, 0]
    assert problem.sensitivity["carbon"].tolist() == [1, 1, 1]
    assert problem.quadratic is None and problem.shed_cost is None
    assert repr(problem) == (
        "Problem(4 slots, 2 gateways, 3 sites, 6 arcs, carbon: Max(weight=100.0))"
    )


@pytest.mark.parametrize(
    ("capacity", "shape"), [(5.0, (3,)), ([1, 2, 3], (3,)), (np.full((4, 3), np.inf), (4, 3))]
)
def test_capacity_forms(arguments, capacity, shape):
    assert el.Problem(**arguments | {"capacity": capacity}).capacity.shape == shape


def test_a_row_stands_for_every_slot(arguments):
    problem = el.Problem(
        **arguments | {"price": [1, 2, 3], "footprints": {"carbon": [4, 5, 6]}}, quadratic=0.1
    )
    assert problem.price.tolist() == [[1, 2, 3]] * 4
    assert problem.footprints["carbon"].tolist() == [[4, 5, 6]] * 4
    assert problem.quadratic.tolist() == [0.1] * 3


def test_footprints_are_optional():
    problem = el.Problem(np.ones((2, 1)), 3.0, np.ones((2, 2)))
    assert dict(problem.footprints) == {} and dict(problem.equity) == {}


def test_pandas_xarray_and_dlpack(arguments):
    pandas, xarray = pytest.importorskip("pandas"), pytest.importorskip("xarray")
    demand = arguments["demand"]

    class Exporter:
        def __dlpack__(self, **options):
            return demand.__dlpack__(**options)

        def __dlpack_device__(self):
            return demand.__dlpack_device__()

    for value in (
        pandas.DataFrame(demand),
        xarray.DataArray(demand, dims=("slot", "gateway")),
        Exporter(),
        demand.astype(np.float32),
        demand.tolist(),
        demand.astype(int),
        np.asfortranarray(demand),
    ):
        problem = el.Problem(**arguments | {"demand": value})
        assert problem.demand.tolist() == demand.tolist()
        assert problem.demand.flags.c_contiguous and problem.demand.dtype == np.float64


def test_string_regions_are_numbered_in_order_of_appearance(arguments):
    regions = {"carbon": ["south", "north", "south"]}
    problem = el.Problem(**arguments, regions=regions, history={"carbon": [1.0, 2.0]})
    assert problem.regions["carbon"].tolist() == [0, 1, 0]
    assert problem.region_names["carbon"] == ("south", "north")
    again = problem.replace(shed_cost=9.0)
    assert again.region_names["carbon"] == ("south", "north")
    assert again.history["carbon"].tolist() == [1.0, 2.0]


def test_problems_are_immutable(arguments):
    problem = el.Problem(**arguments)
    with pytest.raises(AttributeError, match="immutable"):
        problem.price = 3
    with pytest.raises(ValueError, match="read-only"):
        problem.price[0, 0] = 3
    with pytest.raises(TypeError):
        problem.equity["carbon"] = el.Sum(1.0)


def test_later_changes_to_the_input_do_not_reach_the_problem(arguments):
    problem = el.Problem(**arguments)
    arguments["price"][0, 0] = np.nan
    assert problem.price[0, 0] == 40.0


def test_read_only_input_is_not_copied(arguments):
    arguments["price"].flags.writeable = False
    assert np.shares_memory(el.Problem(**arguments).price, arguments["price"])


def test_a_read_only_view_of_what_can_be_written_is_copied(arguments):
    price = np.array(arguments["price"])
    view = price.view()
    view.flags.writeable = False
    problem = el.Problem(**arguments | {"price": view})
    price[0, 0] = np.nan
    assert problem.price[0, 0] == 40.0
    view = np.asarray(memoryview(price).toreadonly())
    price[0, 0] = 41.0
    problem = el.Problem(**arguments | {"price": view})
    price[0, 0] = np.nan
    assert problem.price[0, 0] == 41.0
    frame = pytest.importorskip("pandas").DataFrame(np.ones((4, 3)))
    problem = el.Problem(**arguments | {"price": frame})
    frame.iloc[0, 0] = np.nan
    assert problem.price[0, 0] == 1.0


@pytest.mark.parametrize(
    "remake", [lambda p: p, lambda p: pickle.loads(pickle.dumps(p)), copy.copy, copy.deepcopy]
)
def test_what_the_core_reads_cannot_be_written(arguments, remake):
    budget = el.Budget(np.array([1e6, 1e6, 1e6]))
    problem = remake(el.Problem(**arguments | {"equity": {"carbon": budget}}, quadratic=1.0))
    network, tables = problem.network, [problem.demand, problem.capacity, problem.quadratic]
    tables += [problem.price, problem.footprints["carbon"], problem.regions["carbon"]]
    tables += [problem.history["carbon"], problem.sensitivity["carbon"]]
    tables += [network.gateway, network.site, network.delay, network.energy, network.cost]
    for table in tables:
        with pytest.raises(ValueError, match="read-only"):
            table[...] = 10**6
        with pytest.raises(ValueError, match="WRITEABLE"):
            table.flags.writeable = True
    assert el.solve(problem, tol=1e-4).status == "optimal"


def test_replace_and_equality(arguments):
    problem = el.Problem(**arguments)
    assert problem == el.Problem(**arguments)
    other = problem.replace(equity={}, price=problem.price + 1)
    assert other != problem
    assert dict(other.equity) == {}
    assert other.site_names == problem.site_names
    with pytest.raises(el.InputError, match="a problem has no prize"):
        problem.replace(prize=1.0)
    with pytest.raises(el.InputError, match=re.escape("price[slot 0, site 0 (Oslo)] is NaN")):
        problem.replace(price=problem.price * np.nan)


def test_pickle(arguments):
    problem = el.Problem(**arguments, regions={"carbon": ["a", "b", "a"]}, shed_cost=3.0)
    again = pickle.loads(pickle.dumps(problem))
    assert again == problem
    assert not again.price.flags.writeable


def test_slot_times(arguments):
    hours = np.arange("2024-01-01T00", "2024-01-01T04", dtype="datetime64[h]")
    dates = el.Problem(**arguments, slot_times=hours)
    assert dates.slot_times.dtype.kind == "M"
    listed = el.Problem(**arguments, slot_times=hours.astype("datetime64[s]").tolist())
    assert (listed.slot_times == hours).all()
    named = el.Problem(**arguments, slot_times=["a", "b", "c", "d"])
    assert named.slot_times.tolist() == ["a", "b", "c", "d"]


def test_work_at_a_gateway_without_arcs_may_be_shed(arguments):
    network = el.Network.from_arcs([0], [0], gateways=2, sites=3)
    with pytest.raises(el.InputError, match=re.escape("demand[slot 0, gateway 1] is 2; the gatew")):
        el.Problem(**arguments, network=network)
    assert el.Problem(**arguments, network=network, shed_cost=50.0).shed_cost == 50.0


CHANGES = [
    ({"demand": np.ones(4)}, "demand has shape (4,); expected (slots, gateways)"),
    ({"demand": np.ones((0, 2))}, "demand has shape (0, 2)"),
    ({"demand": spoiled((4, 2), (3, 1), np.nan)}, "demand[slot 3, gateway 1] is NaN"),
    ({"demand": spoiled((4, 2), (3, 1), -2.5)}, "demand[slot 3, gateway 1] is -2.5"),
    ({"demand": spoiled((4, 2), (0, 0), np.inf)}, "demand[slot 0, gateway 0] is infinite"),
    ({"demand": [["x", "y"]]}, "demand must hold real numbers"),
    ({"demand": [[1, 2], [3]]}, "demand cannot be read as an array"),
    ({"demand": np.ones((4, 2)) * 1j}, "demand must hold real numbers"),
    ({"demand": [[1, None]] * 4}, "demand"),
    ({"demand": np.ma.masked_less(spoiled((4, 2), (2, 0), -9), 0)}, "demand[slot 2, gateway 0] is"),
    ({"capacity": np.ones(2)}, "capacity has shape (2,); expected (slots, sites) = (4, 3) or"),
    ({"capacity": [1, -1, 1]}, "capacity[site 1 (Paris)] is -1"),
    ({"capacity": spoiled((4, 3), (2, 2), np.nan)}, "capacity[slot 2, site 2 (Texas)] is NaN"),
    ({"price": spoiled((4, 3), (3, 2), np.nan)}, "price[slot 3, site 2 (Texas)] is NaN; every"),
    ({"price": spoiled((4, 3), (1, 0), -np.inf)}, "price[slot 1, site 0 (Oslo)] is minus infinity"),
    ({"price": np.ones((5, 3))}, "price has shape (5, 3); expected (slots, sites) = (4, 3)"),
    ({"price": 3.0}, "price has shape ()"),
    ({"quadratic": [0, 0, -1]}, "quadratic[site 2 (Texas)] is -1"),
    ({"quadratic": np.ones((3, 4))}, "quadratic has shape (3, 4)"),
    ({"shed_cost": np.nan}, "shed_cost is NaN"),
    ({"shed_cost": -1.0}, "shed_cost is -1"),
    ({"shed_cost": "cheap"}, "shed_cost is 'cheap'"),
    (
        {"footprints": {"carbon": spoiled((4, 3), (1, 2), -1)}},
        "footprints['carbon'][slot 1, site 2 (Texas)] is -1",
    ),
    ({"footprints": {"carbon": np.ones((4, 2))}}, "footprints['carbon'] has shape (4, 2)"),
    ({"footprints": {"energy": np.ones((4, 3))}}, "footprints names 'energy'"),
    ({"footprints": {"a/b": np.ones((4, 3))}}, "footprints names 'a/b'"),
    ({"footprints": np.ones((4, 3))}, "footprints is a ndarray; it must be a mapping"),
    ({"equity": {"air": el.Max(1.0)}}, "equity names 'air'; the footprints are carbon"),
    ({"equity": {"carbon": 1500.0}}, "equity['carbon'] is 1500.0; it must be an equity function"),
    ({"network": el.Network.complete(2, 4)}, "network has 4 sites, but price has 3"),
    ({"network": el.Network.complete(3, 3)}, "network has 3 gateways, but demand has 2"),
    ({"network": np.ones((2, 3))}, "network is a ndarray; it must be a Network"),
    ({"regions": {"water": [0, 0, 1]}}, "regions names 'water'"),
    ({"regions": {"carbon": [0, 1]}}, "regions['carbon'] has shape (2,)"),
    ({"regions": {"carbon": [0, -1, 1]}}, "regions['carbon'][site 1 (Paris)] is -1"),
    ({"regions": {"carbon": [0, 0.5, 1]}}, "regions['carbon'] must hold whole numbers"),
    ({"history": {"carbon": [0, 0]}}, "history['carbon'] has shape (2,); expected (regions,)"),
    ({"history": {"carbon": [0, 0, np.nan]}}, "history['carbon'][region 2 (Texas)] is NaN"),
    ({"history": {"carbon": [0, -1, 0]}}, "history['carbon'][region 1 (Paris)] is -1"),
    ({"sensitivity": {"carbon": [1, 0, 1]}}, "sensitivity['carbon'][region 1 (Paris)] is 0"),
    ({"sensitivity": {"water": [1, 1, 1]}}, "sensitivity names 'water'"),
    ({"site_names": ["a", "b"]}, "site_names has 2 entries; expected a sequence of 3"),
    ({"site_names": np.zeros((3, 2, 2))}, "site_names is a ndarray; expected a sequence of 3"),
    ({"gateway_names": "ab"}, "gateway_names has 2 entries"),
    ({"slot_times": ["a"]}, "slot_times has shape (1,); expected (slots,) = (4,)"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_bad_input_is_named(arguments, change, message):
    with pytest.raises(el.InputError, match=re.escape(message)) as caught:
        el.Problem(**arguments | change)
    assert "\n" not in str(caught.value)


def test_messages_name_the_time_of_a_slot(arguments):
    times = np.arange("2024-01-01T00", "2024-01-01T04", dtype="datetime64[h]")
    price = spoiled((4, 3), (3, 2), np.nan)
    with pytest.raises(el.InputError, match=re.escape("price[slot 3 (2024-01-01T03), site 2 (T")):
        el.Problem(**arguments | {"price": price, "slot_times": times})


@pytest.mark.parametrize("function", [el.Max, el.Sum])
@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, "heavy", True, None])
def test_bad_weights_are_named(function, weight):
    with pytest.raises(el.InputError, match=rf"{function.__name__}\.weight is "):
        function(weight)


@pytest.mark.parametrize("field", ["price", "footprints['carbon']"])
def test_idle_power_that_overflows_is_refused(field):
    given = {"price": np.ones((2, 2)), "footprints": {"carbon": np.ones((2, 2))}}
    huge = np.array([[1.0, 1e10], [1.0, 1.0]])
    given |= {"price": huge} if field == "price" else {"footprints": {"carbon": huge}}
    with pytest.raises(el.InputError, match=rf"idle_power of site 1 times {re.escape(field)}"):
        el.Problem(np.ones((2, 1)), 9.0, idle_power=1e300, **given)
