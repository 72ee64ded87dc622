"""Looking at a problem before solving it: what cannot work and what looks odd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ._arrays import AnyArray, BoolArray, FloatArray, require_a
from ._call import call, read_settings
from .infeasibility import explain
from .problem import Problem

__all__ = ["Finding", "Report", "check"]

# Medians above these look like another unit than the documented one.
_LARGE = {"carbon": (5.0, "t/MWh", "kg/MWh"), "water": (200.0, "m3/MWh", "l/MWh")}
_SMALL = {"carbon": (2e-3, "t/MWh", "t/kWh"), "water": (5e-3, "m3/MWh", "m3/kWh")}
# Shares of the capacity that are used on average, beyond which one of the two is in another unit.
_USED = (1 / 300, 100.0)


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Attributes
    ----------
    level : str
        "error" (cannot be solved), "warning" (looks like a mistake) or "info".
    field : str
        The part of the problem it is about.
    message : str
        One line, naming the slot, site or gateway.
    """

    level: str
    field: str
    message: str

    def __str__(self) -> str:
        """Write one line."""
        return f"{self.level}: {self.field}: {self.message}"


@dataclass(frozen=True)
class Report:
    """All findings of a check, errors first; printed one a line."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that rule out any solution."""
        return tuple(finding for finding in self.findings if finding.level == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that look like mistakes."""
        return tuple(finding for finding in self.findings if finding.level == "warning")

    def __iter__(self) -> Iterator[Finding]:
        """Iterate over the findings."""
        return iter(self.findings)

    def __len__(self) -> int:
        """Return the number of findings."""
        return len(self.findings)

    def __str__(self) -> str:
        """Write one line a finding."""
        return "\n".join(map(str, self.findings)) or "nothing to report"


def check(problem: Problem) -> Report:
    """Look for what makes a problem unsolvable or looks like a mistake.

    Shapes, NaN and ranges are checked when a `Problem` is made.  This looks further: demand against
    the capacity that it can reach, whether any allocation exists, sites without arcs, idle
    gateways, units of unlikely size.

    Parameters
    ----------
    problem : Problem
        The problem.

    Returns
    -------
    Report
        The findings, errors first; ``report.ok`` tells whether the problem can be solved.

    Examples
    --------
    >>> cents = el.Problem(demand=[[3.0]], capacity=[5.0], price=[[4500.0]])
    >>> print(el.check(cents))
    warning: price: the median is 4500 USD/MWh, which is large: is it in cents?
    info: capacity: 60.0% used on average, 60.0% in slot 0
    """
    require_a("problem", problem, Problem)
    findings = [*_reach(problem), *_sizes(problem)]
    if problem.shed_cost is None:
        findings += _capacity(problem)
        if not any(finding.level == "error" for finding in findings):
            findings += _feasibility(problem)
    order = ("error", "warning", "info")
    return Report(tuple(sorted(findings, key=lambda finding: order.index(finding.level))))


def _reach(problem: Problem) -> Iterator[Finding]:
    """Look for sites without arcs, idle gateways and work that its delay carries too far."""
    network = problem.network
    unreached = np.flatnonzero(np.bincount(network.site, minlength=problem.sites) == 0)
    if unreached.size:
        places = problem.site_axis.some(unreached.tolist())
        yield Finding("info", "network", f"no arc leads to {places}")
    idle = np.flatnonzero(problem.demand.max(axis=0) == 0)
    if idle.size:
        places = problem.gateway_axis.some(idle.tolist())
        yield Finding("info", "demand", f"{places} never has any work")
    if problem.shed_cost is None:
        soonest = np.full(problem.gateways, np.iinfo(np.int64).max)
        np.minimum.at(soonest, network.gateway, network.delay)
        for j in np.flatnonzero((soonest > 0) & (problem.demand.max(axis=0) > 0)):
            late = np.flatnonzero(
                problem.demand[:, j] * (np.arange(problem.slots) + soonest[j] >= problem.slots)
            )
            if late.size:
                where = (
                    f"{problem.gateway_axis.at(int(j))} in {problem.slot_axis.some(late.tolist())}"
                )
                yield Finding("error", "demand", f"every arc of {where} ends past the horizon")


def _capacity(problem: Problem) -> Iterator[Finding]:
    """Compare the demand that cannot wait with the capacity that it can reach."""
    network = problem.network
    least = np.full(problem.gateways, np.inf)
    np.minimum.at(least, network.gateway, network.energy)
    patient = np.bincount(network.gateway, (network.delay > 0) * 1.0, problem.gateways) > 0
    need = problem.demand * np.where(patient | np.isinf(least), 0.0, least)
    pair = np.unique(network.gateway.astype(np.int64) * problem.sites + network.site)
    gateway, site = np.divmod(pair, problem.sites)
    reached = np.unique(site)
    capacity = np.broadcast_to(problem.capacity, problem.price.shape)
    there = capacity[:, reached].sum(axis=1)
    for t in np.flatnonzero(_exceeds(need.sum(axis=1), there))[:5]:
        what = f"all work needs at least {need[t].sum():.6g} MWh"
        yield _overfull(problem, int(t), what, f"the sites hold {there[t]:.6g} MWh")
    for t in range(problem.slots):
        own = np.bincount(gateway, capacity[t, site], problem.gateways)
        for j in np.flatnonzero(_exceeds(need[t], own))[:5]:
            what = f"{problem.gateway_axis.at(int(j))} needs at least {need[t, j]:.6g} MWh"
            yield _overfull(problem, int(t), what, f"its sites hold {own[j]:.6g} MWh")
    if not patient.any() and np.isfinite(there).all() and there.min() > 0:
        used = need.sum(axis=1) / there
        worst = int(np.argmax(used))
        text = (
            f"{used.mean():.1%} used on average, {used[worst]:.1%} in {problem.slot_axis.at(worst)}"
        )
        yield Finding("info", "capacity", text)


def _exceeds(need: AnyArray, there: AnyArray) -> BoolArray:
    """Say where a need is larger than what there is by more than a solve accepts."""
    return need > there * (1 + 5e-10)


def _overfull(problem: Problem, slot: int, what: str, there: str) -> Finding:
    return Finding("error", "capacity", f"{problem.slot_axis.at(slot)}: {what}, but {there}")


def _feasibility(problem: Problem) -> Iterator[Finding]:
    """Ask the core, which begins with a feasible allocation or a proof that there is none."""
    raw = call(problem, read_settings(max_iterations=1)).completed()
    reason = explain(problem, raw.result)
    if reason is not None:
        yield Finding("error", "capacity", str(reason))


def _sizes(problem: Problem) -> Iterator[Finding]:
    """Look for numbers so large that they suggest another unit or a slip."""
    yield from _outlier(problem, "price", np.abs(problem.price))
    yield from _price_unit(problem)
    yield from _energy_unit(problem)
    for name, values in problem.footprints.items():
        field, median = f"footprints[{name!r}]", float(np.median(values))
        yield from _outlier(problem, field, values)
        limit, unit, other = _LARGE.get(name, (np.inf, "", ""))
        least, of, small = _SMALL.get(name, (0.0, "", ""))
        if 0 < median < least:
            text = f"the median is {median:.4g} {of}, which is small: is it in {small}?"
            yield Finding("warning", field, text)
        if median > limit:
            text = f"the median is {median:.4g}; in {unit} that is large: is it in {other}?"
            yield Finding("warning", field, text)
        if name not in problem.equity:
            yield Finding("info", field, "reported, but no equity term prices it")
        elif problem.equity[name].weight == 0:
            yield Finding("info", f"equity[{name!r}]", "the weight is 0")


def _price_unit(problem: Problem) -> Iterator[Finding]:
    """Compare the usual price with what a MWh costs anywhere."""
    median = float(np.median(np.abs(problem.price)))
    if 0 < median < 1.5:
        text = f"the median is {median:.4g} USD/MWh, which is small: is it in USD/kWh?"
        yield Finding("warning", "price", text)
    elif median > 2000:
        text = f"the median is {median:.4g} USD/MWh, which is large: is it in cents?"
        yield Finding("warning", "price", text)


def _energy_unit(problem: Problem) -> Iterator[Finding]:
    """Compare the demand with the capacity of all sites, both MWh per slot."""
    capacity = np.broadcast_to(problem.capacity, problem.price.shape).sum(axis=1)
    need = problem.demand.sum(axis=1)
    if not np.isfinite(capacity).all() or need.sum() <= 0 or capacity.sum() <= 0:
        return
    used = float(need.sum() / capacity.sum())
    if not _USED[0] <= used <= _USED[1]:
        field, other = ("demand", "capacity") if used > 1 else ("capacity", "demand")
        ratio = max(used, 1 / used)
        text = (
            f"{ratio:,.0f} times the {other} on average: is one of them in kWh, the other in MWh?"
        )
        yield Finding("warning", field, text)


def _outlier(problem: Problem, field: str, values: FloatArray) -> Iterator[Finding]:
    median = float(np.median(values))
    t, i = np.unravel_index(int(np.argmax(values)), values.shape)
    if median > 0 and values[t, i] > 1000 * median:
        where = f"[{problem.slot_axis.at(int(t))}, {problem.site_axis.at(int(i))}]"
        ratio = values[t, i] / median
        text = f"{where} has size {values[t, i]:.6g}, {ratio:.0f} times the median"
        yield Finding("warning", field, text)
