"""Scenarios over the workers of a dask.distributed cluster."""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np

from .._arrays import FloatArray, read_count
from .._call import read_settings
from ..choices import Device, Method, Precision, Status
from ..errors import InputError
from ..problem import Problem
from ..solution import Solution
from ..solver import solve

if TYPE_CHECKING:
    import xarray

__all__ = ["Summary", "Sweep", "sweep"]

BATCH_SECONDS = 0.3  # a task takes client and scheduler several milliseconds of a core
QUEUED = 2  # tasks a thread: one in work, one on its way

Recipe: TypeAlias = Callable[[], Problem]
_Options: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Summary:
    """The numbers of a solution, without its arrays over slots: about a kilobyte to send.

    Attributes
    ----------
    status : str
        As in `Solution`.
    objective, lower_bound, gap : float
        The certificate, recomputed from the data where the scenario was solved.
    breakdown : dict of str to float
        The objective by part, USD.
    footprints, equity_prices : dict of str to ndarray of float64
        Totals of the regions, and the price of each region's burden.
    iterations : int
        How much work it took.
    seconds : float
        Time of the solve.
    """

    status: Status
    objective: float
    lower_bound: float
    gap: float
    breakdown: dict[str, float]
    footprints: dict[str, FloatArray]
    equity_prices: dict[str, FloatArray]
    iterations: int
    seconds: float


def sweep(
    problems: Iterable[Problem | Recipe],
    *,
    client: Any = None,
    returns: str | Callable[[Solution], Any] = "solutions",
    tol: float = 1e-6,
    device: Device = "auto",
    method: Method = "auto",
    precision: Precision = "double",
    time_limit: float | None = None,
    max_iterations: int | None = None,
    retries: int = 3,
    progress: bool = False,
) -> Sweep:
    """Solve scenarios on the workers of a dask.distributed cluster.

    Scenarios travel in batches of about a third of a second of work, and each is solved by one
    thread from beginning to end: a cluster should have a worker thread for each core.  What
    problems share (the very same arrays, as after `Problem.replace`) is sent to every worker once.
    Nothing is sent before the results are iterated over, and then only as much ahead of them as
    keeps the workers busy.

    Parameters
    ----------
    problems : iterable of Problem or callable
        The scenarios, of any shapes. A callable takes nothing and makes the problem on the worker
        (``functools.partial(make, seed)``): that is cheaper to send than its arrays.
    client : distributed.Client, optional
        The cluster; by default the client in use in this process.
    returns : {"solutions", "summaries"} or callable
        What comes back of each scenario: the `Solution` with all its arrays, a `Summary` of its
        numbers, or what a function makes of the solution on the worker.
    tol, device, method, precision, max_iterations : float, str, str, str, int
        As for `solve`, for every scenario.
    time_limit : float, optional
        Seconds for each scenario.
    retries : int
        How often a batch is tried again that failed or that a dying worker took with it.
    progress : bool
        Show on standard error how many scenarios are done.

    Returns
    -------
    Sweep
        The results, in the order of the problems: iterate over it, index it, or take them
        `as_completed`. Each has the same bits as what `solve` and `solve_batch` return.

    Raises
    ------
    InputError
        If an argument is out of range, the extra is missing or there is no cluster; when results
        are read, also if a scenario made on a worker is not valid, with its number.

    Examples
    --------
    >>> client = distributed.Client("scheduler:8786")  # doctest: +SKIP
    >>> runs = el.distributed.sweep(problems, client=client, tol=1e-4)  # doctest: +SKIP
    >>> [run.objective for run in runs]  # doctest: +SKIP
    """
    scenarios = list(problems)
    for k, scenario in enumerate(scenarios):
        if not isinstance(scenario, Problem) and not callable(scenario):
            rule = "it must be a Problem or a callable that makes one"
            raise InputError(f"problems[{k}] is a {type(scenario).__name__}; {rule}")
    if not callable(returns) and returns not in ("solutions", "summaries"):
        raise InputError(f"returns is {returns!r}; it must be solutions, summaries or a function")
    read_settings(
        tol, "cpu", 1, time_limit, max_iterations, method, precision
    )  # devices: the workers'
    options: _Options = {"tol": tol, "device": device, "method": method, "precision": precision}
    options |= {"time_limit": time_limit, "max_iterations": max_iterations, "threads": 1}
    return Sweep(
        scenarios, _client(client), returns, options, read_count("retries", retries, 0), progress
    )


class Sweep(Sequence[Any]):
    """The results of a `sweep`, in the order of its problems; they come as they are asked for."""

    def __init__(
        self,
        scenarios: Sequence[Problem | Recipe],
        client: Any,
        returns: str | Callable[[Solution], Any],
        options: _Options,
        retries: int,
        progress: bool,
    ) -> None:
        self._scenarios = scenarios
        self._found: dict[int, Any] = {}
        self._incoming = self._run(client, returns, options, retries, progress)

    def __len__(self) -> int:
        """Return the number of scenarios."""
        return len(self._scenarios)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Return one result, or a list of several, when they are there."""
        if isinstance(index, slice):
            return [self[k] for k in range(len(self))[index]]
        k = range(len(self))[index]
        while k not in self._found:
            next(self._incoming)
        if len(self._found) == len(self):
            self._incoming.close()  # forget the tasks while the client is there
        return self._found[k]

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the results in the order of the problems."""
        return (self[k] for k in range(len(self)))

    def as_completed(self) -> Iterator[tuple[int, Any]]:
        """Iterate over the results as they come, each with the number of its problem."""
        yield from list(self._found.items())
        for k in self._incoming:
            yield k, self._found[k]

    def to_xarray(self) -> xarray.Dataset:
        """Return the numbers of all scenarios as one dataset.

        Returns
        -------
        xarray.Dataset
            Over the dimension `scenario`: status, objective, lower_bound, gap, iterations, seconds,
            breakdown by `part`, and for each footprint its totals and prices by region.

        Raises
        ------
        InputError
            If xarray is missing, the results are neither solutions nor summaries, or the scenarios
            have different footprints, regions or parts of the objective.
        """
        try:
            import xarray
        except ImportError:
            raise InputError("to_xarray needs xarray: pip install 'equiload[data]'") from None
        numbers = [_summary(result) for result in self]
        scalars = ("status", "objective", "lower_bound", "gap", "iterations", "seconds")
        variables: dict[str, Any] = {
            name: ("scenario", [getattr(one, name) for one in numbers]) for name in scalars
        }
        try:
            parts = list(numbers[0].breakdown) if numbers else []
            rows = [[one.breakdown[part] for part in parts] for one in numbers]
            variables["breakdown"] = (("scenario", "part"), np.array(rows).reshape(-1, len(parts)))
            for name in numbers[0].footprints if numbers else ():
                for label, of in (("total", "footprints"), ("price", "equity_prices")):
                    stacked = np.stack([getattr(one, of)[name] for one in numbers])
                    dims = ("scenario", f"region_{name}", f"window_{name}")[: stacked.ndim]
                    variables[f"{name}_{label}"] = (dims, stacked)
        except (KeyError, ValueError):
            raise InputError(
                "to_xarray: scenarios differ in footprints, regions or parts"
            ) from None
        return xarray.Dataset(variables, coords={"part": parts})

    def _run(
        self,
        client: Any,
        returns: str | Callable[[Solution], Any],
        options: _Options,
        retries: int,
        progress: bool,
    ) -> Generator[int, None, None]:
        """Keep the workers busy and yield the numbers of the scenarios that are done."""
        from distributed import as_completed

        common, messages = _packed(self._scenarios)
        # A task, not scattered data: made anew where a dying worker was the only one to have it.
        shared = _submit(client, dict, common, retries=retries)
        waiting = deque(range(len(self)))
        threads = max(1, sum(client.nthreads().values()))
        coming: Any = as_completed()  # type: ignore[no-untyped-call]
        sent: dict[Any, list[int]] = {}
        size = 1
        show = _counter(len(self)) if progress else None

        def send() -> None:
            fair = math.ceil(len(waiting) / (QUEUED * threads))  # the last ones end together
            batch = [waiting.popleft() for _ in range(min(size, fair, len(waiting)))]
            tasks = [messages[k] for k in batch]
            task = _submit(client, _work, shared, tasks, returns, options, retries=retries)
            sent[task] = batch
            coming.add(task)

        try:
            while waiting or sent:
                while waiting and len(sent) < QUEUED * threads:
                    send()
                task = next(coming)
                results, seconds = task.result()
                batch = sent.pop(task)
                size = max(1, round(BATCH_SECONDS * len(batch) / max(seconds, 1e-9)))
                for k, result in zip(batch, results, strict=True):
                    self._found[k] = self._received(k, result)
                if show is not None:
                    show(len(self._found))
                yield from batch
        finally:
            if client.status == "running":  # a sweep may be dropped after its client has closed
                client.cancel([*sent, shared])

    def _received(self, k: int, result: Any) -> Any:
        if isinstance(result, InputError):
            raise InputError(f"problems[{k}]: {result}")
        scenario = self._scenarios[k]
        if isinstance(result, Solution) and isinstance(scenario, Problem):
            return replace(result, problem=scenario)
        return result


def _client(client: Any) -> Any:
    try:
        import distributed
    except ImportError:
        hint = "pip install 'equiload[distributed]'"
        raise InputError(f"sweep needs dask.distributed: {hint}") from None
    if client is None:
        try:
            client = distributed.get_client()
        except ValueError:
            raise InputError("client is None, and no distributed.Client is in use") from None
    if not isinstance(client, distributed.Client) or client.asynchronous:
        found = type(client).__name__
        raise InputError(
            f"client is a {found}; it must be a distributed.Client that is not asynchronous"
        )
    return client


def _submit(client: Any, function: Callable[..., Any], *arguments: Any, retries: int) -> Any:
    """Submit a task with its data, which the scheduler keeps for the case that a worker dies."""
    import dask

    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
        return client.submit(function, *arguments, pure=False, retries=retries)


# What is sent of a scenario: the arguments that are its own, or a recipe.
_Message: TypeAlias = Recipe | dict[str, Any]


def _packed(scenarios: Sequence[Problem | Recipe]) -> tuple[dict[str, Any], list[_Message]]:
    """Split problems into the arguments that all of them share and those of each."""
    arguments = [s._arguments() if isinstance(s, Problem) else None for s in scenarios]
    made = [one for one in arguments if one is not None]
    common = {
        name: value
        for name, value in (made[0].items() if made else ())
        if all(_identical(one[name], value) for one in made)
    }
    messages: list[_Message] = []
    for scenario, one in zip(scenarios, arguments, strict=True):
        if isinstance(scenario, Problem):
            assert one is not None
            messages.append({name: one[name] for name in one if name not in common})
        else:
            messages.append(scenario)
    return common, messages


def _identical(one: Any, other: Any) -> bool:
    """Say whether two arguments are the same objects, mappings entry by entry."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(one[key] is other[key] for key in one)
    return one is other


def _work(
    common: dict[str, Any],
    messages: Sequence[_Message],
    returns: str | Callable[[Solution], Any],
    options: _Options,
) -> tuple[list[Any], float]:
    """Solve a batch on a worker; misuse comes back as a value, since trying again cannot help."""
    began = time.perf_counter()
    results: list[Any] = []
    for message in messages:
        try:
            problem = Problem(**common, **message) if isinstance(message, dict) else message()
            solution = solve(problem, **options).on_host()
        except InputError as error:
            results.append(error)
            continue
        if returns == "summaries":
            results.append(_summary(solution))
        elif callable(returns):
            results.append(returns(solution))
        elif isinstance(message, dict):
            results.append(_slim(solution))
        else:
            results.append(solution)
    return results, time.perf_counter() - began


def _slim(solution: Solution) -> Solution:
    """Leave out the problem, which the one who sent it has."""
    return replace(solution, problem=None)  # type: ignore[arg-type]


def _summary(result: Any) -> Summary:
    if isinstance(result, Summary):
        return result
    if not isinstance(result, Solution):
        raise InputError(f"to_xarray: a result is a {type(result).__name__}, not a solution")
    names = [field.name for field in fields(Summary) if field.name != "equity_prices"]
    numbers = {name: getattr(result, name) for name in names}
    return Summary(**numbers, equity_prices=dict(result.prices.equity))


def _counter(total: int) -> Callable[[int], None]:
    """Return a function that keeps one line on standard error up to date."""

    def show(done: int) -> None:
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} scenarios", end=end, file=sys.stderr, flush=True)

    return show
