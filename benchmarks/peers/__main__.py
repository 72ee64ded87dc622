"""Compare equiload with general solvers: one process for every run, one table for all.

Examples
--------
    python -m benchmarks.peers
    python -m benchmarks.peers --instances world-200 --seeds 0 1 2 --tol 1e-4 --time-limit 120
    python -m benchmarks.peers --solvers equiload highs-ipm clarabel --pool
    python -m benchmarks.peers --instances world-50 --variants waits-24 norm-4 all
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from .check import judge, lower_bound
from .instance import (
    EGLB,
    ROOT,
    TRACES,
    WORLDS,
    Instance,
    make_problem,
    to_instance,
)
from .program import FORMS
from .table import add_ratios, markdown
from .variants import VARIANTS

SOLVERS = [
    "equiload",
    "highs-simplex",
    "highs-ipm",
    "highs-hipo",
    "highs-pdlp",
    "highs-qp",
    "ortools-pdlp",
    "clarabel",
    "piqp",
    "scs",
    "cvxpy",
]
INSTANCES = [*TRACES, "world-50", "world-200", "world-1000"]
UNFIT = ("takes no", "for quadratic")  # how a solver says that a program is not of its kind
GRACE = 120.0  # seconds beyond the limit: building, and solvers that rarely look at the clock
SMOKE = {
    "instances": ["world-smoke"],
    "variants": ["max", "budget", "norm-4", "waits-4", "all"],
    "seeds": [0],
    "tol": [1e-6],
    "time_limit": 60.0,
}


def run(spec: dict[str, Any], instance: Instance) -> dict[str, Any]:
    """Run one solver in its own process and judge its answer."""
    record = {key: spec[key] for key in ("instance", "seed", "solver", "tol", "pool", "threads")}
    threads = {name: str(spec["threads"]) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    threads["RAYON_NUM_THREADS"] = str(spec["threads"])
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.peers.worker"]
        try:
            done = subprocess.run(
                [*command, json.dumps(spec | {"folder": folder})],
                cwd=ROOT,
                env=os.environ | threads,
                timeout=spec["time_limit"] + GRACE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        except subprocess.TimeoutExpired:
            return record | {"status": "over the wall limit"}
        measured = Path(folder, "measured.json")
        if done.returncode or not measured.exists():
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return record | {"status": f"failed ({done.returncode}): {reason[:200]}"}
        record |= json.loads(measured.read_text())
        with np.load(Path(folder, "answer.npz")) as file:
            answer = dict(file)
    if "allocation" in answer:
        record |= vars(judge(instance, answer["allocation"]))
    if "energy_price" in answer:
        equity = [answer[f"equity_{r}"] for r in range(len(instance.footprints))]
        record["bound"] = lower_bound(instance, answer["energy_price"], equity)
    return record


def repeated(spec: dict[str, Any], instance: Instance, repeats: int) -> dict[str, Any]:
    """Return the run with the median time of several; one alone where it does not end well."""
    records = [run(spec, instance)]
    while len(records) < repeats and "solve_seconds" in records[-1]:
        records.append(run(spec, instance))
    if "solve_seconds" not in records[-1]:
        return records[-1]
    records.sort(key=lambda record: record["solve_seconds"])
    return records[len(records) // 2]


def add_gaps(records: list[dict[str, Any]]) -> None:
    """Measure every objective against the best lower bound that equiload's prices certify.

    Without one, against the lowest objective: no answer then proves another one wrong.
    """
    bounds = [r["bound"] for r in records if "bound" in r]
    objectives = [r["objective"] for r in records if "objective" in r]
    if objectives:
        reference = max(bounds) if bounds else min(objectives)
        for record in records:
            if "objective" in record:
                scale = max(1.0, abs(reference))
                record["gap"] = (record["objective"] - reference) / scale


def environment() -> dict[str, Any]:
    """Describe what the numbers depend on."""
    packages = ["equiload", "highspy", "ortools", "clarabel", "piqp", "scs", "cvxpy", "numpy"]
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return {"machine": platform.machine(), "cores": os.cpu_count(), "versions": found}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    known = [*TRACES, *WORLDS]
    parser.add_argument("--instances", nargs="+", choices=known, default=INSTANCES, metavar="NAME")
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=SOLVERS, metavar="NAME")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=["max"], metavar="KIND")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of the worlds")
    parser.add_argument("--tol", nargs="+", type=float, default=[1e-4, 1e-6])
    parser.add_argument("--repeats", type=int, default=1, help="runs of each; the median counts")
    parser.add_argument("--time-limit", type=float, default=600.0, help="seconds for every run")
    parser.add_argument("--threads", type=int, default=2, help="for every solver that uses any")
    parser.add_argument("--form", choices=FORMS, help="instead of each peer's best")
    parser.add_argument("--pool", action="store_true", help="merge equal gateways for peers")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/peers.json"))
    parser.add_argument("--smoke", action="store_true", help="tiny; fails unless all agree")
    given = parser.parse_args()
    if given.smoke:
        vars(given).update(SMOKE)
    return given


def main() -> int:
    """Run everything asked for, writing the results after every instance."""
    given = arguments()
    records: list[dict[str, Any]] = []
    for name, variant in product(given.instances, given.variants):
        label = name if variant == "max" else f"{name}, {variant}"
        if name in TRACES and not EGLB.is_dir():
            print(f"{name}: skipped, its data are not beside the repository", flush=True)
            continue
        for seed in given.seeds if name in WORLDS else [0]:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, "instance.npz")
                instance = to_instance(make_problem(name, seed, variant))
                instance.save(file)
                batch = []
                for tol in given.tol:
                    for solver in given.solvers:
                        spec = {"instance": label, "instance_file": str(file), "seed": seed}
                        spec |= {"solver": solver, "tol": tol, "form": given.form}
                        spec |= {"time_limit": given.time_limit, "threads": given.threads}
                        record = repeated(spec | {"pool": given.pool}, instance, given.repeats)
                        seconds = record.get("solve_seconds", float("nan"))
                        print(
                            f"{label} seed {seed} tol {tol:g} {solver}: {record['status']}, "
                            f"{seconds:.3g} s",
                            flush=True,
                        )
                        batch.append(record)
            add_gaps(batch)
            add_ratios(batch)
            records += batch
            given.out.parent.mkdir(parents=True, exist_ok=True)
            written = {"environment": environment(), "records": records}
            given.out.write_text(json.dumps(written, indent=1))
            given.out.with_suffix(".md").write_text(markdown(records) + "\n")
    print(markdown(records))
    if not given.smoke:
        return 0
    fit = [record for record in records if not record["status"].startswith(UNFIT)]
    wrong = [
        f"{r['solver']} ({r['instance']}: {r['status']})"
        for r in fit
        if not (abs(r.get("gap", 1)) < 1e-4 and r["violation"] < 1e-3)
    ]
    if wrong:
        print(f"do not agree: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
