"""Scenarios over a local cluster: seconds on one worker and on several, and the bits of a batch.

Run it with ``python -m benchmarks.sweep``. Every worker is a process with one thread, as on a
cluster; the fastest of several runs counts, and the first, which opens the workers' modules, does
not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import distributed

import equiload as el

from .benchmarks.common import ten_data_centres
from .many import scenarios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=256)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    family = scenarios(ten_data_centres("full"), given.scenarios)
    began = time.perf_counter()
    batch = el.solve_batch(family, threads=1)
    alone = time.perf_counter() - began
    print(f"{len(family)} scenarios of ten data centres: {alone:.3f} s in a batch on one thread")
    first = 0.0
    for workers in given.workers:
        seconds, same = swept(family, batch, workers, given.repeats)
        first = first or seconds
        print(
            f"{workers} workers: {seconds:.3f} s, {first / seconds:.2f} times as fast as "
            f"{given.workers[0]}; {'the bits of the batch' if same else 'OTHER BITS'}",
            flush=True,
        )


def swept(
    family: Sequence[el.Problem], batch: Sequence[el.Solution], workers: int, repeats: int
) -> tuple[float, bool]:
    """Return the seconds of the fastest sweep, and whether its numbers are those of the batch."""
    options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        taken, same = [], True
        for _ in range(1 + repeats):
            began = time.perf_counter()
            found = list(el.distributed.sweep(family, client=client, returns="summaries"))
            taken.append(time.perf_counter() - began)
            same &= all(
                (one.objective, one.lower_bound) == (other.objective, other.lower_bound)
                for one, other in zip(found, batch, strict=True)
            )
    return min(taken[1:]), same


if __name__ == "__main__":
    main()
