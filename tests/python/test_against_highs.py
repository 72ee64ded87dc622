from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="the random problems are drawn by hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import judge, optimum
from study import study

import equiload as el


def random_network(rng: np.random.Generator, gateways: int, sites: int) -> el.Network:
    mask = rng.random((gateways, sites)) < rng.choice([0.4, 0.8, 1.0])
    mask[np.arange(gateways), rng.integers(0, sites, gateways)] = True
    gateway, site = np.nonzero(mask)
    count = gateway.size
    # Energies are powers of two, so that capacities can be met to the last bit.
    energy = 1.0 if rng.random() < 0.5 else rng.choice([0.5, 1.0, 2.0], count)
    cost = rng.choice([0.0, 1.0]) * np.round(rng.normal(0, 10, count), 2)
    network = el.Network.from_arcs(
        gateway, site, energy=energy, cost=cost, gateways=gateways, sites=sites
    )
    if rng.random() < 0.4:
        network = network.with_delays(
            {j: int(rng.integers(0, 4)) for j in range(gateways)}, cost_per_slot=rng.choice([0, 3])
        )
    if rng.random() < 0.25:
        network = network.with_models([el.Model("large"), el.Model("small", energy=0.5, cost=20.0)])
    return network


def random_plan(
    rng: np.random.Generator, network: el.Network, slots: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a demand (T, J) and the load (T, I) of one way to serve it, both exact."""
    demand, load = np.zeros((slots, network.gateways)), np.zeros((slots, network.sites))
    busy = rng.choice([0.3, 0.8, 1.0])
    for t in range(slots):
        usable = np.flatnonzero(network.delay < slots - t)
        for a in usable[rng.random(usable.size) < busy]:
            work = rng.integers(1, 40) / 4
            demand[t, network.gateway[a]] += work
            load[t + network.delay[a], network.site[a]] += work * network.energy[a]
    return demand, load


def random_capacity(rng: np.random.Generator, load: np.ndarray) -> np.ndarray:
    """Capacities that the load just fills, leaves room in, or cannot fill."""
    kind = rng.choice(["tight", "roomy", "mixed", "static", "unlimited"])
    room = rng.uniform(0, 10, load.shape)
    if kind == "tight":
        return load
    if kind == "roomy":
        return load + room
    if kind == "mixed":
        return np.where(rng.random(load.shape) < 0.4, load, load * 1.5 + room)
    if kind == "static":
        return load.max(axis=0)
    return np.where(rng.random(load.shape[1]) < 0.5, np.inf, load.max(axis=0) + 1)


def random_burdens(rng: np.random.Generator, slots: int, sites: int) -> dict[str, dict]:
    data: dict[str, dict] = {
        name: {} for name in ("footprints", "equity", "regions", "history", "sensitivity")
    }
    for name in ("carbon", "water", "air")[: rng.integers(0, 4)]:
        values = rng.choice([0.0, 1.0]) + rng.uniform(0, 1, (slots, sites)).round(3)
        data["footprints"][name] = values * (rng.random(sites) < 0.9)
        weight = float(rng.choice([0.0, 0.5, 20.0, 1500.0]))
        term = rng.choice(["max", "max", "sum", "none"])
        if term != "none":
            data["equity"][name] = (el.Max if term == "max" else el.Sum)(weight)
        regions = sites
        if rng.random() < 0.5:
            data["regions"][name] = region = rng.integers(0, rng.integers(1, sites + 1), sites)
            regions = int(region.max()) + 1
        if rng.random() < 0.4:
            data["history"][name] = rng.uniform(0, 30, regions)
        if rng.random() < 0.4:
            data["sensitivity"][name] = rng.uniform(0.2, 5, regions)
    return data


@st.composite
def problems(draw: st.DrawFn, quadratic: bool = False) -> el.Problem:
    slots = draw(st.integers(1, 8), label="slots")
    gateways, sites = draw(st.integers(1, 5), label="gateways"), draw(st.integers(1, 6), label="i")
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    network = random_network(rng, gateways, sites)
    demand, load = random_plan(rng, network, slots)
    price = rng.choice([0.0, 30.0]) + rng.choice([0.0, 1.0, 40.0]) * rng.normal(size=(slots, sites))
    curve = rng.choice([0.0, 0.1, 2.0], (slots, sites)) if quadratic else None
    return el.Problem(
        demand=demand,
        capacity=random_capacity(rng, load),
        price=price,
        network=network,
        quadratic=curve,
        shed_cost=float(rng.uniform(0, 100)) if rng.random() < 0.2 else None,
        **random_burdens(rng, slots, sites),
    )


def assert_certified(problem: el.Problem, solution: el.Solution, best: float) -> None:
    slack = 1e-6 * max(1.0, abs(best)) + 1e-9
    assert solution.status == "optimal"
    assert abs(solution.objective - best) <= slack
    found = judge(problem, solution)
    assert found.unmet <= 1e-12
    assert found.overload <= 1e-9
    assert found.overspent <= 1.001e-9
    assert found.negative == 0
    assert abs(found.objective - solution.objective) <= 1e-3 * slack
    assert abs(found.bound - solution.lower_bound) <= 1e-3 * slack
    assert found.bound <= best + 1e-3 * slack


@settings(max_examples=200)
@given(problems())
def test_linear_problems(device, problem):
    assert_certified(problem, el.solve(problem, device=device), optimum(problem))


@settings(max_examples=40)
@given(problems(quadratic=True))
def test_quadratic_problems(device, problem):
    assert_certified(problem, el.solve(problem, device=device), optimum(problem))


@settings(max_examples=40)
@given(problems(), st.integers(0, 2**32 - 1))
def test_infeasible_problems(device, problem, seed):
    """Shrink a capacity that is in the way, or not: HiGHS and we must say the same."""
    rng = np.random.default_rng(seed)
    capacity = np.broadcast_to(problem.capacity, problem.price.shape).copy()
    closed = rng.random(capacity.shape) < 0.3
    capacity[closed] = np.minimum(capacity[closed], 1e3) * rng.choice([0.0, 0.5, 0.9])
    problem = problem.replace(capacity=capacity, shed_cost=None)
    solution, best = el.solve(problem, device=device), optimum(problem)
    assert (solution.status == "infeasible") == math.isinf(best)
    if math.isinf(best):
        assert el.certify(problem, solution).lower_bound == math.inf
        assert str(solution.infeasibility)
    else:
        assert_certified(problem, solution, best)


@pytest.mark.parametrize("connectivity", ["full", "partial"])
def test_ten_data_centres(device, connectivity):
    problem = study(connectivity)
    assert_certified(problem, el.solve(problem, device=device), optimum(problem))
