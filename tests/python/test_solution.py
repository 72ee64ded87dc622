from __future__ import annotations

import re

import numpy as np
import pytest
from oracle import judge

import equiload as el
from equiload import audit as audit_module
from equiload import solution as solution_module
from equiload.audit import atkinson, gini, jain, theil


def overloaded(arguments) -> el.Solution:
    arguments["demand"][2] = 10.0
    return el.solve(el.Problem(**arguments))


def assert_same(one: el.Solution, two: el.Solution) -> None:
    assert one.problem == two.problem
    for name in ("status", "objective", "lower_bound", "iterations", "device", "breakdown"):
        assert getattr(one, name) == getattr(two, name), name
    assert np.array_equal(one.gap, two.gap, equal_nan=True)
    for name in ("allocation", "site_load"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    np.testing.assert_array_equal(one.prices.capacity, two.prices.capacity)
    np.testing.assert_array_equal(one.prices.energy, two.prices.energy)
    for name in one.footprints:
        np.testing.assert_array_equal(one.footprints[name], two.footprints[name])
        np.testing.assert_array_equal(one.prices.equity[name], two.prices.equity[name])


def test_everything_adds_up(problem, solution):
    assert solution.status == "optimal"
    assert solution.gap <= 1e-6
    assert solution.objective == pytest.approx(sum(solution.breakdown.values()), rel=1e-12)
    assert list(solution.breakdown) == [
        "energy",
        "arc",
        "quadratic",
        "shed",
        "idle",
        "carbon",
        "water",
    ]
    for name, totals in solution.footprints.items():
        by_site = (problem.footprints[name] * solution.site_load).sum(axis=0)
        np.testing.assert_allclose(totals, by_site, rtol=1e-12)
        term = problem.equity[name]
        assert solution.breakdown[name] == pytest.approx(term.weight * totals.max())
    assert solution.shed is None and solution.infeasibility is None
    assert "optimal: objective" in repr(solution)


def test_certify_agrees_with_the_solution_and_with_loops(problem, solution):
    certificate, other = el.certify(problem, solution), judge(problem, solution)
    assert certificate.objective == pytest.approx(solution.objective, rel=1e-12)
    assert certificate.lower_bound == pytest.approx(solution.lower_bound, rel=1e-10)
    assert certificate.objective == pytest.approx(other.objective, rel=1e-12)
    assert certificate.lower_bound == pytest.approx(other.bound, rel=1e-12)
    assert certificate.unmet <= 1e-12 and certificate.overload <= 1e-9
    assert certificate.gap <= 1.01e-6
    assert "gap" in str(certificate)


def test_certify_sees_tampering(problem, solution):
    work = solution.allocation.copy()
    work[3] *= 1.5
    spoiled = el.certify(problem, _with(solution, allocation=work))
    assert spoiled.unmet == pytest.approx(0.5)
    assert spoiled.overload > 0
    work = solution.allocation.copy()
    work[0, 0] -= 1.0
    assert el.certify(problem, _with(solution, allocation=work)).unmet > 0
    # No price, however wrong, may push the bound above the optimum.
    prices = solution_module.Prices(
        np.full_like(solution.prices.capacity, 1e3),
        solution.prices.energy,
        {name: 10 * price for name, price in solution.prices.equity.items()},
    )
    assert el.certify(problem, _with(solution, prices=prices)).lower_bound <= solution.objective
    with pytest.raises(el.InputError, match=r"solution\.allocation has shape"):
        el.certify(problem, _with(solution, allocation=work[1:]))


def _with(solution: el.Solution, **changes: object) -> el.Solution:
    from dataclasses import replace

    return replace(solution, **changes)


def test_dense_allocation_adds_parallel_arcs(arguments):
    models = [el.Model("large"), el.Model("small", energy=0.5, cost=1.0)]
    network = el.Network.complete(2, 3).with_models(models).with_delays({0: 1})
    problem = el.Problem(**arguments, network=network)
    solution = el.solve(problem)
    dense = solution.dense_allocation()
    assert dense.shape == (4, 2, 3)
    np.testing.assert_allclose(dense.sum(axis=2), problem.demand, rtol=1e-12)


def test_dense_allocation_refuses_what_is_too_large(solution, monkeypatch):
    monkeypatch.setattr(solution_module, "DENSE_LIMIT", 100)
    with pytest.raises(el.InputError, match=r"dense_allocation: shape \(24, 6, 12\) has 1,728 ent"):
        solution.dense_allocation()


def test_audit(problem, solution):
    audit = solution.audit()
    assert list(audit) == ["carbon", "water"]
    row, totals = audit["carbon"], solution.footprints["carbon"]
    assert row.max == totals.max() and row.mean == totals.mean()
    assert row.peak_to_average == pytest.approx(totals.max() / totals.mean())
    assert row.binding
    for region in row.binding:
        assert totals[int(region)] == pytest.approx(totals.max(), rel=1e-3)
    assert audit.price_of_fairness is None
    assert "carbon" in str(audit) and "operator cost" in str(audit)


def test_price_of_fairness(solution):
    audit = solution.audit(price_of_fairness=True)
    assert audit.price_of_fairness > 0
    assert "of which fairness" in str(audit)


def test_what_fairness_costs_is_unknown_if_the_solve_without_it_fails(solution, monkeypatch):
    def stopped(problem, settings, **rest):
        settings.max_iterations = 1
        return call(problem, settings, **rest)

    call = audit_module.call
    monkeypatch.setattr(audit_module, "call", stopped)
    audit = solution.audit(price_of_fairness=True)
    assert np.isnan(audit.price_of_fairness) and audit.operator_cost > 0
    assert "what fairness costs is unknown: without it, feasible" in str(audit)


def test_without_an_answer_there_is_nothing_to_audit(problem):
    found = el.solve(problem.replace(demand=problem.demand * 9))
    assert found.objective == found.lower_bound == np.inf and np.isnan(found.gap)
    assert all(np.isnan(part) for part in found.breakdown.values())
    audit = found.audit(price_of_fairness=True)
    assert "no allocation to audit; the problem is infeasible: slot" in str(audit)
    assert np.isnan(audit["carbon"].max) and np.isnan(audit.operator_cost)


def test_gini():
    assert gini(np.array([2.0, 2.0, 2.0])) == 0.0
    assert gini(np.array([0.0, 0.0, 0.0, 8.0])) == pytest.approx(0.75)
    assert gini(np.zeros(3)) == 0.0


def test_jain_theil_and_atkinson():
    for equal in (np.array([2.0, 2.0, 2.0]), np.zeros(3), np.full(4, 1e300)):
        assert (jain(equal), theil(equal), atkinson(equal)) == (1.0, 0.0, 0.0)
    one = np.array([0.0, 0.0, 0.0, 8.0])
    assert jain(one) == pytest.approx(0.25)
    assert theil(one) == pytest.approx(np.log(4))
    assert atkinson(one) == pytest.approx(0.75)
    some = np.array([1.0, 3.0])
    assert jain(some) == pytest.approx(16 / 20)
    assert theil(some) == pytest.approx((0.5 * np.log(0.5) + 1.5 * np.log(1.5)) / 2)
    assert atkinson(some) == pytest.approx(1 - (1 + np.sqrt(3)) ** 2 / 8)
    assert atkinson(some, 0.75) == pytest.approx(1 - ((1 + 3**0.25) / 2) ** 4 / 2)
    for scale in (1e-200, 1e200):
        assert jain(scale * some) == pytest.approx(jain(some))
    with pytest.raises(el.InputError, match="aversion is 1; it must be above 0 and below 1"):
        atkinson(some, 1)


def test_an_audit_holds_every_index(solution):
    row, totals = solution.audit()["water"], solution.footprints["water"]
    found = (row.gini, row.jain, row.theil, row.atkinson)
    assert found == (gini(totals), jain(totals), theil(totals), atkinson(totals))
    assert f"{row.jain:.4f}" in str(solution.audit())


def test_save_and_load_npz(solution, tmp_path):
    path = tmp_path / "out.npz"
    solution.save(path)
    loaded = el.Solution.load(path)
    assert_same(solution, loaded)
    assert el.certify(loaded.problem, loaded).gap == el.certify(solution.problem, solution).gap


def test_save_and_load_everything_a_problem_may_have(arguments, tmp_path):
    network = el.Network.complete(2, 3).with_models([el.Model("large"), el.Model("small", 0.5, 9)])
    problem = el.Problem(
        **arguments,
        network=network.with_delays({1: 2}, cost_per_slot=0.5),
        regions={"carbon": ["north", "south", "north"]},
        history={"carbon": [1.0, 2.0]},
        sensitivity={"carbon": [1.0, 3.0]},
        quadratic=0.5,
        shed_cost=800.0,
        gateway_names=["web", "batch"],
        slot_times=np.arange("2024-01-01T00", "2024-01-01T04", dtype="datetime64[h]"),
    )
    solution = el.solve(problem, tol=1e-4)
    for suffix in ("npz", "nc") if _has_netcdf() else ("npz",):
        solution.save(tmp_path / f"out.{suffix}")
        loaded = el.Solution.load(tmp_path / f"out.{suffix}")
        assert_same(solution, loaded)
        np.testing.assert_array_equal(solution.shed, loaded.shed)


def _has_netcdf() -> bool:
    try:
        import h5netcdf  # noqa: F401
        import h5py  # noqa: F401
        import xarray  # noqa: F401
    except ImportError:
        return False
    return True


def test_to_xarray(problem, solution):
    pytest.importorskip("xarray")
    dataset = solution.to_xarray()
    assert dataset["allocation"].dims == ("slot", "arc")
    assert dataset["total_carbon"].dims == ("regions_carbon",)
    assert dataset["capacity_price"].attrs["units"] == "USD/MWh"
    np.testing.assert_array_equal(dataset["price"], problem.price)


def test_bad_paths_are_named(solution, tmp_path):
    with pytest.raises(el.InputError, match=re.escape("out.txt: the name must end in .npz or .nc")):
        solution.save("out.txt")
    with pytest.raises(el.InputError, match="No such file"):
        el.Solution.load(tmp_path / "missing.npz")
    with pytest.raises(el.InputError, match="No such file"):
        solution.save(tmp_path / "missing" / "out.npz")
    (tmp_path / "junk.npz").write_bytes(b"PK\x03\x04junk")
    with pytest.raises(el.InputError, match=r"junk\.npz: not a solution"):
        el.Solution.load(tmp_path / "junk.npz")
    np.savez(tmp_path / "other.npz", a=np.ones(2))
    with pytest.raises(el.InputError, match=r"other\.npz: not a solution"):
        el.Solution.load(tmp_path / "other.npz")


def test_infeasible(arguments, tmp_path):
    solution = overloaded(arguments)
    assert solution.status == "infeasible"
    assert solution.objective == np.inf and solution.lower_bound == np.inf
    assert np.isnan(solution.gap) and not solution.allocation.any()
    reason = solution.infeasibility
    assert reason.demand > reason.capacity
    assert reason.sites and reason.gateways
    assert "\n" not in str(reason)
    assert str(reason) in repr(solution)
    certificate = el.certify(solution.problem, solution)
    assert certificate.lower_bound == np.inf
    solution.save(tmp_path / "out.npz")
    loaded = el.Solution.load(tmp_path / "out.npz")
    assert loaded.infeasibility.message == reason.message
    np.testing.assert_array_equal(loaded.infeasibility.prices, reason.prices)


def test_infeasible_names_the_slot(arguments):
    reason = overloaded(arguments).infeasibility
    assert reason.slot == 2
    assert str(reason).startswith(
        "slot 2: gateways 0 and 1 need at least 20 MWh, but sites 0 (Oslo)"
    )
    assert str(reason).endswith("hold 15 MWh")
