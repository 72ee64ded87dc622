"""Many small solves: ``python -m benchmarks.gpu.batch --json FILE``.

256 scenarios of one network, as large as the ten data centres, each to a certified gap: side by
side on the device, one after another there, and on the CPU.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import equiload as el

from .table import BATCH, lines

Solutions = list[el.Solution]
Solve = Callable[[list[el.Problem]], Solutions]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--scenarios", type=int, default=256)
    parser.add_argument("--slots", type=int, default=432)
    parser.add_argument("--threads", type=int, default=2, help="of the CPU")
    parser.add_argument("--tol", type=float, default=1e-4)
    parser.add_argument("--repeats", type=int, default=3, help="of a batch; the fastest counts")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    many = scenarios(options.scenarios, options.slots)
    rows: list[dict[str, Any]] = []
    for what, solve, repeats in ways(options):
        solve(many[:2])  # wakes the device, starts the threads
        rows.append({"what": what, "scenarios": len(many)} | fastest(solve, many, repeats))
        rows[-1]["ratio"] = rows[-1]["seconds"] / rows[0]["seconds"]
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1))
    print(lines(BATCH, rows))


def ways(options: argparse.Namespace) -> list[tuple[str, Solve, int]]:
    """Return what is timed: what it is called, how it solves, and how often."""
    device, threads, tol = options.device, options.threads, options.tol
    one = partial(el.solve, tol=tol, method="first-order")

    def apart(many: list[el.Problem]) -> Solutions:
        return [one(problem, device=device, threads=threads) for problem in many]

    def on_threads(many: list[el.Problem]) -> Solutions:
        with ThreadPoolExecutor(threads) as team:
            return list(team.map(partial(one, device="cpu", threads=1), many))

    batch = partial(el.solve_batch, tol=tol, threads=threads)
    return [
        (f"{device}, a batch", partial(batch, device=device), options.repeats),
        (f"{device}, one after another, first-order", apart, 1),
        (f"cpu, {threads} threads, a solve each, first-order", on_threads, 1),
        (f"cpu, {threads} threads, a batch, auto", partial(batch, device="cpu"), options.repeats),
    ]


def scenarios(count: int, slots: int) -> list[el.Problem]:
    """Return scenarios of one world, the demand of each gateway up to a fifth lower."""
    world = el.data.world(10, 10, slots, seed=0, arcs_per_gateway=10)
    lower = np.random.default_rng(0).uniform(0.8, 1.0, (count, world.gateways))
    return [world.replace(demand=world.demand * share) for share in lower]


def fastest(solve: Solve, many: list[el.Problem], repeats: int) -> dict[str, Any]:
    """Return the least seconds of some repeats, and what the answers are worth."""
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        solutions = solve(many)
        spent.append(time.perf_counter() - began)
    return {
        "seconds": min(spent),
        "gap": max(solution.gap for solution in solutions),
        "optimal": sum(solution.status == "optimal" for solution in solutions),
        "methods": sorted({solution.method for solution in solutions}),
        "iterations": sum(solution.iterations for solution in solutions),
    }


if __name__ == "__main__":
    main()
