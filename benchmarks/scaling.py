"""How time and memory grow with the horizon: ``python -m benchmarks.scaling``.

Weeks of hours of 1000 sites, 200 gateways and 16 arcs each, the year with 28 million arcs last.
Every row is solved in a process of its own; the judge of `benchmarks.peers`, which shares no code
with equiload, recomputes cost, violation and bound from the answer.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

import equiload as el

from .peers.check import judge, lower_bound
from .peers.instance import ROOT, to_instance
from .peers.worker import peak_mb

SITES, GATEWAYS, ARCS, HOURS = 1000, 200, 16, 8760
HEAD = "weeks | arcs | method | iterations | set-up, s | seconds | s/week | gap | violation | MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", nargs="+", type=int, default=[1, 4, 13, 52])
    parser.add_argument("--tol", type=float, default=1e-4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--method", default="auto")
    parser.add_argument("--precision", default="double")
    parser.add_argument("--time-limit", type=float, default=900.0, help="seconds for every row")
    parser.add_argument("--row", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row is not None:
        print(json.dumps(row(options)))
        return
    print(f"| {HEAD} |\n|{'---|' * len(HEAD.split('|'))}")
    for weeks in options.weeks:
        command = [sys.executable, "-m", "benchmarks.scaling", *sys.argv[1:], "--row", str(weeks)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        print(line(weeks, json.loads(done.stdout.splitlines()[-1])), flush=True)


def row(options: argparse.Namespace) -> dict[str, Any]:
    """Solve one horizon and have the answer judged."""
    slots = min(168 * options.row, HOURS) if options.row < 52 else HOURS
    problem = el.data.world(SITES, GATEWAYS, slots, options.seed, arcs_per_gateway=ARCS)
    solution = el.solve(
        problem,
        tol=options.tol,
        threads=options.threads,
        method=options.method,
        precision=options.precision,
        time_limit=options.time_limit,
    )
    memory = peak_mb()
    instance = to_instance(problem)
    verdict = judge(instance, solution.allocation)
    bound = lower_bound(
        instance, solution.prices.energy, [solution.prices.equity[key] for key in problem.equity]
    )
    return {
        "arcs": problem.slots * problem.arcs,
        "method": solution.method,
        "iterations": solution.iterations,
        "setup": solution.setup_seconds,
        "seconds": solution.seconds,
        "gap": (verdict.objective - bound) / max(1.0, abs(verdict.objective)),
        "violation": verdict.violation,
        "memory": memory,
        "status": solution.status,
    }


def line(weeks: int, found: dict[str, Any]) -> str:
    """Write one row of the table."""
    cells = [
        f"{weeks}",
        f"{found['arcs']:,}",
        f"{found['method']}" + ("" if found["status"] == "optimal" else f" ({found['status']})"),
        f"{found['iterations']}",
        f"{found['setup']:.2f}",
        f"{found['seconds']:.1f}",
        f"{found['seconds'] / weeks:.2f}",
        f"{found['gap']:.1e}",
        f"{found['violation']:.0e}",
        f"{found['memory']:,.0f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
