"""Regret of the online policies after a week, on cases used while developing and on others.

Run it with ``python -m benchmarks.regret [--cases developed held-out] [--policies ...]``.  Every
case is cut in two: a week that policies with a `past` get, and the horizon that they decide.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np

import equiload as el
from equiload.online import (
    Fading,
    Greedy,
    MirrorDescent,
    Perfect,
    Persistence,
    Policy,
    RecedingHorizon,
    Resolve,
)

from .benchmarks.common import EGLB

WEEK = 168
# Sites, gateways, slots after the week, seed, climate. Policies were tuned on the first four and
# the study; nobody had looked at the last four before their first run.
DEVELOPED = (
    (25, 12, 336, 13, "mild"),
    (60, 25, 168, 14, "harsh"),
    (60, 25, 168, 15, "mild"),
    (25, 12, 336, 16, "harsh"),
)
HELD_OUT = (
    (25, 12, 336, 91, "harsh"),
    (60, 25, 168, 92, "mild"),
    (60, 25, 336, 93, "harsh"),
    (150, 60, 168, 94, "mild"),
)
Maker = Callable[[el.Problem, el.Problem], Policy]
POLICIES: dict[str, Maker] = {
    "GLB-Cost": lambda past, rest: Greedy(rest.static()),
    "MirrorDescent": lambda past, rest: MirrorDescent(rest.static()),
    "Resolve": lambda past, rest: Resolve(rest.static()),
    "Resolve, past": lambda past, rest: Resolve(rest.static(), past),
    "horizon, last week": lambda past, rest: RecedingHorizon(
        rest.static(), Persistence(WEEK), 96, past=past
    ),
    "horizon, fading 96": lambda past, rest: RecedingHorizon(
        rest.static(), Fading(rest), 96, past=past
    ),
    "horizon, fading 168": lambda past, rest: RecedingHorizon(
        rest.static(), Fading(rest), WEEK, past=past
    ),
    "horizon, perfect 168": lambda past, rest: RecedingHorizon(
        rest.static(), Perfect(rest), WEEK, past=past
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = ("developed", "held-out")
    parser.add_argument("--cases", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    options = parser.parse_args()
    regrets: dict[str, list[float]] = {name: [] for name in options.policies}
    for label, whole in cases(options.cases):
        past, rest = cut(whole, 0, WEEK), cut(whole, WEEK, whole.slots)
        offline = el.solve(rest, tol=1e-5)
        print(label, flush=True)
        for name in options.policies:
            run = el.simulate(POLICIES[name](past, rest), rest)
            regrets[name].append(run.regret(offline))
            mean = 1e3 * float(np.mean(run.seconds))
            print(f"  {name:22} {regrets[name][-1]:8.2%} {mean:10.2f} ms a step", flush=True)
    print("mean and largest of all")
    for name, values in regrets.items():
        print(f"  {name:22} {np.mean(values):8.2%} {max(values):8.2%}")


def cases(kinds: list[str]) -> Iterator[tuple[str, el.Problem]]:
    """Yield a label and the whole problem, week included, of every case."""
    if "developed" in kinds and EGLB.is_dir():
        for connectivity in ("full", "partial"):
            label = f"ten data centres, {connectivity}, after a week (developed)"
            yield label, el.data.read_eglb(EGLB, connectivity)
    for kind, worlds in (("developed", DEVELOPED), ("held-out", HELD_OUT)):
        for sites, gateways, slots, seed, climate in worlds if kind in kinds else ():
            label = f"world of {sites} sites, {slots} slots, seed {seed}, {climate} ({kind})"
            yield label, el.data.world(sites, gateways, WEEK + slots, seed, climate=climate)


def cut(problem: el.Problem, first: int, end: int) -> el.Problem:
    """Return some of a problem's slots."""
    part = slice(first, end)
    return problem.replace(
        demand=problem.demand[part],
        price=problem.price[part],
        footprints={name: values[part] for name, values in problem.footprints.items()},
        slot_times=problem.slot_times[part],
    )


if __name__ == "__main__":
    main()
