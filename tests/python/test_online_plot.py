import numpy as np
import pytest

import equiload as el
from equiload import plot
from equiload.online import Comparison, Greedy, MirrorDescent
from equiload.plot import (
    backlog,
    convergence,
    cost_against_burden,
    cumulative_burden,
    price_paths,
    site_load,
    site_map,
)

pytest.importorskip("matplotlib", reason="the pictures need matplotlib")


@pytest.fixture(scope="module")
def table():
    problem = el.data.world(15, 6, 12)
    static = problem.static()
    return el.compare(problem, [Greedy(static), MirrorDescent(static)])


def test_price_paths_show_the_dearest_regions(table):
    run = table.runs["MirrorDescent"]
    figure = price_paths(run, most=3)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "MirrorDescent: price of carbon",
        "MirrorDescent: price of water",
    ]
    axes, values = figure.axes[0], run.prices["carbon"]
    assert len(axes.lines) == 15
    dearest = np.argmax(values.mean(axis=0))
    np.testing.assert_array_equal(axes.lines[12].get_ydata(), values[:, dearest])
    assert axes.lines[12].get_label() == run.problem.region_names["carbon"][dearest]
    with pytest.raises(el.InputError, match="GLB-Cost has no prices"):
        price_paths(table.runs["GLB-Cost"])


def test_cumulative_burden_ends_at_the_totals(table):
    run = table.runs["GLB-Cost"]
    axes = cumulative_burden(run).axes[1]
    *regions, mean = [line.get_ydata()[-1] for line in axes.lines]
    np.testing.assert_allclose(sorted(regions), np.sort(run.footprints["water"]))
    assert mean == pytest.approx(run.footprints["water"].mean())
    assert axes.get_title(loc="left") == "GLB-Cost: water so far"


def test_cost_against_burden_has_a_point_a_policy(table):
    figure = cost_against_burden(table)
    lines = figure.axes[0].lines
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in lines]
    assert points == [(row["cost"] / 1e3, row["carbon max"]) for row in table.rows]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["GLB-Cost", "MirrorDescent"]


def test_a_given_name_stands_in_titles_and_keys(table):
    static = table.problem.static()
    given = el.compare(table.problem, {"ours, tuned": MirrorDescent(static)})
    run = given.runs["ours, tuned"]
    assert price_paths(run).axes[0].get_title(loc="left") == "ours, tuned: price of carbon"
    (legend,) = cost_against_burden(given).legends
    assert [text.get_text() for text in legend.get_texts()] == ["ours, tuned"]


def test_one_colour_a_policy_and_points_that_do_not_hide_each_other(table):
    alone = el.compare(table.problem, {"MirrorDescent": MirrorDescent(table.problem.static())})
    twice = Comparison(table.problem, table.runs | {"the same": table.runs["MirrorDescent"]}, None)
    (line,) = cost_against_burden(alone).axes[0].lines
    cheap, ours, same = cost_against_burden(twice).axes[0].lines
    assert line.get_color() == ours.get_color() != same.get_color() != cheap.get_color()
    assert ours.get_xydata().tolist() == same.get_xydata().tolist()
    assert ours.get_markersize() < same.get_markersize()
    assert ours.get_marker() != same.get_marker() and same.get_markerfacecolor() == "none"


def test_times_are_times(table):
    from matplotlib.dates import num2date

    run = table.runs["GLB-Cost"]
    for axes in (cumulative_burden(run).axes[1], site_load(run).axes[0]):
        assert axes.get_xlabel() == "time (UTC)"
        first = axes.lines[0].get_xdata()[0] if axes.lines else axes.images[0].get_extent()[0]
        assert num2date(first).isoformat().startswith(str(table.problem.slot_times[0])[:13])
    bare = el.Problem(np.ones((3, 1)), [5.0], [[1.0]] * 3, footprints={"carbon": np.ones((3, 1))})
    assert cumulative_burden(el.solve(bare)).axes[0].get_xlabel() == "slot"


def test_work_that_waits(table):
    demand = np.array([[3.0], [0.0], [0.0], [0.0]])
    network = el.Network.from_arcs([0, 0], [0, 0], delay=[0, 2], gateways=1, sites=1)
    problem = el.Problem(demand, [3.0], [[9.0], [9.0], [1.0], [9.0]], network=network)
    figure = backlog(el.solve(problem), name="patient")
    (line,) = figure.axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), [3, 3, 0, 0], atol=1e-6)
    assert figure.axes[0].get_title(loc="left") == "patient: work that waits"
    with pytest.raises(el.InputError, match="no arc of the network has a delay"):
        backlog(table.runs["GLB-Cost"])


def test_convergence_shows_every_certificate():
    checks = []
    solution = el.solve(el.data.world(8, 4, 6), method="first-order", callback=checks.append)
    above, below = convergence(checks).axes
    assert above.lines[0].get_ydata()[-1] == solution.objective
    assert above.lines[1].get_ydata()[-1] == solution.lower_bound
    assert below.get_yscale() == "log" and below.lines[0].get_ydata()[-1] <= 1e-6
    with pytest.raises(el.InputError, match="checks holds no certificate"):
        convergence([])


def test_a_map_shows_load_and_burden_where_the_sites_are(table):
    run, places = table.runs["GLB-Cost"], el.data.world_positions(15)
    axes = site_map(run, places, "water").axes[0]
    (dots,) = [c for c in axes.collections if c.get_array() is not None]
    order = np.argsort(-run.site_load.sum(axis=0), kind="stable")
    np.testing.assert_allclose(dots.get_offsets(), places[order][:, ::-1])
    np.testing.assert_allclose(dots.get_array(), run.footprints["water"][order])
    assert (np.diff(dots.get_sizes()) <= 0).all()
    low, high = axes.get_ylim()
    assert low < places[:, 0].min() and places[:, 0].max() < high
    with pytest.raises(el.InputError, match="there is no footprint 'noise'"):
        site_map(run, places, "noise")
    with pytest.raises(el.InputError, match=r"positions has shape \(2,\); expected \(sites, 2\)"):
        site_map(run, [1.0, 2.0])


@pytest.mark.parametrize("draw", plot.__all__)
@pytest.mark.parametrize("junk", [None, 3, "text", [1.0], {"a": None}, object(), el.Solution])
def test_what_cannot_be_drawn_is_refused_by_name(draw, junk):
    more = {"positions": [[0.0, 0.0]]} if draw == "site_map" else {}
    with pytest.raises(el.InputError, match=r"cannot be drawn here|must be a|holds no certificate"):
        getattr(plot, draw)(junk, **more)
