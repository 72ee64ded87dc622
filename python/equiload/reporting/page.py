"""The page: what it says in words, its tables, and the charts put into them."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._account import backlogs
from .._arrays import FloatArray, read_floats, require_a
from .._labels import by_labels
from ..audit import gini
from ..data.disk import read_path
from ..errors import InputError
from ..labelled import gateway_labels
from ..palette import UNITS, with_unit
from ..problem import Problem
from ..solution import Solution
from ..solver import solve
from ..sweep import Frontier
from . import charts
from .plan import Plan, answer_of, plan_of, site_names

if TYPE_CHECKING:
    from ..online import Comparison, Run

__all__ = ["report"]

Row = list[Any]


def report(
    subject: Solution | Run | Comparison,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    before: Solution | Run | bool = True,
    frontier: Frontier | None = None,
    comparison: Comparison | None = None,
    positions: ArrayLike | None = None,
) -> None:
    """Write one self-contained HTML page about a plan.

    It needs no network: charts are drawn by Vega, which travels inside the page (BSD licence). It
    has a map of the sites, what every region carries before and after, a table to sort and search,
    load and burdens over time, the frontier and the policies where they are given, and what the
    certificate means in words.

    Parameters
    ----------
    subject : Solution, Run or Comparison
        What to report; of a comparison, its offline optimum and all its policies.
    path : path
        The page to write, such as "report.html".
    title : str, optional
        Its heading.
    before : Solution, Run or bool
        What to compare with: True solves the problem without its equity terms, False leaves it out.
    frontier : Frontier, optional
        A sweep of weights to show.
    comparison : Comparison, optional
        Policies to show.
    positions : array_like, shape (I, 2), optional
        Latitude and longitude of the sites in degrees, by default those of the problem. Without
        any there is no map.

    Raises
    ------
    InputError
        If the package vl-convert-python is missing, there is no plan to report, `before` belongs to
        another problem, or the file cannot be written.
    """
    from ..online import Comparison, Run  # a room that is slow to open

    path = read_path(path)
    require_a("title", title, str, optional=True)
    require_a("before", before, Solution | Run | bool, "Solution, a Run or a bool")
    require_a("frontier", frontier, Frontier, optional=True)
    require_a("comparison", comparison, Comparison, optional=True)
    answer, own = answer_of(subject)
    plan = plan_of(answer, "equity-aware" if answer.problem.equity else "this plan")
    earlier = _before(plan, before)
    content = _Content(plan, earlier, frontier, comparison or own, _positions(plan, positions))
    text = _page(title or "Where the work goes, and who bears it", content)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def _before(plan: Plan, before: Solution | Run | bool) -> Plan | None:
    """Return the plan to compare with, solved without equity if need be."""
    if before is False or (before is True and not plan.problem.equity):
        return None
    if before is True:
        free = plan.problem.replace(equity={})
        return plan_of(solve(free, tol=1e-4), "cost only")
    other = plan_of(before, "before" if before.problem.equity else "cost only")
    if {n: t.shape for n, t in other.totals.items()} != {
        n: t.shape for n, t in plan.totals.items()
    }:
        raise InputError("before belongs to a problem with other footprints or regions")
    return other


def _positions(plan: Plan, given: ArrayLike | None) -> FloatArray | None:
    if given is None:
        given = getattr(plan.problem, "site_positions", None)
    if given is None:
        return None
    given = by_labels("positions", "site", given, plan.problem.site_names)
    values = read_floats("positions", given)
    if values.shape != (plan.problem.sites, 2):
        expected = f"(sites, 2) = ({plan.problem.sites}, 2)"
        raise InputError(f"positions has shape {values.shape}; expected {expected}")
    return values


class _Content:
    """Everything that the page says."""

    def __init__(
        self,
        plan: Plan,
        before: Plan | None,
        frontier: Frontier | None,
        comparison: Comparison | None,
        positions: FloatArray | None,
    ) -> None:
        self.plan, self.before, self.problem = plan, before, plan.problem
        self.frontier, self.comparison, self.positions = frontier, comparison, positions
        self.specs: dict[str, charts.Spec] = {}

    @property
    def plans(self) -> list[Plan]:
        """The plans side by side, the earlier one first."""
        return [self.plan] if self.before is None else [self.before, self.plan]

    def chart(self, key: str, spec: charts.Spec, caption: str) -> str:
        """Keep a chart and return the place where the page draws it."""
        self.specs[key] = spec
        label = html.escape(caption)
        return (
            f'<figure><div class="chart" data-chart="{html.escape(key)}" role="img" '
            f'aria-label="{label}"></div><figcaption>{label}</figcaption></figure>'
        )

    def sections(self) -> list[tuple[str, str, str]]:
        """Return the sections as identifier, heading and content, those that there are."""
        made = [
            ("map", "Where the work goes", self._map()),
            ("change", "What changes for the regions", self._change()),
            ("regions", "Every region", self._regions()),
            ("time", "Over time", self._time()),
            ("frontier", "What fairness costs", self._frontier()),
            ("policies", "Without knowing the future", self._policies()),
            ("certificate", "How good is this plan?", self._certificate()),
        ]
        return [(key, heading, content) for key, heading, content in made if content]

    def summary(self) -> str:
        """Say the most important in one paragraph."""
        plan, before = self.plan, self.before
        words = [f"The plan costs the operator {_money(plan.cost)}"]
        if before is not None and before.cost:
            words[0] += f", {_change(before.cost, plan.cost)} than the {before.name} plan"
        for name, totals in plan.totals.items():
            worst = plan.problem.region_names[name][int(np.argmax(totals))]
            text = f"The most {name} falls on {worst}: {_amount(totals.max(), name)}"
            if before is not None and before.totals[name].max() > 0:
                text += f", {_change(before.totals[name].max(), totals.max())} than before"
            words.append(text)
        return ". ".join(html.escape(text) for text in words) + "."

    def tiles(self) -> list[tuple[str, str, str]]:
        """Return the figures on top: label, number, remark."""
        plan, before = self.plan, self.before
        cost = "" if before is None else f"before: {_money(before.cost)}"
        made = [("operator cost", _money(plan.cost), cost)]
        for name, totals in plan.totals.items():
            earlier = (
                "" if before is None else f"before: {_amount(before.totals[name].max(), name)}"
            )
            made.append((f"largest {name} of a region", _amount(totals.max(), name), earlier))
        if plan.certificate is not None:
            gap = plan.certificate.gap
            made.append(("could be cheaper by at most", _share(gap), "of its whole cost"))
        return made

    def _map(self) -> str:
        if self.positions is None:
            return ""
        names: list[str | None] = [*self.plan.totals] or [None]
        text = "Every circle is a site; the larger, the more it serves"
        parts = []
        for name in names:
            more = "" if name is None else f". The darker, the more {name} its region carries"
            spec = charts.site_map(self.plan, self.positions, name)
            parts.append((name, self.chart(f"map {name}", spec, text + more)))
        land = "Grey dots are cities: GeoNames, CC BY 4.0." if charts.has_land() else ""
        return _tabs("map", parts) + f'<p class="small">{land}</p>'

    def _change(self) -> str:
        if self.before is None:
            return ""
        parts = []
        for name, regions in self.problem.region_names.items():
            most = min(charts.MOST_REGIONS, len(regions))
            text = f"{name} of the {most} most burdened of {len(regions)} regions, by plan"
            parts.append((name, self.chart(f"change {name}", self._dots(name), text)))
        return _tabs("change", parts) if parts else ""

    def _dots(self, name: str) -> charts.Spec:
        return charts.before_and_after(self.plans, name)

    def _regions(self) -> str:
        head, rows = ["site"], [[name] for name in site_names(self.problem)]
        self._add(head, rows, "load (MWh)", self.plan.load.sum(axis=0))
        capacity = np.broadcast_to(self.problem.capacity, self.plan.load.shape)
        if np.isfinite(capacity).all():
            room = capacity.sum(axis=0)
            used = 100 * self.plan.load.sum(axis=0) / np.where(room > 0, room, 1.0)
            self._add(head, rows, "used (%)", used)
        tables = [("sites", _table("sites", head, rows))]
        for name, regions in self.problem.region_names.items():
            head, rows = ["region"], [[region] for region in regions]
            for plan in self.plans:
                label = (
                    with_unit(name) if len(self.plans) == 1 else f"{plan.name}: {with_unit(name)}"
                )
                self._add(head, rows, label, plan.totals[name])
            if self.before is not None:
                earlier = self.before.totals[name]
                grown = self.plan.totals[name] - earlier
                ratio = 100 * grown / np.where(earlier > 0, earlier, np.inf)
                self._add(head, rows, "change (%)", ratio)
            if name in self.plan.prices:
                unit = UNITS.get(name, "unit")
                self._add(head, rows, f"price (USD/{unit})", self.plan.prices[name])
            tables.append((name, _table(name, head, rows)))
        return _tabs("regions", tables)

    def _add(self, head: list[str], rows: list[Row], label: str, values: FloatArray) -> None:
        """Add a column of numbers, with as many decimals as its largest deserves."""
        head.append(label)
        largest = float(np.abs(values).max(initial=0.0))
        digits = next((n for n, size in enumerate((1000, 100, 10)) if largest >= size), 3)
        for row, value in zip(rows, values.tolist(), strict=True):
            row.append((float(f"{value:.6g}"), f"{value:,.{digits}f}"))

    def _time(self) -> str:
        plan = self.plan
        parts = [
            ("load", self.chart("load", charts.load_over_time(plan), "How full the sites are"))
        ]
        for name in plan.totals:
            text = f"{name} so far, in the regions that carry most at the end; dashed: their mean"
            parts.append((name, self.chart(f"growth {name}", charts.growth(plan, name), text)))
        for name, values, names, unit in _states(plan):
            spec = charts.lines_over_time(plan, values, names, f"{name} ({unit})")
            parts.append((name, self.chart(f"state {name}", spec, name)))
        return _tabs("time", parts)

    def _frontier(self) -> str:
        if self.frontier is None:
            return ""
        text = "Every point is a plan of its own; to the left, the worst-off region carries less"
        if len(self.frontier.burden) > len(self.frontier.weights):
            text += ". The other weights stay: where their burdens give way, the cost may fall"
        parts = [
            (name, self.chart(f"frontier {name}", charts.frontier(self.frontier, name), text))
            for name in self.frontier.burden
        ]
        return _tabs("frontier", parts)

    def _policies(self) -> str:
        if self.comparison is None:
            return ""
        text = "Policies decide slot by slot without the future; down and to the left is better"
        parts = [
            (name, self.chart(f"policies {name}", charts.policies(self.comparison, name), text))
            for name in self.problem.footprints
        ]
        columns = [name for name in self.comparison.rows[0] if name != "status"]
        rows = [[_shown(row[name]) for name in columns] for row in self.comparison.rows]
        return _tabs("policies", [*parts, ("table", _table("policies", columns, rows))])

    def _certificate(self) -> str:
        found = self.plan.certificate
        if found is None:
            words = "This plan was decided slot by slot, so nothing is claimed about the best plan."
            return f"<p>{words}</p>"
        left = max(found.objective - found.lower_bound, 0.0)
        terms = "burdens of the regions included" if self.problem.equity else "all costs included"
        lines = [
            f"<b>This plan costs {_money(found.objective)}</b>, {terms}.",
            f"<b>No plan at all can cost less than {_money(found.lower_bound)}</b>, whoever makes "
            "it and however long they compute. Prices prove it: at the prices that this page "
            "lists, even serving every piece of work at its cheapest place costs that much.",
            f"So the best possible plan would save at most <b>{_money(left)}</b>, "
            f"{_share(found.gap)} of the cost.",
            f"All work is served: the largest share left out is {found.unmet:.1g}. "
            f"No site is over its capacity by more than a share of {found.overload:.1g}.",
            "Both numbers were computed again from the data for this page, apart from the solver.",
        ]
        spread = "".join(f"<li>{_spread(name, t)}</li>" for name, t in self.plan.totals.items())
        return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}{spread}</ul>"


def _spread(name: str, totals: FloatArray) -> str:
    """Say how evenly a burden is spread."""
    worst = totals.max() / totals.mean() if totals.mean() > 0 else 1.0
    return (
        f"{html.escape(name)}: the worst-off region carries {worst:.2f} times the mean; "
        f"Gini index {gini(totals):.3f}."
    )


def _states(plan: Plan) -> list[tuple[str, FloatArray, list[str], str]]:
    """Return the state of charge and the backlog, where the problem has such."""
    found = []
    storage = getattr(plan.answer, "storage", None)
    if storage is not None:
        level = np.asarray(storage.level)
        given = getattr(plan.problem, "storage", None)
        sites = np.atleast_1d(getattr(given, "site", np.arange(level.shape[1])))
        names = [site_names(plan.problem)[int(i)] for i in sites]
        found.append(("state of charge", level, names, "MWh"))
    if plan.problem.network.delay.any():
        waiting = backlogs(plan.problem, np.asarray(plan.answer.allocation))
        found.append(("work that waits", waiting, gateway_labels(plan.problem), "MWh"))
    return found


def _shown(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _money(value: float) -> str:
    return f"{value:,.0f} USD" if abs(value) >= 1000 else f"{value:.4g} USD"


def _share(value: float) -> str:
    return f"{100 * max(value, 0.0):.2g} %"


def _amount(value: float, name: str) -> str:
    number = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{number} {UNITS.get(name, '')}".strip()


def _change(before: float, after: float) -> str:
    share = (after - before) / abs(before)
    return f"{abs(share):.1%} {'less' if share < 0 else 'more'}"


def _tabs(group: str, parts: list[tuple[Any, str]]) -> str:
    """Put contents side by side under buttons, or alone without any."""
    if len(parts) == 1:
        return parts[0][1]
    buttons = "".join(
        f'<button role="tab" id="tab-{group}-{n}" aria-controls="panel-{group}-{n}" '
        f'aria-selected="{str(n == 0).lower()}">{html.escape(str(name))}</button>'
        for n, (name, _) in enumerate(parts)
    )
    panels = "".join(
        f'<div role="tabpanel" id="panel-{group}-{n}" aria-labelledby="tab-{group}-{n}"'
        f"{' hidden' if n else ''}>{content}</div>"
        for n, (_, content) in enumerate(parts)
    )
    return f'<div class="tabs"><div role="tablist">{buttons}</div>{panels}</div>'


def _table(key: str, head: list[str], rows: list[Row]) -> str:
    """Return a table whose heads sort it, with a field that searches it."""
    heads = "".join(
        f'<th scope="col" aria-sort="none"><button>{html.escape(label)}</button></th>'
        for label in head
    )
    body = "".join("<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in rows)
    return (
        f'<div class="searchable"><input type="search" placeholder="search {len(rows)} rows" '
        f'aria-label="search" data-search="{html.escape(key)}"><div class="scroll">'
        f'<table data-table="{html.escape(key)}"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></div>"
    )


def _cell(value: Any) -> str:
    if isinstance(value, float):
        value = value, f"{value:,.5g}"
    if isinstance(value, tuple):
        return f'<td class="number" data-value="{value[0]!r}">{value[1]}</td>'
    return f"<td>{html.escape(str(value))}</td>"


def _page(title: str, content: _Content) -> str:
    """Fill the template; everything that the page needs goes into it."""
    folder = resources.files(__package__)
    template = (folder / "page.html").read_text(encoding="utf-8")
    sections = content.sections()
    parts: Mapping[str, str] = {
        "heading": html.escape(title),
        "title": html.escape(title),
        "style": (folder / "page.css").read_text(encoding="utf-8"),
        "size": html.escape(_size(content.problem)),
        "status": html.escape(content.plan.status),
        "summary": content.summary(),
        "tiles": "".join(
            f'<div class="tile"><span>{html.escape(label)}</span><b>{html.escape(number)}</b>'
            f"<small>{html.escape(remark)}</small></div>"
            for label, number, remark in content.tiles()
        ),
        "links": "".join(f'<a href="#{key}">{html.escape(text)}</a>' for key, text, _ in sections),
        "sections": "".join(
            f'<section id="{key}"><h2>{html.escape(text)}</h2>{inner}</section>'
            for key, text, inner in sections
        ),
        "specs": json.dumps(content.specs).replace("</", "<\\/"),
        "library": _library(),
        "script": (folder / "page.js").read_text(encoding="utf-8"),
    }
    for name, text in parts.items():
        template = template.replace(f"<!--{name}-->", text, 1)
    return template


def _size(problem: Problem) -> str:
    times = problem.slot_times
    span = "" if times is None else f", {times[0]} to {times[-1]}"
    return f"{problem.sites} sites, {problem.gateways} gateways, {problem.slots} slots{span}"


def _library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script."""
    try:
        import vl_convert
    except ImportError:
        raise InputError(
            'a report needs the package vl-convert-python: pip install "equiload[report]"'
        ) from None
    bundle: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    return bundle.replace("</script", "<\\/script")
