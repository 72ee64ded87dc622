"""What the documentation shows runs, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="the command line needs typer")
from grid_files import fleet

from equiload.cli import main

ROOT = Path(__file__).parents[2]
# Pages whose every block runs, one after the other, beside four downloaded files.
RUN = ("tour.md", "own_data.md", "certificate.md")
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md"])


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


@pytest.mark.parametrize("page", RUN)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fleet(tmp_path)
    names: dict[str, object] = {}
    found = blocks(ROOT / "docs" / page, "python")
    assert found
    for block in found:
        exec(block, names)


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"https?:|mailto:", target):
            assert (page.parent / target).exists(), target
