import sys

import numpy as np
import pytest

import equiload as el
from equiload.plot import burden_bars, site_load

pytest.importorskip("matplotlib", reason="the pictures need matplotlib")


@pytest.fixture(scope="module")
def pair():
    problem = el.data.world(30, 8, 6)
    cheap = el.solve(problem.replace(equity={}), tol=1e-3)
    return {"cost only": cheap, "equity-aware": el.solve(problem, tol=1e-3)}


def test_burden_bars_show_the_totals(pair):
    figure = burden_bars(pair, most=10)
    assert [axes.get_ylabel() for axes in figure.axes] == ["carbon (t)", "water (m³)"]
    for axes, name in zip(figure.axes, ("carbon", "water"), strict=True):
        totals = [solution.footprints[name] for solution in pair.values()]
        assert len(axes.patches) == 2 * 10
        heights = [bar.get_height() for bar in axes.patches]
        assert max(heights[:10]) == totals[0].max()
        lines = [line.get_ydata()[0] for line in axes.lines]
        assert lines == [values.max() for values in totals]
        first = np.argmax(np.maximum(*totals))
        region = pair["cost only"].problem.region_names[name][first]
        assert axes.get_xticklabels()[0].get_text() == region


def test_site_load_shows_shares_of_capacity(pair):
    solution = pair["equity-aware"]
    figure = site_load(solution, most=5)
    image = figure.axes[0].images[0].get_array()
    assert image.shape == (5, 6)
    busiest = np.argmax(solution.site_load.sum(axis=0))
    share = solution.site_load[:, busiest] / solution.problem.capacity[busiest]
    np.testing.assert_allclose(image[0], share)


def test_site_load_with_an_unlimited_site():
    problem = el.Problem(np.ones((2, 1)), [np.inf, 5.0], [[1.0, 2.0]] * 2)
    image = site_load(el.solve(problem)).axes[0].images[0].get_array()
    np.testing.assert_allclose(image[0], [1.0, 1.0])


def test_pictures_are_written(pair, tmp_path):
    burden_bars(pair).savefig(tmp_path / "a.png")
    site_load(pair["cost only"]).savefig(tmp_path / "b.svg")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "b.svg").read_text()


def test_a_notebook_shows_them_without_pyplot(pair):
    assert burden_bars(pair)._repr_png_().startswith(b"\x89PNG")


def test_pyplot_is_left_alone(pair):
    burden_bars(pair)
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_misuse_is_explained(pair):
    other = el.solve(el.data.world(3, 2, 2), tol=1e-3)
    bare = el.solve(el.Problem(np.ones((1, 1)), 5.0, [[1.0]]))
    with pytest.raises(el.InputError, match="solutions is empty"):
        burden_bars({})
    with pytest.raises(el.InputError, match="differ"):
        burden_bars(pair | {"other": other})
    with pytest.raises(el.InputError, match="no footprints"):
        burden_bars({"bare": bare})
    with pytest.raises(el.InputError, match="most"):
        site_load(other, most=0)


def test_without_matplotlib(pair, monkeypatch):
    monkeypatch.delitem(sys.modules, "equiload.picture", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(el.InputError, match=r"pip install \"equiload\[plot\]\""):
        burden_bars(pair)
