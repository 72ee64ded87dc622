import numpy as np
import pytest

import equiload as el
from equiload.online import Greedy, MirrorDescent
from equiload.plot import cost_against_burden, cumulative_burden, price_paths

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
    ends = [line.get_ydata()[-1] for line in cumulative_burden(run).axes[1].lines]
    np.testing.assert_allclose(sorted(ends), np.sort(run.footprints["water"]))


def test_cost_against_burden_has_a_point_a_policy(table):
    axes = cost_against_burden(table).axes[0]
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines]
    assert points == [(row["cost"], row["carbon max"]) for row in table.rows]
    assert [text.get_text() for text in axes.texts] == ["GLB-Cost", "MirrorDescent"]
