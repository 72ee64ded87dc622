"""How many threads a solve takes that was not told, and solves within other people's loops."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

import equiload as el

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.fixture(scope="module")
def problem() -> el.Problem:
    """Large enough for every solve to take two threads."""
    return el.data.world(sites=20, gateways=10, slots=48, seed=0)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EQUILOAD_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


def threads_of(problem: el.Problem) -> tuple[int, float]:
    solution = el.solve(problem, tol=1e-3)
    return solution.threads, solution.objective


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"EQUILOAD_NUM_THREADS": "1"}, 1),
        ({"EQUILOAD_NUM_THREADS": "2", "OMP_NUM_THREADS": "1"}, 2),
        ({"OMP_NUM_THREADS": "2,1"}, 2),
        ({"OMP_NUM_THREADS": "1"}, 1),
    ],
)
def test_the_environment_decides(
    problem: el.Problem,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    expected: int,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert threads_of(problem)[0] == expected
    assert el.solve(problem, tol=1e-3, threads=2).threads == 2


def test_a_variable_that_is_no_count_is_named(
    problem: el.Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "many")  # OpenMP's to complain about
    assert threads_of(problem)[0] >= 1
    for value in ("many", "0"):
        monkeypatch.setenv("EQUILOAD_NUM_THREADS", value)
        with pytest.raises(el.InputError, match="EQUILOAD_NUM_THREADS is "):
            el.solve(problem)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_processes_of_a_pool_take_one_thread(problem: el.Problem, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    here = threads_of(problem)
    if sys.version_info >= (3, 12) and method == "fork":
        pytest.skip("fork warns where threads are, of other packages too")
    with multiprocessing.get_context(method).Pool(2) as pool:
        there = pool.map(threads_of, [problem] * 3)
    assert there == [(1, here[1])] * 3


def test_joblib_has_the_same_bits(problem: el.Problem) -> None:
    joblib = pytest.importorskip("joblib")
    solve = joblib.delayed(threads_of)
    there = joblib.Parallel(n_jobs=2)([solve(problem)] * 2)
    assert there == [(1, threads_of(problem)[1])] * 2


def cost_of(policy: el.online.Policy, problem: el.Problem) -> float:
    return el.simulate(policy, problem).objective


def test_joblib_takes_policies_and_what_they_know() -> None:
    joblib = pytest.importorskip("joblib")
    day = el.data.world(sites=4, gateways=3, slots=6, seed=0)
    made = [el.online.Nearest, el.online.MirrorDescent, el.online.RecedingHorizon]
    policies = joblib.Parallel(n_jobs=2)(joblib.delayed(kind)(day.static()) for kind in made)
    there = joblib.Parallel(n_jobs=2)(joblib.delayed(cost_of)(one, day) for one in policies)
    assert there == [cost_of(kind(day.static()), day) for kind in made]


def test_threads_share_the_cores(problem: el.Problem) -> None:
    """While one solve has every core, another takes one thread."""
    inner: list[int] = []

    def watch(_: object) -> bool:
        inner.append(el.solve(problem, tol=1e-3).threads)
        return True

    outer = el.solve(problem, callback=watch)
    assert inner[0] == 1 if outer.threads == CORES else inner[0] < CORES
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(threads_of, [problem] * 8))
    assert {objective for _, objective in found} == {threads_of(problem)[1]}


def test_an_event_loop_goes_on_while_a_solve_runs(problem: el.Problem) -> None:
    async def beat(solving: asyncio.Task[el.Solution]) -> int:
        beats = 0
        while not solving.done():
            await asyncio.sleep(0)
            beats += 1
        return beats

    async def together() -> tuple[int, el.Solution]:
        solving = asyncio.create_task(asyncio.to_thread(el.solve, problem))
        return await beat(solving), await solving

    beats, solution = asyncio.run(together())
    assert beats > 3
    assert solution.objective == el.solve(problem).objective


def test_simpy_calls_a_policy_in_its_own_time(fleet: Callable[..., el.Problem]) -> None:
    simpy = pytest.importorskip("simpy")
    problem = fleet(slots=6)
    policy = el.online.MirrorDescent(problem.static())
    decided: list[tuple[float, el.online.Decision]] = []

    def operator(environment: object) -> object:
        for t in range(problem.slots):
            decided.append((environment.now, policy.step(problem.slot(t))))
            yield environment.timeout(1)

    environment = simpy.Environment()
    environment.process(operator(environment))
    environment.run()
    assert [now for now, _ in decided] == list(range(6))
    run = el.simulate(el.online.MirrorDescent(problem.static()), problem)
    for t, (_, decision) in enumerate(decided):
        assert (decision.allocation == run.allocation[t]).all()
