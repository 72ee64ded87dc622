"""Build, test and measure the CUDA back end on this machine, in one call and a bounded time.

Only the standard library here: the machine may be bare.  See README.md beside this file.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import table
from .plan import Failed, Outcome, Skipped, Stage, Stopped, as_json, command, follow

ROOT = Path(__file__).resolve().parents[2]
BUILD_NEEDS = ("scikit_build_core", "pybind11")
RUN_NEEDS = ("numpy",)
TEST_NEEDS = ("pytest", "pytest_timeout")
TEST_WANTS = ("hypothesis", "highspy")  # without them some tests skip themselves


def main() -> None:
    options = parse(sys.argv[1:])
    bench = Bench(options)
    stages = bench.stages()
    if options.plan:
        for stage in stages:
            print(f"{stage.name:14} {stage.least:4.0f} to {stage.most:4.0f} s")
        return
    if options.device == "cuda" and (reason := no_gpu()):
        print(f"benchmarks.gpu: {reason}; --device cpu --tiny is the same on the CPU, as a trial")
        raise SystemExit(2)
    bench.prepare()
    try:
        follow(stages, options.budget, bench.tell)
    finally:
        bench.finish()
    raise SystemExit(any(outcome.outcome == "failed" for outcome in bench.outcomes))


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--budget", type=float, default=460.0, help="seconds for all stages")
    parser.add_argument("--stages", help="some of them, by name, separated by commas")
    parser.add_argument("--wheels", type=Path, help="folder of wheels: no package index is asked")
    parser.add_argument("--data", type=Path, help="folder of the ten-data-centre trace, for tests")
    parser.add_argument("--installed", action="store_true", help="no build: this Python has it")
    parser.add_argument("--tiny", action="store_true", help="a tiny world in place of every other")
    parser.add_argument("--threads", type=int, default=2, help="of the CPU solver to compare with")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "gpu")
    parser.add_argument("--plan", action="store_true", help="print the stages and stop")
    options = parser.parse_args(argv)
    known = [stage.name for stage in Bench(options).all_stages()]
    options.chosen = options.stages.split(",") if options.stages else known
    for name in options.chosen:
        if name not in known:
            parser.error(f"there is no stage {name!r}; there are {', '.join(known)}")
    if not options.budget > 0:
        parser.error(f"--budget is {options.budget}; it must be above 0")
    return options


def no_gpu() -> str | None:
    """Say why nothing can run on a GPU here; None where it can."""
    if shutil.which("nvidia-smi") is None:
        return "no NVIDIA GPU here (there is no nvidia-smi)"
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    if listed.returncode or "GPU" not in listed.stdout:
        reason = " ".join((listed.stdout + listed.stderr).split())
        return f"no NVIDIA GPU here (nvidia-smi says: {reason})"
    return None


class Bench:
    """The stages and what they have found so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.outcomes: list[Outcome] = []
        self.worlds: list[dict[str, Any]] = []
        self.found: dict[str, list[dict[str, Any]]] = {"launches": [], "batch": [], "resident": []}
        self.copy: float | None = None

    def stages(self) -> list[Stage]:
        """Return the stages that were asked for, and the build, in the order of the plan."""
        chosen = {"build", *self.options.chosen}
        return [stage for stage in self.all_stages() if stage.name in chosen]

    def all_stages(self) -> list[Stage]:
        """Return the plan: what everything needs, then what is worth most for its time."""
        device, made = self.options.device, None if self.options.installed else "build"
        plan: list[tuple[str, float, float, Callable[[float], str]]] = [
            ("copy", 2, 60, self.measure_copy),
            ("cpp-tests", 5, 90, self.cpp_tests),
            ("week", 5, 40, self.world("week", device)),
            ("year", 40, 130, self.world("year", device)),
            ("arc-pass", 30, 90, self.arc_pass),
            ("week-cpu", 5, 30, self.world("week", "cpu")),
            ("batch", 20, 90, self.batch),
            ("memcheck", 10, 60, self.sanitizer("memcheck")),
            ("python-tests", 15, 120, self.python_tests),
            ("resident", 15, 120, self.resident),
            ("large", 120, 300, self.world("large", device)),
            ("racecheck", 10, 60, self.sanitizer("racecheck")),
            ("initcheck", 10, 60, self.sanitizer("initcheck")),
            ("year-cpu", 60, 240, self.world("year", "cpu")),
        ]
        stages = [Stage(*line, after=None if line[0] == "copy" else made) for line in plan]
        if self.options.tiny:
            stages = [Stage(s.name, 1, s.most, s.run, s.after) for s in stages]
        return stages if made is None else [Stage("build", 20, 300, self.build), *stages]

    def prepare(self) -> None:
        """Make the folders and say where this runs."""
        self.options.out.mkdir(parents=True, exist_ok=True)
        self.log = self.options.out / "log.txt"
        self.log.write_text("")
        self.work = Path(tempfile.mkdtemp(prefix="equiload-gpu-"))
        self.site = self.work / "site"
        self.machine = machine()
        print(", ".join(f"{name} {value}" for name, value in self.machine.items()), flush=True)

    def tell(self, outcome: Outcome) -> None:
        """Print a stage's line and write the results so far."""
        self.outcomes.append(outcome)
        print(
            f"{outcome.name:14} {outcome.outcome:8} {outcome.seconds:7.1f} s  {outcome.note}",
            flush=True,
        )
        self.write()

    def write(self) -> None:
        results = {"machine": self.machine, "device": self.options.device, "copy_gb_s": self.copy}
        results |= {"stages": as_json(self.outcomes), "worlds": self.worlds, **self.found}
        text = json.dumps(results, indent=1)
        (self.options.out / "results.json").write_text(text + "\n")

    def finish(self) -> None:
        """Print the table of what there is, whatever happened."""
        self.write()
        shutil.rmtree(self.work, ignore_errors=True)
        if self.worlds:
            print(f"\n{table.worlds(self.worlds)}\n\n{table.lines(table.SPENT, self.worlds)}")
        if self.found["launches"]:
            print(f"\n{table.lines(table.LAUNCHES, self.found['launches'])}")
        if self.found["batch"]:
            print(f"\n{table.lines(table.BATCH, self.found['batch'])}")
        if self.found["resident"]:
            print(f"\n{table.lines(table.RESIDENT, self.found['resident'])}")
        if self.copy:
            print(f"the device copies {self.copy:.0f} GB/s, read and written")
        print(f"results: {self.options.out / 'results.json'}", flush=True)

    def shell(self, argv: list[str | Path], seconds: float) -> str:
        """Run a program that finds what was built."""
        path = os.pathsep.join([str(self.site), os.environ.get("PYTHONPATH", "")])
        more = {} if self.options.installed else {"PYTHONPATH": path.rstrip(os.pathsep)}
        if self.options.data:
            more["EQUILOAD_DATA"] = str(self.options.data.resolve())
        return command(argv, seconds, self.log, cwd=ROOT, more=more)

    # ------------------------------------------------------------------------ stages

    def build(self, seconds: float) -> str:
        """Build the module and the C++ tests at once, with what they and the tests need."""
        pip: list[str | Path] = [sys.executable, "-m", "pip", "install", "--target", self.site]
        pip += ["--disable-pip-version-check", "--quiet"]
        if self.options.wheels:
            pip += ["--no-index", "--no-deps"]
        lacking = self.install(pip, seconds / 2)
        cuda = self.options.device == "cuda"
        defines = {"EQUILOAD_CUDA": "ON" if cuda else "OFF"}
        if cuda:
            architectures = {"EQUILOAD_CUDA_ARCHITECTURES": architecture()}
            defines |= architectures | {"CMAKE_CUDA_COMPILER": nvcc()}
        if doctest := self.doctest(seconds):
            defines |= {"EQUILOAD_TESTS": "ON", "doctest_DIR": str(doctest / "lib/cmake/doctest")}
        pip += ["--no-deps", f"-Cbuild-dir={self.work / 'build'}"]
        if all(map(self.has, BUILD_NEEDS)):
            pip += ["--no-build-isolation"]
        pip += [f"-Ccmake.define.{name}={value}" for name, value in defines.items()]
        self.shell([*pip, ROOT], seconds)
        code = "import json, equiload; print(json.dumps(equiload.build_info()))"
        printed = self.shell([sys.executable, "-c", code], 60).strip().splitlines()[-1]
        without = f"; without {', '.join(lacking)}" if lacking else ""
        return self.described(json.loads(printed)) + without

    def install(self, pip: list[str | Path], seconds: float) -> list[str]:
        """Install what this Python lacks; return what tests would like and could not have."""
        if self.options.wheels:
            self.shell([*pip, *sorted(self.options.wheels.resolve().glob("*.whl"))], seconds)
        for name in (*RUN_NEEDS, *TEST_NEEDS, *TEST_WANTS):
            if self.has(name) or self.options.wheels:
                continue
            try:  # one by one: no index need be there, and one that lacks the last has the first
                self.shell([*pip, "--retries", "0", name.replace("_", "-")], seconds)
            except Failed:
                if name in RUN_NEEDS:
                    raise
        importlib.invalidate_caches()
        return [name for name in (*TEST_NEEDS, *TEST_WANTS) if not self.has(name)]

    def described(self, info: dict[str, Any]) -> str:
        """Say what was built, having checked that it can use the device."""
        device = self.options.device
        if device not in info["backends"]:
            raise Failed(f"the build has no {device} back end, only {', '.join(info['backends'])}")
        if device == "cpu":
            return f"{info['compiler']}, {info['vector']}"
        if not info["cuda"]["devices"]:
            raise Failed(f"the build can use no device: {info['cuda']['reason']}")
        return f"CUDA {info['cuda']['toolkit']} for {info['cuda']['targets']}, {info['compiler']}"

    def has(self, name: str) -> bool:
        """Say whether this Python finds a module, or has it from the wheels."""
        return importlib.util.find_spec(name) is not None or (self.site / name).is_dir()

    def doctest(self, seconds: float) -> Path | None:
        """Return where doctest is: on the machine, or in a Debian package among the wheels."""
        if Path("/usr/include/doctest/doctest.h").exists():
            return Path("/usr")
        for package in sorted((self.options.wheels or ROOT).glob("doctest-dev*.deb")):
            prefix = self.work / "debian"
            self.shell(["dpkg-deb", "-x", package.resolve(), prefix], seconds)
            targets = prefix / "usr/lib/cmake/doctest/doctestTargets.cmake"
            targets.write_text(targets.read_text().replace('"/usr"', f'"{prefix / "usr"}"'))
            return prefix / "usr"
        return None

    def measure_copy(self, seconds: float) -> str:
        """Measure how fast the device copies; the CPU by NumPy, in one thread."""
        if self.options.device == "cpu":
            size = 32 if self.options.tiny else 512
            code = f"from benchmarks.gpu.host import copy; print(copy(megabytes={size}))"
            printed = self.shell([sys.executable, "-c", code], seconds)
        else:
            program = self.work / "copy"
            source = Path(__file__).with_name("copy.cu")
            target = f"-arch=sm_{architecture()}"
            self.shell([nvcc(), "-O3", target, "-o", program, source], seconds)
            printed = self.shell([program], seconds)
        self.copy = float(printed.split()[-1])
        return f"{self.copy:.0f} GB/s"

    def world(self, name: str, device: str) -> Callable[[float], str]:
        """Return the stage that measures a world on a device."""

        def stage(seconds: float) -> str:
            chosen = "tiny" if self.options.tiny else name
            file = self.work / "world.json"
            file.unlink(missing_ok=True)
            argv: list[str | Path] = [sys.executable, "-m", "benchmarks.gpu.measure", chosen]
            argv += ["--device", device, "--seconds", str(0.85 * seconds), "--json", file]
            if device == "cpu":
                argv += ["--threads", str(self.options.threads)]
            if self.copy and device == self.options.device:
                argv += ["--copy", str(self.copy)]
            try:
                self.shell(argv, seconds)
            finally:
                record = json.loads(file.read_text()) if file.exists() else {}
                if "arcs" in record:
                    self.worlds.append(record | {"world": name})
            reached = {tol: record.get(f"seconds_to_{tol}") for tol in ("1e-4", "1e-6")}
            times = [f"{tol} after {t:.3g} s" for tol, t in reached.items() if t is not None]
            return ", ".join(times) or f"gap {record['gap']:.1e} when the time was over"

        return stage

    def module(self, name: str, seconds: float, *arguments: object) -> Any:
        """Run a module of this folder for its JSON, or what there is of it in time."""
        file = self.work / f"{name}.json"
        file.unlink(missing_ok=True)
        argv = [sys.executable, "-m", f"benchmarks.gpu.{name}", *map(str, arguments)]
        stopped = None
        try:
            self.shell([*argv, "--json", file], seconds)
        except Stopped as end:
            stopped = end
        if not file.exists():
            raise stopped or Failed(f"{name} has left nothing")
        return json.loads(file.read_text())

    def arc_pass(self, seconds: float) -> str:
        """Time the launches of the year's solve one by one."""
        if self.options.device == "cpu":
            raise Skipped("launches are CUDA's")
        library = self.work / "build" / "libequiload_core.a"
        if not library.exists():
            raise Skipped("needs the library of the stage build")
        program, source = self.work / "passes", Path(__file__).with_name("passes.cu")
        flags = ["-std=c++20", "-O3", "--fmad=false", "--expt-relaxed-constexpr"]
        flags += [f"-arch=sm_{architecture()}"]
        folders = [f"-I{ROOT / folder}" for folder in ("cpp", "cuda")]
        began = time.monotonic()
        self.shell([nvcc(), *flags, *folders, "-o", program, source, library], seconds)
        arguments = [program, "tiny" if self.options.tiny else "year"]
        copy = ["--copy", self.copy] if self.copy else []
        left = seconds - (time.monotonic() - began)
        self.found["launches"] = rows = self.module("passes", left, *arguments, *copy)
        row = next(row for row in rows if (row["part"], row["what"]) == ("plain", "ArcPass"))
        share = row["share_of_copy"]
        of_copy = f", {share:.0%} of the copy" if share else ""
        return f"{row['ms']:.3g} ms, {row['gb_per_second']:.0f} GB/s{of_copy}"

    def batch(self, seconds: float) -> str:
        """Solve many scenarios of a small world."""
        arguments: list[object] = ["--device", self.options.device]
        arguments += ["--threads", self.options.threads]
        if self.options.tiny:
            arguments += ["--scenarios", 8, "--slots", 24]
        self.found["batch"] = rows = self.module("batch", seconds, *arguments)
        return "; ".join(f"{row['what']}: {row['seconds']:.3g} s" for row in rows)

    def resident(self, seconds: float) -> str:
        """Time whole calls with tables on the device and with NumPy's."""
        cuda = self.options.device == "cuda"
        worlds = ["tiny"] if self.options.tiny else ["week", "year"]
        if cuda and not self.has("cupy"):
            raise Skipped("CuPy is not importable")
        libraries = ["cupy", "numpy"] if cuda else ["numpy"]
        began = time.monotonic()
        for world in worlds:
            for library in libraries:
                left = seconds - (time.monotonic() - began)
                arguments = [world, library, "--device", self.options.device]
                arguments += ["--seconds", str(0.6 * left)]
                self.found["resident"].append(self.module("resident", left, *arguments))
        return "; ".join(
            f"{row['world']} in {row['kind']}: {row['seconds']:.3g} s"
            for row in self.found["resident"]
        )

    def cpp_tests(self, seconds: float) -> str:
        """Run the C++ tests."""
        program = self.work / "build" / "tests" / "cpp" / "equiload_tests"
        if not program.exists():
            raise Skipped("not built: no doctest on this machine, nor doctest-dev*.deb in --wheels")
        printed = self.shell([program], seconds)
        return next((s for s in printed.splitlines() if "test cases" in s), "passed").strip()

    def python_tests(self, seconds: float) -> str:
        """Run the Python tests of the device, as many as fit into the time."""
        if lacking := [name for name in TEST_NEEDS if not self.has(name)]:
            raise Skipped(f"needs {' and '.join(lacking)}")
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/python"]
        mark = "cuda" if self.options.device == "cuda" else "not cuda and not slow"
        # Ended by pytest itself between two tests, so that there is a summary of those before.
        argv += ["-m", mark, f"--session-timeout={0.8 * seconds:.0f}", "-o", "timeout=60"]
        try:
            printed = self.shell(argv, seconds)
        except Failed as end:
            summary = str(end).partition(": ")[2]
            if "session-timeout" in self.log.read_text() and "failed" not in summary:
                raise Stopped(f"{summary}, and no more time") from end
            raise
        return printed.strip().splitlines()[-1].strip("= ")

    def sanitizer(self, tool: str) -> Callable[[float], str]:
        """Return the stage that runs small solves under a tool of compute-sanitizer."""

        def stage(seconds: float) -> str:
            solves: list[str | Path] = [sys.executable, "-m", "benchmarks.gpu.measure", "sanitize"]
            solves += ["--device", self.options.device]
            if self.options.device == "cpu":
                raise Skipped("compute-sanitizer is for CUDA")
            checker = shutil.which("compute-sanitizer") or Path(nvcc()).with_name(
                "compute-sanitizer"
            )
            if not Path(checker).exists():
                raise Skipped("the toolkit here has no compute-sanitizer")
            argv = [checker, "--tool", tool, "--error-exitcode", "9", "--launch-timeout", "0"]
            printed = self.shell([*argv, *solves], seconds)
            found = [line.strip("= ") for line in printed.splitlines() if "SUMMARY" in line]
            if not found:
                raise Failed("compute-sanitizer printed no summary")
            return found[-1]

        return stage


def nvcc() -> str:
    """Return the CUDA compiler."""
    found = shutil.which("nvcc") or shutil.which("/usr/local/cuda/bin/nvcc")
    if found is None:
        raise Failed("there is no nvcc: the CUDA 13 toolkit is missing")
    return found


def ask_gpu(*fields: str) -> str:
    """Return what nvidia-smi says of the first GPU."""
    query = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
    printed = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    return printed.strip().partition("\n")[0]


def architecture() -> str:
    """Return the architecture of the GPU as the compilers call it, such as 90."""
    digits = ask_gpu("compute_cap").replace(".", "")
    if not digits.isdigit():
        raise Failed(f"nvidia-smi names no compute capability: {digits!r}")
    return digits


def machine() -> dict[str, Any]:
    """Describe this machine in a few words."""
    about = {"cores": os.cpu_count(), "cpu": processor(), "python": sys.version.split()[0]}
    if shutil.which("nvidia-smi"):
        about["gpu"] = ask_gpu("name", "driver_version", "memory.total") or "none"
    return about


def processor() -> str:
    """Return the name of the CPU."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
