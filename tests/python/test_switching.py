from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle import optimum

import equiload as el
from equiload.online import FairOBD, Greedy, MirrorDescent, Resolve


def two_sites(price: list[list[float]]) -> el.Problem:
    return el.Problem([[4.0]] * len(price), [10.0, 10.0], price)


def world(slots: int) -> el.Problem:
    return el.data.world(6, 3, slots, seed=4, arcs_per_gateway=4)


def test_load_moves_until_the_next_move_costs_what_it_saves() -> None:
    problem = two_sites([[10.0, 20.0], [20.0, 10.0], [20.0, 10.0]])
    run = el.simulate(Greedy(problem.static(), switching=2.0), problem)
    # With y and 4 - y: 2 * 2 * d = 10 in every slot after the first, as long as there is load.
    np.testing.assert_allclose(run.site_load, [[4.0, 0.0], [1.5, 2.5], [0.0, 4.0]], atol=1e-6)
    assert run.breakdown["switching"] == pytest.approx(2 * 2.5**2 + 2 * 1.5**2)
    assert run.objective == pytest.approx(sum(run.breakdown.values()))
    jumps = el.simulate(Greedy(problem.static()), problem, switching=[2.0, 2.0])
    np.testing.assert_allclose(jumps.site_load[1], [0.0, 4.0])
    assert jumps.breakdown["switching"] == pytest.approx(2 * 4.0**2)
    assert "switching" not in el.simulate(Greedy(problem.static()), problem).breakdown


def test_fair_balanced_descent_by_hand() -> None:
    problem = two_sites([[10.0, 20.0], [20.0, 10.0]])
    # Half of the switching cost, and a pull of 1 to the cheapest load (0, 4).
    policy = FairOBD(problem.static(), 2.0, inertia=0.5, pull=1.0)
    run = el.simulate(policy, problem)
    np.testing.assert_allclose(run.site_load[0], [4.0, 0.0], atol=1e-6)
    # min 20 a + 10 (4 - a) + (a - 4)^2 / 2 * 2 + a^2 / 2 * 2  over a:  10 + 2 (a - 4) + 2 a = 0
    np.testing.assert_allclose(run.site_load[1], [0.0, 4.0], atol=1e-6)
    slow = el.simulate(FairOBD(problem.static(), 8.0, inertia=0.5, pull=1.0), problem)
    # 10 + 8 (a - 4) + 2 a = 0
    np.testing.assert_allclose(slow.site_load[1], [2.2, 1.8], atol=1e-6)
    assert slow.breakdown["switching"] == pytest.approx(8 * 1.8**2)


def test_policies_that_heed_moves_come_near_the_offline_optimum() -> None:
    problem, cost = world(24), 5.0
    static, best = problem.static(), optimum(problem, cost)
    assert best > optimum(problem)
    paid = {
        name: el.simulate(policy, problem, switching=cost)
        for name, policy in {
            "fair and smooth": FairOBD(static, cost),
            "resolve": Resolve(static, switching=cost),
            "fair": MirrorDescent(static),
            "smooth": Greedy(static, switching=cost),
            "neither": Greedy(static),
        }.items()
    }
    regret = {name: run.objective / best - 1 for name, run in paid.items()}
    assert 0 <= min(regret.values())
    assert max(regret["fair and smooth"], regret["resolve"]) < 0.5 * regret["fair"]
    assert regret["fair and smooth"] < regret["smooth"] < regret["neither"]
    table = el.compare(problem, [FairOBD(static, cost), Greedy(static)], switching=cost)
    assert [row["objective"] for row in table.rows] == [
        paid["fair and smooth"].objective,
        paid["neither"].objective,
    ]


def test_an_offline_optimum_by_hand_is_what_the_judge_says() -> None:
    problem = two_sites([[10.0, 20.0], [20.0, 10.0]])
    # y = (a, b) at the first site: 10 a + 20 (4 - a) + 20 b + 10 (4 - b) + 4 (a - b)^2 / 2 * 2
    # is least at a - b = 10 / 4, on any such pair: 120 - 10 (a - b) + 4 (a - b)^2 ... = 113.75
    assert optimum(problem, 4.0) == pytest.approx(120 - 10 * 1.25 + 4 * 1.25**2)


def test_a_run_keeps_its_switching_cost_in_a_file(tmp_path: Path) -> None:
    problem = world(5)
    run = el.simulate(FairOBD(problem.static(), 3.0), problem)
    run.save(tmp_path / "run.npz")
    again = el.online.Run.load(tmp_path / "run.npz")
    assert again.objective == run.objective
    assert again.breakdown["switching"] == run.breakdown["switching"] > 0


def test_what_cannot_be_is_named() -> None:
    problem = world(3)
    static = problem.static()
    with pytest.raises(el.InputError, match=r"switching\[site 1 .*\] is -1"):
        FairOBD(static, [1.0, -1.0, 1.0, 1.0, 1.0, 1.0])
    with pytest.raises(el.InputError, match=r"switching has shape \(2,\)"):
        el.simulate(Greedy(static), problem, switching=[1.0, 2.0])
    with pytest.raises(el.InputError, match="pull is -1"):
        FairOBD(static, 1.0, pull=-1.0)
    waiting = problem.replace(network=problem.network.with_delays(1)).static()
    with pytest.raises(el.InputError, match="switching needs a network without delays"):
        Greedy(waiting, switching=1.0)
    named = problem.replace(
        footprints={"switching": problem.footprints["carbon"]}, equity={"switching": el.Max(1.0)}
    )
    with pytest.raises(el.InputError, match="equity names 'switching'"):
        el.simulate(Greedy(named.static()), named, switching=1.0)
