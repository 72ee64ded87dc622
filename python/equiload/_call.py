"""The call into the compiled core: settings, the device to work on, warm starts."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from . import _core
from ._account import burdened_price
from ._arrays import AnyArray, FloatArray, read_count, read_count_in, read_in
from ._devices import Worker, give_back
from ._tables import Output
from .answer import Answer
from .choices import Device, Method, OnInterrupt, Precision
from .errors import InputError
from .problem import Problem

__all__ = [
    "PRECISIONS",
    "Raw",
    "WarmStart",
    "call",
    "call_batch",
    "follow",
    "make_start",
    "raises",
    "read_settings",
]

PRECISIONS = _core.PRECISIONS

_MOST_SHIFT = 2**31 - 1
_T = TypeVar("_T")


def read_settings(
    tol: float = 1e-6,
    device: Device = "auto",
    threads: int | None = None,
    time_limit: float | None = None,
    max_iterations: int | None = None,
    method: Method = "auto",
    precision: Precision = "double",
) -> _core.Settings:
    """Check the settings one by one and hand them to the core."""
    count = _threads() if threads is None else _thread_count("threads", threads)
    given = (tol, device, time_limit, max_iterations, method, precision)
    try:
        checked = _checked(*given)
    except TypeError:  # what cannot be looked up is not right, and the check says so
        checked = _checked.__wrapped__(*given)
    settings = _core.Settings(threads=min(count, 2**31 - 1), **checked)
    settings.validate()  # what only the core can know: devices, and what goes with them
    return settings


@lru_cache(maxsize=64, typed=True)
def _checked(
    tol: float,
    device: Device,
    time_limit: float | None,
    max_iterations: int | None,
    method: Method,
    precision: Precision,
) -> dict[str, Any]:
    """Check the settings; who solves many small problems asks for the same ones each time."""
    settings: dict[str, Any] = {}
    ranges = _core.Settings
    settings["tol"] = read_in("tol", tol, ranges.TOLS)
    settings["device"] = _device(device)
    settings["method"] = _choice("method", method, _core.METHODS)
    settings["precision"] = _choice("precision", precision, _core.PRECISIONS)
    endless = isinstance(time_limit, float) and time_limit == math.inf
    if time_limit is not None and not endless:
        settings["time_limit"] = read_in("time_limit", time_limit, ranges.TIME_LIMITS)
    if max_iterations is not None:
        most = read_count_in("max_iterations", max_iterations, ranges.ITERATION_COUNTS)
        settings["max_iterations"] = min(most, 2**63 - 1)
    return settings


def _thread_count(field: str, value: object) -> int:
    return read_count_in(field, value, _core.Settings.THREAD_COUNTS)


def _threads() -> int:
    """Return the threads of a solve that was not told how many; 0: the cores that are idle."""
    if own := os.environ.get("EQUILOAD_NUM_THREADS"):
        return _thread_count("EQUILOAD_NUM_THREADS", int(own) if own.isdecimal() else own)
    # That of OpenMP may list one for each level of nesting; it is not ours to complain about.
    openmp = os.environ.get("OMP_NUM_THREADS", "").split(",", 1)[0].strip()
    if openmp.isdecimal() and int(openmp) > 0:
        return int(openmp)
    # A pool has a process for each core already. Who has not imported it is in none.
    process = sys.modules.get("multiprocessing.process")
    return 0 if process is None or process.parent_process() is None else 1


def follow(settings: _core.Settings, problems: Sequence[Problem]) -> Worker | None:
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
        settings.validate()
    elif asked == "auto" and worker is not None:
        settings.device = there
        try:
            settings.validate()
        except InputError:  # a build without CUDA, or a method of the host
            settings.device = asked
    if worker is None or settings.device != there:
        return None
    settings.stream = worker.stream()
    return worker


@dataclass(frozen=True)
class Raw:
    """What the core made of a problem: its result, and the arrays of a device that it wrote to."""

    problem: Problem
    result: _core.Result
    output: Output | None

    def completed(self) -> Raw:
        """Return this, or raise the Ctrl-C that ended it."""
        if self.result.interrupted:
            raise KeyboardInterrupt
        return self


def call(
    problem: Problem,
    settings: _core.Settings,
    start: WarmStart | None = None,
    watch: Callable[[_core.Progress], bool] | None = None,
    worker: Worker | None = None,
) -> Raw:
    """Solve one problem; `follow` says which worker."""
    output = _output(problem, worker)
    lent = None if output is None else output.core()
    made = problem._core(worker)
    result = _with_room(lambda: _core.solve(made, settings, start, watch, output=lent))
    return Raw(problem, result, output)


def call_batch(
    problems: Sequence[Problem],
    settings: _core.Settings,
    starts: Sequence[WarmStart | None],
    worker: Worker | None,
) -> list[Raw]:
    """Solve problems of one family side by side."""
    outputs = [_output(problem, worker) for problem in problems]
    made = [problem._core(worker) for problem in problems]
    lent = [None if output is None else output.core() for output in outputs]
    results = _with_room(lambda: _core.solve_batch(made, settings, starts, outputs=lent))
    return [Raw(*answer) for answer in zip(problems, results, outputs, strict=True)]


def _with_room(solve: Callable[[], _T]) -> _T:
    """Solve; where a device has no room, once more with what other libraries keep unused."""
    try:
        return solve()
    except MemoryError as error:
        if give_back():
            return solve()
        if "jax" not in sys.modules:
            raise
        advice = "XLA_PYTHON_CLIENT_PREALLOCATE=false keeps JAX from taking 75% of it at once"
        raise MemoryError(f"{error}; {advice}") from None


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


def raises(on_interrupt: OnInterrupt) -> bool:
    """Read what to do on Ctrl-C."""
    return _choice("on_interrupt", on_interrupt, ("raise", "return")) == "raise"


def _choice(name: str, value: object, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        given = " ".join(repr(value).split())
        raise InputError(f"{name} is {given}; it must be one of {', '.join(choices)}")
    return value


def _device(device: str) -> str:
    """Check the name; whether there is such a device is for the core to say."""
    if not re.fullmatch(r"cuda:\d{1,4}", str(device)):
        _choice("device", device, _core.DEVICES)
    return device


@dataclass(frozen=True)
class WarmStart:
    """A solution in the core's words."""

    allocation: FloatArray
    shed: FloatArray | None
    energy_prices: FloatArray
    equity_prices: list[FloatArray]


def make_start(problem: Problem, solution: Answer, shift: int = 0) -> WarmStart:
    """Make a start for a problem of an answer to one with the same network and regions."""
    if not isinstance(solution, Answer):
        raise InputError(f"warm_start is a {type(solution).__name__}; it must be a Solution")
    solution = solution.on_host()
    prices = solution.prices
    shift = read_count("shift", shift, 0, high=_MOST_SHIFT)
    _check_start(problem, solution)
    rows = _rows(problem.slots, solution.problem.slots, shift)
    equity = {name: _rescaled(problem, solution, name) for name in problem.footprints}
    # What energy is worth above the cost of its site carries over, not its price as such.
    before = burdened_price(solution.problem, prices.equity)
    margin = (prices.energy - before)[rows]
    return WarmStart(
        # Copies: the core does not read what Python code may write to meanwhile.
        allocation=np.array(solution.allocation[rows], dtype=np.float64),
        shed=None if solution.shed is None else np.array(solution.shed[rows], dtype=np.float64),
        energy_prices=burdened_price(problem, equity) + margin,
        equity_prices=list(equity.values()),
    )


def _check_start(problem: Problem, solution: Answer) -> None:
    """Check that a solution is one of a problem of such arcs, sites and regions."""
    slots, prices = solution.problem.slots, solution.prices
    cells = slots, problem.sites
    _check_shape("allocation", solution.allocation, (slots, problem.arcs))
    _check_shape("site_load", solution.site_load, cells)
    _check_shape("prices.energy", prices.energy, cells)
    if solution.shed is not None:
        _check_shape("shed", solution.shed, (slots, problem.gateways))
    regions = {name: totals.size for name, totals in problem.history.items()}
    theirs = {name: np.size(totals) for name, totals in solution.footprints.items()}
    if list(regions.items()) != list(theirs.items()):
        raise InputError(
            f"warm_start has footprints and regions {theirs}; the problem has {regions}"
        )
    for name, size in regions.items():
        _check_shape(f"prices.equity[{name!r}]", prices.equity.get(name), (size,))


def _check_shape(field: str, array: AnyArray | None, shape: tuple[int, ...]) -> None:
    found = None if array is None else np.shape(array)
    if found != shape:
        raise InputError(f"warm_start.{field} has shape {found}; the problem needs {shape}")


def _rows(slots: int, there: int, shift: int) -> slice | AnyArray:
    """Return the slots of a solution over `there` slots that a horizon starts from."""
    if slots == there and shift == 0:
        return slice(None)
    rows = np.arange(slots) + shift
    period = min(max(shift, 1), there)
    return np.where(rows < there, rows, there - period + (rows - there) % period)


def _rescaled(problem: Problem, solution: Answer, name: str) -> FloatArray:
    """Return the prices of burdens, in proportion to a weight that has changed."""
    prices = solution.prices.equity[name]
    new, old = problem.equity.get(name), solution.problem.equity.get(name)
    if new is None or old is None or not old.weight > 0:
        return prices if new is not None else np.zeros_like(prices)
    return prices * (new.weight / old.weight)
