"""Whole-horizon runs of policies, and their comparison."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._account import breakdown, burdens, loads, operator_cost
from .._arrays import FloatArray, require_a
from .._call import raises
from ..audit import audit_footprint
from ..choices import OnInterrupt, RunStatus
from ..errors import InputError, Interrupted
from ..html import card, grid, written
from ..labelled import Labelled, write_table
from ..problem import Problem
from ..solution import Solution
from ..solver import solve
from .baselines import PRESETS, Greedy, Nearest
from .horizon import RecedingHorizon
from .mirror import MirrorDescent
from .policy import Decision, Policy
from .resolve import Resolve
from .robust import Robust
from .switching import read_switching, switching_cost

if TYPE_CHECKING:
    import pandas

__all__ = ["Comparison", "Run", "compare", "simulate", "standard_policies"]


@dataclass(frozen=True, eq=False, repr=False)
class Run(Labelled):
    """What a policy made of a whole horizon; all costs recomputed from the allocation.

    Attributes
    ----------
    problem : Problem
        What was run.
    policy : str
        The policy's name, or the one that `compare` was given for it.
    status : str
        "done", "infeasible" (from the slot that `message` names on nothing is served, and the
        objective is infinite), or "interrupted" (likewise).
    objective : float
        What it cost, equity terms included, USD.
    breakdown : dict of str to float
        The objective by part: energy, arc, quadratic, shed, idle, each equity term by its
        footprint, and with a switching cost that.
    allocation : ndarray of float64, shape (T, A)
        Work released in each slot that each arc serves.
    shed : ndarray of float64, shape (T, J), or None
        Work that is dropped.
    switching : ndarray of float64, shape (I,), or None
        The cost of moving load that was counted, USD/MWh^2.
    site_load : ndarray of float64, shape (T, I)
        Energy drawn at each site, MWh.
    footprints : dict of str to ndarray of float64, shape (G,)
        Total burden of each region, history included.
    prices : dict of str to ndarray of float64, shape (T, G)
        The price path of each region's burden; empty for policies without prices.
    gaps : ndarray of float64, shape (T,)
        Certified gap of every slot's problem at the policy's prices.
    seconds : ndarray of float64, shape (T,)
        Time of every step.
    message : str
        Why the run ended early.
    """

    problem: Problem
    policy: str
    status: RunStatus
    objective: float
    breakdown: dict[str, float]
    allocation: FloatArray
    shed: FloatArray | None
    switching: FloatArray | None
    site_load: FloatArray
    footprints: dict[str, FloatArray]
    prices: dict[str, FloatArray]
    gaps: FloatArray
    seconds: FloatArray
    message: str = ""

    def regret(self, against: Solution | None = None) -> float:
        """Return how much more it cost than the certified offline optimum.

        Parameters
        ----------
        against : Solution, optional
            The offline solution; by default solved here.

        Returns
        -------
        float
            ``(objective - lower bound) / |lower bound|`` with the bound of the offline solution, so
            that its own gap is not to the policy's credit. Offline, moving load is free; a
            switching cost counts in full.

        Raises
        ------
        InputError
            If the solution is of a problem of another size.
        """
        against = solve(self.problem) if against is None else against
        if (against.problem.slots, against.problem.arcs) != self.allocation.shape:
            raise InputError("against is the solution of another problem")
        return (self.objective - against.lower_bound) / max(1.0, abs(against.lower_bound))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run and its problem to one file, or the plan alone.

        Parameters
        ----------
        path : path
            Ends in `.npz` (needs NumPy only) or in `.nc` (NetCDF, needs xarray) for the whole run;
            or in `.csv` or `.parquet` (needs pyarrow) for the plan.

        Raises
        ------
        InputError
            If the path ends otherwise or cannot be written.
        """
        from ..data import runs

        if not self.save_plan(path):
            runs.save(self.problem, {self.policy: self}, None, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Run:
        """Read what `save` wrote; costs and burdens are computed again from the plan.

        Parameters
        ----------
        path : path
            A file that ends in `.npz` or `.nc`.

        Raises
        ------
        InputError
            If the file cannot be read, holds no single run, or a plan that is none.
        """
        from ..data import runs

        problem, records, _ = runs.load(path)
        if len(records) != 1:
            raise InputError(f"{path}: {len(records)} runs; Comparison.load reads them")
        (record,) = records.values()
        return _run_of(problem, **vars(record))

    def _repr_html_(self) -> str:
        """Show a notebook the outcome."""
        rows = {"status": self.status, "objective": f"{self.objective:,.6g} USD"}
        rows |= {name: f"{value:,.6g} USD" for name, value in self.breakdown.items()}
        return card(f"Run of {self.policy}", rows)

    def __repr__(self) -> str:
        """Summarise in one line."""
        cost = f"objective {self.objective:.8g} USD" if self.status == "done" else self.message
        step = 1e6 * float(np.median(self.seconds)) if self.seconds.size else 0.0
        return f"Run({self.policy}, {self.status}: {cost}, {step:.0f} microseconds a step)"


def simulate(
    policy: Policy,
    problem: Problem,
    *,
    switching: ArrayLike | None = None,
    progress: bool = False,
    callback: Callable[[int, Decision], object] | None = None,
    on_interrupt: OnInterrupt = "raise",
) -> Run:
    """Run a policy over a whole problem, slot by slot, from its first state.

    Parameters
    ----------
    policy : Policy
        It is reset first, and sees the slots one after the other.
    problem : Problem
        The problem whose `static` part the policy was made from, or one that agrees with it.
    switching : array_like, shape (I,), or float, optional
        Cost of moving load, ``switching / 2 (y[t, i] - y[t-1, i])^2`` a site and slot, USD/MWh^2;
        what leads to the first slot's load is free. By default what the policy was told, or none.
    progress : bool
        Show the progress on standard error, with rich where it is installed.
    callback : callable, optional
        Called with each slot's number and decision; return True to stop.
    on_interrupt : str
        What Ctrl-C does: "raise" raises `Interrupted`, whose `solution` is the `Run` up to then;
        "return" returns it.

    Returns
    -------
    Run
        What came of it.

    Raises
    ------
    InputError
        If the problem does not fit the policy, or the switching cost is out of range.
    Interrupted
        On Ctrl-C, also in the middle of a plan, unless `on_interrupt` is "return".

    Examples
    --------
    >>> run = el.simulate(el.online.MirrorDescent(problem.static()), problem)
    >>> run.status, run.allocation.shape == (problem.slots, problem.arcs)
    ('done', True)
    """
    stops, interrupted = raises(on_interrupt), False
    require_a("policy", policy, Policy)
    require_a("problem", problem, Problem)
    _check_fit(policy, problem)
    moving = policy.switching
    if switching is not None:
        moving = read_switching(switching, problem.network, problem.site_names)
    if moving is not None and "switching" in problem.equity:
        raise InputError("equity names 'switching', as the cost of moving load is named")
    policy.reset()
    decisions: list[Decision] = []
    seconds: list[float] = []
    status: RunStatus = "done"
    message = ""
    with _bar(policy.name, problem.slots) if progress else contextlib.nullcontext() as advance:
        try:
            for t in range(problem.slots):
                slot, began = problem.slot(t), time.perf_counter()
                decision = policy.step(slot)
                seconds.append(time.perf_counter() - began)
                if decision.status == "infeasible":
                    status = "infeasible"
                    message = f"{problem.slot_axis.at(t)}: {_without_slot(decision.message)}"
                    break
                decisions.append(decision)
                if advance is not None:
                    advance()
                if callback is not None and callback(t, decision):
                    status, message = "interrupted", f"stopped after slot {t}"
                    break
        except KeyboardInterrupt:
            status, message = "interrupted", f"stopped after {len(decisions)} slots"
            interrupted = True
    if status == "interrupted" and len(decisions) == problem.slots:
        status, message = "done", ""
    run = _recount(policy, problem, moving, decisions, seconds, status, message)
    if interrupted and stops:
        raise Interrupted(f"{policy.name} stopped after {len(decisions)} slots", run)
    return run


def _without_slot(message: str) -> str:
    """Drop the number that the slot has in a problem of its own."""
    return message.removeprefix("slot 0: ")


def _check_fit(policy: Policy, problem: Problem) -> None:
    static = policy.static
    if static.network != problem.network:
        raise InputError("problem has another network than the policy")
    for field in ("equity", "regions", "history", "sensitivity"):
        ours, theirs = getattr(static, field), getattr(problem, field)
        if ours.keys() != theirs.keys() or any(
            not np.array_equal(ours[name], theirs[name]) for name in ours
        ):
            raise InputError(f"problem has another {field} than the policy")


def _recount(
    policy: Policy,
    problem: Problem,
    switching: FloatArray | None,
    decisions: Sequence[Decision],
    seconds: Sequence[float],
    status: RunStatus,
    message: str,
) -> Run:
    """Recompute all totals from the allocation."""
    allocation = np.zeros((problem.slots, problem.arcs))
    shed = None if problem.shed_cost is None else np.zeros((problem.slots, problem.gateways))
    for t, decision in enumerate(decisions):
        allocation[t] = decision.allocation
        if shed is not None and decision.shed is not None:
            shed[t] = decision.shed
    priced = list(decisions[0].prices) if decisions else []
    priced = [name for name in priced if all(name in d.prices for d in decisions)]
    return _run_of(
        problem,
        policy=policy.name,
        status=status,
        message=message,
        allocation=allocation,
        shed=shed,
        switching=switching,
        gaps=np.array([d.gap for d in decisions]),
        seconds=np.array(seconds[: len(decisions)]),
        prices={name: np.array([d.prices[name] for d in decisions]) for name in priced},
    )


def _run_of(
    problem: Problem,
    *,
    status: RunStatus,
    allocation: FloatArray,
    shed: FloatArray | None,
    switching: FloatArray | None,
    **rest: Any,
) -> Run:
    """Make a run of a plan, with what follows from it."""
    load = loads(problem, allocation)
    totals = burdens(problem, load)
    costs = breakdown(problem, allocation, shed, load, totals)
    if switching is not None:
        costs["switching"] = switching_cost(switching, load)
    return Run(
        problem=problem,
        status=status,
        objective=math.fsum(costs.values()) if status == "done" else math.inf,
        breakdown=costs,
        allocation=allocation,
        shed=shed,
        switching=switching,
        site_load=load,
        footprints=totals,
        **rest,
    )


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Several policies on one problem; printed as a table.

    Attributes
    ----------
    problem : Problem
        The problem.
    runs : dict of str to Run
        The runs, by the policies' names.
    offline : Solution or None
        The offline optimum that they are measured against.
    """

    problem: Problem
    runs: dict[str, Run]
    offline: Solution | None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One mapping a policy, the offline optimum first where there is one.

        Columns: policy, status, objective, regret (with an offline optimum), cost (what the
        operator pays), and for every footprint its mean, max and max/mean over the regions.
        """
        answers: dict[str, Solution | Run] = {}
        if self.offline is not None:
            answers["offline"] = self.offline
        return [self._row(name, answer) for name, answer in (answers | self.runs).items()]

    def _row(self, name: str, answer: Solution | Run) -> dict[str, Any]:
        row: dict[str, Any] = {"policy": name, "status": answer.status}
        row["objective"] = answer.objective
        if self.offline is not None:
            regret = answer.regret(self.offline) if isinstance(answer, Run) else answer.gap
            row["regret"] = regret
        row["cost"] = operator_cost(answer.breakdown) + answer.breakdown.get("switching", 0.0)
        for footprint, totals in answer.footprints.items():
            spread = audit_footprint(totals, {})
            row[f"{footprint} mean"] = spread.mean
            row[f"{footprint} max"] = spread.max
            row[f"{footprint} max/mean"] = spread.peak_to_average
        return row

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all runs, the offline optimum and the problem to one file, or the table alone.

        Parameters
        ----------
        path : path
            Ends in `.npz` (needs NumPy only) or in `.nc` (NetCDF, needs xarray) for everything; or
            in `.csv` for the table: a row a policy.

        Raises
        ------
        InputError
            If the path ends otherwise or cannot be written.
        """
        from ..data import disk, runs

        path = disk.read_path(path)
        if path.suffix == ".csv":
            rows = self.rows
            write_table(path, list(rows[0]), [list(row.values()) for row in rows])
            return
        offline = None if self.offline is None else self.offline.on_host()
        runs.save(self.problem, self.runs, offline, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Comparison:
        """Read what `save` wrote; costs and burdens are computed again from the plans.

        Parameters
        ----------
        path : path
            A file that ends in `.npz` or `.nc`.

        Raises
        ------
        InputError
            If the file cannot be read, or its plans or its offline optimum are not borne out by
            its data.
        """
        from ..data import runs

        problem, records, offline = runs.load(path)
        made = {name: _run_of(problem, **vars(record)) for name, record in records.items()}
        best = None if offline is None else Solution(**vars(offline))
        if best is not None:
            try:
                best.verify()
            except InputError as error:
                raise InputError(f"{path}: offline: {error}") from None
        return cls(problem, made, best)

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rows as a data frame, indexed by policy.

        Raises
        ------
        InputError
            If pandas is missing.
        """
        try:
            import pandas
        except ImportError:
            raise InputError('to_pandas needs pandas: pip install "equiload[data]"') from None
        return pandas.DataFrame(self.rows).set_index("policy")

    def _repr_html_(self) -> str:
        """Show a notebook the table."""
        head = [name for name in self.rows[0] if name != "status"]
        rows = [[_cell(name, row[name]) for name in head] for row in self.rows]
        return grid("Comparison", head, rows)

    def __str__(self) -> str:
        """Print the table."""
        rows = self.rows
        header = [name for name in rows[0] if name != "status"]
        lines = [header] + [[_cell(name, row[name]) for name in header] for row in rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [
            "  ".join(
                cell.ljust(width) if n == 0 else cell.rjust(width)
                for n, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        ]
        notes = [f"{r.policy}: {r.status}: {r.message}" for r in self.runs.values() if r.message]
        return "\n".join(text + notes)


def compare(
    problem: Problem,
    policies: Sequence[Policy] | Mapping[str, Policy],
    *,
    offline: Solution | bool = False,
    switching: ArrayLike | None = None,
    progress: bool = False,
    on_interrupt: OnInterrupt = "raise",
) -> Comparison:
    """Run several policies on one problem.

    Parameters
    ----------
    problem : Problem
        The problem.
    policies : sequence of Policy, or mapping of str to Policy
        What to compare, named by their own names or those given.
    offline : Solution or bool
        The offline optimum to measure against; True solves for it.
    switching : array_like, shape (I,), or float, optional
        Cost of moving load, USD/MWh^2: see `simulate`.
    progress : bool
        Show the progress on standard error.
    on_interrupt : str
        What Ctrl-C does, which stops all policies: "raise" raises `Interrupted`, whose `solution`
        is the `Comparison` up to then, its last run interrupted; "return" returns it.

    Returns
    -------
    Comparison
        One row a policy.

    Raises
    ------
    InputError
        If there is no policy, or one does not fit the problem.
    Interrupted
        On Ctrl-C, unless `on_interrupt` is "return".

    Examples
    --------
    >>> static = problem.static()
    >>> policies = {"cheapest": el.online.Greedy(static), "ours": el.online.MirrorDescent(static)}
    >>> table = el.compare(problem, policies, offline=True)
    >>> [row["policy"] for row in table.rows]
    ['offline', 'cheapest', 'ours']
    """
    stops = raises(on_interrupt)
    require_a("problem", problem, Problem)
    require_a("policies", policies, Mapping | Sequence, "sequence or mapping of policies")
    named = dict(policies) if isinstance(policies, Mapping) else _named(policies)
    if not named:
        raise InputError("policies is empty; there is nothing to compare")
    runs: dict[str, Run] = {}
    best = offline if isinstance(offline, Solution) else None
    try:
        for name, policy in named.items():
            made = simulate(policy, problem, switching=switching, progress=progress)
            runs[name] = replace(made, policy=name)
        if offline is True:
            best = solve(problem, progress=progress)
    except Interrupted as stop:
        if isinstance(stop.solution, Run):
            runs[name] = replace(stop.solution, policy=name)
        elif math.isfinite(stop.solution.objective):
            best = stop.solution
        if stops:
            text = f"{stop}; {len(runs)} of {len(named)} policies begun"
            raise Interrupted(text, Comparison(problem, runs, best)) from None
    return Comparison(problem, runs, best)


def standard_policies(problem: Problem) -> dict[str, Policy]:
    """Return the policies to look at first, each with its defaults.

    Parameters
    ----------
    problem : Problem
        The problem; of the presets of `Greedy` and of `Nearest`, those that fit it.

    Returns
    -------
    dict of str to Policy
        By name: baselines, mirror descent, solving again, receding horizon (same hour yesterday, 24
        slots, planned every 6) and the last made robust by mirror descent.
    """
    static = problem.static()
    policies: dict[str, Policy] = {}
    for name in PRESETS:
        with contextlib.suppress(InputError):  # a footprint that the problem does not have
            policies[name] = Greedy(static, name)
    with contextlib.suppress(InputError):  # nothing says how far a site is
        policies["Nearest"] = Nearest(static)
    policies["MirrorDescent"] = MirrorDescent(static)
    policies["Resolve"] = Resolve(static)
    policies["RecedingHorizon"] = RecedingHorizon(static, window=24, every=6)
    policies["Robust"] = Robust(RecedingHorizon(static, window=24, every=6), trust=0.1)
    return policies


def _named(policies: Sequence[Policy]) -> dict[str, Policy]:
    """Name policies by their own names, numbered where they repeat."""
    named: dict[str, Policy] = {}
    for policy in policies:
        require_a("an entry of policies", policy, Policy)
        name, number = policy.name, 2
        while name in named:
            name, number = f"{policy.name} {number}", number + 1
        named[name] = policy
    return named


def _cell(name: str, value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    if name == "regret":
        return f"{value:.2%}"
    if name.endswith("max/mean"):
        return f"{value:.3f}"
    return f"{value:,.0f}" if name in ("objective", "cost") else written(value)


@contextlib.contextmanager
def _bar(name: str, slots: int) -> Iterator[Callable[[], None]]:
    """Show how many slots have passed, where rich is installed."""
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield lambda: None
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=slots)
        yield lambda: bar.advance(task)
