"""Measure one world in a process of its own: ``python -m benchmarks.gpu.measure week --json FILE``.

The file is written anew after every figure, so that a run that is stopped leaves what it has.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import equiload as el

from ..peers.worker import peak_mb

# name: sites, gateways, arcs of a gateway, slots, precision
WORLDS = {
    "tiny": (30, 10, 6, 24, "double"),
    "week": (1000, 200, 24, 168, "double"),
    "year": (1000, 500, 32, 8760, "double"),
    "large": (2000, 2000, 32, 8760, "mixed"),
}
TOLERANCES = (1e-4, 1e-6)
ARC_VECTORS = 3  # an iteration reads an arc's work and its anchor, and writes its work
BYTES = {"double": 8, "mixed": 4}

# Where a run stands at a check: iterations, seconds since its beginning, gap.
Trace = list[tuple[int, float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world", choices=[*WORLDS, "sanitize"])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--threads", type=int, help="of the CPU; by default all")
    parser.add_argument("--seconds", type=float, default=60.0, help="for everything")
    parser.add_argument("--copy", type=float, help="GB/s that the device copies")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.world == "sanitize":
        sanitize(options.device)
        return
    record: dict[str, Any] = {}

    def keep(**figures: Any) -> None:
        record.update(figures)
        if options.json:
            options.json.write_text(json.dumps(record, indent=1))

    keep(world=options.world, device=options.device, threads=options.threads)
    deadline = time.monotonic() + options.seconds
    problem, precision = make(options.world, keep)
    settings: dict[str, Any] = {"device": options.device, "threads": options.threads}
    if precision != "double":
        if "precision" not in inspect.signature(el.solve).parameters:
            sys.exit(f"this build has no {precision} precision")
        settings["precision"] = precision
    el.solve(el.data.world(4, 3, 4), device=options.device)  # wakes the device
    trace = solve(problem, settings, 0.7 * (deadline - time.monotonic()), keep)
    first_order = record["method"] == "first-order"
    if not first_order:  # its iterations are the ones to count
        left = max(1.0, 0.8 * (deadline - time.monotonic()))
        trace = run(problem, settings | {"method": "first-order", "tol": 1e-12}, left)[1]
    found = rates(trace, problem.slots * problem.arcs, precision, options.copy)
    keep(**found, **(spent(trace, found) if first_order else {}))
    print(json.dumps(record))


def make(name: str, keep: Any) -> tuple[el.Problem, str]:
    """Generate a world; tell its size, how long that took and how much memory."""
    sites, gateways, arcs, slots, precision = WORLDS[name]
    began = time.monotonic()
    problem = el.data.world(sites, gateways, slots, seed=0, arcs_per_gateway=arcs)
    keep(
        precision=precision,
        arcs=problem.slots * problem.arcs,
        sizes={"sites": sites, "gateways": gateways, "arcs": problem.arcs, "slots": slots},
        generate_seconds=time.monotonic() - began,
        generate_gb=peak_gb(),
    )
    return problem, precision


def solve(problem: el.Problem, settings: dict[str, Any], seconds: float, keep: Any) -> Trace:
    """Solve to the tightest tolerance, and tell when each was reached."""
    solution, trace = run(problem, settings | {"tol": min(TOLERANCES)}, seconds)
    keep(
        **{f"seconds_to_{tol:.0e}".replace("e-0", "e-"): reached(trace, tol) for tol in TOLERANCES},
        setup_seconds=solution.setup_seconds,
        seconds=solution.seconds,
        iterations=solution.iterations,
        gap=solution.gap,
        status=solution.status,
        method=solution.method,
        peak_gb=peak_gb(),
    )
    return trace


def run(problem: el.Problem, settings: dict[str, Any], seconds: float) -> tuple[el.Solution, Trace]:
    """Solve within so many seconds, writing down every check."""
    trace: Trace = []

    def watch(state: Any) -> None:
        trace.append((state.iterations, state.seconds, state.gap))

    limit = max(seconds, 1e-3)
    solution = el.solve(problem, **settings, time_limit=limit, callback=watch)
    trace.append((solution.iterations, solution.seconds, solution.gap))
    return solution, trace


def reached(trace: Trace, tol: float) -> float | None:
    """Return the seconds after which the certified gap was within a tolerance."""
    return next((seconds for _, seconds, gap in trace if gap <= tol), None)


def rates(trace: Trace, arcs: int, precision: str, copy: float | None) -> dict[str, Any]:
    """Return how fast the first-order iterations ran, as a share of what the device copies.

    Between two checks lie some iterations and one check, with its repair and certificate: a line
    through (iterations, seconds) of the gaps between checks tells the two apart, once the gaps
    differ enough.
    """
    steps = np.diff([(n, seconds) for n, seconds, _ in trace], axis=0)
    steps = steps[steps[:, 0] > 0]
    if not steps.size:
        return {}
    whole = float(steps[:, 1].sum() / steps[:, 0].sum())
    found: dict[str, Any] = {"iterations_per_second": 1 / whole if whole > 0 else None}
    if steps[:, 0].max() < 2 * steps[:, 0].min():
        return found
    each, check = np.polyfit(steps[:, 0], steps[:, 1], 1)
    if each <= 0:
        return found
    gb_per_second = 1e-9 * ARC_VECTORS * BYTES[precision] * arcs / float(each)
    found |= {"iteration_ms": 1e3 * float(each), "check_ms": 1e3 * float(check)}
    found |= {"gb_per_second": gb_per_second}
    return found | {"share_of_copy": gb_per_second / copy if copy else None}


def spent(trace: Trace, found: dict[str, Any]) -> dict[str, Any]:
    """Return the seconds of iterations and checks, as `rates` tells them, and of the answer."""
    *checks, (_, ended, _) = trace
    if not checks:
        return {}
    iterations, last, _ = checks[-1]
    seconds = {"answer_seconds": ended - last}
    if "iteration_ms" in found:
        seconds["iterations_seconds"] = 1e-3 * found["iteration_ms"] * iterations
        seconds["checks_seconds"] = 1e-3 * found["check_ms"] * len(checks)
    return seconds


def peak_gb() -> float:
    """Return the most memory that this process has held, GB."""
    return peak_mb() * 1.048576e-3


def sanitize(device: str) -> None:
    """Solve small problems of every shape, for the tools that slow each kernel down."""
    plain = el.data.world(12, 6, 24, seed=0, arcs_per_gateway=6)
    delayed = plain.network.with_delays({0: 2, 3: 1}, cost_per_slot=0.1)
    terms = {"carbon": el.TopMean(900.0, 3), "water": el.Norm(30.0, 2.0)}
    for problem in (
        plain,
        plain.replace(network=delayed, shed_cost=900.0),
        plain.replace(equity=terms, quadratic=0.1),
    ):
        solution = el.solve(problem, device=device, method="first-order", max_iterations=40)
        found = el.certify(problem, solution)
        assert found.unmet <= 1e-9 and found.overload <= 1e-9, found
        print(solution)


if __name__ == "__main__":
    main()
