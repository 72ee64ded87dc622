"""Junk in any argument of any public call: it works or raises `InputError`, and nothing else.

python tests/trust/boundary.py --count 100000 --seed 1
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import datetime
import io
import os
import random
import shutil
import sys
import tempfile
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


class Anything:
    """Takes whatever it is called with."""

    def __init__(self, *_: object) -> None:
        pass


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
    "class": Anything,
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


def nearest() -> el.online.Policy:
    return el.online.Nearest(problem().static())


@cache
def run_of() -> el.online.Run:
    return el.simulate(nearest(), problem())


@cache
def table(unit: str = "MWh") -> el.data.TimeTable:
    times = np.arange("2024-01-01T00", "2024-01-01T03", dtype="datetime64[h]")
    return el.data.TimeTable(np.ones((3, 2)), ("A", "B"), times, unit)


@cache
def folder() -> Path:
    made = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, made)
    return Path(made)


def within(path: Any) -> Any:
    """Move a path to where files may be left behind."""
    return folder() / (str(path) or "file") if isinstance(path, str | os.PathLike) else path


def planned(forecast: Any) -> el.online.Run:
    horizon = el.online.RecedingHorizon(problem().static(), forecast, window=2)
    return el.simulate(horizon, problem())


def solution_method(name: str) -> Callable[..., Any]:
    return lambda **given: getattr(solution(), name)(**given)


def network() -> el.Network:
    return el.Network.complete(2, 2)


def policy(name: str) -> Callable[..., Any]:
    kind = getattr(el.online, name)
    return lambda **given: el.simulate(kind(**given), problem())


# What every way to solve takes.
SETTINGS: dict[str, Any] = {
    "device": "cpu",
    "precision": "double",
    "threads": 1,
    "time_limit": 5.0,
    "max_iterations": 50,
}

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
            **SETTINGS,
            "method": "auto",
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
        lambda: {
            "sites": 2,
            "gateways": 2,
            "slots": 2,
            "seed": 0,
            "arcs_per_gateway": 2,
            "utilisation": 0.5,
            "latency_cost": 0.003,
            "cities": "synthetic",
            "climate": "mild",
            "equity": {},
        },
    ),
    "data.world_positions": (el.data.world_positions, lambda: {"sites": 2, "seed": 0}),
    "Climate": (
        lambda **given: el.data.world(2, 2, 3, climate=el.data.Climate(**given)),
        lambda: {
            "regime_days": 2.0,
            "regime_price": 0.1,
            "regime_burden": 0.1,
            "spikes": 0.1,
            "daily": 1.0,
            "bursts": 0.03,
            "correlation": 0.1,
        },
    ),
    "Sum": (el.Sum, lambda: {"weight": 1.0}),
    "solve, told and stopped": (
        lambda **given: el.solve(problem(), tol=1e-3, **given),
        lambda: {
            "callback": lambda state: None,
            "progress": False,
            "verbose": False,
            "on_interrupt": "raise",
        },
    ),
    "solve_batch, set": (
        lambda **given: el.solve_batch([problem()], tol=1e-3, **given),
        lambda: {
            **SETTINGS,
            "warm_start": solution(),
            "on_interrupt": "raise",
        },
    ),
    "frontier, set": (
        lambda **given: el.frontier(problem(), {"carbon": [1.0]}, tol=1e-3, **given),
        lambda: {
            **SETTINGS,
            "on_interrupt": "raise",
        },
    ),
    "simulate, told and stopped": (
        lambda **given: el.simulate(nearest(), problem(), **given),
        lambda: {"progress": False, "callback": None, "on_interrupt": "raise"},
    ),
    "compare, set": (
        lambda **given: el.compare(problem(), [nearest()], **given),
        lambda: {"offline": False, "progress": False, "on_interrupt": "raise"},
    ),
    "Solution.save": (lambda path: solution().save(within(path)), lambda: {"path": "a.npz"}),
    "Solution.save_plan": (
        lambda path: solution().save_plan(within(path)),
        lambda: {"path": "a.csv"},
    ),
    "Solution.burden": (solution_method("burden"), lambda: {"footprint": "carbon"}),
    "Solution.to_xarray": (solution_method("to_xarray"), lambda: {"variables": ["price"]}),
    "Run.save": (lambda path: run_of().save(within(path)), lambda: {"path": "b.npz"}),
    "Run.load": (lambda path: el.online.Run.load(path), lambda: {"path": "there is none.npz"}),
    "Run.burden": (lambda footprint: run_of().burden(footprint), lambda: {"footprint": "carbon"}),
    "Run.regret": (lambda against: run_of().regret(against), lambda: {"against": solution()}),
    "Comparison.load": (
        lambda path: el.online.Comparison.load(path),
        lambda: {"path": "there is none.npz"},
    ),
    "RecedingHorizon": (
        policy("RecedingHorizon"),
        lambda: {
            "static": problem().static(),
            "forecast": el.online.Perfect(problem()),
            "window": 2,
            "every": 1,
            "tol": 1e-3,
            "threads": 1,
            "past": problem(),
        },
    ),
    "Resolve": (
        policy("Resolve"),
        lambda: {
            "static": problem().static(),
            "past": problem(),
            "memory": 4,
            "every": 1,
            "samples": 2,
            "tol": 1e-3,
            "threads": 1,
            "blocks": 2,
        },
    ),
    "Robust": (
        policy("Robust"),
        lambda: {"advice": nearest(), "trust": 0.1, "fallback": nearest()},
    ),
    "MirrorDescent, set": (
        lambda **given: policy("MirrorDescent")(static=problem().static(), **given),
        lambda: {"reference": "entropic", "start": 0.5, "past": problem()},
    ),
    "Nearest, told": (
        lambda **given: policy("Nearest")(static=problem().static(), **given),
        lambda: {"distance": np.ones(4)},
    ),
    "Greedy, weighted": (
        lambda **given: policy("Greedy")(static=problem().static(), **given),
        lambda: {"weights": {"cost": 1.0}},
    ),
    "Perfect": (
        lambda **given: planned(el.online.Perfect(**given)),
        lambda: {"problem": problem()},
    ),
    "Noisy": (
        lambda **given: planned(el.online.Noisy(**given)),
        lambda: {"problem": problem(), "sigma": 0.1, "seed": 0, "scale": 9.0, "memory": 0.5},
    ),
    "Persistence": (lambda **given: planned(el.online.Persistence(**given)), lambda: {"period": 2}),
    "Fading": (
        lambda **given: planned(el.online.Fading(**given)),
        lambda: {"near": problem(), "scale": 3.0, "onto": el.online.Persistence(2)},
    ),
    "decaying": (lambda first: el.online.decaying(first)(1), lambda: {"first": 1.0}),
    "standard_policies": (el.online.standard_policies, lambda: {"problem": problem()}),
    "Static.slot": (
        lambda **given: problem().static().slot(**given),
        lambda: {
            "demand": [1.0, 1.0],
            "price": [1.0, 2.0],
            "footprints": {"carbon": [1.0, 2.0]},
            "capacity": [5.0, 5.0],
            "quadratic": [0.0, 0.1],
            "idle": [0.0, 0.1],
        },
    ),
    "Policy.step": (lambda slot: nearest().step(slot), lambda: {"slot": problem().slot(0)}),
    "Policy.load_state_dict": (
        lambda state: nearest().load_state_dict(state),
        lambda: {"state": nearest().state_dict()},
    ),
    "data.save": (
        lambda problem, path: el.data.save(problem, within(path)),
        lambda: {"problem": problem(), "path": "scenario"},
    ),
    "data.to_xarray": (el.data.to_xarray, lambda: {"problem": problem()}),
    "data.from_pandas": (
        el.data.from_pandas,
        lambda: {
            "demand": table().to_pandas(),
            "capacity": 9.0,
            "price": table().to_pandas(),
            "footprints": {"carbon": table()},
            "equity": {"carbon": el.Max(1.0)},
            "network": network(),
            "regions": {"carbon": [0, 1]},
            "history": {"carbon": [0.0, 1.0]},
            "sensitivity": {"carbon": [1.0, 1.0]},
            "quadratic": 0.1,
            "shed_cost": 99.0,
            "idle_power": 0.1,
        },
    ),
    "data.align": (
        el.data.align,
        lambda: {
            "demand": table(),
            "price": table("USD/MWh"),
            "footprints": {"carbon": table("t/MWh")},
            "sites": None,
            "gateways": None,
            "capacity": 9.0,
            "equity": {"carbon": el.Max(1.0)},
            "network": network(),
            "nearest": None,
            "cost_per_km": 0.0,
            "step": "1h",
            "units": {"carbon": "t/MWh"},
            "rates": {"EUR": 1.1},
            "timezone": "UTC",
            "fill": 0,
        },
    ),
    "data.read": (
        el.data.read,
        lambda: {
            "source": table().to_pandas(),
            "field": "demand",
            "unit": "MWh",
            "timezone": "UTC",
            "fill": 0,
        },
    ),
    "data.read_table": (
        el.data.read_table,
        lambda: {
            "source": table().to_pandas(),
            "unit": "MWh",
            "total": False,
            "timezone": "UTC",
            "step": "1h",
            "fill": 0,
        },
    ),
    "data.read_sites": (el.data.read_sites, lambda: {"source": "there is none"}),
    "data.read_electricity_maps": (
        lambda source, **given: el.data.read_electricity_maps(source, **given),
        lambda: {"source": "there is none", "emissions": "direct", "fill": 0},
    ),
    "data.read_gridstatus": (
        lambda source, **given: el.data.read_gridstatus(source, **given),
        lambda: {
            "source": "there is none",
            "column": "LMP",
            "unit": "USD/MWh",
            "timezone": "UTC",
            "step": "1h",
            "fill": 0,
        },
    ),
    "data.water_use": (
        lambda **given: el.data.water_use(**given),
        lambda: {"wet_bulb_temperature": np.ones((3, 2)), "cycles": 5.0},
    ),
    "data.wet_bulb": (el.data.wet_bulb, lambda: {"temperature": [20.0], "humidity": [50.0]}),
    "TimeTable.at": (lambda name: table().at(name), lambda: {"name": "A"}),
    "TimeTable.between": (
        lambda **given: table().between(**given),
        lambda: {"start": "2024-01-01T00", "stop": "2024-01-01T02"},
    ),
    "TimeTable.rename": (lambda **given: table().rename(**given), lambda: {"names": {"A": "C"}}),
    "TimeTable.resample": (lambda **given: table().resample(**given), lambda: {"step": "1h"}),
    "TimeTable.to": (
        lambda **given: table().to(**given),
        lambda: {"unit": "MWh", "rates": {"EUR": 1.1}},
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
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
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
