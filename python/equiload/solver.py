"""Solving a problem: settings, progress and the call into the compiled core."""

from __future__ import annotations

import contextlib
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from . import _core
from ._arrays import AnyArray, FloatArray, read_count, read_number
from ._devices import Worker
from ._tables import Output
from .errors import InputError
from .problem import Problem
from .solution import Solution

__all__ = ["solve"]

Watcher: TypeAlias = Callable[[_core.Progress], object]

DEVICES = ("auto", "cpu", "reference", "cuda")
METHODS = ("auto", "barrier", "first-order")
PRECISIONS = ("double", "mixed")


def solve(
    problem: Problem,
    *,
    tol: float = 1e-6,
    device: str = "auto",
    method: str = "auto",
    precision: str = "double",
    threads: int | None = None,
    time_limit: float | None = None,
    max_iterations: int | None = None,
    warm_start: Solution | None = None,
    shift: int = 0,
    callback: Callable[[_core.Progress], bool | None] | None = None,
    progress: bool = False,
    verbose: bool = False,
) -> Solution:
    """Solve a problem to a certified gap.

    Parameters
    ----------
    problem : Problem
        What to solve.
    tol : float
        The gap to reach, relative to the objective; above 0 and below 1.
    device : str
        "cpu", "cuda" or "cuda:1" (which of several), "reference" (serial and slow, for tests), or
        "auto": the CPU, or for large first-order solves a CUDA device if there is one. A problem
        whose arrays lie on a CUDA device is solved on it under "auto" and "cuda", by the
        first-order method and in the stream that their library works in; nothing but scalars and
        what belongs to a region crosses the bus. Where this build finds no such device, or the
        method is "barrier", "auto" copies the problem to the host.
    method : str
        "barrier" (structured interior point: fastest where no arc is delayed), "first-order"
        (any problem, any size, gains from warm starts), or "auto": barrier where it applies (no
        delays, no norms), unless a warm start is already good enough; first-order for the rest
        and where rounding ends the other's progress.
    precision : str
        "double", or "mixed": the first-order method stores what there is of every arc in single
        precision, which halves what they take. It computes in double precision all the same, and so
        are the answer and its certificate.
    threads : int, optional
        CPU threads. By default what the environment variable EQUILOAD_NUM_THREADS or else
        OMP_NUM_THREADS says; without them 1 in a process of `multiprocessing` (a pool's, joblib's,
        a Dask worker's), and elsewhere the cores of the process's affinity and CPU quota that no
        other solve's threads work on. The answer has the same bits for any number.
    time_limit : float, optional
        Seconds after which to stop with the best answer so far.
    max_iterations : int, optional
        Iterations after which to stop with the best answer so far.
    warm_start : Solution, optional
        The solution of a problem with the same network and regions, to start from; demand, prices,
        weights and, with `shift`, the horizon may differ. One on a device, and the prices and
        footprints of both problems, come down for it.
    shift : int
        Slot t starts from slot ``t + shift`` of `warm_start`, as a rolling horizon does. Slots
        beyond its end start from those one or more whole shifts earlier; at least 0.
    callback : callable, optional
        Called at every check with an object that has `iterations`, `seconds`, `objective`,
        `lower_bound` and `gap`; return True to stop with the best answer so far.
    progress : bool
        Show the progress on standard error, with rich where it is installed.
    verbose : bool
        Print one line a check.

    Returns
    -------
    Solution
        The best allocation found, its prices and its certificate. An outcome (infeasible, stopped
        early, Ctrl-C) is its status, never an exception. Its arrays live where those of the problem
        do, whatever device solved it.

    Raises
    ------
    InputError
        If an argument is out of range, or the device is not in this build or on this machine.

    References
    ----------
    The equity terms are those of arXiv 2307.05494 and arXiv 2412.16539; restarts and primal weights
    follow arXiv 2106.04756 and arXiv 2407.16144.
    """
    if not isinstance(problem, Problem):
        raise InputError(f"problem is a {type(problem).__name__}; it must be a Problem")
    settings = _settings(tol, device, threads, time_limit, max_iterations, method, precision)
    worker = _follow(settings, [problem])
    start = None if warm_start is None else _warm_start(problem, warm_start, shift)
    watchers: list[Watcher] = []
    if callback is not None:
        if not callable(callback):
            raise InputError(f"callback is a {type(callback).__name__}; it must be a function")
        watchers.append(callback)
    if verbose:
        watchers.append(_columns())
    with _display(settings.tol) if progress else contextlib.nullcontext() as show:
        if show is not None:
            watchers.append(show)
        output = _output(problem, worker)
        lent = None if output is None else output.core()
        compiled = problem._core(worker)
        result = _core.solve(compiled, settings, start, _together(watchers), output=lent)
    solution = Solution._from_core(problem, result, output)
    if verbose:
        print(solution)
    return solution


def _settings(
    tol: float,
    device: str,
    threads: int | None,
    time_limit: float | None,
    max_iterations: int | None,
    method: str = "auto",
    precision: str = "double",
) -> _core.Settings:
    """Check the settings one by one and hand them to the core."""
    settings: dict[str, Any] = {}
    settings["tol"] = read_number("tol", tol, "it must be above 0 and below 1", 0.0, open_=True)
    if settings["tol"] >= 1:
        raise InputError(f"tol is {tol}; it must be above 0 and below 1")
    settings["device"] = _device(device)
    settings["method"] = _choice("method", method, METHODS)
    settings["precision"] = _choice("precision", precision, PRECISIONS)
    count = _threads() if threads is None else read_count("threads", threads)
    settings["threads"] = min(count, 2**31 - 1)
    if time_limit is not None and time_limit != math.inf:
        rule = "it must be a number of seconds above 0"
        settings["time_limit"] = read_number("time_limit", time_limit, rule, 0.0, open_=True)
    if max_iterations is not None:
        settings["max_iterations"] = min(read_count("max_iterations", max_iterations), 2**63 - 1)
    checked = _core.Settings(**settings)
    _validate(checked)
    return checked


def _threads() -> int:
    """Return the threads of a solve that was not told how many; 0: the cores that are idle."""
    if own := os.environ.get("EQUILOAD_NUM_THREADS"):
        return read_count("EQUILOAD_NUM_THREADS", int(own) if own.isdecimal() else own)
    # That of OpenMP may list one for each level of nesting; it is not ours to complain about.
    openmp = os.environ.get("OMP_NUM_THREADS", "").split(",", 1)[0].strip()
    if openmp.isdecimal() and int(openmp) > 0:
        return int(openmp)
    # A pool has a process for each core already. Who has not imported it is in none.
    process = sys.modules.get("multiprocessing.process")
    return 0 if process is None or process.parent_process() is None else 1


def _validate(settings: _core.Settings) -> None:
    """Ask what only the core can know: devices, and what goes with them."""
    try:
        settings.validate()
    except ValueError as error:
        raise InputError(str(error)) from None


def _follow(settings: _core.Settings, problems: Sequence[Problem]) -> Worker | None:
    """Solve on the device that the arrays of all problems lie on, where there is one.

    Returns what works there if the solve does, with the stream that it works in now set.
    """
    devices = {problem._device for problem in problems}
    where = devices.pop() if len(devices) == 1 else None
    if where is None:
        return None
    worker, asked, there = where.worker, settings.device, f"cuda:{where.index}"
    if asked == "cuda":
        settings.device = there
        _validate(settings)
    elif asked == "auto" and worker is not None:
        settings.device = there
        try:
            settings.validate()
        except ValueError:  # a build without CUDA, or a method of the host
            settings.device = asked
    if worker is None or settings.device != there:
        return None
    settings.stream = worker.stream()
    return worker


def _output(problem: Problem, worker: Worker | None) -> Output | None:
    """Make room for an answer on the device that works; None where the host keeps it."""
    if worker is None:
        return None
    slots, cells = problem.slots, (problem.slots, problem.sites)
    shapes = {"allocation": (slots, problem.arcs), "site_load": cells}
    shapes |= {"energy_prices": cells, "capacity_prices": cells}
    if problem.shed_cost is not None:
        shapes["shed"] = (slots, problem.gateways)
    return Output(worker, shapes)


def _choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise InputError(f"{name} is {value!r}; it must be one of {', '.join(choices)}")
    return value


def _device(device: str) -> str:
    """Check the name; whether there is such a device is for the core to say."""
    if not re.fullmatch(r"cuda:\d{1,4}", str(device)):
        _choice("device", device, DEVICES)
    return device


@dataclass(frozen=True)
class _WarmStart:
    """A solution in the core's words."""

    allocation: FloatArray
    shed: FloatArray | None
    energy_prices: FloatArray
    equity_prices: list[FloatArray]


def _warm_start(problem: Problem, solution: Solution, shift: int = 0) -> _WarmStart:
    if not isinstance(solution, Solution):
        raise InputError(f"warm_start is a {type(solution).__name__}; it must be a Solution")
    solution = solution.on_host()
    slots, prices = solution.problem.slots, solution.prices
    rows = _rows(problem.slots, slots, read_count("shift", shift, 0))
    for name, ours, theirs in (
        ("allocation", problem.arcs, solution.allocation.shape[1]),
        ("site_load", problem.sites, solution.site_load.shape[1]),
    ):
        if ours != theirs:
            expected = f"the problem needs {(slots, ours)}"
            raise InputError(f"warm_start.{name} has shape {(slots, theirs)}; {expected}")
    regions = {name: totals.size for name, totals in problem.history.items()}
    theirs_by_name = {name: totals.size for name, totals in solution.footprints.items()}
    if list(regions.items()) != list(theirs_by_name.items()):
        raise InputError(
            f"warm_start has footprints and regions {theirs_by_name}; the problem has {regions}"
        )
    equity = {name: _rescaled(problem, solution, name) for name in problem.footprints}
    # What energy is worth above the cost of its site carries over, not its price as such.
    before = solution.problem._burdened_price(prices.equity)
    margin = (prices.energy - before)[rows]
    return _WarmStart(
        allocation=solution.allocation[rows],
        shed=None if solution.shed is None else solution.shed[rows],
        energy_prices=problem._burdened_price(equity) + margin,
        equity_prices=list(equity.values()),
    )


def _rows(slots: int, there: int, shift: int) -> slice | AnyArray:
    """Return the slots of a solution over `there` slots that a horizon starts from."""
    if slots == there and shift == 0:
        return slice(None)
    rows = np.arange(slots) + shift
    period = min(max(shift, 1), there)
    return np.where(rows < there, rows, there - period + (rows - there) % period)


def _rescaled(problem: Problem, solution: Solution, name: str) -> FloatArray:
    """Return the prices of burdens, in proportion to a weight that has changed."""
    prices = solution.prices.equity[name]
    new, old = problem.equity.get(name), solution.problem.equity.get(name)
    if new is None or old is None or not old.weight > 0:
        return prices if new is not None else np.zeros_like(prices)
    return prices * (new.weight / old.weight)


def _together(watchers: list[Watcher]) -> Callable[[_core.Progress], bool] | None:
    """Make one callback of several; any of them may stop the solve, each sees every check."""
    if not watchers:
        return None
    return lambda state: any([bool(watch(state)) for watch in watchers])


def _columns() -> Watcher:
    """Return a watcher that prints a line a check."""
    print(f"{'iterations':>10} {'seconds':>9} {'objective':>16} {'lower bound':>16} {'gap':>9}")

    def show(state: _core.Progress) -> None:
        numbers = f"{state.objective:>16.9g} {state.lower_bound:>16.9g} {state.gap:>9.2e}"
        print(f"{state.iterations:>10} {state.seconds:>9.2f} {numbers}")

    return show


@contextlib.contextmanager
def _display(tol: float) -> Iterator[Watcher]:
    """Show how far the gap has come towards the tolerance, counted in digits."""
    try:
        from rich.console import Console
        from rich.progress import Progress as Bar
    except ImportError:
        yield _line(tol)
        print(file=sys.stderr)
        return
    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("solving", total=1.0)

        def show(state: _core.Progress) -> None:
            text = f"iteration {state.iterations}, gap {state.gap:.1e}"
            bar.update(task, completed=_digits(state.gap, tol), description=text)

        yield show


def _line(tol: float) -> Watcher:
    """Return a watcher that keeps one line on standard error up to date."""
    shown = -math.inf

    def show(state: _core.Progress) -> None:
        nonlocal shown
        if time.monotonic() - shown > 0.1:
            shown = time.monotonic()
            text = f"iteration {state.iterations}, gap {state.gap:.1e} of {tol:.0e}"
            print(f"\r{text:<60}", end="", file=sys.stderr, flush=True)

    return show


def _digits(gap: float, tol: float) -> float:
    """Return the share of the digits wanted that a gap has reached, 0 to 1."""
    if not 0 < gap < 1:
        return 0.0 if gap > 0 or math.isnan(gap) else 1.0
    return min(1.0, math.log(gap) / math.log(tol))
