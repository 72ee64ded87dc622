"""Ctrl-C: it ends whatever runs, and nothing that was found is lost."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from test_solve import assert_usable

import equiload as el
from equiload.online import Greedy, RecedingHorizon

needs_timers = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
# Far more than the timer allows, whatever the machine.
ENDLESS = {"tol": 1e-300, "max_iterations": 10**30}


@contextlib.contextmanager
def ctrl_c_after(seconds: float, error: type[BaseException] = KeyboardInterrupt) -> Iterator[None]:
    def handler(number, frame) -> None:
        raise error("mine")

    before = signal.signal(signal.SIGVTALRM, handler)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_an_interruption_is_a_keyboard_interrupt_that_keeps_its_answer():
    stop = el.Interrupted("stopped", [1, 2])
    assert isinstance(stop, KeyboardInterrupt) and not isinstance(stop, Exception)
    again = pickle.loads(pickle.dumps(stop))
    assert str(again) == "stopped" and again.solution == [1, 2]


def test_ctrl_c_in_a_callback(problem, device):
    def callback(state) -> None:
        raise KeyboardInterrupt

    with pytest.raises(el.Interrupted, match=r"stopped after \d+ iterations") as caught:
        el.solve(problem, tol=1e-14, callback=callback, device=device)
    solution = el.solve(problem, tol=1e-14, callback=callback, device=device, on_interrupt="return")
    for answer in (caught.value.solution, solution):
        assert answer.status == "interrupted"
        assert_usable(problem, answer)


def test_ctrl_c_reaches_the_caller_of_a_good_answer_too(problem):
    def callback(state) -> None:
        if state.gap <= 1e-3:
            raise KeyboardInterrupt

    with pytest.raises(el.Interrupted) as caught:
        el.solve(problem, tol=1e-3, callback=callback)
    assert caught.value.solution.gap <= 1e-3


def test_a_callback_that_stops_is_no_ctrl_c(problem):
    assert el.solve(problem, tol=1e-14, callback=lambda state: True).status == "interrupted"


@needs_timers
@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError])
def test_signals(fleet, device, error):
    with pytest.raises(error) as caught, ctrl_c_after(0.2, error):
        el.solve(fleet(), threads=10**30, device=device, **ENDLESS)
    if error is KeyboardInterrupt:
        assert caught.value.solution.status == "interrupted"
        assert_usable(caught.value.solution.problem, caught.value.solution)
    else:
        assert str(caught.value) == "mine"


@needs_timers
def test_ctrl_c_ends_a_batch(fleet, device):
    with pytest.raises(el.Interrupted, match="stopped a batch of 3") as caught, ctrl_c_after(0.2):
        el.solve_batch([fleet()] * 3, device=device, **ENDLESS)
    with ctrl_c_after(0.2):
        found = el.solve_batch([fleet()] * 3, device=device, on_interrupt="return", **ENDLESS)
    for answers in (caught.value.solution, found):
        assert len(answers) == 3 and "interrupted" in {answer.status for answer in answers}
        for answer in answers:
            assert_usable(answer.problem, answer)


@needs_timers
def test_ctrl_c_ends_a_frontier_with_the_points_that_it_has(fleet, device):
    weights = {"carbon": np.geomspace(1.0, 1e4, 9)}
    with (
        pytest.raises(el.Interrupted, match="stopped with 2 of 9 points") as caught,
        ctrl_c_after(0.2),
    ):
        el.frontier(fleet(), weights, device=device, **ENDLESS)
    front = caught.value.solution
    assert front.weights["carbon"].tolist() == [1.0, 1e4]
    assert [answer.status for answer in front] == ["interrupted"] * 2
    assert front.cost.shape == front.burden["carbon"].shape == (2,)


def test_a_frontier_without_a_point_can_be_asked():
    front = el.Frontier((), {"carbon": np.array([])})
    assert front.cost.size == front.gap.size == len(front) == len(front.burden) == 0


class Stubborn(Greedy):
    """Is interrupted in its slot 3."""

    def decide(self, slot):
        if self.slot == 3:
            raise KeyboardInterrupt
        return super().decide(slot)


def small(slots: int = 6) -> el.Problem:
    return el.data.world(8, 5, slots, seed=4)


def test_ctrl_c_ends_a_run_with_what_was_decided():
    problem = small()
    with pytest.raises(el.Interrupted, match="GLB-Cost stopped after 3 slots") as caught:
        el.simulate(Stubborn(problem.static()), problem)
    run = el.simulate(Stubborn(problem.static()), problem, on_interrupt="return")
    for partial in (caught.value.solution, run):
        assert partial.status == "interrupted" and partial.objective == np.inf
        assert partial.allocation[:3].any(axis=1).all() and not partial.allocation[3:].any()


@needs_timers
def test_ctrl_c_in_a_plan_ends_the_run():
    problem = el.data.world(60, 40, 48, seed=4)
    policy = RecedingHorizon(problem.static(), window=48, tol=1e-300)
    with pytest.raises(el.Interrupted) as caught, ctrl_c_after(0.3):
        el.simulate(policy, problem)
    run = caught.value.solution
    assert run.status == "interrupted" and "stopped after" in run.message


def test_ctrl_c_ends_a_comparison():
    problem = small()
    static = problem.static()
    chosen = {"one": Greedy(static), "two": Stubborn(static), "three": Greedy(static)}
    with pytest.raises(el.Interrupted, match="2 of 3 policies begun") as caught:
        el.compare(problem, chosen, offline=True)
    found = el.compare(problem, chosen, on_interrupt="return")
    for table in (caught.value.solution, found):
        statuses = {name: run.status for name, run in table.runs.items()}
        assert statuses == {"one": "done", "two": "interrupted"}
        assert table.offline is None and "stopped after 3 slots" in str(table)


@pytest.mark.parametrize("call", ["solve", "solve_batch", "frontier", "simulate", "compare"])
def test_another_word_is_refused(problem, call):
    arguments = {
        "solve": (problem,),
        "solve_batch": ([problem],),
        "frontier": (problem, {"carbon": [1.0]}),
        "simulate": (Greedy(problem.static()), problem),
        "compare": (problem, [Greedy(problem.static())]),
    }
    with pytest.raises(el.InputError, match="on_interrupt is 'stop'; it must be one of raise, ret"):
        getattr(el, call)(*arguments[call], on_interrupt="stop")


@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
def test_the_command_line_writes_what_it_has_and_exits_with_130(tmp_path):
    el.data.save(el.data.world(60, 40, 100), tmp_path / "scenario")
    # Whoever runs the tests in the background may have them ignore Ctrl-C, which a child inherits.
    heard = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    heard += "runpy.run_module('equiload', run_name='__main__')"
    command = [sys.executable, "-c", heard, "solve", "scenario", "--verbose"]
    command += ["--tol", "1e-300", "--out", "out"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert "slots" in process.stdout.readline() and process.stdout.readline()
        assert process.stdout.readline()  # the first check
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in out and "partial" in err
    assert el.Solution.load(tmp_path / "out" / "solution.npz").status == "interrupted"
