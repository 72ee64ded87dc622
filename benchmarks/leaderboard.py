"""The leaderboard of online policies: regret over the certified bounds of the reference library.

Run it with ``python -m benchmarks.leaderboard [INSTANCE ...] [--policies POLICY ...]``.  Policies
with a `past` get the week before the horizon.  They were tuned on ``online-dev-...`` alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

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
    scenarios,
)

WEEK = 168
Maker = Callable[[el.Problem, el.Problem], Policy]
POLICIES: dict[str, Maker] = {
    "GLB-Cost": lambda past, rest: Greedy(rest.static()),
    "MirrorDescent": lambda past, rest: MirrorDescent(rest.static()),
    "MirrorDescent, past": lambda past, rest: MirrorDescent(rest.static(), past=past),
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
    "horizon, scenarios 96": lambda past, rest: RecedingHorizon(
        rest.static(), scenarios(rest), 96, past=past
    ),
    "horizon, scenarios 168": lambda past, rest: RecedingHorizon(
        rest.static(), scenarios(rest), WEEK, past=past
    ),
    "horizon, perfect 168": lambda past, rest: RecedingHorizon(
        rest.static(), Perfect(rest), WEEK, past=past
    ),
}


def main() -> None:
    """Print the regret and the mean step of every policy on every instance."""
    known = [name for name in el.data.instances() if name.startswith("online-")]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="instances, by default all named online-...")
    parser.add_argument("--data", type=Path, help="the study's data, else EQUILOAD_DATA")
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    options = parser.parse_args()
    regrets: dict[str, list[float]] = {name: [] for name in options.policies}
    for name in options.names or known:
        entry = el.data.instance(name, options.data)
        assert entry.past is not None, f"{name} has no past"
        print(name, flush=True)
        for label in options.policies:
            run = el.simulate(POLICIES[label](entry.past, entry.problem), entry.problem)
            regrets[label].append((run.objective - entry.lower_bound) / abs(entry.lower_bound))
            mean = 1e3 * float(np.mean(run.seconds))
            print(f"  {label:22} {regrets[label][-1]:8.2%} {mean:10.2f} ms a step", flush=True)
    print("mean and largest of all")
    for label, values in regrets.items():
        print(f"  {label:22} {np.mean(values):8.2%} {max(values):8.2%}")


if __name__ == "__main__":
    main()
