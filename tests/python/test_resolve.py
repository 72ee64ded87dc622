import numpy as np
import pytest

import equiload as el
from equiload.online import Fading, MirrorDescent, Perfect, Persistence, RecedingHorizon, Resolve


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
