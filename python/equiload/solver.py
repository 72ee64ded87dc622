"""Solving a problem, and showing how far it has come."""

from __future__ import annotations

import contextlib
import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

from . import _core
from ._arrays import read_flag, require_function
from ._call import call, follow, make_start, raises, read_settings
from .choices import Device, Method, OnInterrupt, Precision
from .errors import InputError, Interrupted
from .problem import Problem
from .solution import Solution

__all__ = ["solve"]

_LOG = logging.getLogger("equiload")

Watcher: TypeAlias = Callable[[_core.Progress], object]


def solve(
    problem: Problem,
    *,
    tol: float = 1e-6,
    device: Device = "auto",
    method: Method = "auto",
    precision: Precision = "double",
    threads: int | None = None,
    time_limit: float | None = None,
    max_iterations: int | None = None,
    warm_start: Solution | None = None,
    shift: int = 0,
    callback: Callable[[_core.Progress], bool | None] | None = None,
    progress: bool = False,
    verbose: bool = False,
    on_interrupt: OnInterrupt = "raise",
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
        "barrier" (structured interior point, the fastest; work may wait where a gateway has the
        same arcs at every delay, at a cost linear in the slots), "first-order" (any problem, any
        size, gains from warm starts), or "auto": barrier where it applies, unless a warm start is
        already good enough; first-order for the rest and where rounding ends the other's progress.
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
        Show iterations and certified gap on standard error, with rich where it is installed.
    verbose : bool
        Print a line for every new certificate.
    on_interrupt : str
        What Ctrl-C does: "raise" raises `Interrupted`, a KeyboardInterrupt whose `solution` is the
        best answer so far; "return" returns that answer.

    Returns
    -------
    Solution
        The best allocation found, its prices and its certificate. An outcome (infeasible, stopped
        early by a limit or the callback) is its status, never an exception. Its arrays live where
        those of the problem do, whatever device solved it.

    Raises
    ------
    InputError
        If an argument is out of range, or the device is not in this build or on this machine.
    Interrupted
        On Ctrl-C, unless `on_interrupt` is "return".

    References
    ----------
    The equity terms are those of arXiv 2307.05494 and arXiv 2412.16539; restarts and primal weights
    follow arXiv 2106.04756 and arXiv 2407.16144.

    Examples
    --------
    >>> problem = el.Problem(
    ...     demand=[[4.0], [6.0]],
    ...     capacity=[5.0, 5.0],
    ...     price=[[40.0, 50.0], [40.0, 50.0]],
    ...     footprints={"carbon": [[0.5, 0.4], [0.5, 0.4]]},
    ...     equity={"carbon": el.Max(100.0)},
    ... )
    >>> solution = el.solve(problem)
    >>> solution.status, round(solution.objective, 2)
    ('optimal', 677.78)
    >>> solution.footprints["carbon"].round(3)  # both sites carry the same
    array([2.222, 2.222])
    """
    if not isinstance(problem, Problem):
        raise InputError(f"problem is a {type(problem).__name__}; it must be a Problem")
    stops = raises(on_interrupt)
    progress, verbose = read_flag("progress", progress), read_flag("verbose", verbose)
    require_function("callback", callback)
    settings = read_settings(tol, device, threads, time_limit, max_iterations, method, precision)
    worker = follow(settings, [problem])
    start = None if warm_start is None else make_start(problem, warm_start, shift)
    watchers: list[Watcher] = []
    if callback is not None:
        watchers.append(callback)
    if verbose:
        watchers.append(_columns())
    with _display(settings.tol) if progress else contextlib.nullcontext() as show:
        if show is not None:
            watchers.append(show)
        raw = call(problem, settings, start, _together(watchers), worker)
    solution = Solution._from_core(raw)
    _LOG.info("%s", solution)
    if verbose:
        print(solution)
    if raw.result.interrupted and stops:
        raise Interrupted(f"stopped after {solution.iterations} iterations", solution)
    return solution


def _together(watchers: list[Watcher]) -> Callable[[_core.Progress], bool] | None:
    """Make one callback of several; any of them may stop the solve, each sees every check."""
    if not watchers:
        return None
    return lambda state: any([bool(watch(state)) for watch in watchers])


def _columns() -> Watcher:
    """Return a watcher that prints a line for every new certificate, and one a second between them.

    The interior point certifies its plan seldom: what it has not certified has no gap to print.
    """
    heads = f"{'iterations':>10} {'seconds':>9} {'objective':>16} {'lower bound':>16} {'gap':>9}"
    print(heads, flush=True)  # through a pipe as well, a line is read when it is written
    known, printed = None, -math.inf

    def show(state: _core.Progress) -> None:
        nonlocal known, printed
        certificate = state.objective, state.lower_bound
        if certificate == known and time.monotonic() - printed < 1:
            return
        numbers = f"{'-':>16} {'-':>16} {'-':>9}"
        if certificate != known:
            numbers = f"{state.objective:>16.9g} {state.lower_bound:>16.9g} {state.gap:>9.2e}"
        print(f"{state.iterations:>10} {state.seconds:>9.2f} {numbers}", flush=True)
        known, printed = certificate, time.monotonic()

    return show


@contextlib.contextmanager
def _display(tol: float) -> Iterator[Watcher]:
    """Show the iterations and the gap that is certified; how many more it takes nobody knows."""
    try:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    except ImportError:
        yield _line(tol)
        print(file=sys.stderr)
        return
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("solving", total=None)
        yield lambda state: shown.update(task, description=_standing(state, tol))


def _line(tol: float) -> Watcher:
    """Return a watcher that keeps one line on standard error up to date."""
    shown = -math.inf

    def show(state: _core.Progress) -> None:
        nonlocal shown
        if time.monotonic() - shown > 0.1:
            shown = time.monotonic()
            print(f"\r{_standing(state, tol):<60}", end="", file=sys.stderr, flush=True)

    return show


def _standing(state: _core.Progress, tol: float) -> str:
    gap = f"{state.gap:.1e}" if math.isfinite(state.gap) else "none yet"
    return f"iteration {state.iterations}, certified gap {gap}, wanted {tol:.0e}"
