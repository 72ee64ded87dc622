"""Time the launches of a world's solve: ``python -m benchmarks.gpu.passes PROGRAM year``.

PROGRAM is passes.cu, compiled.  It gets the world in a file of a few hundred megabytes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import equiload as el

from .measure import BYTES, WORLDS, make
from .table import LAUNCHES, lines

# What a launch must move in a plain iteration, as docs/algorithm.md counts it: numbers of the
# stored precision of every arc, bytes of every gateway and slot, bytes of every cell (of which
# the last are those of each footprint).
MOVED = {
    "ArcPass": (4, 32, 8, 0),
    "SitePass": (0, 0, 56, 8),
    "BurdenPass": (1, 0, 48, 8),
}

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("world", choices=WORLDS)
    parser.add_argument("--iterations", type=int, default=40, help="to time")
    parser.add_argument("--copy", type=float, help="GB/s that the device copies")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    problem, precision = make(options.world, lambda **figures: None)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "world"
        write(problem, file)
        argv: list[Any] = [options.program.resolve(), file, precision, str(options.iterations)]
        found = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    if found.returncode:
        sys.exit(f"{options.program.name} ended with status {found.returncode}")
    rows = read(found.stdout, problem, precision, options.copy)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    print(lines(LAUNCHES, rows))


def write(problem: el.Problem, file: Path) -> None:
    """Write a world as passes.cu reads it: sizes, network, tables, equity; no delays."""
    network, cells = problem.network, (problem.slots, problem.sites)
    sizes = [problem.slots, problem.gateways, problem.sites, problem.arcs, len(problem.footprints)]
    arrays: list[Any] = [np.array(sizes, np.int64), network.gateway, network.site]
    arrays += [network.energy, network.cost, problem.demand]
    arrays += [np.broadcast_to(table, cells) for table in (problem.capacity, problem.price)]
    for name, table in problem.footprints.items():
        weight = np.array([problem.equity[name].weight])
        arrays += [np.broadcast_to(table, cells), problem.regions[name], weight]
    with file.open("wb") as out:
        for array in arrays:
            np.ascontiguousarray(array).tofile(out)


def read(printed: str, problem: el.Problem, precision: str, copy: float | None) -> list[Row]:
    """Return what the program printed: milliseconds of each part, and its share of the copy."""
    rows: list[Row] = []
    for line in printed.splitlines():
        part, what, times, total = line.split()
        rows.append({"part": part, "what": what, "times": int(times), "total_ms": float(total)})
    for row in rows:
        row["ms"] = row["total_ms"] / row["times"]
        if row["part"] == "plain" and row["what"] in MOVED:
            row["gb"] = 1e-9 * moved(row["what"], problem, precision)
            row["gb_per_second"] = 1e3 * row["gb"] / row["ms"]
            row["share_of_copy"] = row["gb_per_second"] / copy if copy else None
    return rows


def moved(what: str, problem: el.Problem, precision: str) -> int:
    """Count the bytes that a launch must move."""
    arc, source, cell, footprint = MOVED[what]
    each = arc * BYTES[precision] * problem.arcs + source * problem.gateways
    return problem.slots * (each + (cell + footprint * len(problem.footprints)) * problem.sites)


if __name__ == "__main__":
    main()
