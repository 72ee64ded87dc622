import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("typer", reason="the command line needs typer")

import equiload as el
from equiload.cli import main

SMALL = ["--sites", "8", "--gateways", "5", "--slots", "6", "--tol", "1e-3"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """The demonstration writes where it is run."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def scenario(tmp_path):
    el.data.save(el.data.world(8, 5, 6), tmp_path / "scenario")
    return tmp_path / "scenario"


@pytest.fixture
def overfull(tmp_path):
    problem = el.Problem(np.full((2, 1), 9.0), [5.0], [[1.0]] * 2, site_names=["Texas"])
    el.data.save(problem, tmp_path / "overfull")
    return tmp_path / "overfull"


def test_demo_prints_the_comparison(capsys):
    assert main(["demo", *SMALL]) == 0
    out = capsys.readouterr().out
    assert "6 slots, 5 gateways, 8 sites" in out
    for label in ("status", "energy cost", "carbon max", "water max/mean", "certified gap", "time"):
        assert label in out
    (carbon,) = (line.split() for line in out.splitlines() if line.startswith("carbon max/mean"))
    cheap, fair = map(float, carbon[-2:])
    assert fair < cheap
    (equity,) = (line.split() for line in out.splitlines() if line.startswith("carbon equity"))
    assert equity[-2] == "-" and float(equity[-1].replace(",", "")) > 0


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"equiload {el.__version__}\n"


def test_demo_writes_solutions_scenario_and_pictures(tmp_path, capsys):
    assert main(["demo", *SMALL, "--out", str(tmp_path / "out")]) == 0
    solution = el.Solution.load(tmp_path / "out" / "equity-aware.npz")
    assert solution.gap <= 1e-3
    assert el.data.load(tmp_path / "out" / "scenario") == solution.problem
    pictures = [(tmp_path / "out" / f"{name}.png").exists() for name in ("burdens", "site-load")]
    out = capsys.readouterr().out
    assert all(pictures) != ("no pictures: " in out)


def test_without_matplotlib_one_line_says_what_is_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "equiload.picture", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    assert main(["demo", *SMALL, "--out", str(tmp_path)]) == 0
    (line,) = (x for x in capsys.readouterr().out.splitlines() if x.startswith("no pictures"))
    assert 'pip install "equiload[plot]"' in line
    assert (tmp_path / "equity-aware.npz").exists()


def test_demo_has_a_folder_of_its_own_and_solve_has_none(scenario, tmp_path):
    assert main(["demo", *SMALL]) == 0
    assert (tmp_path / "equiload-demo" / "cost-only.npz").exists()
    before = sorted(tmp_path.iterdir())
    assert main(["solve", str(scenario), "--tol", "1e-3"]) == 0
    assert sorted(tmp_path.iterdir()) == before


def test_solve_a_scenario(scenario, tmp_path, capsys):
    assert main(["solve", str(scenario), "--out", str(tmp_path / "out"), "--tol", "1e-4"]) == 0
    assert "optimal" in capsys.readouterr().out
    solution = el.Solution.load(tmp_path / "out" / "solution.npz")
    assert solution.problem == el.data.load(scenario)
    assert solution.status == "optimal"


def test_stopped_early_is_1(scenario, monkeypatch, capsys):
    """Whatever stops the solver before its goal, the best answer is still reported."""
    best = el.solve(el.data.load(scenario), tol=1e-3)
    for status in ("feasible", "interrupted"):
        object.__setattr__(best, "status", status)
        monkeypatch.setattr("equiload.cli.solve", lambda problem, **_: best)
        assert main(["solve", str(scenario)]) == (130 if status == "interrupted" else 1)
        out = capsys.readouterr().out
        assert status in out and "energy cost" in out


def test_infeasible_is_1_and_says_where(overfull, tmp_path, capsys):
    assert main(["solve", str(overfull), "--out", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert "infeasible" in captured.out
    assert "Texas" in captured.err and "slot" in captured.err
    assert not (tmp_path / "out").exists()


def test_check(scenario, overfull, capsys):
    assert main(["check", str(scenario)]) == 0
    assert "8 sites" in capsys.readouterr().out
    assert main(["check", str(overfull)]) == 1
    assert "error" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["solve", "check"])
def test_bad_input_is_2_and_one_line(scenario, command, capsys):
    file = scenario / "price.csv"
    lines = file.read_text().splitlines()
    cells = lines[3].split(",")
    lines[3] = ",".join([*cells[:2], "nan", *cells[3:]])
    file.write_text("\n".join(lines) + "\n")
    assert main([command, str(scenario)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("equiload: price[slot 2 ") and "site 1 (" in line and "NaN" in line


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["solve", "nowhere"], "nowhere"),
        (["demo", "--sites", "0"], "sites is 0"),
        (["demo", *SMALL[:-1], "2"], "tol is 2"),
        (["demo", "--sites", "many"], "--sites"),
        (["solve"], "scenario"),
        (["fly"], "fly"),
        ([], "COMMAND"),
    ],
)
def test_bad_arguments_are_2(arguments, word, capsys):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert word in err and "Traceback" not in err


def test_a_place_that_cannot_be_written_is_2(scenario, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["solve", str(scenario), "--tol", "1e-2", "--out", str(tmp_path / "file")]) == 2
    assert "file" in capsys.readouterr().err


def test_ctrl_c_outside_of_a_solve_is_130(monkeypatch, capsys):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("equiload.cli.load", interrupted)
    assert main(["check", "anything"]) == 130
    assert capsys.readouterr().err == "equiload: interrupted\n"


def test_an_interrupted_demo_does_not_start_the_next_solve(monkeypatch, capsys):
    best = el.solve(el.data.world(8, 5, 6).replace(equity={}), tol=1e-3)
    object.__setattr__(best, "status", "interrupted")
    calls = []
    monkeypatch.setattr("equiload.cli.solve", lambda problem, **_: calls.append(1) or best)
    assert main(["demo", *SMALL]) == 130
    assert len(calls) == 1
    assert "interrupted" in capsys.readouterr().out


def test_info(capsys):
    assert main(["info"]) == 0
    assert "backends" in capsys.readouterr().out


def test_help_is_0(capsys):
    assert main(["--help"]) == 0
    assert "demo" in capsys.readouterr().out


def test_what_cannot_be_written_is_2(scenario, tmp_path, capsys):
    (tmp_path / "out" / "solution.npz").mkdir(parents=True)
    assert main(["solve", str(scenario), "--tol", "1e-3", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.endswith("solution.npz: Is a directory\n")


def test_a_reader_that_goes_away_is_no_accident(scenario):
    command = [sys.executable, "-m", "equiload", "solve", str(scenario), "--tol", "1e-3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_as_a_process():
    command = [sys.executable, "-m", "equiload", "demo", "--sites", "0"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=120)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "equiload: sites is 0; it must be at least 1\n"


def test_compare_prints_every_policy_beside_the_optimum(scenario, tmp_path, capsys):
    assert main(["compare", str(scenario), "--tol", "1e-3", "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    for name in ("offline", "GLB-Cost", "GLB-All", "MirrorDescent", "Resolve", "Robust"):
        (line,) = (line for line in out.splitlines() if line.startswith(name + " "))
        assert "%" in line
    assert (tmp_path / "out" / "price-paths.png").exists() != ("no pictures: " in out)


def test_compare_says_what_cannot_fit(overfull, capsys):
    assert main(["compare", str(overfull)]) == 1
    assert "site 0 (Texas) holds 5 MWh" in capsys.readouterr().err
