"""Burden maps: what a site burdens falls by shares on several regions."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("highspy", reason="the independent optimum is that of HiGHS")

from answers import problem_of, verdict
from judge import random_case
from oracle import judge, optimum

import equiload as el

RECEPTORS = [[0.6, 0.1, 0.0], [0.4, 0.5, 0.2], [0.0, 0.4, 0.0], [0.0, 0.0, 1.5]]


def small(**changes: object) -> el.Problem:
    rng = np.random.default_rng(4)
    arguments = {
        "demand": rng.uniform(2, 5, (6, 2)),
        "capacity": [6.0, 6.0, 6.0],
        "price": rng.uniform(20, 60, (6, 3)),
        "footprints": {"air": rng.uniform(0.2, 1.0, (6, 3)), "water": rng.uniform(1, 2, (6, 3))},
        "equity": {"air": el.Max(300.0), "water": el.Max(20.0)},
        "regions": {"air": RECEPTORS},
        "history": {"air": [1.0, 0.0, 2.0, 0.5]},
        "sensitivity": {"air": [1.0, 2.0, 1.0, 0.5]},
    }
    return el.Problem(**(arguments | changes))


def mapped_case(number: int) -> dict:
    """A random case whose burdens all have maps, of one at least."""
    rng = np.random.default_rng([7, number])
    while True:
        case = random_case(rng)
        if any(burden["region"].ndim == 2 for burden in case["burdens"].values()):
            return case


@pytest.mark.parametrize("number", range(30))
@pytest.mark.parametrize("method", ["auto", "first-order"])
def test_random_problems_under_the_independent_judge(number, method):
    case = mapped_case(number)
    solution = el.solve(problem_of(case), method=method, time_limit=20.0)
    assert verdict(case, solution) in ("optimal", "infeasible", "tight")


@pytest.mark.parametrize("term", [el.Sum(50.0), el.Norm(80.0, 3.0), el.TopMean(90.0, 2)])
def test_every_equity_function_and_the_oracle(term):
    problem = small(equity={"air": term, "water": el.Max(20.0)})
    solution = el.solve(problem, tol=1e-8)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(optimum(problem), rel=1e-7)
    seen = judge(problem, solution)
    assert seen.objective == pytest.approx(solution.objective, rel=1e-10)
    assert seen.bound == pytest.approx(solution.lower_bound, rel=1e-10)


def test_a_budget_of_a_receptor_binds():
    free = el.solve(small(equity={"air": el.Sum(0.0)}))
    limit = free.footprints["air"] * np.array([1.0, 0.97, 1.0, 1.0])
    problem = small(equity={"air": el.Budget(limit)})
    solution = el.solve(problem, tol=1e-7)
    assert solution.status == "optimal"
    assert (solution.footprints["air"] <= limit * (1 + 1e-9)).all()
    assert solution.prices.equity["air"][1] > 0
    assert solution.objective == pytest.approx(optimum(problem), rel=1e-6)


def test_the_burdens_of_the_regions_are_the_shares_of_the_sites():
    solution = el.solve(small())
    by_site = (solution.problem.footprints["air"] * solution.site_load).sum(axis=0)
    expected = np.array([1.0, 0.0, 2.0, 0.5]) + np.array(RECEPTORS) @ by_site
    np.testing.assert_allclose(solution.footprints["air"], expected, rtol=1e-12)
    assert el.certify(solution.problem, solution).gap == pytest.approx(solution.gap, abs=1e-12)


def test_a_map_of_ones_is_the_same_as_regions():
    region = np.array([1, 0, 1])
    ones = (np.arange(2)[:, None] == region).astype(float)
    rest = {"history": {}, "sensitivity": {}}
    listed = el.solve(small(regions={"air": region}, **rest), tol=1e-9)
    mapped = el.solve(small(regions={"air": ones}, **rest), tol=1e-9)
    assert mapped.objective == pytest.approx(listed.objective, rel=2e-9)
    np.testing.assert_allclose(mapped.footprints["air"], listed.footprints["air"], rtol=1e-5)


def test_work_that_waits_and_shedding_beside_a_map():
    rng = np.random.default_rng(1)
    base = small(
        demand=rng.uniform(2, 5, (30, 2)),
        price=rng.uniform(20, 60, (30, 3)),
        footprints={"air": rng.uniform(0.2, 1, (30, 3)), "water": rng.uniform(1, 2, (30, 3))},
        shed_cost=90.0,
    )
    problem = base.replace(network=base.network.with_delays({0: 8}, cost_per_slot=0.01))
    solution = el.solve(problem, tol=1e-7, method="barrier")
    assert (solution.status, solution.method) == ("optimal", "barrier")
    assert solution.objective == pytest.approx(optimum(problem), rel=1e-6)


def test_many_receptors_are_more_than_the_preconditioner_couples():
    rng = np.random.default_rng(2)
    world = el.data.world(sites=40, gateways=10, slots=24, seed=3)
    shares = rng.uniform(0, 1, (260, 40)) ** 6
    terms = {"carbon": el.Norm(30.0, 2.0)}
    problem = world.replace(regions={"carbon": shares}, equity=terms)
    solution = el.solve(problem, tol=1e-7)
    assert (solution.status, solution.method) == ("optimal", "barrier")
    assert el.certify(problem, solution).gap <= 1e-7


def test_the_same_bits_for_any_number_of_threads():
    world = el.data.world(sites=40, gateways=10, slots=48, seed=3)
    problem = world.replace(regions={"carbon": np.random.default_rng(0).uniform(0, 1, (12, 40))})
    for method in ("barrier", "first-order"):
        one, two = (el.solve(problem, threads=n, method=method, tol=1e-3) for n in (1, 2))
        assert np.array_equal(one.allocation, two.allocation)
        assert one.lower_bound == two.lower_bound


def test_sparse_maps_and_tables_with_labels():
    sparse, pd = pytest.importorskip("scipy.sparse"), pytest.importorskip("pandas")
    problem = small()
    for made in (sparse.csr_matrix(RECEPTORS), sparse.coo_array(RECEPTORS), np.array(RECEPTORS)):
        assert small(regions={"air": made}) == problem
    names = ["Kern", "Inyo", "Mono", "Nye"]
    table = pd.DataFrame(RECEPTORS, index=names, columns=["a", "b", "c"])
    labelled = small(
        regions={"air": table[["c", "a", "b"]]},
        site_names=["a", "b", "c"],
        history={"air": pd.Series([0.5, 2.0, 0.0, 1.0], index=names[::-1])},
    )
    assert labelled.region_names["air"] == tuple(names)
    assert np.array_equal(labelled.regions["air"], problem.regions["air"])
    assert labelled.history["air"].tolist() == [1.0, 0.0, 2.0, 0.5]
    assert labelled.replace(shed_cost=1.0).region_names["air"] == tuple(names)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([[1.0, 0.0]], r"shape \(1, 2\); expected \(sites,\) = \(3,\) or \(regions, sites\)"),
        ([[1.0, -0.5, 0.0]], r"\[region 0, site 1\] is -0.5; shares must be finite and not"),
        ([[1.0, 0.0, np.inf]], r"\[region 0, site 2\] is infinite; shares"),
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
        ([[1.0, 0.0], [1.0]], "regions"),
        ([["x", "y", "z"]], "regions"),
    ],
)
def test_maps_that_are_wrong_are_named(shares, said):
    with pytest.raises(el.InputError, match=said):
        small(regions={"air": shares}, history={}, sensitivity={})


def test_nobody_bears_what_no_region_has_a_share_of():
    problem = small(regions={"air": np.zeros((2, 3))}, history={"air": [3.0, 1.0]}, sensitivity={})
    solution = el.solve(problem)
    assert solution.status == "optimal"
    assert solution.footprints["air"].tolist() == [3.0, 1.0]


@pytest.mark.parametrize("form", ["folder", "a.nc", "a.npz"])
def test_files_keep_maps_and_their_names(form, tmp_path):
    pytest.importorskip("h5netcdf")
    pd = pytest.importorskip("pandas")
    names = ["Kern", "Inyo, CA", "Mono", "Nye"]
    for problem in (small(), small(regions={"air": pd.DataFrame(RECEPTORS, index=names)})):
        path = tmp_path / form
        el.data.save(problem, path)
        again = el.data.load(path)
        assert again == problem
        assert again.region_names == problem.region_names


def test_frames_take_a_map_by_its_labels():
    pd = pytest.importorskip("pandas")
    problem, sites = small(), ["a", "b", "c"]
    table = pd.DataFrame(RECEPTORS, index=["Kern", "Inyo", "Mono", "Nye"], columns=sites)
    framed = el.data.from_pandas(
        pd.DataFrame(problem.demand, columns=["x", "y"]),
        capacity=6.0,
        price=pd.DataFrame(problem.price, columns=sites),
        footprints={"air": pd.DataFrame(problem.footprints["air"], columns=sites)},
        regions={"air": table[["b", "c", "a"]]},
        history={"air": pd.Series({"Nye": 0.5, "Mono": 2.0, "Inyo": 0.0, "Kern": 1.0})},
    )
    assert np.array_equal(framed.regions["air"], problem.regions["air"])
    assert framed.region_names["air"] == ("Kern", "Inyo", "Mono", "Nye")
    assert framed.history["air"].tolist() == [1.0, 0.0, 2.0, 0.5]


def test_answers_with_maps_are_saved_and_verified(tmp_path):
    solution = el.solve(small())
    solution.save(tmp_path / "a.npz")
    again = el.Solution.load(tmp_path / "a.npz")
    assert again.verify().gap == pytest.approx(solution.gap, abs=1e-12)
    frame = pytest.importorskip("pandas") and solution.to_pandas()["burden"]
    assert len(frame.loc["air"]) == 4


def test_batches_frontiers_and_warm_starts():
    problem = small()
    alone = el.solve(problem)
    batch = el.solve_batch([problem, problem.replace(price=problem.price * 1.1)])
    assert batch[0].objective == alone.objective
    front = el.frontier(problem, weights={"air": [10.0, 1000.0]})
    worst = [(one.footprints["air"] * problem.sensitivity["air"]).max() for one in front.solutions]
    assert worst[1] < worst[0]
    warm = el.solve(problem, warm_start=alone, method="first-order")
    assert (warm.status, warm.iterations) == ("optimal", 0)


def test_policies_see_the_receptors():
    problem = small()
    static = problem.static()
    offline = el.solve(problem)
    for policy in (el.online.MirrorDescent(static), el.online.Greedy(static, {"cost": 1.0})):
        run = el.simulate(policy, problem)
        by_site = (problem.footprints["air"] * run.site_load).sum(axis=0)
        expected = problem.history["air"] + np.array(RECEPTORS) @ by_site
        np.testing.assert_allclose(run.footprints["air"], expected, rtol=1e-12)
        assert run.objective >= offline.lower_bound
    perfect = el.online.RecedingHorizon(static, el.online.Perfect(problem), window=6)
    assert el.simulate(perfect, problem).objective == pytest.approx(offline.objective, rel=1e-3)


def test_a_site_without_arcs_takes_its_shares_along():
    mask = np.array([[1, 0, 1], [1, 0, 1]])
    problem = small(network=el.Network.from_mask(mask))
    solution = el.solve(problem, tol=1e-8)
    assert solution.objective == pytest.approx(optimum(problem), rel=1e-7)
