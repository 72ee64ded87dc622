import numpy as np
import pytest

import equiload as el
from equiload.online import (
    Fading,
    Greedy,
    MirrorDescent,
    Noisy,
    Perfect,
    Persistence,
    RecedingHorizon,
    Resolve,
    Robust,
    scenarios,
)


def parts(slots: int, before: int, **options: object) -> tuple[el.Problem, el.Problem]:
    """A world and the slots before it."""
    whole = el.data.world(12, 6, slots + before, seed=4, arcs_per_gateway=5, **options)

    def cut(part: slice) -> el.Problem:
        burdens = {name: values[part] for name, values in whole.footprints.items()}
        return whole.replace(
            demand=whole.demand[part],
            price=whole.price[part],
            footprints=burdens,
            slot_times=whole.slot_times[part],
        )

    return cut(slice(before)), cut(slice(before, None))


def test_slots_that_repeat_cost_no_regret() -> None:
    """Where every slot is as the first, samples are the future."""
    one = el.data.world(12, 6, 1, seed=4, arcs_per_gateway=5)
    burdens = {name: np.repeat(values, 30, 0) for name, values in one.footprints.items()}
    problem = one.replace(
        demand=np.repeat(one.demand, 30, 0),
        price=np.repeat(one.price, 30, 0),
        footprints=burdens,
        slot_times=None,
    )
    run = el.simulate(Resolve(problem.static(), every=1, tol=1e-6), problem)
    assert run.regret(el.solve(problem, tol=1e-6)) < 0.01


def test_with_a_past_it_beats_mirror_descent() -> None:
    past, problem = parts(72, 96)
    offline = el.solve(problem, tol=1e-5)
    static = problem.static()
    told = el.simulate(Resolve(static, past), problem).regret(offline)
    alone = el.simulate(MirrorDescent(static), problem).regret(offline)
    assert told < alone
    slots = [past.slot(t) for t in range(past.slots)]
    again = el.simulate(Resolve(static, slots), problem).regret(offline)
    assert again == told


@pytest.mark.parametrize("kind", ["delays", "quadratic", "idle", "shed", "norm", "one slot"])
def test_every_kind_of_problem(kind: str) -> None:
    past, problem = parts(1 if kind == "one slot" else 10, 6)
    changes: dict[str, object] = {
        "delays": {"network": problem.network.with_delays(2, cost_per_slot=1000.0)},
        "quadratic": {"quadratic": 0.5},
        "idle": {"idle_power": 0.5},
        "shed": {"shed_cost": 60.0},
        "norm": {"equity": {"carbon": el.Norm(5.0, q=3)}},
        "one slot": {},
    }[kind]
    problem, past = problem.replace(**changes), past.replace(**changes)
    run = el.simulate(Resolve(problem.static(), past, samples=3), problem)
    assert run.status == "done"
    assert run.objective >= el.solve(problem, tol=1e-3).lower_bound


def test_a_past_that_does_not_fit_is_named() -> None:
    past, problem = parts(4, 4)
    static = problem.static()
    with pytest.raises(el.InputError, match="past: slot 0 has 5 sites; the problem has 12"):
        Resolve(static, el.data.world(5, 6, 2))
    with pytest.raises(el.InputError, match="past: slot 1 is a int"):
        RecedingHorizon(static, past=[past.slot(0), 3])  # type: ignore[list-item]
    with pytest.raises(el.InputError, match="past: slot 0 has footprints none"):
        Resolve(static, past.replace(footprints={}, equity={}))
    with pytest.raises(el.InputError, match="samples"):
        Resolve(static, samples=0)


def test_a_forecast_fades_with_lead() -> None:
    _, problem = parts(30, 4)
    past = [problem.slot(0), problem.slot(1)]
    truth, last = Perfect(problem)(1, past, 20), past[-1]
    seen = Fading(problem, 5.0, Persistence(1))(1, past, 20)
    for lead in (1, 7, 20):
        share = np.exp(-lead / 5.0)
        expected = share * truth[lead - 1].price + (1 - share) * last.price
        np.testing.assert_allclose(seen[lead - 1].price, expected)
    assert Fading(problem).reach == 144
    assert Fading(problem, 1000.0).reach == 168
    with pytest.raises(el.InputError, match="scale is 0"):
        Fading(problem, 0.0)
    with pytest.raises(el.InputError, match="near is a int"):
        Fading(3)  # type: ignore[arg-type]


def test_a_window_is_as_long_as_its_forecast_has_skill() -> None:
    _, problem = parts(4, 4)
    static = problem.static()
    assert RecedingHorizon(static).window == 24
    assert RecedingHorizon(static, Perfect(problem)).window == 168
    assert RecedingHorizon(static, Fading(problem, 50.0)).window == 100
    assert RecedingHorizon(static, lambda slot, past, slots: []).window == 24


def test_a_forecast_looks_back_on_the_given_past() -> None:
    past, problem = parts(4, 30)
    seen: list[int] = []

    def forecast(slot: int, before: object, slots: int) -> list[el.online.Slot]:
        seen.append(len(before))  # type: ignore[arg-type]
        return []

    el.simulate(RecedingHorizon(problem.static(), forecast, past=past), problem)
    assert seen == [31, 32, 33, 34][: len(seen)] and len(seen) >= 3


def test_noise_grows_with_lead_and_holds_on() -> None:
    rng = np.random.default_rng(0)
    flat = el.Problem(rng.random((60, 400)), 1e3, np.ones((60, 400)))
    seen = Noisy(flat, 0.5, scale=10.0, memory=0.9)(3, [], 50)
    off = np.log([s.price for s in seen])  # (50, 400)
    for lead in (1, 5, 50):
        sigma = 0.5 * np.sqrt(1 - np.exp(-2 * lead / 10.0))
        assert off[lead - 1].std() == pytest.approx(sigma, rel=0.1)
    assert np.corrcoef(off[40], off[41])[0, 1] == pytest.approx(0.9, abs=0.05)
    assert np.corrcoef(off[10], off[49])[0, 1] == pytest.approx(0.9**39, abs=0.15)
    fresh = np.log([s.price for s in Noisy(flat, 0.5)(3, [], 50)])
    assert abs(np.corrcoef(fresh[40], fresh[41])[0, 1]) < 0.15
    assert Noisy(flat, 0.5).reach == 24 and Noisy(flat, 0.5, scale=40.0).reach == 80
    for wrong in ({"scale": 0.0}, {"memory": 1.0}, {"memory": -0.1}):
        with pytest.raises(el.InputError, match=next(iter(wrong))):
            Noisy(flat, 0.5, **wrong)


def test_blocks_take_turns_and_their_mean_is_played() -> None:
    """A price is a mean of what suits each block; a solve in between renews one of them."""
    past, problem = parts(30, 12)
    static = problem.static()
    policy = Resolve(static, past, memory=12, every=1, samples=3, blocks=3, tol=1e-6, steady=0.0)
    first = policy.step(problem.slot(0)).prices["carbon"]
    alone = []
    for n in range(3):
        block = [past.slot(t) for t in range(12 - 4 * (n + 1), 12 - 4 * n)]
        one = Resolve(static, block, memory=4, every=1, samples=3, blocks=1, tol=1e-6, steady=0)
        alone.append(one.step(problem.slot(0)).prices["carbon"])
    np.testing.assert_allclose(
        first, np.average(alone, axis=0, weights=[1, 1 / 2, 1 / 3]), rtol=1e-9
    )
    tables = [policy.state_dict()["price/carbon"]]
    for t in range(1, 4):
        policy.step(problem.slot(t))
        tables.append(policy.state_dict()["price/carbon"])
    for n in range(3):
        moved = (tables[n + 1] != tables[n]).any(axis=1)
        np.testing.assert_array_equal(moved, np.arange(3) == n)


def test_mirror_descent_rehearses_the_past() -> None:
    past, problem = parts(72, 96)
    offline = el.solve(problem, tol=1e-5)
    static = problem.static()
    told = el.simulate(MirrorDescent(static, past=past), problem).regret(offline)
    assert told < el.simulate(MirrorDescent(static), problem).regret(offline)
    with pytest.raises(el.InputError, match="past: slot 0 has 5 sites; the problem has 12"):
        MirrorDescent(static, past=el.data.world(5, 6, 2))


def test_mirror_descent_has_a_share_in_the_prices() -> None:
    past, problem = parts(30, 6)
    static = problem.static()
    mixed, alone = Resolve(static, past, steady=0.25), Resolve(static, past, steady=0.0)
    learner = MirrorDescent(static, past=past)
    for t in range(6):
        slot = problem.slot(t)
        learnt = learner.prices_for(slot)["carbon"]
        decision = mixed.step(slot)
        solved = alone.decide(slot).prices["carbon"]
        np.testing.assert_allclose(
            decision.prices["carbon"], 0.75 * solved + 0.25 * learnt, rtol=1e-9
        )
        learner.observe(slot, decision)
        alone.observe(slot, decision)
    limited = problem.replace(equity={"carbon": el.Budget(1e9)})
    assert el.simulate(Resolve(limited.static(), past), limited).status == "done"
    with pytest.raises(el.InputError, match=r"steady is 1\.5"):
        Resolve(static, steady=1.5)


def test_large_fleets_solve_less_often() -> None:
    def every(gateways: int, **settings: int) -> int:
        return Resolve(el.data.world(30, gateways, 1).static(), **settings).every

    assert every(12) == 2
    assert every(50) == 13 * 50 * 16 // 2600 == 4
    assert every(50, samples=25) == 8
    assert every(50, every=1) == 1


def test_scenarios_take_turns_and_their_mean_is_played() -> None:
    """With one forecast twice there is nothing to average; with two, prices lie between theirs."""
    past, problem = parts(30, 6)
    static = problem.static()
    futures = scenarios(problem, 10.0, (24, 6))
    both = RecedingHorizon(static, futures, 8, past=past)
    single = [RecedingHorizon(static, future, 8, past=past) for future in futures]
    first = both.step(problem.slot(0)).prices["carbon"]
    alone = [policy.step(problem.slot(0)).prices["carbon"] for policy in single]
    assert not np.allclose(alone[0], alone[1], rtol=1e-3)
    np.testing.assert_allclose(first, np.mean(alone, axis=0))
    both.step(problem.slot(1))
    state = both.state_dict()
    assert [state[f"plan/{n}/first"] for n in range(2)] == [1, 0]
    with pytest.raises(el.InputError, match="forecast is empty"):
        RecedingHorizon(static, [])
    with pytest.raises(el.InputError, match="forecast 1 is a int"):
        RecedingHorizon(static, [futures[0], 3])  # type: ignore[list-item]


# ------------------------------------------------------------------ work that waits


def waiting(slots: int, cost: float = 0.5) -> tuple[el.Problem, el.Problem]:
    past, problem = parts(48, slots)
    network = problem.network.with_delays(3, cost_per_slot=cost)
    return past.replace(network=network), problem.replace(network=network)


def test_work_waits_for_a_slot_that_is_foreseen_to_be_cheaper() -> None:
    network = el.Network.complete(1, 1).with_delays(2, cost_per_slot=1.0)
    problem = el.Problem([[1.0], [0.0], [0.0]], [5.0], [[9.0], [5.0], [7.0]], network=network)
    static = problem.static()
    told = el.simulate(Greedy(static, forecast=Perfect(problem)), problem)
    np.testing.assert_allclose(told.site_load[:, 0], [0.0, 1.0, 0.0])
    blind = el.simulate(Greedy(static), problem)  # as far as it knows, prices stay
    np.testing.assert_allclose(blind.site_load[:, 0], [1.0, 0.0, 0.0])
    before = el.Problem([[1.0]], [5.0], [[6.0]], network=network)
    yesterday = el.simulate(
        MirrorDescent(static, forecast=Persistence(2), past=[before.slot(0)]), problem
    )
    np.testing.assert_allclose(yesterday.site_load[:, 0], [0.0, 1.0, 0.0])


def test_yesterdays_prices_are_better_than_the_present_ones() -> None:
    past, problem = waiting(48)
    offline, static = el.solve(problem, tol=1e-4), problem.static()
    for kind in (MirrorDescent, Resolve):
        runs = {
            name: el.simulate(kind(static, past=past, **settings), problem)
            for name, settings in {
                "yesterday": {},
                "present": {"forecast": lambda slot, seen, slots: []},
            }.items()
        }
        regret = {name: run.regret(offline) for name, run in runs.items()}
        assert 0 <= regret["yesterday"] < regret["present"] < np.inf


def test_waiting_work_leaves_room_for_what_comes() -> None:
    """Work waits where it is cheap, and a peak like the one before still fits."""
    network = el.Network.complete(1, 1).with_delays(1, cost_per_slot=0.1)
    price = [[9.0], [1.0], [9.0], [1.0]]
    problem = el.Problem([[3.0]] * 4, [4.0], price, network=network)
    run = el.simulate(Greedy(problem.static(), forecast=Perfect(problem)), problem)
    assert run.status == "done"
    np.testing.assert_allclose(run.site_load[:, 0], [2.0, 4.0, 2.0, 4.0])


@pytest.mark.parametrize("trust", [0.0, 0.05])
def test_robust_keeps_its_bound_where_work_waits(trust: float) -> None:
    _, problem = waiting(36)
    static, net = problem.static(), problem.network
    rng = np.random.default_rng(3)

    class Spoiler(Greedy):
        """It sends work to the dearest cells, at random now or later."""

        def decide(self, slot: el.online.Slot) -> el.online.Decision:
            worst = slot.price + 2000 * slot.footprints["carbon"]
            later = iter(rng.choice([-1.0, 0.5, 2.0], 4))
            return self._serve(slot, lambda _: -worst * next(later), {})

    def spent(allocation: np.ndarray) -> np.ndarray:
        load, total, costs = np.zeros((problem.slots + 3, problem.sites)), 0.0, []
        burden = {name: np.zeros(problem.sites) for name in problem.equity}
        for t, work in enumerate(allocation):
            for a, amount in enumerate(work):
                load[t + net.delay[a], net.site[a]] += net.energy[a] * amount
            total += float(problem.price[t] @ load[t] + net.cost @ work)
            for name in burden:
                burden[name] += problem.footprints[name][t] * load[t]
            fair = sum(problem.equity[n].weight * b.max() for n, b in burden.items())
            costs.append(total + fair)
        return np.array(costs)

    robust = el.simulate(Robust(Spoiler(static), trust), problem)
    alone = el.simulate(MirrorDescent(static), problem)
    assert robust.status == alone.status == "done"
    theirs, ours = spent(alone.allocation), spent(robust.allocation)
    assert (ours <= (theirs + trust * np.maximum.accumulate(theirs)) * (1 + 1e-9)).all()
    assert el.simulate(Spoiler(static), problem).objective > 1.1 * alone.objective
    if trust:
        assert ours[-1] > theirs[-1] * (1 + trust / 4)  # the bound is what held it


def test_robust_follows_good_advice_where_work_waits() -> None:
    past, problem = waiting(36)
    static = problem.static()
    fallback = MirrorDescent(static, past=past)
    advice = RecedingHorizon(static, Perfect(problem), window=24)
    alone = el.simulate(fallback, problem).objective
    told = el.simulate(Robust(advice, 0.5, fallback), problem).objective
    assert told < alone
