"""Solve after solve, and what goes wrong in between: memory, files and threads stay flat.

python tests/trust/soak.py --count 10000
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from answers import problem_of
from judge import random_case

import equiload as el

GROWTH = 4.0  # MB that the second half may add to the first
DISTINCT = 50


class Stop(Exception):
    """What a callback raises."""


def raising(_: object) -> None:
    raise Stop


def one_round(number: int, path: Path) -> None:
    """Solve once; every few rounds with a warm start, a batch, a file, a mistake or an error."""
    case = random_case(np.random.default_rng([7, number % DISTINCT]))
    problem = problem_of(case)
    solution = el.solve(problem, tol=1e-4, max_iterations=2000, threads=1 + number % 2)
    if number % 5 == 0:
        el.solve(problem, tol=1e-4, max_iterations=50, method="first-order", warm_start=solution)
    if number % 7 == 0:
        solution.save(path)
        el.Solution.load(path)
    if number % 11 == 0:
        el.solve_batch([problem, problem], tol=1e-3, max_iterations=200)
    if number % 13 == 0:
        with contextlib.suppress(Stop):
            el.solve(problem, callback=raising)
    if number % 17 == 0:
        with contextlib.suppress(el.InputError):
            el.Problem(np.full((2, 2), np.nan), 1.0, [[1.0, 2.0]] * 2)
    if number % 19 == 0:
        el.solve(problem, callback=lambda state: True)


def resident() -> float:
    """Return the memory of the process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(count: int, tell: int = 0) -> tuple[list[float], list[int], list[int]]:
    """Return memory (MB), open files and threads after every tenth of the rounds."""
    memory, files, threads = [], [], []
    before = threading.active_count()  # whoever runs this may have some of their own
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            one_round(number, Path(folder) / "a.npz")
            if (number + 1) % max(1, count // 10) == 0:
                gc.collect()
                memory.append(resident())
                files.append(len(os.listdir("/proc/self/fd")))
                threads.append(len(os.listdir("/proc/self/task")))
                if tell:
                    print(
                        f"{number + 1} rounds: {memory[-1]:.1f} MB, {files[-1]} files", flush=True
                    )
    assert threading.active_count() <= before
    return memory, files, threads


def flat(memory: list[float], files: list[int], threads: list[int]) -> bool:
    """Say whether the second half holds no more than the first."""
    half = len(memory) // 2
    return (
        max(memory[half:]) <= max(memory[:half]) + GROWTH
        and max(files) == files[0]
        and max(threads) == threads[0]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    options = parser.parse_args()
    began = time.monotonic()
    found = run(options.count, tell=1)
    print(f"{options.count} rounds, {time.monotonic() - began:.0f} s:", *found)
    sys.exit(not flat(*found))


if __name__ == "__main__":
    main()
