"""What a change costs, in numbers that repeat: the gate of pull requests.

``python -m benchmarks.gate measure OUT.json`` counts on the equiload that is installed, for each of
three cases, the machine instructions of a solve and its peak of heap memory (both under valgrind,
which sees every one), its iterations and its certified gap. ``compare BASE.json HEAD.json`` prints
both and fails where the second is worse by more than a per cent, or a gap misses its tolerance.
Seconds are for ``asv continuous``: they need a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import equiload as el

from .benchmarks.common import ten_data_centres, world

ALLOWED = 1.01
ROOT = Path(__file__).resolve().parents[1]
# Threads that wait count as they please, those that NumPy's BLAS starts at its import too.
FIXED = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}
FIXED |= {"EQUILOAD_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
MORE = 3  # solves in the longer of two runs

Case = tuple[Callable[[], el.Problem], dict[str, object]]
CASES: dict[str, Case] = {
    "ten-interior": (lambda: ten_data_centres("full"), {"tol": 1e-6, "method": "barrier"}),
    "ten-first-order": (
        lambda: ten_data_centres("partial"),
        {"tol": 1e-4, "method": "first-order"},
    ),
    "world-50": (lambda: world(50), {"tol": 1e-6}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("measure")
    measure.add_argument("out", type=Path)
    measure.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    compare = commands.add_parser("compare")
    compare.add_argument("base", type=Path)
    compare.add_argument("head", type=Path)
    run = commands.add_parser("run", help="(what valgrind runs)")
    run.add_argument("case", choices=CASES)
    run.add_argument("times", type=int)
    given = parser.parse_args()
    if given.command == "run":
        solve(given.case, given.times)
    elif given.command == "measure":
        found = {case: measured(case) for case in given.cases}
        given.out.write_text(json.dumps(found, indent=1) + "\n")
    else:
        base, head = (json.loads(path.read_text()) for path in (given.base, given.head))
        worse = regressions(base, head)
        print(table(base, head))
        if worse:
            sys.exit("\n".join(["worse:", *worse]))


def solve(case: str, times: int) -> el.Solution:
    make, options = CASES[case]
    problem = make()
    for _ in range(times):
        solution = el.solve(problem, device="cpu", **options)  # type: ignore[arg-type]
    return solution


def measured(case: str) -> dict[str, float]:
    """Count one solve; what comes before the first one is counted once and taken off."""
    pattern = r"I\s+refs:\s+([\d,]+)"
    one, more = (valgrind("cachegrind", case, times, pattern) for times in (1, MORE))
    peak = valgrind("dhat", case, 1, r"At t-gmax:\s+([\d,]+) bytes")
    solution = solve(case, 1)
    return {
        "instructions": (more - one) / (MORE - 1),
        "peak bytes": peak,
        "iterations": solution.iterations,
        "gap": solution.gap,
        "tol": float(CASES[case][1]["tol"]),  # type: ignore[arg-type]
    }


def valgrind(tool: str, case: str, times: int, pattern: str) -> int:
    """Run a case under one of valgrind's tools and read a number off its last words."""
    with tempfile.TemporaryDirectory() as folder:
        options = [f"--{tool}-out-file={folder}/out", "--trace-children=no"]
        if tool == "cachegrind":
            options.append("--cache-sim=no")
        child = [sys.executable, "-m", "benchmarks.gate", "run", case, str(times)]
        ran = subprocess.run(
            ["valgrind", f"--tool={tool}", *options, *child],
            cwd=folder,
            env=os.environ | FIXED,
            stderr=subprocess.PIPE,
            text=True,
        )
    found = re.search(pattern, ran.stderr)
    if ran.returncode or not found:
        sys.exit(f"valgrind --tool={tool} {case}: exit {ran.returncode}\n{ran.stderr[-2000:]}")
    return int(found[1].replace(",", ""))


def regressions(base: dict[str, dict[str, float]], head: dict[str, dict[str, float]]) -> list[str]:
    """Name what got worse."""
    worse = []
    for case in base:
        if case not in head:
            worse.append(f"{case}: is gone")
            continue
        for name in ("instructions", "peak bytes", "iterations"):
            before, after = base[case][name], head[case][name]
            if after > ALLOWED * before:
                change = f"{100 * (after / before - 1):+.2f}%"
                worse.append(f"{case}: {name} {before:.0f} -> {after:.0f} ({change})")
        if not head[case]["gap"] <= head[case]["tol"]:
            worse.append(f"{case}: gap {head[case]['gap']:.2e}, asked {head[case]['tol']:.0e}")
        if head[case]["tol"] > base[case]["tol"]:
            worse.append(f"{case}: asks for {head[case]['tol']:.0e} only")
    return worse


def table(base: dict[str, dict[str, float]], head: dict[str, dict[str, float]]) -> str:
    lines = ["| case | what | base | head | change |", "|---|---|---|---|---|"]
    for case in base:
        for name in ("instructions", "peak bytes", "iterations", "gap"):
            before, after = base[case][name], head.get(case, {}).get(name, float("nan"))
            change = f"{100 * (after / before - 1):+.4f}%" if before else ""
            lines.append(f"| {case} | {name} | {before:.10g} | {after:.10g} | {change} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
