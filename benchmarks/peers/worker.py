"""One solver on one instance, alone in its process: ``python -m benchmarks.peers.worker SPEC``.

SPEC is a JSON object; the answer goes to ``answer.npz`` and what was measured to ``measured.json``
in the folder that it names.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .instance import Instance, to_problem

Measured = dict[str, Any]


def peak_mb() -> float:
    """Return the most memory this process ever held."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss on Linux also counts the parent's memory before exec
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def run_equiload(instance: Instance, spec: dict[str, Any]) -> tuple[Measured, dict[str, Any]]:
    import equiload as el

    start = time.perf_counter()
    problem = to_problem(instance)
    built = time.perf_counter()
    s = el.solve(
        problem,
        tol=spec["tol"],
        threads=spec["threads"],
        time_limit=spec["time_limit"],
        device="cpu",
    )
    done = time.perf_counter()
    measured = {
        "status": s.status,
        "build_seconds": built - start,
        "solve_seconds": done - built,
        "reported_objective": s.objective,
        "iterations": s.iterations,
        "method": s.method,
    }
    answer = {"allocation": s.allocation, "energy_price": s.prices.energy}
    for r in range(len(instance.footprints)):
        answer[f"equity_{r}"] = s.prices.equity[str(r)]
    return measured, answer


def run_peer(instance: Instance, spec: dict[str, Any]) -> tuple[Measured, dict[str, Any]]:
    from .program import build
    from .solvers import PEERS, Limits, Unfit

    setup, form = PEERS[spec["solver"]]
    start = time.perf_counter()
    smaller, split = instance.pooled() if spec["pool"] else (instance, lambda x: x)
    program = build(smaller, spec["form"] or form)
    try:
        solve = setup(program, Limits(spec["tol"], spec["time_limit"], spec["threads"]))
    except Unfit as unfit:
        return {"status": str(unfit)}, {}
    built = time.perf_counter()
    status, z = solve()
    done = time.perf_counter()
    usable = z is not None and len(z) == program.cost.size and np.all(np.isfinite(z))
    measured = {
        "status": status,
        "build_seconds": built - start,
        "solve_seconds": done - built,
        "reported_objective": program.value(z) if usable else None,
        "rows": program.matrix.shape[0],
        "columns": program.matrix.shape[1],
        "entries": program.matrix.nnz,
    }
    return measured, {"allocation": split(program.allocation(np.asarray(z)))} if usable else {}


def main() -> None:
    """Solve as the specification says."""
    spec = json.loads(sys.argv[1])
    folder = Path(spec["folder"])
    instance = Instance.load(Path(spec["instance_file"]))
    run = run_equiload if spec["solver"] == "equiload" else run_peer
    measured, answer = run(instance, spec)
    measured["peak_mb"] = peak_mb()
    np.savez(folder / "answer.npz", **answer)
    (folder / "measured.json").write_text(json.dumps(measured))


if __name__ == "__main__":
    main()
