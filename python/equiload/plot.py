"""Pictures of solutions; they need matplotlib (extra `plot`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ._account import burdens_by_slot
from ._arrays import FloatArray, read_count
from .errors import InputError
from .problem import Problem
from .solution import Solution, region_totals

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "burden_bars",
    "cost_against_burden",
    "cumulative_burden",
    "frontier_curves",
    "price_paths",
    "site_load",
]

# Okabe and Ito's palette, which most colour-blind readers can tell apart; the hatches help the rest
# and survive a black-and-white printer.
_COLOURS = ("#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_HATCHES = ("//", "", "..", "xx", "\\\\", "++")
_MARKERS = ("o", "s", "^", "D")
_UNITS = {"carbon": "t", "water": "m³"}


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
    @property
    def site_load(self) -> FloatArray: ...


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


def site_load(solution: Solution, most: int = 60) -> Figure:
    """Draw how full every site is in every slot, as a heat map.

    Parameters
    ----------
    solution : Solution
        The solution.
    most : int
        How many sites to show at most; those that serve most come first.

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
    problem, load = solution.problem, solution.on_host().site_load
    shown = np.argsort(-load.sum(axis=0), kind="stable")[:most]
    capacity = np.broadcast_to(problem.capacity, load.shape)[:, shown]
    values, unit = load[:, shown], "load (MWh per slot)"
    if np.isfinite(capacity).all():
        values = np.divide(values, capacity, out=np.zeros_like(values), where=capacity > 0)
        unit = "share of capacity used"
    figure = _figure(11.0, 1.5 + 0.16 * max(shown.size, 12))
    axes = figure.subplots()
    image = axes.imshow(values.T, aspect="auto", cmap="cividis", interpolation="nearest", vmin=0.0)
    figure.colorbar(image, ax=axes, label=unit, pad=0.01)
    names = problem.site_names or tuple(map(str, range(problem.sites)))
    axes.set_yticks(range(shown.size), [names[i] for i in shown], fontsize=7)
    _slot_ticks(axes, solution)
    some = f"the {shown.size} busiest of " if shown.size < problem.sites else ""
    axes.set_title(f"Load of {some}{problem.sites} sites", loc="left")
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
    if not run.prices:
        raise InputError(f"{run.policy} has no prices; there is nothing to draw")
    paths = {name: values for name, values in run.prices.items() if values.any()}
    return _paths_figure(run, paths or run.prices, read_count("most", most), "price of {}", "USD/")


def cumulative_burden(run: _Run, most: int = 6) -> Figure:
    """Draw how the burdens of the regions grew, history included, one panel a footprint.

    Parameters
    ----------
    run : Run
        A run of any policy.
    most : int
        How many regions to name at most, those most burdened at the end; the others stay grey.

    Returns
    -------
    matplotlib.figure.Figure
        Lines over the slots, in units of the footprint.

    Raises
    ------
    InputError
        If matplotlib is missing, or the problem has no footprints.
    """
    problem, paths = run.problem, {}
    if not problem.footprints:
        raise InputError("the problem has no footprints; there is nothing to draw")
    for name in problem.footprints:
        grown = burdens_by_slot(problem, name, run.site_load).cumsum(axis=0)
        paths[name] = problem.history[name] + grown
    return _paths_figure(run, paths, read_count("most", most), "{} so far", "")


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
    rows, names = comparison.rows, list(comparison.problem.footprints)
    if not names:
        raise InputError("the problem has no footprints; there is nothing to draw")
    figure = _figure(5.0 * len(names) + 1.8, 4.2)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for n, row in enumerate(rows):
            colour, marker = _COLOURS[n % len(_COLOURS)], _MARKERS[n // len(_COLOURS) % 4]
            style = {"color": colour, "marker": marker, "linestyle": "", "label": row["policy"]}
            axes.plot(row["cost"] / 1e3, row[f"{name} max"], **style)
        unit = _UNITS.get(name, "")
        axes.set_xlabel("cost (thousand USD)")
        axes.set_ylabel(f"largest {name} ({unit})" if unit else f"largest {name}")
        axes.margins(0.1)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", frameon=False)
    return figure


def _paths_figure(
    run: _Run, paths: Mapping[str, FloatArray], most: int, title: str, per: str
) -> Figure:
    """Draw one line a region, those that end highest in colour."""
    figure = _figure(11.0, 3.2 * len(paths))
    panels = figure.subplots(len(paths), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (name, values) in zip(panels, paths.items(), strict=True):
        key = values.mean(axis=0) if per else values[-1]
        order, names = np.argsort(-key, kind="stable"), run.problem.region_names[name]
        axes.plot(values[:, order[most:]], color="#BBBBBB", linewidth=0.6)
        for n, region in enumerate(order[:most]):
            style = {"color": _COLOURS[n % len(_COLOURS)], "label": names[region]}
            axes.plot(values[:, region], **style)
        axes.set_ylabel(f"{per}{_UNITS.get(name, 'unit' if per else '')}")
        axes.set_title(f"{run.policy}: {title.format(name)}", loc="left")
        axes.legend(frameon=False, fontsize=8, ncols=3)
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel("slot")
    return figure


def _shared_footprints(solutions: Mapping[str, Solution]) -> list[str]:
    if not solutions:
        raise InputError("solutions is empty; there is nothing to draw")
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
    width, unit = 0.8 / len(totals), _UNITS.get(name, "")
    for n, (label, values) in enumerate(totals.items()):
        colour, hatch = _COLOURS[n % len(_COLOURS)], _HATCHES[n % len(_HATCHES)]
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
    axes.set_ylabel(f"{name} ({unit})" if unit else name)
    some = f", the {order.size} most burdened of {len(regions)} regions"
    axes.set_title(f"Total {name}{some if order.size < len(regions) else ''}", loc="left")
    axes.legend(frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(1.0, 0.98))
    axes.spines[["top", "right"]].set_visible(False)


def _short(value: float) -> str:
    """Write a number with four digits or more, never as a power of ten that is in use."""
    return f"{value:,.0f}" if 1e3 <= value < 1e9 else f"{value:.4g}"


def _slot_ticks(axes: Axes, solution: Solution) -> None:
    """Label about eight slots by their time, or leave the numbers."""
    axes.set_xlabel("slot")
    times, slots = solution.problem.slot_times, solution.problem.slots
    if times is not None:
        ticks = np.unique(np.linspace(0, slots - 1, 8).round().astype(int))
        axes.set_xticks(ticks, [str(times[t]) for t in ticks], fontsize=8)


def _figure(width: float, height: float) -> Figure:
    """Make a figure that belongs to nobody: pyplot would keep it and choose a window for it."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError('pictures need matplotlib: pip install "equiload[plot]"') from None
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


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
    figure, cost = _figure(6.0 * len(frontier.burden), 4.2), frontier.cost
    panels = np.atleast_1d(figure.subplots(1, len(frontier.burden), sharey=True))
    for colour, axes, (name, burden) in zip(
        _COLOURS[1:], panels, frontier.burden.items(), strict=False
    ):
        order, unit = np.argsort(burden), _UNITS.get(name, "")
        axes.plot(burden[order], cost[order], color=colour, marker="o", markersize=4)
        if name in frontier.weights:
            weights = frontier.weights[name]
            for n in {int(np.argmin(weights)), int(np.argmax(weights))}:
                text = f"{weights[n]:,.4g} USD/{unit}" if unit else f"weight {weights[n]:,.4g}"
                axes.annotate(text, (burden[n], cost[n]), xytext=(6, 6), textcoords="offset points")
        term = type(frontier[0].problem.equity[name]).__name__
        axes.set_xlabel(f"{name}, {term} over the regions" + (f" ({unit})" if unit else ""))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("operator cost (USD)")
    return figure
