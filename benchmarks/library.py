"""Solve the reference library and hold every certified bound against the one it is known by.

Run it with ``python -m benchmarks.library [NAME ...]``; it ends with 1 if an instance has other
data than the library says or two bounds contradict each other.  ``--update`` writes hashes that are
missing and bounds that are better into the library, ``--table`` prints docs/library.md's table.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import equiload as el
from equiload.data import library

FILE = Path(library.__file__).with_name(library.LIBRARY)
SLACK = 1e-9  # relative: bounds are sums in double precision


def main() -> None:
    """Check, update or print the library."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="by default all")
    parser.add_argument("--data", type=Path, help="the study's data, else EQUILOAD_DATA")
    parser.add_argument("--tol", type=float, default=1e-6)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    known = el.data.instances(options.data)
    chosen = {name: known[name] for name in options.names or known}
    if options.table:
        print("\n".join(table(chosen)))
        return
    good = True
    for name, entry in chosen.items():
        try:
            entry = completed(entry) if options.update else entry
            solution = el.solve(entry.problem, tol=options.tol)
        except el.InputError as error:
            print(f"{name:24} {error}", flush=True)
            good = False
            continue
        found = el.certify(entry.problem, solution)
        verdict = judged(entry, found)
        good &= not verdict.startswith("WRONG")
        print(
            f"{name:24} {solution.status:9} {found.lower_bound:18.10g} {found.objective:18.10g} "
            f"{found.gap:8.1e} {solution.seconds:8.2f} s  {verdict}",
            flush=True,
        )
        if options.update and not verdict.startswith("WRONG"):
            write(entry, found)
    sys.exit(0 if good else 1)


def judged(entry: library.Instance, found: el.Certificate) -> str:
    """Say how new bounds compare with those known."""
    slack = SLACK * max(1.0, abs(entry.objective or 0.0))
    if entry.objective is None:
        return "new"
    if found.lower_bound > entry.objective + slack or found.objective < entry.lower_bound - slack:
        return f"WRONG: known to lie in {entry.lower_bound:.12g} to {entry.objective:.12g}"
    better = (found.lower_bound > entry.lower_bound, found.objective < entry.objective)
    return {(False, False): "agrees"}.get(better, "better")


def completed(entry: library.Instance) -> library.Instance:
    """Fill in a hash that is missing."""
    digest = entry.sha256 or library.fingerprint(*library.make(entry.recipe, entry.data))
    fields = {**entry.__dict__, "sha256": digest}
    return library.Instance(**{name: fields[name] for name in library.Instance.__match_args__})


def write(entry: library.Instance, found: el.Certificate) -> None:
    """Put hash and the better bounds into the library."""
    entries: dict[str, dict[str, Any]] = json.loads(FILE.read_text())
    kept = entries[entry.name]
    low, high = kept["lower_bound"], kept["objective"]
    kept["sha256"] = entry.sha256
    kept["lower_bound"] = max(-math.inf if low is None else low, found.lower_bound)
    kept["objective"] = min(math.inf if high is None else high, found.objective)
    lines = []
    for name, kept in entries.items():
        inner = ",\n".join(f"  {json.dumps(key)}: {json.dumps(kept[key])}" for key in kept)
        lines.append(f" {json.dumps(name)}: {{\n{inner}\n }}")
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def table(chosen: dict[str, library.Instance]) -> list[str]:
    """Return the lines of a table of instances."""
    lines = [
        "| instance | what it is | sites, gateways, slots | lower bound, USD | best plan, USD |",
        "|---|---|---|---|---|",
    ]
    for name, entry in chosen.items():
        problem = entry.problem
        size = f"{problem.sites}, {problem.gateways}, {problem.slots}"
        bounds = f"{entry.lower_bound:,.2f} | {entry.objective:,.2f}"
        lines.append(f"| `{name}` | {entry.about} | {size} | {bounds} |")
    return lines


if __name__ == "__main__":
    main()
