"""Solves on a CUDA device of problems whose arrays lie there.

They need a device and CuPy.  In a build whose device is a stand-in on the host, set
EQUILOAD_STANDIN_DEVICE=1 and its arrays take CuPy's place; then copies over the bus are counted.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

import numpy as np
import pytest

import equiload as el

pytestmark = pytest.mark.cuda

STANDIN = "EQUILOAD_STANDIN_DEVICE" in os.environ
DOWN: list[tuple[int, ...]] = []  # what came down from the stand-in


@pytest.fixture
def cupy(monkeypatch) -> ModuleType:
    if not (el.build_info()["cuda"] or {}).get("devices"):
        pytest.skip("build_info() lists no CUDA device")
    if not STANDIN:
        return pytest.importorskip("cupy")
    import standin_cupy

    def get(array: object) -> np.ndarray:
        DOWN.append(array.shape)
        return copy(array)

    copy = standin_cupy.ndarray.get
    monkeypatch.setattr(standin_cupy.ndarray, "get", get)
    monkeypatch.setitem(sys.modules, "cupy", standin_cupy)
    DOWN.clear()
    return standin_cupy


def on_device(cupy: ModuleType, problem: el.Problem) -> el.Problem:
    arguments = problem._arguments()
    for name in ("demand", "capacity", "price", "quadratic", "idle_power"):
        if arguments[name] is not None:
            arguments[name] = cupy.asarray(arguments[name])
    burdens = arguments["footprints"]
    arguments["footprints"] = {name: cupy.asarray(values) for name, values in burdens.items()}
    return el.Problem(**arguments)


def large_arrays(found: el.Solution) -> list[object]:
    prices = [found.prices.energy, found.prices.capacity]
    return [found.allocation, found.site_load, *prices] + [found.shed] * (found.shed is not None)


CHANGES = {
    "linear": lambda p: {},
    "quadratic": lambda p: {"quadratic": 0.5, "idle_power": np.full(p.price.shape, 0.1)},
    "shedding": lambda p: {"shed_cost": 60.0, "demand": p.demand * 1.5},
    "varying capacity": lambda p: {"capacity": np.tile(p.capacity, (p.slots, 1)) * 1.1},
    "one price": lambda p: {"price": p.price[0]},
    "delays": lambda p: {"network": p.network.with_delays({0: 3, 2: 5})},
    "norms": lambda p: {"equity": {"carbon": el.Norm(1500.0, 3.0), "water": el.TopMean(60.0, 4)}},
    "budget": lambda p: {"equity": {"carbon": el.Budget(np.full(12, 60.0))}},
}


@pytest.mark.parametrize("kind", CHANGES)
def test_answers_are_those_of_the_host_and_stay_on_the_device(cupy, problem, kind):
    problem = problem.replace(**CHANGES[kind](problem))
    expected = el.solve(problem, tol=1e-4)
    there = on_device(cupy, problem)
    found = el.solve(there, tol=1e-4)
    assert (found.status, found.device) == ("optimal", "cuda")
    for array in large_arrays(found):
        assert type(array) is cupy.ndarray
    assert DOWN in ([], [(12,)] * 3)  # sums of idle power
    report = el.certify(problem, found)
    assert report.gap <= 1e-4 and report.unmet <= 1e-9 and report.overload <= 1e-9
    assert found.objective == pytest.approx(report.objective, rel=1e-9)
    assert found.lower_bound == pytest.approx(report.lower_bound, rel=1e-9)
    assert found.objective == pytest.approx(expected.objective, rel=2e-4)
    load = np.add.reduce(found.on_host().site_load)
    np.testing.assert_allclose(load, np.add.reduce(found.site_load.get()), rtol=0)


def test_scenarios_side_by_side_are_solved_as_if_alone(cupy, problem):
    problems = [on_device(cupy, problem.replace(price=problem.price * k)) for k in (1.0, 1.5, 2.0)]
    together = el.solve_batch(problems, tol=1e-4)
    assert DOWN == []
    for one, alone in zip(together, [el.solve(p, tol=1e-4) for p in problems], strict=True):
        assert one.objective == alone.objective
        for a, b in zip(large_arrays(one), large_arrays(alone), strict=True):
            np.testing.assert_array_equal(a.get(), b.get())


def test_a_warm_start_from_the_device_saves_iterations(cupy, problem):
    there = on_device(cupy, problem)
    cold = el.solve(there, tol=1e-4)
    warm = el.solve(there.replace(equity=dict(there.equity)), tol=1e-4, warm_start=cold)
    assert warm.status == "optimal" and warm.iterations < cold.iterations


def test_without_an_answer_the_arrays_are_zero(cupy, problem):
    found = el.solve(on_device(cupy, problem.replace(demand=problem.demand * 10)))
    assert found.status == "infeasible" and "slot" in str(found)
    for array in large_arrays(found):
        assert not array.get().any()
    assert el.certify(found.problem, found).lower_bound == np.inf
