"""Every equity function and every combination of them against HiGHS."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import optimum
from test_against_highs import assert_certified, problems

import equiload as el


def random_term(rng: np.random.Generator, kind: str, weight: float) -> el.equity.Equity:
    if kind == "norm":
        return el.Norm(weight, q=float(rng.choice([1.1, 1.5, 2.0, 4.0, 16.0])))
    if kind == "topmean":
        return el.TopMean(weight, k=int(rng.integers(1, 5)))
    return (el.Max if kind == "max" else el.Sum)(weight)


def with_terms(problem: el.Problem, rng: np.random.Generator, kinds: list[str]) -> el.Problem:
    """Give every footprint (one more if there is none) a term of one of the kinds."""
    footprints = dict(problem.footprints)
    if not footprints:
        footprints["carbon"] = rng.uniform(0, 1, problem.price.shape).round(3)
    equity = {
        name: random_term(rng, str(rng.choice(kinds)), float(rng.choice([0.5, 20.0, 1500.0])))
        for name in footprints
    }
    return problem.replace(footprints=footprints, equity=equity)


def with_budgets(problem: el.Problem, rng: np.random.Generator, room: float) -> el.Problem:
    """Budget some footprints at what the least greatest burden needs, and some room."""
    problem = with_terms(problem, rng, ["max", "norm", "sum"])
    terms = dict(problem.equity)
    for name in problem.footprints:
        if rng.random() < 0.7 or len(terms) == 1:
            alone = problem.replace(
                equity={name: el.Max(1000.0)} | {n: t for n, t in terms.items() if n != name},
                sensitivity={},
                price=np.zeros(problem.price.shape),
            )
            found = el.solve(alone, tol=1e-3)
            if found.status != "optimal":
                continue
            # Where the least burden is zero, what the tolerance leaves of it is no limit.
            scale = problem.footprints[name].max() * problem.demand.sum()
            limit = max(found.footprints[name].max() * (1 + room), 0.01 * scale)
            terms[name] = el.Budget(
                np.where(rng.random(problem.history[name].size) < 0.8, limit, np.inf)
            )
            problem = problem.replace(equity=terms)
    return problem


SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=60)
@given(problems(), SEEDS)
@pytest.mark.parametrize("kind", ["max", "sum", "norm", "topmean"])
def test_each_kind(kind, device, problem, seed):
    problem = with_terms(problem, np.random.default_rng(seed), [kind])
    assert_certified(problem, el.solve(problem, device=device), optimum(problem))


@settings(max_examples=60)
@given(problems(), SEEDS, st.sampled_from([1e-3, 0.02, 0.3]))
def test_budgets(device, problem, seed, room):
    problem = with_budgets(problem, np.random.default_rng(seed), room)
    solution, best = el.solve(problem, device=device), optimum(problem)
    if math.isinf(best):
        assert solution.status == "infeasible"
        assert el.certify(problem, solution).lower_bound == math.inf
        assert "budgets" in str(solution.infeasibility)
    else:
        assert_certified(problem, solution, best)


@settings(max_examples=60)
@given(problems(quadratic=True), SEEDS)
def test_all_kinds_together_with_curved_costs_and_idle_power(device, problem, seed):
    rng = np.random.default_rng(seed)
    problem = with_terms(problem, rng, ["max", "sum", "norm", "topmean"])
    idle = rng.choice([0.0, 1.0]) * rng.uniform(0, 3, (problem.slots, problem.sites))
    problem = problem.replace(idle_power=idle[0] if rng.random() < 0.5 else idle)
    solution = el.solve(problem, device=device)
    assert_certified(problem, solution, optimum(problem))
    found = el.certify(problem, solution)
    assert found.gap <= 1.01e-6 and found.unmet <= 1e-12 and found.overload <= 1e-9


@settings(max_examples=60)
@given(problems(quadratic=True), SEEDS)
def test_budgets_with_curved_costs_and_idle_power(device, problem, seed):
    rng = np.random.default_rng(seed)
    problem = with_budgets(problem.replace(idle_power=rng.uniform(0, 3)), rng, 0.05)
    solution, best = el.solve(problem, device=device), optimum(problem)
    if math.isinf(best):
        assert solution.status == "infeasible"
    else:
        assert_certified(problem, solution, best)
        assert el.certify(problem, solution).overspent <= 1.001e-9
