from __future__ import annotations

import re

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="the cases are drawn by hypothesis")

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import equiload as el
from equiload import _core

TERMS = [
    el.Max(2.0),
    el.Sum(2.0),
    el.Norm(2.0, q=1.2),
    el.Norm(2.0, q=2.0),
    el.Norm(2.0, q=16.0),
    el.TopMean(2.0, k=1),
    el.TopMean(2.0, k=3),
    el.TopMean(2.0, k=99),
    el.Budget(1.0),
]
BURDENS = arrays(float, 5, elements=st.floats(0, 1e6))


@pytest.mark.parametrize("term", TERMS[:-1], ids=str)
@given(burden=BURDENS, theta=arrays(float, 5, elements=st.floats(-1, 3)))
def test_weak_duality(term, burden, theta):
    inside = term.into_dual_set(theta)
    assert inside.min() >= 0
    assert inside @ burden <= term.value(burden) * (1 + 1e-12) + 1e-12
    np.testing.assert_allclose(term.into_dual_set(inside), inside, rtol=1e-12)


def test_values():
    burden = np.array([3.0, 0.0, 4.0])
    assert el.Max(1.0).value(burden) == 4.0
    assert el.Sum(1.0).value(burden) == 7.0
    assert el.Norm(1.0, 2.0).value(burden) == pytest.approx(5.0)
    assert el.Norm(1.0, 300.0).value(1e300 * burden) == pytest.approx(4e300, rel=1e-2)
    assert el.Norm(1.0, 2.0).value(np.zeros(3)) == 0.0
    assert el.TopMean(1.0, 2).value(burden) == 3.5
    assert el.TopMean(1.0, 5).value(burden) == pytest.approx(7 / 3)
    assert el.Budget(5.0).value(burden) == 0.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: el.Norm(1.0, 1.0), "Norm.q is 1; it must be finite and above 1"),
        (lambda: el.Norm(1.0, np.inf), "Norm.q is infinite"),
        (lambda: el.Norm(-1.0, 2.0), "Norm.weight is -1; it must be finite and not negative"),
        (lambda: el.TopMean(1.0, 0), "TopMean.k is 0; it must be a whole number of at least 1"),
        (lambda: el.TopMean(1.0, 1.5), "TopMean.k is 1.5"),
        (lambda: el.Budget(-1.0), "Budget.limit is -1"),
        (lambda: el.Budget([1.0, np.nan]), "Budget.limit[region 1] is NaN"),
        (lambda: el.Budget([[1.0]]), "Budget.limit has shape (1, 1)"),
    ],
)
def test_bad_terms_are_named(make, message):
    with pytest.raises(el.InputError, match=re.escape(message)):
        make()


def test_a_budget_of_another_shape_is_named(arguments):
    arguments["equity"] = {"carbon": el.Budget([1.0, 2.0])}
    message = "equity['carbon'].limit has shape (2,); expected (regions,) = (3,)"
    with pytest.raises(el.InputError, match=re.escape(message)):
        el.Problem(**arguments)


def test_budgets_compare_by_value():
    assert el.Budget([1.0, 2.0]) == el.Budget(np.array([1.0, 2.0]))
    assert el.Budget(1.0) != el.Budget(2.0) and el.Budget(1.0) != el.Max(1.0)


def test_a_budget_is_kept_and_priced(arguments):
    arguments["price"] = np.tile([10.0, 40.0, 50.0], (4, 1))
    arguments["equity"] = {}
    free = el.solve(el.Problem(**arguments))
    limit = [0.7 * free.footprints["carbon"][0], np.inf, np.inf]
    problem = el.Problem(**arguments | {"equity": {"carbon": el.Budget(limit)}})
    solution = el.solve(problem)
    assert solution.status == "optimal"
    assert solution.footprints["carbon"][0] == pytest.approx(limit[0], rel=1e-5)
    assert solution.footprints["carbon"][0] <= limit[0] * (1 + 1e-9)
    # A ton less at the first site moves 1 / 0.4 MWh to the second, 30 USD/MWh dearer.
    assert solution.prices.equity["carbon"][0] == pytest.approx(75.0, rel=1e-4)
    assert solution.breakdown["carbon"] == 0.0
    assert list(solution.audit()["carbon"].binding) == ["Oslo"]
    found = el.certify(problem, solution)
    assert found.gap <= 1.01e-6 and found.overspent <= 1.001e-9


def test_budgets_that_cannot_be_kept_are_proven(arguments, tmp_path):
    arguments["equity"] = {"carbon": el.Budget([1.0, 2.0, 0.5])}  # 16 MWh at 0.4 t each
    problem = el.Problem(**arguments)
    solution = el.solve(problem)
    assert solution.status == "infeasible"
    reason = solution.infeasibility
    regions = "regions 0 (Oslo), 1 (Paris) and 2 (Texas)"
    assert str(reason).startswith(f"the budgets of carbon in {regions} cannot all be kept")
    assert "0.9667 or more" in str(reason)  # (6.4 t - 3.5 t) / 3
    assert el.certify(problem, solution).lower_bound == np.inf
    solution.save(tmp_path / "out.npz")
    loaded = el.Solution.load(tmp_path / "out.npz")
    np.testing.assert_array_equal(loaded.infeasibility.budgets["carbon"], reason.budgets["carbon"])
    assert el.certify(loaded.problem, loaded).lower_bound == np.inf


def test_a_history_beyond_its_budget_is_infeasible(arguments):
    arguments |= {"equity": {"carbon": el.Budget(9.0)}, "history": {"carbon": [0.0, 10.0, 0.0]}}
    solution = el.solve(el.Problem(**arguments))
    assert solution.status == "infeasible"
    assert "budgets of carbon in region 1 (Paris)" in str(solution.infeasibility)


def test_shedding_keeps_budgets(arguments):
    arguments |= {"equity": {"carbon": el.Budget(1.0)}, "shed_cost": 1000.0}
    problem = el.Problem(**arguments)
    solution = el.solve(problem)
    assert solution.status == "optimal"
    assert solution.footprints["carbon"].max() <= 1.0 + 1e-9
    assert solution.shed.sum() == pytest.approx(16 - 3 / 0.4, rel=1e-5)


def test_idle_power_is_a_constant_that_is_reported(arguments):
    plain = el.solve(el.Problem(**arguments))
    idle = np.array([1.0, 0.0, 2.0])
    problem = el.Problem(**arguments, idle_power=idle)
    solution = el.solve(problem)
    assert solution.breakdown["idle"] == pytest.approx(4 * 40.0 * idle.sum())
    added = solution.footprints["carbon"] - (problem.footprints["carbon"] * solution.site_load).sum(
        0
    )
    np.testing.assert_allclose(added, 4 * 0.4 * idle, rtol=1e-12)
    # The heaviest burden counts what idles: work moves to the site that does not.
    assert solution.site_load[:, 1].sum() > plain.site_load[:, 1].sum() + 1
    assert solution.objective == pytest.approx(sum(solution.breakdown.values()), rel=1e-12)
    found = el.certify(problem, solution)
    assert found.objective == pytest.approx(solution.objective, rel=1e-12)
    assert found.lower_bound == pytest.approx(solution.lower_bound, rel=1e-12)
    per_slot = problem.replace(idle_power=np.tile(idle, (4, 1)))
    assert el.solve(per_slot).objective == pytest.approx(solution.objective, rel=2e-6)


def test_bad_idle_power_is_named(arguments):
    message = "idle_power[site 1 (Paris)] is -1; it must be finite and not negative"
    with pytest.raises(el.InputError, match=re.escape(message)):
        el.Problem(**arguments, idle_power=[0.0, -1.0, 0.0])


def test_an_outage_is_a_capacity_of_zero(arguments):
    capacity = np.full((4, 3), 5.0)
    capacity[1, :2] = 0.0
    problem = el.Problem(**arguments | {"capacity": capacity})
    solution = el.solve(problem)
    assert solution.status == "optimal"
    assert not solution.site_load[1, :2].any()
    assert solution.site_load[1, 2] == pytest.approx(4.0)
    capacity[1, 2] = 3.0
    assert el.solve(problem.replace(capacity=capacity)).status == "infeasible"
    shed = el.solve(problem.replace(capacity=capacity, shed_cost=500.0))
    assert shed.status == "optimal"
    assert shed.shed[1].sum() == pytest.approx(1.0, rel=1e-6)


def test_the_core_has_every_function_by_its_name():
    assert {term.kind for term in TERMS} == set(_core.equity_functions())


def test_the_core_tells_the_shapes_of_dual_sets():
    shapes = [_core.equity_dual_set(term.kind, term.parameter, 5) for term in TERMS]
    ball, inf = ("ball", np.inf), np.inf
    assert shapes[:2] == [("simplex", inf), ("point", 1.0)]
    assert shapes[2:5] == [ball] * 3
    assert shapes[5:] == [("simplex", 1.0), ("simplex", 1 / 3), ("point", 1 / 5), ("orthant", inf)]


def test_a_function_that_the_core_does_not_have_is_named():
    class Median(el.Max):
        pass

    problem = el.Problem(
        np.ones((1, 1)), 2.0, np.ones((1, 2)), {"carbon": np.ones((1, 2))}, {"carbon": Median(1.0)}
    )
    with pytest.raises(el.InputError, match="Median is none of the core's functions: max, sum"):
        el.solve(problem)
