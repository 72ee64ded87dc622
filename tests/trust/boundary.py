"""Junk in any argument of any public call: it works or raises `InputError`, and nothing else.

python tests/trust/boundary.py --count 100000 --seed 1
"""

from __future__ import annotations

import argparse
import datetime
import random
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import equiload as el
import equiload.data
import equiload.online

JUNK: dict[str, Any] = {
    "None": None,
    "True": True,
    "-1": -1,
    "0": 0,
    "1.5": 1.5,
    "10**30": 10**30,
    "nan": float("nan"),
    "inf": float("inf"),
    "1j": 1j,
    "text": "junk",
    "nothing": "",
    "bytes": b"junk",
    "object": object(),
    "function": lambda *_: 1.0,
    "class": int,
    "module": sys,
    "[]": [],
    "ragged": [[1.0], [2.0, 3.0]],
    "[None]": [None],
    "[text]": ["a", "b"],
    "tuple": (1, "a"),
    "set": {1, 2},
    "{}": {},
    "{1: 2}": {1: 2},
    "{name: text}": {"carbon": "a"},
    "{name: None}": {"carbon": None},
    "{name: object}": {"carbon": object()},
    "NaN array": np.full((3, 2), np.nan),
    "text array": np.array(["a", "b"]),
    "object array": np.array([object(), None]),
    "complex array": np.ones((3, 2), complex),
    "times": np.array(["2024-01-01", "NaT"], "datetime64[D]"),
    "records": np.zeros(2, [("a", int)]),
    "0-d": np.array(3.0),
    "empty": np.zeros((0, 2)),
    "3-d": np.zeros((2, 2, 2)),
    "huge": np.full((3, 2), 1e300),
    "date": datetime.date(2024, 1, 1),
    "path": Path("there is no such file"),
    "Max": el.Max(1.0),
    "generator": (n for n in range(2)),
    "range": range(2),
}


@cache
def problem() -> el.Problem:
    rng = np.random.default_rng(0)
    return el.Problem(
        demand=rng.random((3, 2)),
        capacity=5.0,
        price=rng.random((3, 2)),
        footprints={"carbon": rng.random((3, 2))},
        equity={"carbon": el.Max(2.0)},
        network=el.Network.nearest([[1.0, 2.0], [2.0, 1.0]], k=2, cost_per_km=0.1),
    )


@cache
def solution() -> el.Solution:
    return el.solve(problem())


def network() -> el.Network:
    return el.Network.complete(2, 2)


def policy(name: str) -> Callable[..., Any]:
    kind = getattr(el.online, name)
    return lambda **given: el.simulate(kind(**given), problem())


# Per call a function and arguments with which it works; every one of them is replaced by junk.
CALLS: dict[str, tuple[Callable[..., Any], Callable[[], dict[str, Any]]]] = {
    "Problem": (
        el.Problem,
        lambda: {
            "demand": np.ones((3, 2)),
            "capacity": 5.0,
            "price": np.ones((3, 2)),
            "footprints": {"carbon": np.ones((3, 2))},
            "equity": {"carbon": el.Max(1.0)},
            "network": network(),
            "regions": {"carbon": [0, 0]},
            "history": {"carbon": [1.0]},
            "sensitivity": {"carbon": [1.0]},
            "quadratic": 1.0,
            "shed_cost": 9.0,
            "idle_power": 0.1,
            "site_names": ["a", "b"],
            "gateway_names": ["c", "d"],
            "slot_times": np.arange("2024-01-01T00", "2024-01-01T03", dtype="datetime64[h]"),
        },
    ),
    "Problem.replace": (
        lambda **given: problem().replace(**given),
        lambda: {"demand": np.ones((3, 2))},
    ),
    "Problem.slot": (lambda **given: problem().slot(**given), lambda: {"t": 1}),
    "Network.complete": (el.Network.complete, lambda: {"gateways": 2, "sites": 2}),
    "Network.from_mask": (el.Network.from_mask, lambda: {"mask": np.ones((2, 2))}),
    "Network.from_arcs": (
        el.Network.from_arcs,
        lambda: {
            "gateway": [0, 1],
            "site": [0, 1],
            "delay": 0,
            "energy": 1.0,
            "cost": 0.0,
            "gateways": 2,
            "sites": 2,
        },
    ),
    "Network.nearest": (
        el.Network.nearest,
        lambda: {"distance_km": np.ones((2, 2)), "k": 1, "cost_per_km": 0.1},
    ),
    "with_delays": (
        lambda **given: network().with_delays(**given),
        lambda: {"max_delay": {0: 1}, "cost_per_slot": 0.1},
    ),
    "with_models": (
        lambda **given: network().with_models(**given),
        lambda: {"models": [el.Model("a")]},
    ),
    "Model": (el.Model, lambda: {"name": "a", "energy": 1.0, "cost": 0.0}),
    "Max": (el.Max, lambda: {"weight": 1.0}),
    "Norm": (el.Norm, lambda: {"weight": 1.0, "q": 2.0}),
    "TopMean": (el.TopMean, lambda: {"weight": 1.0, "k": 1}),
    "Budget": (el.Budget, lambda: {"limit": [1.0, 2.0]}),
    "solve": (
        el.solve,
        lambda: {
            "problem": problem(),
            "tol": 1e-3,
            "device": "cpu",
            "method": "auto",
            "precision": "double",
            "threads": 1,
            "time_limit": 5.0,
            "max_iterations": 50,
            "warm_start": solution(),
            "shift": 0,
            "callback": None,
        },
    ),
    "solve_batch": (el.solve_batch, lambda: {"problems": [problem()], "tol": 1e-3}),
    "frontier": (
        el.frontier,
        lambda: {"problem": problem(), "weights": {"carbon": [1.0, 2.0]}, "tol": 1e-3},
    ),
    "check": (el.check, lambda: {"problem": problem()}),
    "certify": (el.certify, lambda: {"problem": problem(), "solution": solution()}),
    "simulate": (
        el.simulate,
        lambda: {"policy": el.online.Nearest(problem().static()), "problem": problem()},
    ),
    "compare": (
        el.compare,
        lambda: {"problem": problem(), "policies": [el.online.Nearest(problem().static())]},
    ),
    "Nearest": (policy("Nearest"), lambda: {"static": problem().static()}),
    "Greedy": (policy("Greedy"), lambda: {"static": problem().static()}),
    "MirrorDescent": (
        policy("MirrorDescent"),
        lambda: {"static": problem().static(), "step": 0.1, "cap": 2.0},
    ),
    "Solution.load": (el.Solution.load, lambda: {"path": "there is none.npz"}),
    "Solution.audit": (
        lambda **given: solution().audit(**given),
        lambda: {"price_of_fairness": False},
    ),
    "data.load": (el.data.load, lambda: {"path": "there is none"}),
    "data.from_xarray": (el.data.from_xarray, lambda: {"ds": None}),
    "data.read_eglb": (el.data.read_eglb, lambda: {"path": "none", "connectivity": "full"}),
    "data.instance": (
        lambda name: el.data.instance(name),
        lambda: {"name": "world-10-day"},
    ),
    "data.instances": (lambda data: el.data.instances(data), lambda: {"data": None}),
    "data.read_watttime": (
        lambda path, fill: el.data.read_watttime(path, fill=fill),
        lambda: {"path": "none", "fill": 0},
    ),
    "data.world": (
        el.data.world,
        lambda: {"sites": 2, "gateways": 2, "slots": 2, "seed": 0},
    ),
}


def random_junk(number: int, seed: int) -> tuple[str, dict[str, str]]:
    """Return a call and which arguments get which junk."""
    rng = random.Random(f"{seed}/{number}")
    call = rng.choice(list(CALLS))
    arguments = list(CALLS[call][1]())
    chosen = rng.sample(arguments, min(len(arguments), rng.choice([1, 1, 1, 2])))
    return call, {name: rng.choice(list(JUNK)) for name in chosen}


def outcome(call: str, junk: dict[str, str]) -> str:
    """Make the call: "works", "refused", or what is wrong."""
    function, arguments = CALLS[call]
    given = arguments() | {name: JUNK[what] for name, what in junk.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            function(**given)
    except el.InputError as error:
        return "refused" if "\n" not in str(error) else f"several lines: {error}"
    except Exception:
        return traceback.format_exc(limit=-3)
    return "works"


def run(count: int, seed: int, first: int = 0) -> tuple[Counter[str], list[str]]:
    """Make many calls; return how many came to what, and those that failed."""
    counts: Counter[str] = Counter()
    failed = []
    for number in range(first, first + count):
        call, junk = random_junk(number, seed)
        said = outcome(call, junk)
        if said not in ("works", "refused"):
            failed.append(f"{call}({junk}): {said}")
            said = "failed"
        counts[said] += 1
    return counts, failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    counts, failed = run(options.count, options.seed)
    print(*failed, sep="\n")
    print(f"{options.count} calls, {time.monotonic() - began:.0f} s: {dict(counts)}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
