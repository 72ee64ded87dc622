from __future__ import annotations

import re

import numpy as np
import pytest
from test_solve import assert_usable, same_bits

import equiload as el


def scenarios(problem: el.Problem, count: int) -> list[el.Problem]:
    rng = np.random.default_rng(0)
    return [
        problem.replace(
            demand=problem.demand * rng.uniform(0.85, 1.0, problem.demand.shape),
            price=problem.price * rng.uniform(0.9, 1.1, problem.price.shape),
            equity={"carbon": el.Max(rng.uniform(500, 3000)), "water": el.Max(60.0)},
        )
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def family(problem) -> list[el.Problem]:
    return scenarios(problem, 9)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_batch_has_the_bits_of_single_solves(family, device, threads):
    batch = el.solve_batch(family, threads=threads, device=device)
    alone = [el.solve(problem, threads=1, device=device) for problem in family]
    assert all(same_bits(*pair) for pair in zip(batch, alone, strict=True))
    assert len({s.iterations for s in batch}) > 1  # each finishes by itself


def test_every_scenario_is_certified(family, solution, device):
    for start in (None, solution):
        batch = el.solve_batch(family, warm_start=start, device=device)
        for problem, found in zip(family, batch, strict=True):
            assert found.status == "optimal" and found.gap <= 1e-6
            assert_usable(problem, found)


def test_an_infeasible_scenario_leaves_the_others_alone(family, device):
    broken = family[2].replace(demand=family[2].demand * 3)
    found = el.solve_batch([*family[:2], broken, *family[3:]], device=device)
    assert [s.status for s in found] == ["optimal"] * 2 + ["infeasible"] + ["optimal"] * 6


def test_a_batch_out_of_time_returns_plans(family, device):
    batch = el.solve_batch(family, time_limit=1e-6, device=device)
    for problem, found in zip(family, batch, strict=True):
        assert found.status == "feasible"
        assert_usable(problem, found)


def test_an_empty_batch():
    assert el.solve_batch([]) == []


def test_what_is_no_family_is_named(family, fleet):
    with pytest.raises(el.InputError, match=r"problems\[1\] is a int; it must be a Problem"):
        el.solve_batch([family[0], 3])
    with pytest.raises(el.InputError, match=r"problems\[1\] has another network"):
        el.solve_batch([family[0], fleet(seed=7)])
    short = family[0].replace(
        **{name: getattr(family[0], name)[:5] for name in ("demand", "price")}
        | {"footprints": {n: f[:5] for n, f in family[0].footprints.items()}}
    )
    with pytest.raises(el.InputError, match=re.escape("problems[1] has (slots, sites) = (5, 12)")):
        el.solve_batch([family[0], short])
    other = family[0].replace(footprints={}, equity={})
    with pytest.raises(el.InputError, match=r"problems\[1\] has other footprints"):
        el.solve_batch([family[0], other])


WEIGHTS = np.geomspace(1e4, 1.0, 9)


@pytest.fixture(scope="module")
def front(problem, device) -> el.Frontier:
    return el.frontier(problem, {"carbon": WEIGHTS}, device=device)


def test_a_frontier_trades_cost_for_equity(problem, front):
    assert len(front) == 9 and front.gap.max() <= 1e-6
    np.testing.assert_array_equal(front.weights["carbon"], WEIGHTS)
    for weight, point in zip(WEIGHTS, front, strict=True):
        assert point.status == "optimal"
        assert point.problem.equity["carbon"] == el.Max(weight)
        assert_usable(point.problem, point)
        cold = el.solve(point.problem)
        assert point.objective == pytest.approx(cold.objective, rel=2e-6)
    slack = 1e-5 * front.burden["carbon"].max()
    assert (np.diff(front.burden["carbon"]) >= -slack).all()  # lighter weights, heavier burdens
    assert front.cost[0] > front.cost[-1]
    assert front.burden["carbon"][3] == pytest.approx(front[3].footprints["carbon"].max())


def test_a_frontier_has_the_same_bits_for_any_number_of_threads(problem, device):
    one, two = (
        el.frontier(problem, {"water": [1.0, 30.0, 90.0]}, threads=n, device=device) for n in (1, 3)
    )
    assert all(same_bits(*pair) for pair in zip(one, two, strict=True))


def test_several_weights_are_swept_together(problem):
    sweep = el.frontier(problem, {"carbon": [10.0, 20.0], "water": [5.0, 1.0]}, tol=1e-4)
    assert sweep[1].problem.equity == {"carbon": el.Max(20.0), "water": el.Max(1.0)}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "weights must be a mapping of footprints to weights, not empty"),
        ({"air": [1.0]}, "weights names 'air', which has no equity term with a weight"),
        ({"carbon": 3.0}, "weights['carbon'] has shape (); expected (points,)"),
        ({"carbon": [1.0, -2.0]}, "weights['carbon'][point 1] is -2; it must be finite"),
        ({"carbon": [1.0], "water": [1.0, 2.0]}, "different lengths (carbon: 1, water: 2)"),
    ],
)
def test_bad_weights_are_named(problem, weights, message):
    with pytest.raises(el.InputError, match=re.escape(message)):
        el.frontier(problem, weights)


def test_plot(front):
    pytest.importorskip("matplotlib")
    figure = front.plot()
    assert len(figure.axes) == 2
    assert figure.axes[0].get_ylabel() == "operator cost (USD)"
    line = figure.axes[0].get_lines()[0]
    assert sorted(line.get_xdata()) == sorted(front.burden["carbon"])


def window(problem: el.Problem, first: int, last: int) -> el.Problem:
    def cut(a):
        return a[first:last]

    return problem.replace(
        demand=cut(problem.demand),
        price=cut(problem.price),
        footprints={name: cut(values) for name, values in problem.footprints.items()},
    )


@pytest.mark.parametrize(
    ("first", "last", "shift"), [(6, 30, 6), (1, 25, 1), (6, 34, 6), (0, 9, 0)]
)
def test_a_rolling_horizon_starts_from_the_last(fleet, device, first, last, shift):
    long = fleet(slots=40)
    before = el.solve(window(long, 0, 24), device=device)
    now = window(long, first, last)
    warm = el.solve(now, warm_start=before, shift=shift, device=device)
    cold = el.solve(now, device=device)
    assert warm.status == "optimal"
    assert warm.objective == pytest.approx(cold.objective, rel=2e-6)
    assert_usable(now, warm)


def test_a_shifted_start_takes_the_right_slots(fleet, device):
    # Without equity slots are independent: where all slots are known, nothing is left to do.
    long = fleet(slots=40).replace(equity={})
    before = el.solve(window(long, 0, 30), tol=1e-9, device=device)
    warm = el.solve(window(long, 6, 30), warm_start=before, shift=6, device=device)
    assert warm.iterations == 0 and warm.status == "optimal"


def test_a_bad_shift_is_named(problem, solution):
    with pytest.raises(el.InputError, match="shift is -1"):
        el.solve(problem, warm_start=solution, shift=-1)


def test_a_warm_start_of_other_weights_and_demand(problem, solution, device):
    other = problem.replace(
        demand=problem.demand * 0.8, equity={"carbon": el.Norm(9.0, 2.0), "water": el.Budget(1e9)}
    )
    warm, cold = (el.solve(other, warm_start=w, device=device) for w in (solution, None))
    assert warm.status == "optimal"
    assert warm.objective == pytest.approx(cold.objective, rel=2e-6)
    assert_usable(other, warm)
