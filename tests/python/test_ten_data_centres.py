"""What the ten-data-centre trace must show of the whole model."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from study import study

import equiload as el


@pytest.fixture(scope="module")
def trace() -> el.Problem:
    return study("full")


@pytest.fixture(scope="module")
def fairest(trace, device) -> el.Solution:
    return el.solve(trace, device=device)


def assert_certified(problem: el.Problem, solution: el.Solution) -> None:
    found = el.certify(problem, solution)
    assert solution.status == "optimal" and found.gap <= 1.01e-6
    assert found.unmet <= 1e-12 and found.overload <= 1e-9 and found.overspent <= 1.001e-9


def test_sum_is_the_oblivious_optimum(trace, device):
    """Slot by slot a fractional knapsack: fill the sites from the cheapest, burdens included."""
    terms = {name: el.Sum(term.weight / 10) for name, term in trace.equity.items()}
    problem = trace.replace(equity=terms)
    cost = trace.price + sum(terms[n].weight * f for n, f in trace.footprints.items())
    capacity = np.broadcast_to(trace.capacity, cost.shape)
    best = 0.0
    for t in range(trace.slots):
        left = trace.demand[t].sum()
        for i in np.argsort(cost[t], kind="stable"):
            served = min(left, capacity[t, i])
            best += served * cost[t, i]
            left -= served
    solution = el.solve(problem, device=device)
    assert_certified(problem, solution)
    assert solution.objective == pytest.approx(best, rel=1e-6)
    assert solution.lower_bound <= best * (1 + 1e-12)


@pytest.mark.parametrize("tol", [1e-4, 1e-6])
def test_single_precision_arcs_reach_the_tolerance(trace, fairest, tol):
    solution = el.solve(trace, tol=tol, method="first-order", precision="mixed")
    found = el.certify(trace, solution)
    assert solution.status == "optimal" and found.gap <= 1.01 * tol
    assert found.unmet <= 1e-12 and found.overload <= 1e-9
    assert solution.objective >= fairest.lower_bound


def test_norms_approach_the_maximum(trace, fairest, device):
    heaviest = []
    for q in (2.0, 4.0, 16.0, 64.0):
        terms = {name: el.Norm(term.weight, q) for name, term in trace.equity.items()}
        problem = trace.replace(equity=terms)
        solution = el.solve(problem, device=device)
        assert_certified(problem, solution)
        # |z|_inf <= |z|_q <= G^(1/q) |z|_inf: the optima are as close.
        norms = solution.objective, fairest.objective
        assert norms[1] * (1 - 1e-6) <= norms[0] <= 10 ** (1 / q) * norms[1]
        as_max = sum(
            term.weight * solution.footprints[name].max() for name, term in trace.equity.items()
        ) + sum(solution.breakdown[part] for part in ("energy", "arc"))
        heaviest.append(as_max)
    assert all(a >= b * (1 - 1e-6) for a, b in itertools.pairwise(heaviest))
    assert heaviest[-1] == pytest.approx(fairest.objective, rel=3e-3)


def test_a_budget_at_the_fairest_maximum_changes_nothing(trace, fairest, device):
    limit = float(fairest.footprints["carbon"].max())
    problem = trace.replace(equity=dict(trace.equity) | {"carbon": el.Budget(limit)})
    solution = el.solve(problem, device=device)
    assert_certified(problem, solution)
    paid = trace.equity["carbon"].weight * limit
    assert solution.objective + paid == pytest.approx(fairest.objective, rel=1e-5)


def test_top_means_lie_between_mean_and_maximum(trace, fairest, device):
    objectives = []
    for k in (1, 3, 10):
        terms = {name: el.TopMean(term.weight, k) for name, term in trace.equity.items()}
        solution = el.solve(trace.replace(equity=terms), device=device)
        assert_certified(solution.problem, solution)
        objectives.append(solution.objective)
    assert objectives[0] == pytest.approx(fairest.objective, rel=2e-6)
    assert objectives[0] > objectives[1] > objectives[2]


def with_waiting(trace: el.Problem, slots: int) -> el.Problem:
    """A fifth of the work of four days may wait up to so many slots."""
    days = slice(0, 96)
    pairs = np.indices((20, 10)).reshape(2, -1)
    network = el.Network.from_arcs(*pairs, gateways=20, sites=10)
    if slots:
        network = network.with_delays({10 + j: slots for j in range(10)})
    return el.Problem(
        demand=np.hstack([0.8 * trace.demand[days], 0.2 * trace.demand[days]]),
        capacity=trace.capacity,
        price=trace.price[days],
        footprints={name: values[days] for name, values in trace.footprints.items()},
        equity=trace.equity,
        network=network,
    )


def test_waiting_lowers_cost_and_both_heaviest_burdens(trace, device):
    """Beyond every gap: what the waiting plan achieves, no plan without waiting can."""
    rigid = with_waiting(trace, 0)
    without = el.solve(rigid, device=device)
    at_prices = el.solve(with_waiting(trace, 24), tol=1e-5, device=device)
    assert_certified(rigid, without)
    assert at_prices.objective < 0.99 * without.lower_bound

    lower = {name: 0.98 * burden.max() for name, burden in without.footprints.items()}
    terms = {name: el.Budget(limit) for name, limit in lower.items()}
    patient = with_waiting(trace, 24).replace(equity=terms)
    waiting = el.solve(patient, tol=1e-5, device=device)
    found = el.certify(waiting.problem, waiting)
    assert waiting.status == "optimal" and found.gap <= 1.01e-5
    assert found.unmet <= 1e-12 and found.overload <= 1e-9 and found.overspent <= 1.001e-9
    for name, limit in lower.items():
        assert waiting.footprints[name].max() <= limit * (1 + 1e-9)
    at_once = el.solve(rigid.replace(equity=terms), device=device)
    assert_certified(at_once.problem, at_once)
    assert waiting.objective < 0.99 * without.breakdown["energy"] < at_once.lower_bound


def test_a_batch_and_a_frontier(trace, device):
    rng = np.random.default_rng(0)
    scenarios = [
        trace.replace(demand=trace.demand * rng.uniform(0.9, 1, trace.demand.shape))
        for _ in range(6)
    ]
    for problem, solution in zip(scenarios, el.solve_batch(scenarios, device=device), strict=True):
        assert_certified(problem, solution)
    front = el.frontier(trace, {"carbon": np.geomspace(1, 1e5, 32)}, device=device)
    for solution in front:
        assert_certified(solution.problem, solution)
    assert (np.diff(front.burden["carbon"]) <= 1e-5 * front.burden["carbon"][0]).all()
