"""The benchmark of the CUDA back end, as far as it goes without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import equiload as el

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.gpu import __main__ as driver
from benchmarks.gpu import kernels, measure, passes, plan, table


def bench(*arguments: str, **more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | more,
        check=False,
    )


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def stages(clock: Clock, *lines: tuple) -> list[plan.Stage]:
    """Stages that take the seconds given, or end as the exception given says."""

    def make(name, least, most, takes, after=None):
        def run(seconds: float) -> str:
            if isinstance(takes, Exception):
                raise takes
            clock.now += min(takes, seconds)
            if takes > seconds:
                raise plan.Stopped(f"stopped after {seconds:.0f} s")
            return f"given {seconds:.0f} s"

        return plan.Stage(name, least, most, run, after)

    return [make(*line) for line in lines]


def test_the_budget_is_kept_and_all_is_told():
    clock, told = Clock(), []
    found = plan.follow(
        stages(
            clock,
            ("first", 5, 60, 20),
            ("slow", 5, 30, 99),
            ("large", 60, 90, 1),
            ("broken", 1, 9, plan.Failed("exit status 3")),
            ("surprise", 1, 9, OSError("no room")),
            ("idle", 1, 9, plan.Skipped("not here")),
            ("behind", 1, 9, 1, "broken"),
            ("last", 5, 90, 5),
        ),
        100.0,
        told.append,
        clock,
    )
    assert found == told and clock.now == 155.0
    assert [(o.name, o.outcome, o.seconds, o.note) for o in found] == [
        ("first", "done", 20, "given 60 s"),
        ("slow", "stopped", 30, "stopped after 30 s"),
        ("large", "skipped", 0, "needs 60 s, 50 s left"),
        ("broken", "failed", 0, "exit status 3"),
        ("surprise", "failed", 0, "OSError: no room"),
        ("idle", "skipped", 0, "not here"),
        ("behind", "skipped", 0, "needs the stage broken"),
        ("last", "done", 5, "given 50 s"),
    ]
    json.dumps(plan.as_json(found))


def run(code: str, seconds: float, folder: Path) -> str:
    return plan.command([sys.executable, "-c", code], seconds, folder / "log.txt", cwd=folder)


def test_a_command_ends_in_time_with_all_it_started(tmp_path):
    assert run("print('fine')", 60, tmp_path) == "fine\n"
    with pytest.raises(plan.Failed, match="exit status 4: the reason"):
        run("print('the reason\\n'); raise SystemExit(4)", 60, tmp_path)
    # The child holds the pipe that is read here until it is ended as well.
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    child = f"import subprocess, time; subprocess.Popen(['sleep', '600'], pass_fds=[{writer}])"
    code = f"import os; os.set_inheritable({writer}, True); {child}; time.sleep(600)"
    popen = subprocess.Popen
    with pytest.MonkeyPatch.context() as patch, pytest.raises(plan.Stopped, match="stopped after"):
        patch.setattr(subprocess, "Popen", lambda *a, **k: popen(*a, **k, pass_fds=[writer]))
        run(code, 1.0, tmp_path)
    os.close(writer)
    assert os.read(reader, 1) == b""
    os.close(reader)
    log = (tmp_path / "log.txt").read_text()
    assert "fine" in log and "the reason" in log


def test_iterations_are_told_from_checks():
    # 2 ms an iteration and 50 ms a check, which come at growing distances.
    counts = [32, 48, 64, 128, 256, 512]
    trace = [(n, 0.002 * n + 0.05 * k, 1e-3) for k, n in enumerate(counts)]
    found = measure.rates(trace, arcs=1_000_000, precision="double", copy=24.0)
    assert found["iteration_ms"] == pytest.approx(2.0)
    assert found["check_ms"] == pytest.approx(50.0)
    assert found["gb_per_second"] == pytest.approx(12.0)
    assert found["share_of_copy"] == pytest.approx(0.5)
    assert found["iterations_per_second"] == pytest.approx(480 / (0.96 + 0.25))
    ended = [*trace, (512, 1.5, 1e-3)]
    assert measure.spent(ended, found) == {
        "answer_seconds": pytest.approx(1.5 - (1.024 + 0.25)),
        "iterations_seconds": pytest.approx(1.024),
        "checks_seconds": pytest.approx(0.3),
    }
    assert measure.spent(ended[-1:], {}) == {}
    short = measure.rates(trace[:3], arcs=1, precision="mixed", copy=None)
    assert short == {"iterations_per_second": pytest.approx(32 / (0.064 + 0.1))}
    assert measure.rates(trace[:1], 1, "double", None) == {}
    assert measure.reached([(1, 0.1, np.inf), (2, 0.2, 1e-5)], 1e-4) == 0.2
    assert measure.reached([(1, 0.1, np.nan)], 1e-4) is None


def test_the_table():
    record = {"world": "year", "device": "cuda", "precision": "double", "arcs": 140_160_000}
    record |= {"generate_seconds": 3.14159, "setup_seconds": 0.5, "iterations_per_second": 812.34}
    record |= {"iteration_ms": 0.9, "gb_per_second": 3737.6, "share_of_copy": 0.867}
    record |= {"seconds_to_1e-4": 1.25, "gap": 2.5e-5, "method": "first-order"}
    head, row, other = table.worlds([record, {"world": "week"}]).splitlines()
    assert head.split("  ")[0].strip() == "world" and head.endswith("method")
    cells = "year cuda double 140,160,000 3.14 s 0.5 s 812.3 0.9 3.74e+03 87% 1.25 s - 2.5e-05"
    assert row.split() == [*cells.split(), "first-order"]
    assert other.split() == ["week", *"-" * 13]
    assert len(head) == len(row)


def test_the_launches_of_a_world(tmp_path):
    problem = el.data.world(5, 4, 6, arcs_per_gateway=3)
    passes.write(problem, tmp_path / "world")
    numbers = 6 * (4 + 5 * 4) + 2 * 12 + 2  # tables; energies and costs; weights
    assert (tmp_path / "world").stat().st_size == 8 * (5 + numbers) + 4 * (2 * 12 + 2 * 5)
    printed = "plain ArcPass 8 4.0\nall ArcPass 8 4.0\nall SumItems 16 1.0\n"
    arc_pass, other, sums = passes.read(printed, problem, "mixed", 1e-3)
    assert arc_pass["ms"] == 0.5 and sums["ms"] == 0.0625
    assert arc_pass["gb"] == pytest.approx(1e-9 * 6 * (16 * 12 + 32 * 4 + 8 * 5))
    assert arc_pass["share_of_copy"] == pytest.approx(arc_pass["gb"] / 0.5e-3 / 1e-3)
    assert "gb" not in other and "gb" not in sums
    assert passes.moved("SitePass", problem, "double") == 6 * 5 * (56 + 2 * 8)
    assert passes.moved("BurdenPass", problem, "double") == 6 * (12 * 8 + 5 * (48 + 2 * 8))


PTXAS = """
ptxas info    : Compiling entry function '_Z3onev' for 'sm_90'
ptxas info    : Function properties for _Z3onev
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 70 registers, used 1 barriers
"""
SASS = """
\t\tFunction : _Z3onev
        /*0010*/                   LDG.E R4, desc[UR6][R4.64] ;
        /*0020*/              @!P0 LDG.E.64 R6, desc[UR6][R2.64] ;
        /*0030*/                   LDG.E.64.CONSTANT R8, desc[UR6][R2.64+0x8] ;
        /*0040*/               @P0 BRA 0x90 ;
        /*0050*/                   DADD R10, R8, 1 ;
        /*0060*/                   LDG.E.64 R12, desc[UR6][R2.64] ;
        /*0070*/                   BRA 0xb0 ;
        /*0080*/                   LDG.E R14, desc[UR6][R2.64] ;
        /*0090*/                   IADD3 R1, R15, R1, RZ ;
\t\tFunction : _Z3twov
        /*0010*/                   LDG.E.128 R4, desc[UR6][R2.64] ;
        /*0020*/                   STG.E desc[UR6][R2.64], R7 ;
        /*0030*/                   LDG.E.64 R4, desc[UR6][R2.64] ;
"""


def test_what_the_compiler_says_of_kernels():
    assert list(kernels.compiled(PTXAS)) == [("_Z3onev", 70, 20)]
    assert list(kernels.in_flight(SASS)) == [("_Z3onev", 3), ("_Z3twov", 1)]
    hopper, turing = kernels.MULTIPROCESSORS[90], kernels.MULTIPROCESSORS[75]
    assert hopper.resident(128, 70, 32 << 10) == 24  # shared memory: six blocks with 33 KB each
    assert hopper.resident(128, 70) == 28  # registers: 72 a thread
    assert hopper.resident(256, 111) == 16
    assert hopper.resident(32, 20) == 32 and turing.resident(32, 20) == 16  # blocks
    assert kernels.with_shared(32, hopper) == (128, 32 << 10)
    assert kernels.with_shared(48, hopper) == (64, 24 << 10)
    assert kernels.with_shared(48, turing) is None and kernels.with_shared(160, hopper) is None


def test_the_plan_is_printed_and_most_worth_comes_first():
    found = bench("--plan")
    names = [line.split()[0] for line in found.stdout.splitlines()]
    assert found.returncode == 0 and names[:3] == ["build", "copy", "cpp-tests"]
    assert names.index("week") < names.index("year") < names.index("large")
    some = bench("--plan", "--stages", "year").stdout
    assert [line.split()[0] for line in some.splitlines()] == ["build", "year"]
    some = bench("--plan", "--stages", "year,copy", "--installed").stdout
    assert [line.split()[0] for line in some.splitlines()] == ["copy", "year"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stages", "week,month"], "there is no stage 'month'; there are build, copy,"),
        (["--budget", "0"], "--budget is 0.0; it must be above 0"),
    ],
)
def test_bad_arguments_are_named(capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        driver.parse(arguments)
    assert end.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize("said", [None, "No devices were found"])
def test_without_a_gpu_it_refuses_in_one_line(tmp_path, said):
    if said:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\necho {said}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    found = bench("--out", str(tmp_path / "out"), PATH=str(tmp_path))
    assert found.returncode == 2 and found.stderr == ""
    assert found.stdout.startswith("benchmarks.gpu: no NVIDIA GPU here (")
    assert found.stdout.count("\n") == 1 and (said or "there is no nvidia-smi") in found.stdout
    assert not (tmp_path / "out").exists()


def test_a_build_that_cannot_use_the_device_fails():
    bench = driver.Bench(driver.parse(["--installed"]))
    info = {"backends": ["reference", "cpu"], "compiler": "GCC", "vector": "avx2"}
    with pytest.raises(plan.Failed, match="has no cuda back end, only reference, cpu"):
        bench.described(info)
    info["backends"].append("cuda")
    info["cuda"] = {"devices": [], "reason": "driver too old", "toolkit": "13.0", "targets": "90"}
    with pytest.raises(plan.Failed, match="the build can use no device: driver too old"):
        bench.described(info)
    info["cuda"]["devices"] = ["NVIDIA H200"]
    assert bench.described(info) == "CUDA 13.0 for 90, GCC"


def test_the_architecture_is_the_gpus(monkeypatch):
    monkeypatch.setattr(driver, "ask_gpu", lambda *fields: {"compute_cap": "12.0"}[fields[0]])
    assert driver.architecture() == "120"
    monkeypatch.setattr(driver, "ask_gpu", lambda *fields: "")
    with pytest.raises(plan.Failed, match="names no compute capability: ''"):
        driver.architecture()


def test_the_same_code_measures_on_the_cpu(tmp_path):
    names = "copy,cpp-tests,week,week-cpu,memcheck,arc-pass,batch,resident"
    arguments = ["--device", "cpu", "--tiny", "--installed", "--stages", names]
    found = bench(*arguments, "--budget", "120", "--out", str(tmp_path))
    assert found.returncode == 0, found.stdout + found.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    outcomes = {stage["name"]: stage["outcome"] for stage in results["stages"]}
    done = dict.fromkeys(("copy", "week", "week-cpu", "batch", "resident"), "done")
    assert outcomes == done | dict.fromkeys(("cpp-tests", "memcheck", "arc-pass"), "skipped")
    assert results["copy_gb_s"] > 0 and len(results["worlds"]) == 2
    for world in results["worlds"]:
        assert world["status"] == "optimal" and world["gap"] <= 1e-6
        assert 0 < world["seconds_to_1e-4"] <= world["seconds_to_1e-6"] <= world["seconds"]
        assert world["iterations_per_second"] > 0 and world["arcs"] == 24 * 60
    assert results["worlds"][1]["threads"] == 2
    assert [row["optimal"] for row in results["batch"]] == [8] * 4
    assert all(row["gap"] <= 1e-4 and row["seconds"] > 0 for row in results["batch"])
    (call,) = results["resident"]
    assert call["kind"] == "numpy" and call["gap"] <= 1e-4
    assert 0 < call["problem_seconds"] < call["seconds"]
    assert 0 < call["host_gb_before"] <= call["host_gb"]
    assert "iterations/s" in found.stdout and "the device copies" in found.stdout
    assert "benchmarks.gpu.measure" in (tmp_path / "log.txt").read_text()


def in_a_bare_python(tmp_path, monkeypatch, *lacking):
    """A bench whose Python lacks these packages and whose index has only pytest."""
    one = driver.Bench(driver.parse(["--out", str(tmp_path / "out")]))
    one.prepare()
    asked = []

    def shell(argv, seconds):
        asked.append(argv[-1])
        if argv[-1] != "pytest":
            raise plan.Failed("exit status 1: no index")
        (one.site / "pytest").mkdir(parents=True)
        return ""

    monkeypatch.setattr(one, "shell", shell)
    monkeypatch.setattr(
        driver.importlib.util, "find_spec", lambda name: name not in lacking or None
    )
    return one, asked


def test_tests_may_lack_what_they_want_and_the_build_may_not(tmp_path, monkeypatch):
    lacking = "pytest", "pytest_timeout", "highspy"
    one, asked = in_a_bare_python(tmp_path, monkeypatch, *lacking)
    assert one.install(["pip"], 9.0) == ["pytest_timeout", "highspy"]
    assert asked == ["pytest", "pytest-timeout", "highspy"]
    with pytest.raises(plan.Skipped, match="needs pytest_timeout"):
        one.python_tests(9.0)
    one, _ = in_a_bare_python(tmp_path, monkeypatch, "numpy")
    with pytest.raises(plan.Failed, match="no index"):
        one.install(["pip"], 9.0)


@pytest.mark.parametrize(
    ("summary", "outcome"),
    [("3 passed in 9 s", plan.Stopped), ("1 failed, 2 passed in 9 s", plan.Failed)],
)
def test_python_tests_end_with_a_summary_when_time_is_over(tmp_path, monkeypatch, summary, outcome):
    one, _ = in_a_bare_python(tmp_path, monkeypatch)

    def shell(argv, seconds):
        assert "--session-timeout=96" in argv
        one.log.write_text(f"!!! session-timeout: 96.0 sec exceeded !!!\n{summary}\n")
        raise plan.Failed(f"exit status 1: {summary}")

    monkeypatch.setattr(one, "shell", shell)
    with pytest.raises(outcome, match=summary):
        one.python_tests(120.0)


def test_a_failing_stage_shows_in_the_status(tmp_path):
    (tmp_path / "equiload.py").write_text("raise ImportError('a broken build')\n")
    arguments = ["--device", "cpu", "--installed", "--stages", "week", "--out", str(tmp_path)]
    found = bench(*arguments, PYTHONPATH=str(tmp_path))
    assert found.returncode == 1
    assert "exit status 1: ImportError: a broken build" in found.stdout


def test_the_solves_under_the_sanitizer(capsys):
    measure.sanitize("cpu")  # judges each answer itself
    assert capsys.readouterr().out.count("Solution(") == 3
