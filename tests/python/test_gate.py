"""The gate of pull requests: what is worse is named, what repeats within its noise is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks import gate
from benchmarks.benchmarks.common import ten_data_centres

import equiload as el

BASE = {"instructions": 7e7, "peak bytes": 8e6, "iterations": 12, "gap": 8e-7, "tol": 1e-6}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"instructions": 7e7 * 1.001}, None),
        ({"instructions": 6e7, "gap": 9e-7}, None),
        ({"instructions": 7e7 * 1.05}, "instructions"),
        ({"peak bytes": 8e6 * 1.05}, "peak bytes"),
        ({"iterations": 13}, "iterations"),
        ({"gap": 6e-6}, "gap"),
        ({"gap": 6e-6, "tol": 1e-5}, "asks for 1e-05 only"),
        ({"gap": float("nan")}, "gap"),
    ],
)
def test_what_is_worse_is_named(change: dict[str, float], named: str | None) -> None:
    worse = gate.regressions({"case": BASE}, {"case": BASE | change})
    assert len(worse) == (named is not None)
    assert all(str(named) in line for line in worse)


def test_a_case_that_is_gone_is_named() -> None:
    assert gate.regressions({"case": BASE}, {}) == ["case: is gone"]


@pytest.mark.parametrize("connectivity", ["full", "partial"])
def test_the_trace_binds_like_that_of_the_study(connectivity: str) -> None:
    problem = ten_data_centres(connectivity)
    solution = el.solve(problem, tol=1e-6)
    assert (problem.slots, problem.gateways, problem.sites) == (457, 10, 10)
    assert solution.status == "optimal"
    for totals in solution.footprints.values():
        assert (totals > 0.9999 * totals.max()).sum() >= 2  # several regions share the heaviest
    peak = problem.demand.sum(axis=1).argmax()
    assert solution.site_load[peak].min() > 0.999
