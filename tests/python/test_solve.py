from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from oracle import judge

import equiload as el
from equiload import _core


def same_bits(one: el.Solution, two: el.Solution) -> bool:
    arrays = [
        [s.allocation, s.site_load, s.prices.capacity, *s.prices.equity.values()]
        for s in (one, two)
    ]
    return one.objective == two.objective and all(
        a.tobytes() == b.tobytes() for a, b in zip(*arrays, strict=True)
    )


def assert_usable(problem: el.Problem, solution: el.Solution) -> None:
    found = judge(problem, solution)
    assert found.unmet <= 1e-12 and found.overload <= 1e-9 and found.negative == 0
    assert solution.objective == pytest.approx(found.objective, rel=1e-10)
    assert solution.lower_bound == pytest.approx(found.bound, rel=1e-9, abs=1e-6)
    assert solution.lower_bound <= solution.objective * (1 + 1e-12)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tol": 0.0}, "tol is 0; it must be above 0 and below 1"),
        ({"tol": 1.0}, "tol is 1; it must be above 0 and below 1"),
        ({"tol": np.nan}, "tol is NaN"),
        ({"tol": "tight"}, "tol is 'tight'"),
        ({"device": "gpu"}, "device is 'gpu'; it must be one of auto, cpu, reference, cuda"),
        ({"device": "cuda:first"}, "device is 'cuda:first'; it must be one of auto, cpu"),
        ({"precision": "single"}, "precision is 'single'; it must be one of double, mixed"),
        ({"threads": 0}, "threads is 0; it must be a whole number of at least 1"),
        ({"threads": 1.5}, "threads is 1.5"),
        ({"time_limit": -1}, "time_limit is -1"),
        ({"time_limit": 0}, "time_limit is 0; it must be a number of seconds above 0"),
        ({"time_limit": np.nan}, "time_limit is NaN"),
        ({"max_iterations": 0}, "max_iterations is 0"),
        ({"max_iterations": 10**400}, "it must be a whole number of at least 1"),
        ({"callback": 3}, "callback is a int; it must be a function"),
        ({"warm_start": 3}, "warm_start is a int; it must be a Solution"),
    ],
)
def test_bad_settings_are_named(problem, settings, message):
    with pytest.raises(el.InputError, match=re.escape(message)):
        el.solve(problem, **settings)


@pytest.mark.parametrize("name", ["tol", "max_iterations", "time_limit", "threads"])
def test_the_core_refuses_the_numbers_that_the_package_refuses(problem, name):
    bad = 2.0 if name == "tol" else -1
    with pytest.raises(el.InputError) as found:
        el.solve(problem, **{name: bad})
    with pytest.raises(el.InputError, match=f"{name} is .*{bad}") as core:
        _core.Settings(**{name: bad}).validate()
    assert str(core.value).partition("; ")[2] == str(found.value).partition("; ")[2]


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ({"gateway": [0, 1]}, "arc 1 points outside the problem"),
        ({"site": [2, 0]}, "arc 0 points outside the problem"),
        ({"site": [0, -1]}, "arc 1 points outside the problem"),
        ({"delay": [-1, 0]}, "arc 0 points outside the problem"),
        ({"region": [0, 1]}, "site 1 lies in a region that does not exist"),
        ({"kind": "norm"}, "norm parameter is 0.000000; it must be finite and above 1"),
        ({"kind": "budget"}, "a budget needs its limit"),
        ({"kind": "mode"}, "there is no equity function named mode"),
    ],
)
def test_the_core_itself_refuses_what_leads_nowhere(end, message):
    ends = {name: np.array(value, np.int32) for name, value in end.items() if name != "kind"}
    table, ones, zero = np.ones((3, 2)), np.ones(2), np.zeros(2, np.int32)
    with pytest.raises(el.InputError, match=message):
        footprint = _core.Footprint(
            table, ends.get("region", zero), ones[:1], ones[:1], end.get("kind", "max"), 1.0
        )
        _core.Problem(
            table[:, :1],
            table,
            table,
            None,
            ends.get("gateway", zero),
            ends.get("site", zero),
            ends.get("delay", zero),
            ones,
            ones,
            [footprint],
        )


def test_what_is_no_problem_is_named():
    with pytest.raises(el.InputError, match="problem is a dict; it must be a Problem"):
        el.solve({})


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_missing_device_is_named(problem, device):
    cuda = el.build_info()["cuda"]
    if cuda and cuda["devices"]:
        pytest.skip("this machine has a CUDA device")
    message = "device: no CUDA device" if cuda else "device: this build has no CUDA back end"
    with pytest.raises(el.InputError, match=message):
        el.solve(problem, device=device)


def test_build_info():
    info = el.build_info()
    assert {"version", "backends", "vector", "lanes", "cuda", "compiler"} <= set(info)
    assert {"reference", "cpu"} <= set(info["backends"])


@pytest.mark.parametrize("tol", [1e-3, 1e-6])
def test_the_tolerance_is_met(fleet, device, tol):
    problem = fleet(slots=12)
    solution = el.solve(problem, tol=tol, device=device)
    assert solution.status == "optimal" and solution.gap <= tol
    assert solution.device == device
    assert_usable(problem, solution)


@pytest.mark.parametrize("device", ["auto", "reference"])
def test_the_tolerance_is_met_by_the_other_choices(fleet, device):
    problem = fleet(slots=12)
    solution = el.solve(problem, device=device)
    assert solution.status == "optimal" and solution.gap <= 1e-6
    assert_usable(problem, solution)


def test_reference_and_the_others_agree(fleet, device):
    problem = fleet(slots=8)
    one, two = (el.solve(problem, device=name) for name in (device, "reference"))
    assert one.objective == pytest.approx(two.objective, rel=2e-6)


@pytest.mark.parametrize("tol", [1e-4, 1e-6])
def test_single_precision_arcs_reach_the_tolerance(fleet, tol):
    problem = fleet(slots=12)
    solution = el.solve(problem, tol=tol, method="first-order", precision="mixed")
    exact = el.solve(problem, tol=tol, method="first-order")
    assert solution.status == "optimal" and solution.gap <= tol
    assert_usable(problem, solution)
    assert not same_bits(solution, exact)


@pytest.mark.parametrize("device", ["cpu", "reference"])
def test_single_precision_arcs_with_delays(fleet, device):
    problem = fleet(slots=10)
    problem = problem.replace(network=problem.network.with_delays({0: 3, 2: 1}, cost_per_slot=0.1))
    solution = el.solve(problem, tol=1e-5, device=device, precision="mixed")
    assert solution.status == "optimal" and solution.gap <= 1e-5
    assert_usable(problem, solution)


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize("seed", range(3))
def test_the_same_bits_for_any_number_of_threads(fleet, device, seed, precision):
    problem = fleet(seed=seed)
    method = "auto" if precision == "double" else "first-order"
    one, two, three = (
        el.solve(problem, device=device, threads=n, method=method, precision=precision)
        for n in (1, 2, 3)
    )
    assert same_bits(one, two) and same_bits(one, three)


def test_the_same_bits_for_any_number_of_threads_with_delays_and_shedding(fleet, device):
    problem = fleet(slots=10)
    problem = problem.replace(
        network=problem.network.with_delays({0: 3, 2: 1}, cost_per_slot=0.1), shed_cost=500.0
    )
    one, two, three = (el.solve(problem, tol=1e-4, device=device, threads=n) for n in (1, 2, 3))
    assert same_bits(one, two) and same_bits(one, three)


def test_solves_may_run_at_the_same_time(fleet, device):
    def solve(problem: el.Problem) -> el.Solution:
        return el.solve(problem, device=device, threads=1)

    problems = [fleet(slots=8, seed=seed) for seed in range(4)]
    alone = [solve(problem) for problem in problems]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(solve, problems))
        shared = list(pool.map(lambda _: solve(problems[0]), range(4)))
    assert all(same_bits(*pair) for pair in zip(alone, together, strict=True))
    assert all(same_bits(alone[0], other) for other in shared)


@pytest.mark.parametrize("iterations", [1, 2, 10])
def test_max_iterations_returns_a_usable_answer(problem, device, iterations):
    solution = el.solve(problem, max_iterations=iterations, tol=1e-12, device=device)
    assert solution.status == "feasible"
    assert solution.iterations <= iterations
    assert_usable(problem, solution)


@pytest.mark.parametrize("limit", [1e-9, 1e-3])
def test_time_limit_returns_a_usable_answer(problem, device, limit):
    solution = el.solve(problem, time_limit=limit, tol=1e-14, device=device)
    assert solution.status == "feasible"
    assert_usable(problem, solution)


def test_a_callback_sees_progress_and_may_stop(problem, device):
    seen = []

    def callback(state) -> bool:
        seen.append((state.iterations, state.seconds, state.objective, state.lower_bound))
        return len(seen) == 2

    solution = el.solve(problem, tol=1e-14, callback=callback, device=device)
    assert len(seen) == 2
    assert seen[0][0] <= seen[1][0] and seen[0][1] <= seen[1][1]
    assert solution.status == "interrupted"
    assert_usable(problem, solution)


def test_a_callback_that_returns_nothing_does_not_stop(problem):
    assert el.solve(problem, callback=lambda state: None).status == "optimal"


def test_an_error_in_a_callback_comes_out(problem, device):
    def callback(state) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        el.solve(problem, tol=1e-14, callback=callback, device=device)


def test_warm_start(problem, device):
    solution = el.solve(problem, device=device)
    again = el.solve(problem, warm_start=solution, device=device)
    assert again.status == "optimal"
    assert again.iterations <= solution.iterations
    assert_usable(problem, again)
    nearby = problem.replace(price=problem.price * 1.01)
    assert el.solve(nearby, warm_start=solution, device=device).status == "optimal"


@pytest.mark.parametrize("factor", [0.01, 0.5, 30.0])
def test_a_warm_start_from_other_weights_and_demand_stays_certified(fleet, device, factor):
    problem = fleet(slots=8)
    other = problem.replace(
        demand=problem.demand * min(1.0, factor),
        price=problem.price - 100.0,  # serving too much would pay
        equity={name: el.Max(term.weight * factor) for name, term in problem.equity.items()},
    )
    solution = el.solve(other, warm_start=el.solve(problem, device=device), device=device)
    assert solution.status == "optimal"
    assert_usable(other, solution)
    assert solution.objective == pytest.approx(el.solve(other).objective, rel=3e-6)


def test_a_warm_start_of_another_shape_is_named(fleet, solution):
    with pytest.raises(el.InputError, match=r"warm_start\.allocation has shape"):
        el.solve(fleet(sites=4), warm_start=solution)
    other = solution.problem.replace(footprints={}, equity={})
    with pytest.raises(el.InputError, match="warm_start has footprints and regions"):
        el.solve(other, warm_start=solution)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"allocation": np.zeros(24)}, r"warm_start\.allocation has shape \(24,\)"),
        ({"allocation": np.zeros((23, 72))}, r"warm_start\.allocation has shape \(23, 72\)"),
        ({"site_load": None}, r"warm_start\.site_load has shape None"),
        ({"shed": np.zeros((24, 5))}, r"warm_start\.shed has shape \(24, 5\)"),
        ({"energy": np.zeros((3, 12))}, r"warm_start\.prices\.energy has shape \(3, 12\)"),
        ({"equity": {}}, r"warm_start\.prices\.equity\['carbon'\] has shape None"),
        ({"shift": 10**30}, "shift is 1e.30; it must be a whole number of at least 0 and at most"),
    ],
)
def test_a_malformed_warm_start_is_named(problem, solution, changes, message):
    prices = {name: changes.pop(name) for name in ("energy", "equity") if name in changes}
    shift = changes.pop("shift", 0)
    start = replace(solution, prices=replace(solution.prices, **prices), **changes)
    with pytest.raises(el.InputError, match=message):
        el.solve(problem, warm_start=start, shift=shift)


def test_verbose_prints_columns(problem, capsys):
    el.solve(problem, verbose=True)
    head, *lines, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["iterations", "seconds", "objective", "lower", "bound", "gap"]
    assert lines and all(len(line.split()) == 5 for line in lines)
    assert last.startswith("Solution(optimal")


@pytest.mark.parametrize("rich", [True, False])
def test_progress_goes_to_standard_error(problem, capsys, monkeypatch, rich):
    if rich:
        pytest.importorskip("rich")
    else:
        for name in ("rich", "rich.console", "rich.progress"):
            monkeypatch.setitem(sys.modules, name, None)
    assert el.solve(problem, progress=True).status == "optimal"
    captured = capsys.readouterr()
    assert captured.out == ""
    assert rich or "gap" in captured.err


def test_nothing_is_printed_unasked(problem, capsys):
    el.solve(problem)
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == ""


def test_shedding(arguments, device):
    arguments["demand"][2] = 10.0
    problem = el.Problem(**arguments, shed_cost=500.0)
    solution = el.solve(problem, device=device)
    assert solution.status == "optimal"
    assert solution.shed.sum() == pytest.approx(5.0, rel=1e-5)
    assert solution.breakdown["shed"] == pytest.approx(500.0 * solution.shed.sum())
    assert_usable(problem, solution)


def test_no_demand_at_all(arguments, device):
    arguments["demand"][:] = 0.0
    problem = el.Problem(**arguments, history={"carbon": [1.0, 5.0, 2.0]})
    solution = el.solve(problem, device=device)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(500.0)
    assert not solution.allocation.any()


def test_without_footprints(device):
    problem = el.Problem(np.ones((3, 2)), 1.5, [[1.0, 2.0]] * 3)
    solution = el.solve(problem, device=device)
    assert solution.objective == pytest.approx(3 * (1.5 * 1 + 0.5 * 2), rel=1e-6)
    assert solution.footprints == {}


def test_unlimited_capacity(arguments, device):
    problem = el.Problem(**arguments | {"capacity": np.inf})
    solution = el.solve(problem, device=device)
    assert solution.status == "optimal"
    assert not solution.prices.capacity.any()
    assert_usable(problem, solution)


def test_a_first_bound_of_zero_and_sites_that_are_all_full():
    """Only the burden costs, and the cheapest site has none: the first bound says nothing."""
    rng = np.random.default_rng(0)
    capacity = rng.integers(20, 100, (7, 3)) / 4
    burden = rng.uniform(0, 1, capacity.shape)
    burden[:, 0] = 0.0
    total = capacity.sum(axis=1, keepdims=True)
    problem = el.Problem(
        demand=total * [0.25, 0.25, 0.5],
        capacity=capacity,
        price=np.zeros(capacity.shape),
        footprints={"carbon": burden},
        equity={"carbon": el.Sum(1500.0)},
    )
    solution = el.solve(problem)
    assert solution.status == "optimal" and solution.method == "barrier"
    assert solution.prices.capacity.max() < 1e5  # they have no bound here
    assert 0 <= el.certify(problem, solution).gap <= 1e-6


def test_interior_point_of_many_gateways_that_share_few_sites():
    problem = el.data.world(sites=800, gateways=700, slots=3, seed=0, arcs_per_gateway=4)
    solution = el.solve(problem, method="barrier")
    assert solution.status == "optimal" and solution.method == "barrier"
    assert el.certify(problem, solution).gap <= 1e-6
    assert solution.iterations < 60


@pytest.mark.parametrize("excess", [1e-9, 1e-8, 1e-6, -1e-9])
@pytest.mark.parametrize("energy", [[1.0, 1.0, 1.0], [0.7, 1.9, 1.3]])
def test_hardly_too_much_is_too_much(energy, excess):
    """The first gateway fills the first site; the second shares the second with what is left."""
    network = el.Network.from_arcs([0, 0, 1], [0, 1, 1], 0, energy)
    first, second = 2.0 + 3.0 / energy[0], (5.0 - 2.0 * energy[1]) / energy[2]
    problem = el.Problem(
        [[first * (1 + excess), second]], [3.0, 5.0], [[1.0, 2.0]], network=network
    )
    found = el.solve(problem, max_iterations=1000)
    assert found.status == ("infeasible" if excess > 0 else "optimal")
    assert el.check(problem).ok == (excess < 0)
    if excess > 0:
        assert found.objective == np.inf and np.isnan(found.gap)
        assert el.certify(problem, found).lower_bound == np.inf


@pytest.mark.parametrize("seed", [7, 17, 23, 48, 56])
def test_an_accepted_excess_over_a_budget_buys_nothing(seed):
    rng = np.random.default_rng(seed)
    burden, demand = rng.uniform(0, 1, (6, 5)), rng.uniform(1, 5, (6, 4))
    price = rng.uniform(10, 50, (6, 5))
    problem = el.Problem(
        demand, [8.0] * 5, price, footprints={"c": burden}, equity={"c": el.Max(1e5)}
    )
    least = el.solve(problem, tol=1e-9).footprints["c"].max()
    found = el.solve(problem.replace(equity={"c": el.Budget(least * 1.02)}), tol=1e-9)
    assert found.status == "optimal" and found.gap >= -1e-14
