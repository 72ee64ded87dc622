"""The reference library: anybody makes its instances alike, and their bounds hold."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from oracle import optimum
from test_eglb import FOLDER, needs_data

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks import library

import equiload as el

ROOT = Path(__file__).parents[2]
MADE = [name for name, entry in el.data.instances().items() if "world" in entry.recipe]
LARGE = "world-1000-week"


@pytest.fixture(autouse=True)
def _no_data_by_chance(monkeypatch):
    monkeypatch.delenv("EQUILOAD_DATA", raising=False)


def test_every_instance_is_hashed_and_bounded():
    known = el.data.instances()
    assert len(known) >= 24 and {"world-200-week", "study-full", "study-partial"} <= set(known)
    assert len({entry.sha256 for entry in known.values()}) == len(known)
    for entry in known.values():
        assert entry.lower_bound <= entry.objective and entry.gap <= 1e-6


@pytest.mark.parametrize("name", [name for name in MADE if name != LARGE])
def test_the_data_are_those_of_the_library(name):
    entry = el.data.instance(name)
    assert (entry.past is not None) == name.startswith("online")
    assert entry.past is None or entry.past.slots == 168


@pytest.mark.parametrize("name", ["world-10-day", "waiting-20-day"])
def test_the_optimum_lies_between_the_bounds(name):
    entry = el.data.instance(name)
    best = optimum(entry.problem)
    assert entry.lower_bound * (1 - 1e-9) <= best <= entry.objective * (1 + 1e-9)


@needs_data
def test_the_study_is_read_from_its_folder(monkeypatch):
    entry = el.data.instance("study-full", data=FOLDER)
    assert entry.lower_bound <= 623661.3525 <= entry.objective
    monkeypatch.setenv("EQUILOAD_DATA", os.fspath(FOLDER))
    later = el.data.instance("online-dev-study-partial")
    assert later.past.slots == 168 and later.problem.slots == 457 - 168
    whole = el.data.instance("study-partial").problem
    np.testing.assert_array_equal(later.problem.price, whole.price[168:])


@needs_data
def test_other_data_are_refused(tmp_path):
    for file in FOLDER.rglob("*.csv"):
        copy = tmp_path / file.relative_to(FOLDER)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(file.read_bytes())
    file = tmp_path / "price" / "Japan_Price.csv"
    text = file.read_text()
    assert text.count("\n") > 400 and el.data.instance("study-full", data=tmp_path)
    head, first, rest = text.split("\n", 2)
    file.write_text("\n".join([head, first.rpartition(",")[0] + ",1.0", rest]))
    with pytest.raises(el.InputError, match="'study-full': the data given are not the library's"):
        el.data.instance("study-full", data=tmp_path)


def test_what_is_wrong_is_named():
    with pytest.raises(el.InputError, match="name is 'world'; the instances are study-full"):
        el.data.instance("world")
    with pytest.raises(el.InputError, match="data is missing: the study's data"):
        el.data.instance("study-full")
    with pytest.raises(el.InputError, match="data is a int"):
        el.data.instance("study-full", data=3)  # type: ignore[arg-type]
    kept = el.data.instances()["world-10-day"]
    other = dataclasses.replace(kept, recipe={"world": kept.recipe["world"] | {"seed": 2}})
    with pytest.raises(el.InputError, match="'world-10-day': the data made here are not"):
        _ = other.problem


def test_a_contradiction_is_found(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["library", "world-10-day", "waiting-20-day", "--tol", "1e-4"])
    with pytest.raises(SystemExit, match="0"):
        library.main()
    assert capsys.readouterr().out.count("agrees") == 2
    known = el.data.instances()
    wrong = dataclasses.replace(known["world-10-day"], lower_bound=3.6e5, objective=3.7e5)
    found = el.certify(wrong.problem, el.solve(wrong.problem, tol=1e-4))
    assert library.judged(wrong, found).startswith("WRONG: known to lie in 360000 to 370000")


def test_the_page_shows_the_library():
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    assert page.startswith(f"# The reference library\n\n{len(el.data.instances())} instances")
    for name, entry in el.data.instances().items():
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert row.endswith(f"| {entry.lower_bound:,.2f} | {entry.objective:,.2f} |")


def test_the_citation_can_be_read():
    yaml = pytest.importorskip("yaml")
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["cff-version"] == "1.2.0" and cited["license"] == "BSD-3-Clause"
    assert [paper["doi"] for paper in cited["references"]] == ["10.1145/3632775.3661938"]
