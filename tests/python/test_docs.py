"""What the documentation shows runs, and its links lead somewhere."""

from __future__ import annotations

import doctest
import importlib
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("typer", reason="the command line needs typer")
from grid_files import fleet
from study import TRACE, study

import equiload as el
from equiload.cli import main

ROOT = Path(__file__).parents[2]
# Pages whose every block runs, one after the other, beside four downloaded files.
RUN = ("tour.md", "own_data.md", "certificate.md", "howto.md", "index.md")
RUN += ("tutorials/study.md", "tutorials/control.md", "tutorials/simulators.md")
# Those beside the names that their text speaks of.
TOLD = ("../README.md", "online.md", "library.md", "api.md")
# Needs eight processes, and packages that are not for every machine; test_distributed.py does it.
# So do the instances of the library, which are large; test_library.py makes them.
ELSEWHERE = ("distributed.md",)
# Notebooks run when the documentation is built, and an error in one fails the build.
NOTEBOOKS = ("gallery.md", "tutorials/questions.md")
PAGES = sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("docs/tutorials/*.md"), ROOT / "README.md"])


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    language = f"(?:{language}|{{code-cell}} {language})"
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)
    return [re.sub(r"^:.*\n", "", block) for block in found]  # without the tags of a cell


@pytest.mark.parametrize("page", RUN + TOLD)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fleet(tmp_path)
    monkeypatch.setattr(el.data, "read_eglb", partial(_study, el.data.read_eglb))
    names = told() if page in TOLD else {}
    found = blocks(ROOT / "docs" / page, "python")
    assert found
    for block in found:
        exec(block, names)


def told() -> dict[str, object]:
    """Return a fleet under the names that the pages use."""
    problem = el.data.world(6, 4, 24)
    return {
        "el": el,
        "problem": problem,
        "d": problem.demand,
        "cap": problem.capacity,
        "p": problem.price,
        "fc": problem.footprints["carbon"],
        "fw": problem.footprints["water"],
        "distance_km": np.abs(np.subtract.outer(np.arange(4.0), np.arange(6.0))),
    }


def _study(read_eglb, folder: str, connectivity: str) -> el.Problem:
    """Read the trace that there is in place of a clone of the authors' repository."""
    assert folder == "Environmentally-Equitable-AI/data"
    return read_eglb(TRACE, connectivity) if TRACE.is_dir() else study(connectivity)


def test_every_page_with_code_runs_somewhere():
    """In the tests, in the build, or beside the names that its text gives."""
    named = {Path(name).name for name in RUN + TOLD + NOTEBOOKS + ELSEWHERE}
    assert {page.name for page in PAGES if blocks(page, "python")} <= named


# Of the main public functions and classes; everything else has its example in the pages.
EXAMPLES = ("solver", "sweep", "certificate", "checking", "problem", "network", "solution")
EXAMPLES += ("labelled", "online", "online.running", "data.world", "data.frames", "plot")


@pytest.mark.parametrize("module", ["", *(f".{name}" for name in EXAMPLES)])
def test_the_examples_of_docstrings_hold(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = importlib.import_module(f"equiload{module}")
    names = {"el": el, "np": np, "problem": el.data.world(6, 4, 12)}
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    done = doctest.testmod(found, extraglobs=names, optionflags=flags)
    assert done.attempted > 0 and done.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_all_code_is_python(page):
    for block in blocks(page, "python"):
        compile(block, page.name, "exec")


def test_the_commands_of_the_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fleet(tmp_path)
    (block,) = blocks(ROOT / "docs" / "command_line.md", "sh")
    lines = block.replace("\\\n", " ").splitlines()
    assert lines[0].startswith("pip install") and len(lines) == 5
    for line in lines[1:]:
        program, *arguments = line.split()
        assert program == "equiload" and main(arguments) == 0


def test_the_scenario_folder_of_the_page_is_one(tmp_path):
    page = ROOT / "docs" / "command_line.md"
    (header,) = blocks(page, "json")
    (tmp_path / "scenario.json").write_text(header)
    files = re.findall(r"^`(\w+\.csv)`:\n\n```text\n(.*?)^```", page.read_text(), re.S | re.M)
    for name, text in files:
        (tmp_path / name).write_text(text)
    assert len(files) == 4
    solution = el.solve(el.data.load(tmp_path))
    assert solution.status == "optimal" and solution.problem.site_names == ("Oslo", "Madrid")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"https?:|mailto:", target):
            assert (page.parent / target).exists(), target
