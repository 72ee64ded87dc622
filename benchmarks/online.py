"""Online policies against the offline optimum, and the time of a step.

Run it with ``python -m benchmarks.online``.  The ten data centres come from the public trace, where
it is beside the repository; the worlds are generated.  CVXPY solves the same slots where it is
installed.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

import equiload as el
from equiload.online import (
    FairOBD,
    Greedy,
    MirrorDescent,
    Noisy,
    RecedingHorizon,
    Resolve,
    Robust,
)

from .benchmarks.common import EGLB

WORLDS = ((40, 15, 168, 11), (80, 40, 168, 12), (25, 12, 336, 13))
NOISE = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cvxpy-slots", type=int, default=9, help="slots that CVXPY solves")
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    if EGLB.is_dir():
        for connectivity in ("full", "partial"):
            print(f"ten data centres, {connectivity} connectivity")
            policies(el.data.read_eglb(EGLB, connectivity), by_hand=1e-5)
    for sites, gateways, slots, seed in WORLDS:
        print(f"world of {sites} sites, {gateways} gateways, {slots} slots, seed {seed}")
        policies(el.data.world(sites, gateways, slots, seed))
    print("one step on one thread: milliseconds of CPU time, median and mean")
    if EGLB.is_dir():
        steps("10 x 10", el.data.read_eglb(EGLB), options.cvxpy_slots)
    large = el.data.world(1000, 200, 168, arcs_per_gateway=24)
    steps("1000 x 200 x 24", large, options.cvxpy_slots)


def policies(problem: el.Problem, by_hand: float | None = None) -> None:
    """Print one line a policy: how much more it costs than the offline bound."""
    static = problem.static()
    offline = el.solve(problem, tol=1e-5)
    every = 1 if problem.sites <= 10 else 6  # slots that a plan is kept
    lines: dict[str, el.online.Policy] = {"GLB-Cost": Greedy(static)}
    if by_hand is not None:
        caps = {name: float(values.max()) for name, values in problem.footprints.items()}
        lines[f"MirrorDescent, step {by_hand:g}"] = MirrorDescent(static, step=by_hand, cap=caps)
    lines["MirrorDescent, auto"] = MirrorDescent(static)
    lines["RecedingHorizon, same hour yesterday"] = RecedingHorizon(static, every=every)
    for sigma in NOISE:
        told = f"RecedingHorizon, noise {sigma:g}" if sigma else "RecedingHorizon, perfect"
        lines[told] = RecedingHorizon(static, Noisy(problem, sigma), every=every)
    lines["Robust, noise 1.6, trust 0.02"] = Robust(
        RecedingHorizon(static, Noisy(problem, 1.6), every=every), trust=0.02
    )
    for name, policy in lines.items():
        run = el.simulate(policy, problem)
        step = 1e6 * float(np.median(run.seconds))
        print(f"  {name:38} {run.regret(offline):8.2%} {step:10.0f} us a step", flush=True)


def steps(label: str, problem: el.Problem, cvxpy_slots: int) -> None:
    """Print the time of a step of every policy after some past, and of CVXPY on some slots."""
    static, first = problem.static(), problem.slots // 2
    past = [problem.slot(t) for t in range(first)]
    policies: dict[str, el.online.Policy] = {
        "Greedy": Greedy(static),
        "MirrorDescent": MirrorDescent(static, past=past),
        "Resolve": Resolve(static, past),
        "FairOBD": FairOBD(static, 5.0, past=past),
        "RecedingHorizon, 24": RecedingHorizon(static, past=past, threads=1),
        "RecedingHorizon, 96": RecedingHorizon(static, window=96, past=past, threads=1),
        "Robust": Robust(RecedingHorizon(static, past=past, threads=1)),
    }
    for name, policy in policies.items():
        count = 8 if problem.sites > 100 and name.startswith(("Receding", "Robust")) else 60
        policy.step(problem.slot(first))  # the first step rehearses, or solves every block
        spent = []
        for t in range(first + 1, min(first + 1 + count, problem.slots)):
            began = time.process_time()
            policy.step(problem.slot(t))
            spent.append(1e3 * (time.process_time() - began))
        print(f"  {label:16} {name:20} {np.median(spent):10.3f} {np.mean(spent):10.3f}", flush=True)
    try:
        import cvxpy  # noqa: F401
    except ImportError:
        print("  CVXPY is not installed")
        return
    chosen = np.linspace(0, problem.slots - 1, cvxpy_slots).astype(int)
    spent, worst = zip(*(cvxpy_slot(problem, int(t)) for t in chosen), strict=True)
    print(f"  {label:16} {'CVXPY':20} {1e3 * float(np.median(spent)):10.3f}", end="")
    print(f"   (Clarabel, compiled once; costs agree to {max(worst):.0e})")


def cvxpy_slot(problem: el.Problem, t: int) -> tuple[float, float]:
    """Return CVXPY's time for a slot at its prices, and how far its cost is from ours."""
    import cvxpy as cp

    net = problem.network
    cost = net.cost + net.energy * problem.price[t][net.site]
    serves = np.zeros((net.gateways, len(net)))
    serves[net.gateway, np.arange(len(net))] = 1.0
    draws = np.zeros((net.sites, len(net)))
    draws[net.site, np.arange(len(net))] = net.energy
    work, price = cp.Variable(len(net), nonneg=True), cp.Parameter(len(net))
    demand = cp.Parameter(net.gateways)
    capacity = np.broadcast_to(problem.capacity, problem.price.shape)[t]
    model = cp.Problem(
        cp.Minimize(price @ work), [serves @ work == demand, draws @ work <= capacity]
    )
    price.value, demand.value = cost, problem.demand[t]
    model.solve(solver=cp.CLARABEL)  # the first call compiles the parametrised model
    began = time.perf_counter()
    model.solve(solver=cp.CLARABEL)
    spent = time.perf_counter() - began
    ours = cost @ Greedy(problem.static()).step(problem.slot(t)).allocation
    return spent, abs(model.value - ours) / abs(ours)


if __name__ == "__main__":
    main()
