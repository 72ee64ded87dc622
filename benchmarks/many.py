"""Many solves of the ten data centres, and work that may wait.

Run it with ``python -m benchmarks.many``. A batch of scenarios against one solve after another on
the same threads, frontiers against cold solves, and what delays of part of the work cost in time
and save in money and burdens. Every answer is certified; the worst gap is printed.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence

import numpy as np

import equiload as el

from .benchmarks.common import EGLB
from .peers.variants import WAITING, split_waiting

DELAYS = (0, 1, 2, 4, 8, 16, 24)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=256)
    parser.add_argument("--points", type=int, default=32, help="of a frontier")
    parser.add_argument("--repeats", type=int, default=3, help="the fastest counts")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--tol", type=float, default=1e-6)
    given = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, tol {given.tol:g}\n")
    if not EGLB.is_dir():
        raise SystemExit(f"the ten-data-centre trace is not there: expected {EGLB}")
    options = {"tol": given.tol, "threads": given.threads}
    for connectivity in ("full", "partial"):
        problem = el.data.read_eglb(EGLB, connectivity)
        batch(connectivity, scenarios(problem, given.scenarios), given.repeats, options)
        weights = np.geomspace(1, 1e5, given.points)
        frontier(f"ten data centres, {connectivity}", problem, weights, given.repeats, options)
    world = el.data.world(200, 50, 168, arcs_per_gateway=16)
    own = world.equity["carbon"].weight
    weights = own * np.geomspace(0.1, 10, given.points)
    frontier("200 sites", world, weights, 1, options)
    delays(el.data.read_eglb(EGLB), options)


def fastest(repeats: int, run: Callable[[], Sequence[el.Solution]]) -> tuple[float, float]:
    """Return the seconds of the fastest of several runs and the worst gap."""
    best, gap = np.inf, 0.0
    for _ in range(repeats):
        began = time.perf_counter()
        found = run()
        best = min(best, time.perf_counter() - began)
        gap = max(gap, *(solution.gap for solution in found))
    return best, gap


def scenarios(problem: el.Problem, count: int) -> list[el.Problem]:
    """Perturb demand by up to 10 and prices by up to 5 per cent, cell by cell."""
    rng = np.random.default_rng(0)
    return [
        problem.replace(
            demand=problem.demand * rng.uniform(0.9, 1, problem.demand.shape) * 0.999,
            price=problem.price * rng.uniform(0.95, 1.05, problem.price.shape),
        )
        for _ in range(count)
    ]


def batch(label: str, family: list[el.Problem], repeats: int, options: dict) -> None:
    one, gap = fastest(repeats, lambda: [el.solve(problem, **options) for problem in family])
    together, worst = fastest(repeats, lambda: el.solve_batch(family, **options))
    print(f"{len(family)} scenarios, {label}: {one:.3f} s one by one, {together:.3f} s as a batch,")
    print(f"  ratio {one / together:.2f}, worst gap {max(gap, worst):.1e}\n", flush=True)


def frontier(
    label: str, problem: el.Problem, weights: np.ndarray, repeats: int, options: dict
) -> None:
    def cold() -> list[el.Solution]:
        return [
            el.solve(problem.replace(equity={**problem.equity, "carbon": el.Max(w)}), **options)
            for w in weights
        ]

    points: list[el.Solution] = []

    def warm() -> list[el.Solution]:
        points[:] = el.frontier(problem, {"carbon": weights}, **options)
        return points

    one, gap = fastest(repeats, cold)
    together, worst = fastest(repeats, warm)
    free = sum(point.iterations == 0 for point in points)
    print(f"frontier of {len(weights)} points, {label}: {one:.3f} s cold, {together:.3f} s swept,")
    print(f"  ratio {one / together:.2f}, worst gap {max(gap, worst):.1e},", end=" ")
    print(f"{free} points certified by their neighbours\n", flush=True)


def delays(problem: el.Problem, options: dict) -> None:
    """Print what waiting costs in time, and what it saves at prices and at limits of burdens."""
    print(f"{WAITING:.0%} of the work may wait, paper's weights")
    print("  most slots |    arcs | seconds | iterations | gap    | objective |   cost | heaviest")
    for slots in DELAYS:
        row(slots, el.solve(split_waiting(problem, slots), **options))
    fair = el.solve(problem, **options)
    limits = {name: el.Budget(0.98 * float(e.max())) for name, e in fair.footprints.items()}
    print(f"\nheaviest burdens limited to 98% of those without waiting (cost {cost(fair):.0f})")
    for slots in (0, 24):
        row(slots, el.solve(split_waiting(problem, slots).replace(equity=limits), **options))


def row(slots: int, s: el.Solution) -> None:
    arcs = s.problem.slots * s.problem.arcs
    heaviest = ", ".join(f"{name} {e.max():.2f}" for name, e in s.footprints.items())
    print(
        f"  {slots:10} | {arcs:7} | {s.seconds:7.3f} | {s.iterations:10} | {s.gap:.1e} | "
        f"{s.objective:9.0f} | {cost(s):6.0f} | {heaviest}",
        flush=True,
    )


def cost(solution: el.Solution) -> float:
    """What the operator pays."""
    return solution.objective - sum(solution.breakdown[name] for name in solution.problem.equity)


if __name__ == "__main__":
    main()
