"""The results as one Markdown table for every instance and tolerance."""

from __future__ import annotations

from itertools import groupby
from statistics import geometric_mean, median
from typing import Any

Record = dict[str, Any]

# An answer counts as accurate within this many tolerances of the bound and of every row: solvers
# measure a tolerance in different norms.
SLACK = 10.0

HEAD = (
    "| solver | solve s | build s | best peer / solve | gap | violation | peak MB | status |\n"
    "|---|---|---|---|---|---|---|---|"
)


def accurate(record: Record) -> bool:
    """Say whether an answer reached what was asked for, as the judge sees it."""
    most = SLACK * record["tol"]
    return "gap" in record and abs(record["gap"]) <= most and record["violation"] <= most


def add_ratios(records: list[Record]) -> None:
    """Add to every record the seconds of the fastest accurate peer over its own."""
    for record in records:
        rivals = [
            other
            for other in records
            if other["solver"] != "equiload"
            and accurate(other)
            and all(other[key] == record[key] for key in ("instance", "seed", "tol"))
        ]
        record["accurate"] = accurate(record)
        if rivals and "solve_seconds" in record:
            best = min(rivals, key=lambda rival: float(rival["solve_seconds"]))
            record["best_peer"] = best["solver"]
            record["ratio"] = best["solve_seconds"] / record["solve_seconds"]


def markdown(records: list[Record]) -> str:
    """Return the tables: medians over the seeds for times, the worst seed for everything else."""
    lines = []
    for (instance, tol), rows in _groups(records, "instance", "tol"):
        seeds = sorted({row["seed"] for row in rows})
        lines += [f"\n### {instance}, tolerance {tol:g}, seeds {seeds}\n", HEAD]
        for (solver,), runs in _groups(rows, "solver"):
            lines.append(f"| {solver} | " + " | ".join(_cells(runs)) + " |")
    lines.append(
        f"\n`best peer / solve`: seconds of the fastest accurate peer over this solver's "
        f"(geometric mean over seeds; above 1: faster than every peer). Gap: objective against the "
        f"best certified lower bound; violation: worst row, relative to max(1, right-hand side); "
        f"both recomputed from the answer. An asterisk: beyond {SLACK:g} times the tolerance."
    )
    return "\n".join(lines)


def _groups(records: list[Record], *keys: str) -> list[tuple[tuple[Any, ...], list[Record]]]:
    order = list(dict.fromkeys(tuple(r[k] for k in keys) for r in records))
    ordered = sorted(records, key=lambda r: order.index(tuple(r[k] for k in keys)))
    return [(k, list(g)) for k, g in groupby(ordered, key=lambda r: tuple(r[k] for k in keys))]


def _cells(runs: list[Record]) -> list[str]:
    done = [r for r in runs if "gap" in r]
    status = ", ".join(sorted({r["status"] for r in runs}))
    if len(done) < len(runs):
        return ["-"] * 6 + [f"{status} ({len(done)} of {len(runs)} answered)"]
    ratios = [r["ratio"] for r in runs if "ratio" in r]
    mark = "" if all(accurate(r) for r in runs) else " *"
    return [
        f"{median(r['solve_seconds'] for r in runs):.3g}{mark}",
        f"{median(r['build_seconds'] for r in runs):.3g}",
        f"{geometric_mean(ratios):.3g}" if ratios else "-",
        f"{max((r['gap'] for r in runs), key=abs):.1e}",
        f"{max(r['violation'] for r in runs):.1e}",
        f"{max(r['peak_mb'] for r in runs):.0f}",
        status,
    ]
