"""Whole calls with tables in a library's arrays: ``python -m benchmarks.gpu.resident week cupy``.

From tables to a problem, its solution to a certified gap, and the allocation in the same library.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from pathlib import Path
from typing import Any

import equiload as el

from ..peers.worker import peak_mb
from .measure import WORLDS, make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world", choices=WORLDS)
    parser.add_argument("library", choices=["numpy", "cupy"])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tol", type=float, default=1e-4)
    parser.add_argument("--seconds", type=float, default=60.0, help="for the solve")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    record = whole_call(options)
    if options.json:
        options.json.write_text(json.dumps(record, indent=1))
    print(json.dumps(record))


def whole_call(options: argparse.Namespace) -> dict[str, Any]:
    """Time one call, and see what the host's memory rises to in it."""
    tables, rest, precision = parts(options.world, options.library)
    small = el.data.world(4, 3, 4)
    el.solve(small, device=options.device)  # wakes the device
    before = forget_peak()
    began = time.perf_counter()
    problem = el.Problem(**tables, **rest)
    made = time.perf_counter()
    limits = {"tol": options.tol, "time_limit": options.seconds}
    solution = el.solve(
        problem, device=options.device, precision=precision, method="first-order", **limits
    )
    wait(options.library)
    done = time.perf_counter()
    return {
        "world": options.world,
        "library": options.library,
        "kind": type(solution.allocation).__module__.partition(".")[0],
        "seconds": done - began,
        "problem_seconds": made - began,
        "status": solution.status,
        "gap": solution.gap,
        "iterations": solution.iterations,
        "host_gb": 1.048576e-3 * peak_mb(),
        "host_gb_before": before,
    }


def parts(world: str, library: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return a world's tables in a library, what else it is made of, and its precision."""
    problem, precision = make(world, lambda **figures: None)
    there = importlib.import_module(library)
    tables: dict[str, Any] = {
        name: there.asarray(getattr(problem, name)) for name in ("demand", "capacity", "price")
    }
    tables["footprints"] = {
        name: there.asarray(table) for name, table in problem.footprints.items()
    }
    rest = {"network": problem.network, "equity": dict(problem.equity)}
    return tables, rest | {"regions": dict(problem.regions)}, precision


def forget_peak() -> float:
    """Let the peak of this process's memory begin anew, and return where it stands, GB."""
    Path("/proc/self/clear_refs").write_text("5")
    return 1.048576e-3 * peak_mb()


def wait(library: str) -> None:
    """Wait for what a library has queued."""
    if library == "cupy":
        importlib.import_module("cupy").cuda.get_current_stream().synchronize()


if __name__ == "__main__":
    main()
