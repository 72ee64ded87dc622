"""Random problems solved and judged: no false "optimal", no bound above the optimum.

    python tests/trust/answers.py --count 10000 --seed 1

The judge (`judge.py`) takes plain arrays and shares no code with the package; HiGHS says what the
optimum is.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from judge import Case, judge, optimum, random_case

import equiload as el

TERMS = {"max": el.Max, "sum": el.Sum, "norm": el.Norm, "topmean": el.TopMean}
TOL = 1e-6
SECONDS = 20.0  # for a solve; what is not done by then is counted


def problem_of(case: Case) -> el.Problem:
    """Hand a case to the package."""
    gateways = case["demand"].shape[1]
    burdens = case["burdens"]
    network = el.Network.from_arcs(
        *(case[name] for name in ("gateway", "site", "delay", "energy", "cost")),
        gateways=gateways,
        sites=case["price"].shape[1],
    )
    return el.Problem(
        demand=case["demand"],
        capacity=case["capacity"],
        price=case["price"],
        footprints={name: burden["footprint"] for name, burden in burdens.items()},
        equity={
            name: term_of(*burden["term"])
            for name, burden in burdens.items()
            if burden["term"][0] != "none"
        },
        network=network,
        regions={name: burden["region"] for name, burden in burdens.items()},
        history={name: burden["history"] for name, burden in burdens.items()},
        sensitivity={name: burden["sensitivity"] for name, burden in burdens.items()},
        quadratic=case["quadratic"],
        idle_power=case["idle"],
        shed_cost=case["shed"],
    )


def term_of(kind: str, weight: float, parameter: Any) -> object:
    if kind == "budget":
        return el.Budget(parameter)
    return TERMS[kind](weight, *([] if parameter is None else [parameter]))


def verdict(case: Case, solution: el.Solution) -> str:
    """Judge an answer: its status, or what is wrong with it."""
    best = optimum(case)
    if solution.status == "infeasible":
        return "infeasible" if math.isinf(best) else f"infeasible, but {best} is possible"
    if solution.status == "unsolved":
        return "unsolved"
    equity = solution.prices.equity
    prices = {
        "capacity": solution.prices.capacity,
        "energy": solution.prices.energy,
        "equity": equity,
    }
    found = judge(case, solution.allocation, solution.shed, prices)
    size = max(1.0, sum(map(abs, solution.breakdown.values())))
    for what, broken, limit in (
        ("demand", found.unmet, 1e-11),
        ("a capacity", found.overload, 1.001e-9),
        ("a budget", found.overspent, 1.001e-9),
        ("the objective", abs(found.objective - solution.objective), 1e-9 * size),
        ("the bound", abs(found.bound - solution.lower_bound), 1e-8 * size),
    ):
        if not broken <= limit:
            return f"{what} is off by {broken}"
    # HiGHS keeps rows to 1e-10 in units of the largest demand; an infinite optimum is as uncertain.
    slack = 1e-6 * size
    if math.isinf(best):
        return "tight" if found.overload <= 1.001e-9 else "no allocation exists"
    if solution.lower_bound > best + slack:
        return f"the bound {solution.lower_bound} is above the optimum {best}"
    if solution.objective < best - slack:
        return f"the objective {solution.objective} is below the optimum {best}"
    gap = (solution.objective - solution.lower_bound) / max(1.0, abs(solution.objective))
    if solution.status == "optimal" and not gap <= 1.0001 * TOL:
        return f"optimal with a gap of {gap}"
    return solution.status


def kept(solution: el.Solution, path: Path) -> None:
    """Save, load and verify an answer."""
    solution.save(path)
    again = el.Solution.load(path)
    assert np.array_equal(again.allocation, solution.allocation), "another plan was loaded"
    assert again.verify() == el.certify(solution.problem, solution)


def run(count: int, seed: int, first: int = 0) -> tuple[Counter[str], list[str]]:
    """Solve and judge many cases; return how many came to what, and those that went wrong."""
    counts: Counter[str] = Counter()
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + count):
            rng = np.random.default_rng([seed, number])
            case = random_case(rng)
            method = str(rng.choice(["auto", "auto", "first-order"]))
            try:
                solution = el.solve(problem_of(case), tol=TOL, method=method, time_limit=SECONDS)
                said = verdict(case, solution)
                kept(solution, Path(folder) / "a.npz")
            except ArithmeticError as error:  # the judge does not know
                said = f"undecided: {error}"
            except Exception:
                said = traceback.format_exc(limit=-3)
            name = said.partition(":")[0] if said.startswith("undecided") else said
            if name not in ("optimal", "feasible", "infeasible", "unsolved", "tight", "undecided"):
                wrong.append(f"case {number}, {method}: {said}")
                name = "wrong"
            counts[name] += 1
    return counts, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    began, total, wrong = time.monotonic(), Counter[str](), []
    for first in range(options.first, options.first + options.count, 500):
        part = min(500, options.first + options.count - first)
        counts, bad = run(part, options.seed, first)
        total += counts
        wrong += bad
        print(
            f"{sum(total.values())} problems, {time.monotonic() - began:.0f} s: {dict(total)}",
            flush=True,
        )
        print(*bad, sep="\n", end="\n" * bool(bad), flush=True)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
