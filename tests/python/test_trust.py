"""Short runs of the attacks in `tests/trust`, and what once went wrong in long ones."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="the cases are drawn by hypothesis")
pytest.importorskip("highspy", reason="the independent optimum is that of HiGHS")

import boundary
import mutants
from answers import problem_of, verdict
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import random_case
from soak import flat, run

import equiload as el

KEPT = json.loads(mutants.CASES.read_text())


def assert_sound(mutant: dict) -> None:
    """A reader returns something or raises InputError, soon and without a warning."""
    with tempfile.TemporaryDirectory() as folder:
        said = mutants.outcome(mutant, Path(folder))
    assert said in ("read", "refused"), f"{json.dumps(mutant)}\n{said}"


@pytest.mark.parametrize("mutant", KEPT, ids=lambda mutant: f"{mutant['corpus']}, {mutant['was']}")
def test_files_that_once_went_wrong(mutant):
    assert_sound(mutant)


@settings(max_examples=400)
@given(st.integers(0, 2**32 - 1))
def test_mutated_files(number):
    assert_sound(mutants.random_mutant(number, 0, mutants.TEXTUAL))


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_mutated_netcdf_files(number):
    pytest.importorskip("h5netcdf", reason="NetCDF files need h5netcdf")
    assert_sound(mutants.random_mutant(number, 0, mutants.NETCDF))


@settings(max_examples=500)
@given(st.integers(0, 2**32 - 1))
def test_junk_in_public_calls(number):
    call, junk = boundary.random_junk(number, 0)
    said = boundary.outcome(call, junk)
    assert said in ("works", "refused"), f"{call}({junk}): {said}"


@pytest.mark.parametrize("call", boundary.CALLS)
def test_the_calls_work_without_junk(call):
    absent = ("there is none", "none", "there is none.npz")  # files, and a dataset
    given = boundary.CALLS[call][1]()
    missing = given.get("ds", 0) is None or any(str(value) in absent for value in given.values())
    expected = "refused" if missing else "works"
    assert boundary.outcome(call, {}) == expected


@pytest.mark.parametrize("corpus", mutants.TEXTUAL)
def test_the_corpora_can_be_read(corpus, tmp_path):
    assert mutants.outcome({"corpus": corpus, "edits": []}, tmp_path) == "read"


def spoiled(name: str, solution: el.Solution) -> el.Solution:
    """Change one thing about an answer."""
    changes = {
        "plan": {"allocation": solution.allocation * 0.999},
        "objective": {"objective": solution.objective * 1.001},
        "bound": {"lower_bound": solution.lower_bound + 1e-3 * abs(solution.objective)},
        "status": {"status": "infeasible"},
    }
    return replace(solution, **changes[name])


@pytest.mark.parametrize("name", ["plan", "objective", "bound", "status"])
def test_the_judge_notices(name):
    case = random_case(np.random.default_rng(0)) | {"burdens": {}}
    assert case["demand"].any()
    case["capacity"] = np.full_like(case["capacity"], np.inf)
    solution = el.solve(problem_of(case))
    assert verdict(case, solution) == "optimal"
    assert verdict(case, spoiled(name, solution)) != "optimal"


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_answers_to_random_problems(number):
    case = random_case(np.random.default_rng([1, number]))
    said = verdict(case, el.solve(problem_of(case), time_limit=20.0))
    assert said in ("optimal", "infeasible", "tight")


def test_solves_leave_nothing_behind():
    assert flat(*run(100))


def test_a_leak_would_be_seen():
    assert not flat([50.0, 51.0, 55.0, 59.0], [5] * 4, [2] * 4)
    assert not flat([50.0] * 4, [5, 5, 6, 7], [2] * 4)
