"""What a newcomer does with four downloaded files: in five commands, and in eight lines."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("pandas", reason="the tables are those of pandas")

import pandas as pd
from grid_files import fleet

import equiload as el
from equiload.cli import main
from equiload.html import written

# After `pip install "equiload[all]"`, the first of the five.
COMMANDS = """\
init fleet --demand demand.csv --price entsoe.csv --carbon electricity-maps.csv \
--sites sites.csv --rate EUR=1.08 --step 1h
check fleet
solve fleet --out run
report run"""

LINES = """\
import equiload as el
problem = el.data.align("demand.csv", "entsoe.csv", {"carbon": "electricity-maps.csv"},
    sites="sites.csv", rates={"EUR": 1.08}, step="1h", equity={"carbon": el.Max(1500.0)})
solution = el.solve(problem)
solution.save("plan.csv")
el.plot.site_load(solution).savefig("site-load.png")
el.report(solution, "report.html")"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return fleet(tmp_path)


def checked_plan(path, demand: float):
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"slot", "gateway", "site", "delay", "model", "work"}
    assert rows[0]["slot"] == "2024-01-01T00:00:00Z"
    assert sum(float(row["work"]) for row in rows) == pytest.approx(demand)
    assert {row["gateway"] for row in rows} == {"Berlin", "Paris"}


def test_five_commands_to_a_picture_a_plan_and_a_page(files, tmp_path, capsys):
    for line in COMMANDS.splitlines():
        assert main(line.split()) == 0, capsys.readouterr()
    for picture in ("site-load", "burdens", "cumulative-burden", "convergence", "map"):
        assert (tmp_path / "run" / f"{picture}.png").stat().st_size > 1000
    checked_plan(tmp_path / "run" / "plan.csv", 24 * 8.5)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "map carbon" in page and "Frankfurt" in page
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["status"] == "optimal" and run["partial"] is False
    readme = (tmp_path / "fleet" / "README.md").read_text(encoding="utf-8")
    assert "| price.csv | slot | site | USD/MWh |" in readme


def test_eight_lines_of_python(files, tmp_path):
    assert len(LINES.splitlines()) <= 8
    exec(LINES, {})
    checked_plan(tmp_path / "plan.csv", 24 * 8.5)
    assert (tmp_path / "site-load.png").exists() and (tmp_path / "report.html").exists()


@pytest.fixture(scope="module")
def solution():
    return el.solve(el.data.world(6, 4, 6), tol=1e-4)


def test_answers_by_name_and_time(solution):
    frames, problem = solution.to_pandas(), solution.problem
    plan = frames["plan"]
    assert list(plan.columns) == ["slot", "gateway", "site", "delay", "model", "work"]
    by_gateway = plan.groupby(["slot", "gateway"])["work"].sum()
    for j, name in enumerate(problem.gateway_names):
        assert by_gateway[problem.slot_times[2], name] == pytest.approx(problem.demand[2, j])
    load = frames["load"]
    assert load.index.dtype.kind == "M" and load.attrs["units"] == "MWh"
    np.testing.assert_array_equal(load[problem.site_names[1]], solution.site_load[:, 1])
    name = problem.site_names[3]
    assert frames["burden"].loc[("carbon", name), "total"] == solution.footprints["carbon"][3]
    assert solution.burden("carbon")[name] == solution.footprints["carbon"][3]
    with pytest.raises(el.InputError, match="no footprint 'noise'; there are carbon, water"):
        solution.burden("noise")
    run = el.simulate(el.online.Greedy(problem.static()), problem)
    assert "price" not in run.to_pandas()["burden"]
    assert run.burden("water") == pytest.approx(
        dict(zip(problem.region_names["water"], run.footprints["water"], strict=True))
    )


def test_plans_in_any_format(solution, tmp_path):
    plan = solution.to_pandas()["plan"]
    solution.save(tmp_path / "plan.csv")
    solution.save(tmp_path / "plan.parquet")
    exact = {"work": float}  # older versions of pandas read the last digit as they like
    read = pd.read_csv(tmp_path / "plan.csv", parse_dates=["slot"], converters=exact)
    assert read["work"].tolist() == plan["work"].tolist()
    assert read["slot"].dt.tz_localize(None).tolist() == plan["slot"].tolist()
    columns = pd.read_parquet(tmp_path / "plan.parquet")
    assert columns["site"].tolist() == plan["site"].tolist()
    run = el.simulate(el.online.Greedy(solution.problem.static()), solution.problem)
    run.save(tmp_path / "run.csv")
    assert pd.read_csv(tmp_path / "run.csv")["work"].sum() == pytest.approx(plan["work"].sum())
    with pytest.raises(el.InputError, match=r"must end in \.npz or \.nc"):
        run.save(tmp_path / "run.txt")


@pytest.mark.parametrize("suffix", ["npz", "nc"])
def test_comparisons_are_kept(solution, tmp_path, suffix):
    problem, file = solution.problem, tmp_path / f"kept.{suffix}"
    static = problem.static()
    made = el.compare(
        problem, [el.online.Greedy(static), el.online.MirrorDescent(static)], offline=solution
    )
    made.save(file)
    read = el.online.Comparison.load(file)
    assert read.rows == made.rows and read.problem == problem
    assert read.offline.lower_bound == solution.lower_bound
    run, again = made.runs["MirrorDescent"], read.runs["MirrorDescent"]
    np.testing.assert_array_equal(again.prices["carbon"], run.prices["carbon"])
    made.save(tmp_path / "table.csv")
    frame = pd.read_csv(tmp_path / "table.csv", index_col="policy")
    assert frame["objective"].to_dict() == made.to_pandas()["objective"].to_dict()


def test_runs_are_kept(solution, tmp_path):
    problem, file = solution.problem, tmp_path / "run.npz"
    static = problem.static()
    run = el.simulate(el.online.MirrorDescent(static), problem)
    run.save(file)
    again = el.online.Run.load(file)
    assert repr(again) == repr(run) and again.breakdown == run.breakdown
    np.testing.assert_array_equal(again.prices["carbon"], run.prices["carbon"])
    stopped = el.simulate(
        el.online.Greedy(static), problem, callback=lambda slot, decision: slot == 1
    )
    stopped.save(file)
    assert el.online.Run.load(file).status == "interrupted"


def test_a_kept_run_that_is_none_is_refused(solution, tmp_path):
    problem, file = solution.problem, tmp_path / "run.npz"
    run = el.simulate(el.online.Greedy(problem.static()), problem)
    run.save(file)
    with np.load(file) as archive:
        arrays = dict(archive)
    described = json.loads(str(arrays["runs"]))

    def refused(message: str, **changes) -> None:
        np.savez(file, **(arrays | changes))
        with pytest.raises(el.InputError, match=message):
            el.online.Run.load(file)

    refused("demand is not kept", run0_allocation=0.5 * run.allocation)
    refused("work is negative", run0_allocation=run.allocation - 1.0)
    full = np.zeros_like(run.allocation)
    first = [int(np.argmax(problem.network.gateway == j)) for j in range(problem.gateways)]
    full[:, first] = 1e3 * problem.demand
    refused("a capacity is not kept", run0_allocation=full)
    refused(r'"run0_gap" has shape \(5,\)', run0_gap=run.gaps[1:])
    refused("run0_secondz", run0_secondz=run.seconds)
    described["runs"][0]["status"] = "fine"
    refused('"status" must be one of done', runs=np.array(json.dumps(described)))
    described["runs"] *= 2
    refused("2 runs are listed; there are 1", runs=np.array(json.dumps(described)))
    solution.save(file)
    with pytest.raises(el.InputError, match='there is no "runs"'):
        el.online.Run.load(file)


def test_datasets_by_variable(solution):
    small = solution.to_xarray(["site_load"]).to_dataframe()
    assert small.shape[0] == solution.site_load.size
    with pytest.raises(el.InputError, match="no variable 'loads'; there are demand"):
        solution.to_xarray(["loads"])


def test_notebooks_show_tables(solution):
    problem = solution.problem
    comparison = el.compare(problem, [el.online.Greedy(problem.static())], offline=solution)
    run, swept = comparison.runs["GLB-Cost"], el.frontier(problem, {"carbon": [1.0, 9.0]}, tol=1e-2)
    for shown in (problem, solution, solution.audit(), solution.prices, run, comparison, swept):
        text = shown._repr_html_()
        assert text.startswith("<table") and text.endswith("</table>")
    assert f"{solution.objective:,.6g} USD" in solution._repr_html_()
    dearest = solution.prices.equity["carbon"].max()
    assert f">{written(dearest)}</td>" in solution.prices._repr_html_()
    assert written(689340.4) == "689,340" and written(2.5e-7) == "2.5e-07"
    odd = problem.replace(footprints={"<b>": problem.price * 0}, equity={})
    assert "&lt;b&gt;" in odd._repr_html_()


@pytest.mark.parametrize("command", ["check", "solve", "compare", "frontier"])
def test_json_is_one_object(command, tmp_path, capsys):
    el.data.save(el.data.world(5, 3, 4), tmp_path / "s")
    options = ["--points", "3"] if command == "frontier" else []
    assert main([command, str(tmp_path / "s"), "--json", *options]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["command"] == command and captured.err == ""


def test_bench_info_convert_and_init(tmp_path, capsys):
    assert main(["bench", "--quick", "--tol", "1e-2", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["worlds"]) == 2
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == el.__version__
    assert main(["init", str(tmp_path / "new")]) == 0
    assert main(["init", str(tmp_path / "new")]) == 2
    assert "there is a scenario already" in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "new"), str(tmp_path / "new.nc")]) == 0
    assert el.data.load(tmp_path / "new.nc") == el.data.load(tmp_path / "new")
    assert main(["solve", str(tmp_path / "new"), "--out", str(tmp_path / "run")]) == 0
    solution = str(tmp_path / "run" / "solution.npz")
    assert main(["convert", solution, str(tmp_path / "plan.parquet")]) == 0
    assert main(["convert", str(tmp_path / "new"), str(tmp_path / "plan.csv")]) == 2
    assert "a scenario is written to a folder or a .nc file" in capsys.readouterr().err


def test_frontier_writes_its_points(tmp_path, capsys):
    el.data.save(el.data.world(5, 3, 4), tmp_path / "s")
    arguments = ["frontier", str(tmp_path / "s"), "--points", "3", "--tol", "1e-3"]
    assert main([*arguments, "--out", str(tmp_path / "f")]) == 0
    frame = pd.read_csv(tmp_path / "f" / "frontier.csv")
    assert len(frame) == 3 and (frame["gap"] <= 1e-3).all()
    assert frame["carbon burden"].is_monotonic_decreasing
    assert (tmp_path / "f" / "frontier.png").exists()
    assert main([*arguments, "--footprint", "noise"]) == 2
    assert "those with an equity term are: carbon, water" in capsys.readouterr().err


def test_out_is_tried_before_the_work(tmp_path, monkeypatch, capsys):
    el.data.save(el.data.world(5, 3, 4), tmp_path / "s")
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("equiload.cli.solve", lambda *_, **__: pytest.fail("solved too early"))
    assert main(["solve", str(tmp_path / "s"), "--out", str(tmp_path / "file")]) == 2
    assert "file" in capsys.readouterr().err


def test_what_init_cannot_read(files, capsys):
    given = ["init", "x", "--demand", "demand.csv", "--price", "entsoe.csv"]
    for options, message in [
        (["--rate", "EUR"], "--rate 'EUR' must be NAME=VALUE"),
        (["--rate", "EUR=many"], "--rate: 'many' is no number"),
        (["--equity", "carbon=most:1"], "'most' is none of max, sum, norm, topmean, budget"),
        (["--sites", "none.csv"], "none.csv: No such file"),
    ]:
        assert main([*given, *options]) == 2
        assert message in capsys.readouterr().err
    assert main(["init", "x", "--demand", "demand.csv"]) == 2
    assert "--price is missing" in capsys.readouterr().err


def test_every_command_has_an_example(capsys):
    for command in ("init", "check", "solve", "report", "compare", "frontier", "convert", "demo"):
        assert main([command, "--help"]) == 0
        assert f"equiload {command}" in capsys.readouterr().out.split("Example", 1)[1]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("solve fleet --method b", {"barrier"}),
        ("solve fleet --device cu", {"cuda"}),
        ("com", {"compare"}),
        ("frontier fleet --foot", {"--footprint"}),
    ],
)
def test_the_shell_completes_commands_options_and_words(line, found):
    words = f"equiload {line}"
    environment = os.environ | {"_EQUILOAD_COMPLETE": "complete_bash", "COMP_WORDS": words}
    environment["COMP_CWORD"] = str(len(words.split()) - 1)
    done = subprocess.run(
        [sys.executable, "-m", "equiload"], capture_output=True, text=True, env=environment
    )
    assert set(done.stdout.split()) == found, done


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_spreadsheet_of_another_country(tmp_path, mark):
    """What a German Excel writes: a table is read, a scenario's file refused in words."""
    lines = ["time;Berlin [MWh];Paris [MWh]", "2024-01-01T00:00Z;4,5;3", "2024-01-01T01:00Z;1;3,25"]
    file = tmp_path / "demand.csv"
    file.write_text("\n".join(lines).replace(";", mark))
    np.testing.assert_array_equal(el.data.read(file, "demand").values, [[4.5, 3.0], [1.0, 3.25]])
    folder = tmp_path / "scenario"
    el.data.save(el.data.world(3, 2, 2), folder)
    price = folder / "price.csv"
    price.write_text(price.read_text().replace(",", mark).replace(".", ","))
    spoken = {";": "semicolons", "\t": "tabs"}[mark]
    with pytest.raises(el.InputError, match=rf"price.csv, line 1: its columns .* {spoken}; a scen"):
        el.data.load(folder)


def test_rooms_open_when_they_are_named():
    """`import equiload` alone leads to every room, and opens none of them."""
    code = (
        "import sys, equiload as el; "
        "rooms = ['data', 'distributed', 'online', 'reporting']; "
        "assert not any(f'equiload.{room}' in sys.modules for room in rooms), sys.modules; "
        "assert 'matplotlib' not in sys.modules and 'pandas' not in sys.modules; "
        "print(all([el.plot.site_map, el.data.align, el.online.Greedy, el.distributed.sweep, "
        "el.report, el.compare, el.simulate]), set(el.__all__) <= set(dir(el)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_without_typer_one_line_says_what_is_missing():
    code = "import sys; sys.modules['typer'] = None; from equiload.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == 'equiload: the command line needs: pip install "equiload[cli]"\n'


def test_a_solve_is_logged_and_prints_nothing(caplog, capsys):
    with caplog.at_level("INFO", logger="equiload"):
        solution = el.solve(el.data.world(4, 2, 3), tol=1e-3)
    assert repr(solution) in caplog.text
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
