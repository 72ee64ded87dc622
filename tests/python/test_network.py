from __future__ import annotations

import copy
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest

import equiload as el


def pairs(network: el.Network) -> list[tuple[int, int]]:
    return list(zip(network.gateway.tolist(), network.site.tolist(), strict=True))


def test_complete_is_gateway_major():
    network = el.Network.complete(gateways=2, sites=3)
    assert pairs(network) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert len(network) == 6
    assert network.gateway.dtype == np.int32 and network.energy.dtype == np.float64
    assert (network.energy == 1).all() and not network.cost.any() and not network.delay.any()
    assert repr(network) == "Network(6 arcs, 2 gateways, 3 sites)"


@pytest.mark.parametrize("kind", [bool, int, float])
def test_from_mask(kind):
    network = el.Network.from_mask(np.array([[1, 0, 1], [0, 1, 0]], dtype=kind))
    assert pairs(network) == [(0, 0), (0, 2), (1, 1)]
    assert (network.gateways, network.sites) == (2, 3)


def test_from_arcs_keeps_the_order_and_parallel_arcs():
    network = el.Network.from_arcs(
        [1, 0, 1], [0, 2, 0], delay=[0, 1, 0], energy=2.0, gateways=3, sites=4
    )
    assert pairs(network) == [(1, 0), (0, 2), (1, 0)]
    assert network.delay.tolist() == [0, 1, 0]
    assert network.energy.tolist() == [2.0, 2.0, 2.0]
    assert (network.gateways, network.sites) == (3, 4)


def test_from_arcs_counts_by_itself():
    network = el.Network.from_arcs([0, 1], [4, 0])
    assert (network.gateways, network.sites) == (2, 5)


def test_nearest():
    distance = [[30.0, 10.0, 20.0], [5.0, 5.0, 5.0]]
    network = el.Network.nearest(distance, k=2, cost_per_km=0.1)
    assert pairs(network) == [(0, 1), (0, 2), (1, 0), (1, 1)]
    np.testing.assert_allclose(network.cost, [1.0, 2.0, 0.5, 0.5])
    assert el.Network.nearest(distance, k=9) == el.Network.complete(2, 3)


def test_nearest_leaves_out_what_is_out_of_reach():
    network = el.Network.nearest([[np.inf, 1.0], [2.0, 3.0]], k=2, cost_per_km=0.0)
    assert pairs(network) == [(0, 1), (1, 0), (1, 1)]


def test_with_delays_appends_copies():
    network = el.Network.complete(2, 2).with_delays({1: 2}, cost_per_slot=0.5)
    assert pairs(network)[4:] == [(1, 0), (1, 1), (1, 0), (1, 1)]
    assert network.delay.tolist() == [0, 0, 0, 0, 1, 1, 2, 2]
    assert network.cost.tolist() == [0, 0, 0, 0, 0.5, 0.5, 1.0, 1.0]
    assert "delays up to 2" in repr(network)
    assert len(el.Network.complete(2, 2).with_delays(3)) == 16


def test_with_models_replaces_the_first_and_appends_the_rest():
    base = el.Network.from_arcs([0, 0], [0, 1], energy=[1.0, 2.0], cost=[0.0, 1.0])
    network = base.with_models([el.Model("large", 0.9), el.Model("small", 0.3, cost=2.0)])
    assert pairs(network) == [(0, 0), (0, 1)] * 2
    assert network.model.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(network.energy, [0.9, 1.8, 0.3, 0.6])
    np.testing.assert_allclose(network.cost, [0.0, 1.0, 2.0, 3.0])
    assert [model.name for model in network.models] == ["large", "small"]
    assert network.with_delays(1).model.tolist() == [0, 0, 1, 1] * 2


def test_arcs_is_a_table():
    network = el.Network.from_arcs([0], [1], delay=2, energy=0.5, cost=3.0)
    assert network.arcs.dtype.names == ("gateway", "site", "delay", "energy", "cost", "model")
    assert network.arcs.tolist() == [(0, 1, 2, 0.5, 3.0, 0)]


def test_networks_are_immutable_and_compare_by_value():
    network = el.Network.complete(2, 2)
    assert network == el.Network.from_mask(np.ones((2, 2)))
    assert network != el.Network.complete(2, 3)
    assert network != network.with_delays(1)
    assert network != "network"
    with pytest.raises(AttributeError):
        network.gateways = 3
    with pytest.raises(ValueError, match="read-only"):
        network.energy[0] = 2.0


def test_later_changes_to_the_input_do_not_reach_the_network():
    energy = np.ones(2)
    network = el.Network.from_arcs([0, 0], [0, 1], energy=energy)
    energy[0] = -1.0
    assert network.energy.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda n: n.complete(0, 3), "gateways is 0; it must be a whole number of at least 1"),
        (lambda n: n.complete(2.5, 3), "gateways is 2.5"),
        (lambda n: n.from_mask([1, 0]), "mask has shape (2,); expected (gateways, sites)"),
        (
            lambda n: n.from_mask([[1, 0], [1, 2]]),
            "mask[gateway 1, site 1] is 2; it must be 0 or 1",
        ),
        (lambda n: n.from_mask([[np.nan]]), "mask[gateway 0, site 0] is NaN"),
        (lambda n: n.from_mask([[0, 0]]), "expected (arcs,), at least one"),
        (lambda n: n.from_arcs([], []), "expected (arcs,), at least one"),
        (lambda n: n.from_arcs([0, 0], [1]), "site has shape (1,); expected (arcs,) = (2,)"),
        (lambda n: n.from_arcs([0, 3], [0, 0], gateways=3, sites=1), "gateway[arc 1] is 3"),
        (
            lambda n: n.from_arcs([0, 0], [0, 9], gateways=1, sites=5),
            "site[arc 1] is 9; the network has sites 0 to 4",
        ),
        (lambda n: n.from_arcs([0], [-1], gateways=1, sites=5), "site[arc 0] is -1"),
        (lambda n: n.from_arcs([0], [0], delay=-1), "delay[arc 0] is -1"),
        (lambda n: n.from_arcs([0], [0], delay=0.5), "delay must hold whole numbers"),
        (lambda n: n.from_arcs([0], [0], energy=0.0), "energy[arc 0] is 0"),
        (lambda n: n.from_arcs([0], [0], energy=np.nan), "energy[arc 0] is NaN"),
        (lambda n: n.from_arcs([0], [0], cost=np.inf), "cost[arc 0] is infinite"),
        (lambda n: n.from_arcs([2**40], [0]), "whole numbers that fit 32 bits"),
        (lambda n: n.from_arcs(["a"], [0]), "gateway must hold real numbers"),
        (lambda n: n.nearest([[1.0, -2.0]]), "distance_km[gateway 0, site 1] is -2"),
        (lambda n: n.nearest([[1.0, np.nan]]), "distance_km[gateway 0, site 1] is NaN"),
        (lambda n: n.nearest([1.0]), "distance_km has shape (1,)"),
        (lambda n: n.nearest([[1.0]], k=0), "k is 0"),
        (lambda n: n.nearest([[1.0]], cost_per_km=np.nan), "cost_per_km is NaN"),
        (lambda n: n.complete(2, 2).with_delays({5: 1}), "max_delay names gateway 5"),
        (lambda n: n.complete(2, 2).with_delays({1: -1}), "max_delay[gateway 1] is -1"),
        (lambda n: n.complete(2, 2).with_delays(1, cost_per_slot=np.inf), "cost_per_slot is inf"),
        (lambda n: n.complete(2, 2).with_models([]), "there must be at least one"),
        (lambda n: n.complete(2, 2).with_models([el.Model("a")] * 2), "each name once"),
        (lambda n: n.complete(2, 2).with_models("ab"), "models holds a str; each must be a Model"),
        (
            lambda n: n.complete(2, 2).with_models([el.Model("a")]).with_models([el.Model("b")]),
            "the network has models already",
        ),
        (lambda n: el.Model("tiny", energy=0.0), "energy of model 'tiny' is 0"),
        (lambda n: el.Model("tiny", cost=np.nan), "cost of model 'tiny' is NaN"),
    ],
)
def test_bad_input_is_named(build, message):
    with pytest.raises(el.InputError, match=re.escape(message)):
        build(el.Network)


@pytest.mark.parametrize(
    "remake", [lambda n: n, lambda n: pickle.loads(pickle.dumps(n)), copy.copy, copy.deepcopy]
)
def test_arcs_cannot_be_written_to(remake):
    site = np.array([0, 1, 0, 1], dtype=np.int32)
    view = site.view()
    view.flags.writeable = False
    made = el.Network.from_arcs([0, 0, 1, 1], view)
    network = remake(made)
    site[:] = 10**6
    assert network == made and network.site.tolist() == [0, 1, 0, 1]
    for name in ("gateway", "site", "delay", "energy", "cost", "model"):
        with pytest.raises(ValueError, match="WRITEABLE"):
            getattr(network, name).flags.writeable = True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"site": [0, 5]}, r"site\[arc 1\] is 5; the network has sites 0 to 1"),
        ({"energy": [1.0]}, r"energy has shape \(1,\); expected \(arcs,\) = \(2,\)"),
        ({"delay": [0, 10**8]}, r"delay\[arc 1\] is 1e\+08; delays are at most 100000 slots"),
        ({"model": [0, 1]}, r"model\[arc 1\] is 1; there is no such model"),
        ({"sites": 0}, "sites is 0; it must be a whole number of at least 1"),
    ],
)
def test_a_network_checks_its_fields_however_it_is_made(changes, message):
    with pytest.raises(el.InputError, match=message):
        replace(el.Network.from_arcs([0, 0], [0, 1]), **changes)


@pytest.mark.parametrize("limit", [10**8, {0: 10**8}, {0: 10**30}])
def test_delays_that_no_memory_holds_are_refused(limit):
    with pytest.raises(el.InputError, match=r"max_delay.* is 1e.*at most 100000"):
        el.Network.complete(2, 2).with_delays(limit)
    with pytest.raises(el.InputError, match="max_delay makes 10,000,100,000 arcs"):
        el.Network.complete(1, 100_000).with_delays(100_000)
