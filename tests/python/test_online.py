from __future__ import annotations

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="the cases are drawn by hypothesis")

from hypothesis import given
from hypothesis import strategies as st
from oracle import optimum
from test_eglb import FOLDER, needs_data

import equiload as el
from equiload import _core
from equiload.online import (
    PRESETS,
    Fading,
    FairOBD,
    Greedy,
    MirrorDescent,
    Nearest,
    Noisy,
    Perfect,
    Persistence,
    Policy,
    RecedingHorizon,
    Resolve,
    Robust,
    decaying,
    scenarios,
)


def small(slots: int = 30, **changes: object) -> el.Problem:
    return el.data.world(12, 6, slots, seed=4, arcs_per_gateway=5).replace(**changes)


EARLIER = small(6)


def policies(problem: el.Problem) -> dict[str, Policy]:
    static = problem.static()
    caps = {"carbon": 5.0, "water": 20.0}
    named = {name: Greedy(static, name) for name in PRESETS}
    if not problem.network.delay.any():
        named |= {
            "fairobd": FairOBD(static, 2.0, pull=0.5, past=EARLIER),
            "greedy, switching": Greedy(static, switching=2.0),
            "resolve, switching": Resolve(static, memory=8, every=2, samples=4, switching=2.0),
            "nearest": Nearest(static),
        }
    return named | {
        "auto": MirrorDescent(static),
        "auto euclidean": MirrorDescent(static, reference="euclidean"),
        "auto, past": MirrorDescent(static, past=EARLIER),
        "constant": MirrorDescent(static, step=1e-6, cap=caps),
        "entropic": MirrorDescent(static, step=1e-6, reference="entropic"),
        "decaying": MirrorDescent(static, step=decaying(1e-5), start=0.1),
        "persistence": RecedingHorizon(static, window=8, every=3),
        "fading": RecedingHorizon(static, Fading(Persistence(4), 3.0), window=8, every=3),
        "scenarios": RecedingHorizon(static, scenarios(Persistence(4), 3.0, (6, 8)), 8, 3),
        "resolve, alone": Resolve(static, past=EARLIER, memory=8, every=3, samples=4, steady=0.0),
        "resolve": Resolve(static, past=EARLIER, memory=8, every=2, samples=4),
        "robust": Robust(RecedingHorizon(static, window=6), trust=0.05),
    }


NAMES = list(policies(small(2)))


# ------------------------------------------------------------------ one slot at given prices


@st.composite
def slots(draw: st.DrawFn) -> el.Problem:
    """A slot whose work fits, with energies that factor over gateways and sites."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    gateways, sites = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    mask = rng.random((gateways, sites)) < 0.6
    mask[np.arange(gateways), rng.integers(0, sites, gateways)] = True
    gateway, site = np.nonzero(mask)
    energy = rng.choice([0.5, 1.0, 2.0], gateways)[gateway] * rng.choice([1.0, 1.25], sites)[site]
    work = np.where(rng.random(gateway.size) < 0.5, rng.integers(0, 4, gateway.size), 0)
    load = np.bincount(site, energy * work, sites)
    return el.Problem(
        demand=np.bincount(gateway, work, gateways)[None].astype(float),
        capacity=np.where(rng.random(sites) < 0.7, load, load + 3.0),
        price=rng.integers(-3, 6, (1, sites)).astype(float),
        network=el.Network.from_arcs(
            gateway, site, 0, energy, rng.integers(0, 3, gateway.size), gateways, sites
        ),
        shed_cost=draw(st.sampled_from([None, 2.0])),
    )


def slot_answer(problem: el.Problem) -> tuple[object, ...]:
    net = problem.network
    solver = _core.SlotSolver(
        net.gateways, net.sites, net.gateway, net.site, net.energy, net.cost, problem.shed_cost
    )
    return solver.decide(problem.demand[0], problem.capacity, problem.price[0])


@given(slots())
def test_a_slot_is_solved_to_rounding(problem: el.Problem) -> None:
    feasible, work, load, shed, objective, bound, scarcity = slot_answer(problem)
    net = problem.network
    served = np.bincount(net.gateway, work, net.gateways) + (0.0 if shed is None else shed)
    assert feasible
    assert work.min(initial=0.0) >= 0
    np.testing.assert_allclose(served, problem.demand[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        load, np.bincount(net.site, net.energy * work, net.sites), atol=1e-12
    )
    assert (load <= problem.capacity * (1 + 1e-9)).all()
    assert scarcity.min() >= 0
    best = optimum(problem)
    assert objective == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert bound == pytest.approx(best, rel=1e-9, abs=1e-9)


def test_energies_factor_where_no_cycle_gains() -> None:
    gateway, site = np.array([0, 0, 1, 1], dtype=np.int32), np.array([0, 1, 0, 1], dtype=np.int32)
    assert _core.energies_factor(2, 2, gateway, site, np.array([1.0, 2.0, 3.0, 6.0]))
    assert not _core.energies_factor(2, 2, gateway, site, np.array([1.0, 2.0, 3.0, 5.0]))


def test_work_that_cannot_fit_is_an_outcome() -> None:
    problem = el.Problem([[1.0], [3.0]], [2.0], [[1.0]] * 2, site_names=["Texas"])
    run = el.simulate(Greedy(problem.static()), problem)
    assert run.status == "infeasible"
    assert run.objective == np.inf
    assert run.message.startswith("slot 1: ")
    assert "site 0 (Texas) holds 2 MWh" in run.message


@pytest.mark.parametrize("kind", ["models", "quadratic", "delays", "shed"])
def test_every_kind_of_slot_is_served_at_least_cost(kind: str) -> None:
    """Without equity and coupling, slot by slot is as good as the whole horizon at once."""
    problem = small(5, equity={})
    if kind == "models":
        models = [el.Model("large"), el.Model("small", energy=0.4, cost=20.0)]
        problem = problem.replace(network=problem.network.with_models(models))
    elif kind == "quadratic":
        problem = problem.replace(quadratic=0.5)
    elif kind == "delays":
        problem = problem.replace(network=problem.network.with_delays(2, cost_per_slot=1000.0))
    else:
        problem = problem.replace(shed_cost=float(np.median(problem.price)))
    run = el.simulate(Greedy(problem.static()), problem)
    assert run.objective == pytest.approx(optimum(problem), rel=1e-6)
    assert run.gaps.max() <= 1e-6


def test_delayed_work_keeps_its_capacity_and_counts_when_served() -> None:
    network = el.Network.complete(1, 1).with_delays(1, cost_per_slot=1.0)
    problem = el.Problem(
        [[3.0], [1.0], [0.0]],
        [2.0],
        [[5.0], [5.0], [5.0]],
        footprints={"carbon": [[1.0], [10.0], [100.0]]},
        equity={"carbon": el.Max(1.0)},
        network=network,
    )
    run = el.simulate(MirrorDescent(problem.static()), problem)
    assert run.status == "done"
    np.testing.assert_allclose(run.site_load[:, 0], [2.0, 2.0, 0.0])
    assert run.footprints["carbon"][0] == pytest.approx(22.0)
    # The last slot has no later one to send work to.
    late = el.simulate(Greedy(problem.static()), problem.replace(demand=[[0.0], [0.0], [3.0]]))
    assert late.status == "infeasible"


# ------------------------------------------------------------------ what every policy must keep


@pytest.mark.parametrize("name", NAMES)
def test_a_run_serves_all_demand_within_every_capacity(name: str) -> None:
    problem = small(12)
    run = el.simulate(policies(problem)[name], problem)
    assert run.status == "done"
    served = np.stack([np.bincount(problem.network.gateway, x, 6) for x in run.allocation])
    np.testing.assert_allclose(served, problem.demand, rtol=1e-9)
    assert run.allocation.min() >= 0
    assert (run.site_load <= problem.capacity * (1 + 1e-9)).all()
    bound = el.solve(problem, tol=1e-4).lower_bound
    assert run.objective >= bound
    assert sum(run.breakdown.values()) == pytest.approx(run.objective)


def other_from(problem: el.Problem, now: int) -> el.Problem:
    """The same slots up to one, and quite others from it on."""
    noise = np.random.default_rng(0).uniform(0.3, 1.0, (problem.slots - now, 1))
    demand, price = problem.demand.copy(), problem.price.copy()
    demand[now:] *= noise
    price[now:] += 50 * noise
    before = np.arange(problem.slots)[:, None] < now
    burdens = {n: np.where(before, f, 3 * f[::-1]) for n, f in problem.footprints.items()}
    return problem.replace(demand=demand, price=price, footprints=burdens)


@pytest.mark.parametrize("name", NAMES)
def test_a_decision_never_depends_on_a_later_slot(name: str) -> None:
    problem, now = small(16), 9
    one = el.simulate(policies(problem)[name], problem).allocation
    two = el.simulate(policies(problem)[name], other_from(problem, now)).allocation
    np.testing.assert_array_equal(one[:now], two[:now])
    assert not np.array_equal(one[now:], two[now:])


# Those of the policies that serve work that waits each in its own way.
WAITING = ("GLB-Cost", "auto, past", "resolve", "persistence", "scenarios", "robust")


def waiting(slots: int) -> el.Problem:
    return small(slots, network=small(1).network.with_delays(2, cost_per_slot=0.5))


@pytest.mark.parametrize("name", WAITING)
def test_work_does_not_wait_for_what_nobody_knows(name: str) -> None:
    problem, now = waiting(14), 8
    one = el.simulate(policies(problem)[name], problem)
    two = el.simulate(policies(problem)[name], other_from(problem, now))
    np.testing.assert_array_equal(one.allocation[:now], two.allocation[:now])
    assert not np.array_equal(one.allocation[now:], two.allocation[now:])
    assert one.status == "done"
    assert one.allocation[:, problem.network.delay > 0].any()


@pytest.mark.parametrize("name", [*NAMES, *(f"{name}, waiting" for name in WAITING)])
def test_a_policy_resumes_with_equal_bits(name: str) -> None:
    problem, stop = small(14), 7
    if name.endswith(", waiting"):
        problem, name = waiting(14), name.removesuffix(", waiting")
    whole, rest = policies(problem)[name], policies(problem)[name]
    for t in range(stop):
        whole.step(problem.slot(t))
    state = whole.state_dict()
    expected = [whole.step(problem.slot(t)).allocation for t in range(stop, problem.slots)]
    rest.load_state_dict(state)
    again = [rest.step(problem.slot(t)).allocation for t in range(stop, problem.slots)]
    np.testing.assert_array_equal(expected, again)


def test_a_state_of_something_else_is_refused() -> None:
    static, other = small(2).static(), el.data.world(9, 4, 2).static()
    with pytest.raises(el.InputError, match="state is of policy 'GLB-Cost'"):
        MirrorDescent(static).load_state_dict(Greedy(static).state_dict())
    with pytest.raises(el.InputError, match=r"state\['burden/carbon'\] has shape \(9,\)"):
        MirrorDescent(static).load_state_dict(MirrorDescent(other).state_dict())


# ------------------------------------------------------------------ mirror descent


def test_one_euclidean_step_by_hand() -> None:
    problem = el.Problem(
        [[2.0], [2.0]], [5.0, 5.0], [[1.0, 2.0]] * 2,
        footprints={"carbon": [[3.0, 1.0]] * 2}, equity={"carbon": el.Max(10.0)},
        sensitivity={"carbon": [0.5, 1.0]},
    )  # fmt: skip
    policy = MirrorDescent(problem.static(), step=0.02)
    policy.step(problem.slot(0))
    # All work went to the first site: 6 t, 30 USD at mu w = 5; prices are shares of mu w.
    np.testing.assert_allclose(policy.prices["carbon"], [5 * 0.02 * 30, 0.0])


@pytest.mark.parametrize("reference", ["euclidean", "entropic"])
@pytest.mark.parametrize("step", ["auto", 3e-6])
def test_prices_of_a_maximum_settle_near_the_dual_set(reference: str, step: object) -> None:
    problem = small(60)
    policy = MirrorDescent(problem.static(), step=step, reference=reference)
    run = el.simulate(policy, problem)
    share = np.array([run.prices[n].sum(axis=1) / t.weight for n, t in problem.equity.items()])
    assert run.prices["carbon"].min() >= 0
    assert share[:, -10:].max() <= (1 + 1e-12 if step == "auto" else 2.0)
    assert share[:, -1].min() > 0.2


def test_a_total_is_priced_at_its_weight_from_the_first_slot() -> None:
    problem = small(8, equity={"carbon": el.Sum(40.0), "water": el.Sum(3.0)})
    run = el.simulate(MirrorDescent(problem.static()), problem)
    assert (run.prices["carbon"] == 40.0).all()
    assert run.objective == pytest.approx(optimum(problem), rel=1e-9)


def test_history_makes_a_region_dear_from_the_start() -> None:
    problem = small(12)
    heavy = np.zeros(12)
    heavy[3] = 10 * el.solve(problem, tol=1e-3).footprints["carbon"].max()
    burdened = problem.replace(history={"carbon": heavy})
    for changes in ({}, {"step": 1e-5}):
        run = el.simulate(MirrorDescent(burdened.static(), **changes), burdened)
        assert run.prices["carbon"][1:].argmax(axis=1).tolist() == [3] * 11


def test_the_geometry_of_dual_sets() -> None:
    from equiload.online.geometry import CappedSimplex, NormBall, auxiliary

    rng = np.random.default_rng(1)
    half = CappedSimplex(6, 0.5)
    for reference in ("entropic", "euclidean"):
        for size in (0.1, 1.0, 100.0):
            theta = half.leader(half.centre(), size * rng.normal(size=6), reference)
            assert theta.sum() == pytest.approx(1.0)
            assert 0 <= theta.min() <= theta.max() <= 0.5 + 1e-12
    score = np.array([3.0, 1.0, 2.0, 0.0, -1.0, 0.5])
    np.testing.assert_allclose(half.leader(half.centre(), 500 * score, "entropic"),
                               [0.5, 0, 0.5, 0, 0, 0], atol=1e-12)  # fmt: skip
    ball = NormBall(3, 2.0)
    np.testing.assert_allclose(
        ball.leader(np.zeros(3), np.array([3.0, 0.0, 4.0]), ""), [0.6, 0, 0.8]
    )
    np.testing.assert_allclose(ball.leader(ball.centre(), np.zeros(3), ""), ball.centre())
    cap = np.full(3, 7.0)
    assert auxiliary(el.Max(1.0), np.array([0.5, 0.4, 0.0]), cap).tolist() == [0, 0, 0]
    assert auxiliary(el.Max(1.0), np.array([0.9, 0.4, 0.0]), cap).tolist() == [7, 7, 7]
    assert auxiliary(el.Sum(1.0), np.array([0.9, 1.4, 0.0]), cap).tolist() == [0, 7, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step": 0.0}, "step is 0"),
        ({"step": "fast"}, "step is 'fast'"),
        ({"reference": "cubic"}, "reference is 'cubic'"),
        ({"cap": -1.0}, r"cap\['carbon'\] is -1"),
        ({"cap": {"noise": 1.0}}, "cap names 'noise'"),
        ({"start": {"carbon": [1.0, 2.0]}}, r"start\['carbon'\] has shape \(2,\)"),
        ({"start": 0.0, "reference": "entropic", "step": 1.0}, "must be finite and be above 0"),
    ],
)
def test_bad_settings_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(el.InputError, match=message):
        MirrorDescent(small(2).static(), **changes)


# ------------------------------------------------------------------ the others


def test_presets_minimise_what_they_name() -> None:
    problem = small(4)
    static = problem.static()
    runs = {name: el.simulate(Greedy(static, name), problem) for name in PRESETS}
    plain = problem.replace(equity={})
    assert runs["GLB-Cost"].objective - sum(
        runs["GLB-Cost"].breakdown[n] for n in problem.equity
    ) == pytest.approx(optimum(plain), rel=1e-9)
    for name, label in (("GLB-Carbon", "carbon"), ("GLB-Water", "water")):
        totals = {key: run.footprints[label].sum() for key, run in runs.items()}
        assert min(totals, key=totals.get) == name
    weights = {"cost": 2.0, "carbon": 30.0}
    mixed = el.simulate(Greedy(static, weights), problem)
    doubled = problem.replace(
        price=2 * problem.price + 30 * problem.footprints["carbon"], equity={},
        network=el.Network.from_arcs(
            problem.network.gateway, problem.network.site, cost=2 * problem.network.cost
        ),
    )  # fmt: skip
    value = 2 * (mixed.breakdown["energy"] + mixed.breakdown["arc"])
    value += 30 * mixed.footprints["carbon"].sum()
    assert value == pytest.approx(optimum(doubled), rel=1e-9)


def test_presets_weigh_the_mean_burden_as_the_authors_do() -> None:
    problem = small(4)
    terms = {"carbon": el.Max(1500.0), "water": el.Max(60.0)}
    static = problem.replace(
        equity=terms, sensitivity={"water": np.full(problem.sites, 2.0)}
    ).static()
    mean = 1500.0 / problem.sites, 2 * 60.0 / problem.sites
    assert Greedy(static, "GLB-C2").weights == {"cost": 1.0, "carbon": pytest.approx(4 * mean[0])}
    assert Greedy(static, "GLB-All").weights == pytest.approx(
        {"cost": 1.0, "carbon": 2 * mean[0], "water": 5 * mean[1]}
    )
    assert Greedy(static, "GLB-Water").weights == {"water": 1.0}


def test_nearest_needs_to_know_how_far_sites_are() -> None:
    problem = el.Problem([[1.0, 1.0]], [2.0, 2.0], [[1.0, 2.0]])
    with pytest.raises(el.InputError, match="distance is missing"):
        Nearest(problem.static())
    run = el.simulate(Nearest(problem.static(), distance=[5.0, 1.0, 2.0, 3.0]), problem)
    np.testing.assert_array_equal(run.allocation, [[0.0, 1.0, 1.0, 0.0]])


def test_forecasts() -> None:
    problem = small(30)
    past = [problem.slot(t) for t in range(26)]
    days = Persistence()(25, past, 24)
    np.testing.assert_array_equal(days[0].price, problem.price[2])
    np.testing.assert_array_equal(days[22].price, problem.price[24])
    np.testing.assert_array_equal(days[23].price, problem.price[25])
    early = Persistence()(1, past[:2], 23)
    np.testing.assert_array_equal(early[0].price, problem.price[1])
    assert len(Perfect(problem)(25, past, 24)) == 4
    one, two = (Noisy(problem, 0.3, seed=5)(t, past, 4)[3 - t].demand for t in (0, 2))
    np.testing.assert_array_equal(one, two)
    exact = Noisy(problem, 0.0)(0, past, 1)[0]
    np.testing.assert_array_equal(exact.price, problem.price[1])


def test_a_plan_to_the_end_with_perfect_forecasts_is_the_offline_optimum() -> None:
    problem = small(10)
    policy = RecedingHorizon(problem.static(), Perfect(problem), window=10, every=10, tol=1e-6)
    assert el.simulate(policy, problem).objective == pytest.approx(optimum(problem), rel=1e-5)


def test_a_forecast_of_too_much_work_is_survived() -> None:
    problem = small(10)

    def doom(slot: int, past: object, slots: int) -> list[el.online.Slot]:
        later = Perfect(problem)(slot, (), slots)
        return [
            el.online.Slot(5 * s.demand, s.capacity, s.price, s.footprints) for s in later
        ]  # fmt: skip

    run = el.simulate(RecedingHorizon(problem.static(), doom, window=4, every=2), problem)
    assert run.status == "done"


class Spoiler(Policy):
    """Advice at its worst: it serves the work where cost and burdens are largest."""

    name = "Spoiler"

    def decide(self, slot: el.online.Slot) -> el.online.Decision:
        worst = slot.price + 2000 * slot.footprints["carbon"] + 100 * slot.footprints["water"]
        return self._serve(slot, -worst * (1 if self.slot % 5 else -1), {})


def spent(problem: el.Problem, allocation: np.ndarray) -> np.ndarray:
    """Cost of the first 1, 2, ... slots of an allocation, equity terms included."""
    net, total, costs = problem.network, 0.0, []
    burden = {name: np.zeros(problem.sites) for name in problem.equity}
    for t, work in enumerate(allocation):
        load = np.bincount(net.site, net.energy * work, problem.sites)
        total += float(problem.price[t] @ load + net.cost @ work)
        for name in burden:
            burden[name] += problem.footprints[name][t] * load
        fair = sum(problem.equity[n].weight * b.max() for n, b in burden.items())
        costs.append(total + fair)
    return np.array(costs)


@pytest.mark.parametrize("trust", [0.0, 0.02, 0.1])
def test_robust_keeps_its_bound_against_the_worst_advice(trust: float) -> None:
    problem = small(40)
    static = problem.static()
    robust = el.simulate(Robust(Spoiler(static), trust=trust), problem)
    alone = el.simulate(MirrorDescent(static), problem)
    theirs = spent(problem, alone.allocation)
    limit = theirs + trust * np.maximum.accumulate(theirs)
    ours = spent(problem, robust.allocation)
    assert (ours <= limit * (1 + 1e-9)).all()
    spoiled = el.simulate(Spoiler(static), problem).objective
    assert spoiled > 1.2 * alone.objective  # what the advice alone would cost
    if trust:
        assert ours[-1] > theirs[-1] * (1 + trust / 4)  # the bound is what held it


def test_robust_follows_good_advice() -> None:
    problem = small(40)
    static = problem.static()
    advice = RecedingHorizon(static, Perfect(problem), window=24)
    alone = el.simulate(MirrorDescent(static), problem).objective
    told = el.simulate(advice, problem).objective
    robust = el.simulate(Robust(advice, trust=0.5), problem).objective
    assert told < alone
    assert robust == pytest.approx(told, rel=0.01)


# ------------------------------------------------------------------ runs and comparisons


def test_compare_lists_every_policy_beside_the_optimum() -> None:
    problem = small(8)
    static = problem.static()
    best = el.solve(problem)
    table = el.compare(problem, [Greedy(static), Greedy(static), Nearest(static)], offline=best)
    assert [row["policy"] for row in table.rows] == ["offline", "GLB-Cost", "GLB-Cost 2", "Nearest"]
    first = table.rows[1]
    run = table.runs["GLB-Cost"]
    assert first["regret"] == run.regret(best)
    assert first["regret"] == pytest.approx(run.objective / best.lower_bound - 1)
    totals = run.footprints["water"]
    assert first["water max/mean"] == totals.max() / totals.mean()
    text = str(table).splitlines()
    assert text[0].split()[:3] == ["policy", "objective", "regret"]
    assert len(text) == 5
    pandas = pytest.importorskip("pandas")
    frame = table.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.loc["Nearest", "objective"] == table.runs["Nearest"].objective


@pytest.mark.parametrize("name", NAMES)
def test_policies_can_be_copied_and_pickled_in_the_middle_of_a_run(name: str) -> None:
    problem = small(9, quadratic=0.1 if name == "auto" else None)
    policy = policies(problem)[name]
    for t in range(4):
        policy.step(problem.slot(t))
    others = [copy.deepcopy(policy), pickle.loads(pickle.dumps(policy))]
    assert others[1].static.network == policy.static.network
    for t in range(4, 9):
        decision = policy.step(problem.slot(t))
        for other in others:
            np.testing.assert_array_equal(
                other.step(problem.slot(t)).allocation, decision.allocation
            )


def test_what_is_known_beforehand_can_be_pickled() -> None:
    static = small(3).static()
    again = pickle.loads(pickle.dumps(static))
    assert dict(again.equity) == dict(static.equity) and again.network == static.network
    with pytest.raises(TypeError):
        again.equity["carbon"] = el.Sum(1.0)
    slot = pickle.loads(pickle.dumps(small(3).slot(1)))
    np.testing.assert_array_equal(slot.price, small(3).price[1])


def test_simulate_stops_when_asked() -> None:
    problem = small(8)
    run = el.simulate(Greedy(problem.static()), problem, callback=lambda t, _: t == 2)
    assert run.status == "interrupted"
    assert run.allocation[:3].any(axis=1).all()
    assert not run.allocation[3:].any()


def test_a_policy_of_another_problem_is_refused() -> None:
    problem = small(4)
    with pytest.raises(el.InputError, match="another network"):
        el.simulate(Greedy(el.data.world(9, 4, 4).static()), problem)
    with pytest.raises(el.InputError, match="another equity"):
        el.simulate(Greedy(problem.replace(equity={}).static()), problem)


def test_slots_are_checked() -> None:
    problem = small(4)
    static = problem.static()
    good = {"demand": problem.demand[0], "price": problem.price[0]}
    burdens = {name: values[0] for name, values in problem.footprints.items()}
    slot = static.slot(**good, footprints=burdens)
    np.testing.assert_array_equal(slot.capacity, problem.capacity)
    with pytest.raises(el.InputError, match="footprints are carbon; the problem has carbon, water"):
        static.slot(**good, footprints={"carbon": burdens["carbon"]})
    bad = burdens | {"water": np.full(12, -1.0)}
    with pytest.raises(el.InputError, match=r"footprints\['water'\]\[site 0 .*\] is -1"):
        static.slot(**good, footprints=bad)
    with pytest.raises(el.InputError, match="t is 4; the problem has slots 0 to 3"):
        problem.slot(4)


# ------------------------------------------------------------------ the ten data centres


@pytest.fixture(scope="module")
def ten() -> el.Problem:
    return el.data.read_eglb(FOLDER)


OFFLINE = 623661.3525  # by two independent solvers


@needs_data
def test_oblivious_rows_of_the_study(ten: el.Problem) -> None:
    static = ten.static()
    cheap, near = el.simulate(Greedy(static), ten), el.simulate(Nearest(static), ten)
    for run, cost, ratio in ((cheap, 291699, 1.710), (near, 470376, 1.445)):
        water = run.footprints["water"]
        assert run.breakdown["energy"] == pytest.approx(cost, abs=0.5)
        assert water.max() / water.mean() == pytest.approx(ratio, abs=5e-4)


@needs_data
def test_mirror_descent_comes_near_the_offline_optimum(ten: el.Problem) -> None:
    static = ten.static()
    caps = {name: float(values.max()) for name, values in ten.footprints.items()}
    by_hand = el.simulate(MirrorDescent(static, step=1e-5, cap=caps), ten)
    auto = el.simulate(MirrorDescent(static), ten)
    assert by_hand.objective <= 1.03 * OFFLINE
    assert auto.objective <= 1.02 * OFFLINE
    planned = RecedingHorizon(static, Perfect(ten), window=24, every=6)
    assert el.simulate(planned, ten).objective < auto.objective


@pytest.mark.parametrize(("sites", "gateways", "slots", "seed"), [
    (40, 15, 168, 11), (80, 40, 168, 12), (25, 12, 336, 13),
])  # fmt: skip
def test_auto_steps_suit_worlds_that_they_were_not_tuned_on(
    sites: int, gateways: int, slots: int, seed: int
) -> None:
    problem = el.data.world(sites, gateways, slots, seed)
    static = problem.static()
    bound = el.solve(problem, tol=1e-3).lower_bound
    auto = el.simulate(MirrorDescent(static), problem).objective
    assert auto <= 1.03 * bound / (1 - 1e-3)
    assert auto <= el.simulate(Greedy(static), problem).objective


def test_noise_costs() -> None:
    problem = small(72)
    static = problem.static()
    costs = [
        el.simulate(RecedingHorizon(static, Noisy(problem, sigma), every=4), problem).objective
        for sigma in (0.0, 0.5, 2.0)
    ]
    assert all(less < more for less, more in pairwise(costs))


def test_idle_power_is_paid_for_and_burdens_as_time_passes() -> None:
    problem = small(10, idle_power=np.linspace(0.0, 5.0, 12))
    policy = MirrorDescent(problem.static())
    run = el.simulate(policy, problem)
    assert run.breakdown["idle"] == problem.idle_cost > 0
    for name, totals in run.footprints.items():
        np.testing.assert_allclose(policy.burdens[name], totals)
    planned = RecedingHorizon(problem.static(), Perfect(problem), window=10, every=10, tol=1e-6)
    best = el.solve(problem, tol=1e-6)
    assert el.simulate(planned, problem).objective == pytest.approx(best.objective, rel=1e-5)


@pytest.mark.parametrize("kind", ["norm", "top"])
def test_other_equity_functions_are_learnt_as_well(kind: str) -> None:
    weights = {name: term.weight for name, term in small(2).equity.items()}
    terms = {n: el.Norm(0.7 * w, 3.0) if kind == "norm" else el.TopMean(w, 3) for n, w in
             weights.items()}  # fmt: skip
    problem = el.data.world(20, 10, 168, 1).replace(equity=terms)
    static = problem.static()
    cheap = el.simulate(Greedy(static), problem).objective
    bound = el.solve(problem, tol=1e-3).lower_bound
    assert el.simulate(MirrorDescent(static), problem).objective <= 1.03 * bound < cheap
    with pytest.raises(el.InputError, match=r"equity\['carbon'\] is a Budget"):
        MirrorDescent(problem.replace(equity={"carbon": el.Budget(1e9)}).static())
