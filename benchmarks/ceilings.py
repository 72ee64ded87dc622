"""How close an iteration comes to what the machine can do: ``python -m benchmarks.ceilings``.

The machine's ceilings first, on as many threads as the solver gets: what NumPy copies (arrays
beyond the caches, read and written), and the arithmetic of a matrix product, whose fused
multiply-adds count two.  The solver's kernels use no fused operations, for the same bits on every
instruction set: half of that is their ceiling.

Then the first-order iteration on worlds of a week and more.  It must read an arc's work and its
anchor and write its work, and does about 30 operations on an arc (`OPERATIONS`).  An iteration's
own time is the slope of a line through the times between checks, as in `benchmarks.gpu`.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import equiload as el

from .gpu.host import copy
from .gpu.measure import BYTES, rates, run

# Price and step 4, two sweeps of the threshold 2 x 3, projection 2, reflection 2, distance moved 3,
# energy 4 (a multiplication and an addition, twice when measured), averaging 3, and the cell's own
# share: 40 for each of the sites, fewer than an arc's tenth.
OPERATIONS = 30
WORLDS = ((200, 50, 16, 168), (1000, 200, 24, 168), (1000, 200, 24, 672))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0, help="for every world and precision")
    options = parser.parse_args()
    copied, computed = copy(512, options.threads), product()
    print(f"copy: {copied:.1f} GB/s on {options.threads} threads")
    print(f"arithmetic: {computed:.0f} Gflop/s fused, {computed / 2:.0f} unfused\n")
    print("| world | precision | ms | ns/arc | GB/s | of copy | Gflop/s | check, ms |")
    print("|---|---|---|---|---|---|---|---|")
    for sites, gateways, arcs, slots in WORLDS:
        problem = el.data.world(sites, gateways, slots, seed=0, arcs_per_gateway=arcs)
        count = problem.slots * problem.arcs
        for precision in BYTES:
            settings = {"threads": options.threads, "method": "first-order", "tol": 1e-12}
            settings |= {"precision": precision}
            trace = run(problem, settings, options.seconds)[1]
            found = rates(trace, count, precision, copied)
            ms = found["iteration_ms"]
            print(
                f"| {sites} x {gateways} x {arcs} x {slots} | {precision} | {ms:.3f} "
                f"| {1e6 * ms / count:.2f} | {found['gb_per_second']:.1f} "
                f"| {found['share_of_copy']:.0%} | {1e-6 * OPERATIONS * count / ms:.1f} "
                f"| {found['check_ms']:.1f} |",
                flush=True,
            )


def product(size: int = 2048) -> float:
    """Return the Gflop/s of a matrix product by NumPy's BLAS, on its own threads."""
    matrix = np.random.default_rng(0).random((size, size))
    spent = []
    for _ in range(5):
        began = time.perf_counter()
        matrix @ matrix
        spent.append(time.perf_counter() - began)
    return 2e-9 * size**3 / min(spent)


if __name__ == "__main__":
    main()
