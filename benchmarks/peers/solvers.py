"""One function per peer: set it up from the linear program, then solve when told to.

Each function imports its own package and returns the call that solves, so that building and solving
are timed apart. OR-Tools and HiGHS both carry HiGHS symbols: they must never share a process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from .lp import LinearProgram


@dataclass(frozen=True)
class Limits:
    """What every solver is given alike."""

    tol: float
    time_limit: float  # seconds
    threads: int


Answer = tuple[str, Any]  # status in the solver's words, columns of the linear program
Setup = Callable[["LinearProgram", Limits], Callable[[], Answer]]


def highs(lp: LinearProgram, limits: Limits, *, method: str) -> Callable[[], Answer]:
    import highspy

    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = lp.matrix.shape
    model.col_cost_, model.offset_ = lp.cost, lp.offset
    model.col_lower_, model.col_upper_ = lp.low, lp.high
    model.row_lower_, model.row_upper_ = lp.row_low, lp.row_high
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = lp.matrix.indptr
    model.a_matrix_.index_ = lp.matrix.indices
    model.a_matrix_.value_ = lp.matrix.data

    solver = highspy.Highs()
    solver.silent()
    options = {
        "solver": method,
        "kkt_tolerance": limits.tol,
        # An accurate interior answer is all that is asked for: crossover only where it is not.
        "run_crossover": "choose",
        "threads": limits.threads,
        "time_limit": limits.time_limit,
    }
    for name, value in options.items():
        if solver.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            raise RuntimeError(f"this HiGHS has no {name} = {value}")
    solver.passModel(model)

    def solve() -> Answer:
        solver.run()
        status = solver.modelStatusToString(solver.getModelStatus())
        return status, np.array(solver.getSolution().col_value)

    return solve


def ortools_pdlp(lp: LinearProgram, limits: Limits) -> Callable[[], Answer]:
    from ortools.pdlp import solve_log_pb2, solvers_pb2
    from ortools.pdlp.python import pdlp

    program = pdlp.QuadraticProgram()
    program.objective_vector = lp.cost
    program.objective_offset = lp.offset
    program.constraint_matrix = lp.matrix
    program.constraint_lower_bounds, program.constraint_upper_bounds = lp.row_low, lp.row_high
    program.variable_lower_bounds, program.variable_upper_bounds = lp.low, lp.high
    params = solvers_pb2.PrimalDualHybridGradientParams()
    params.num_threads = limits.threads
    stop = params.termination_criteria
    stop.time_sec_limit = limits.time_limit
    stop.simple_optimality_criteria.eps_optimal_absolute = limits.tol
    stop.simple_optimality_criteria.eps_optimal_relative = limits.tol

    def solve() -> Answer:
        result = pdlp.primal_dual_hybrid_gradient(program, params)
        reason = solve_log_pb2.TerminationReason.Name(result.solve_log.termination_reason)
        return reason, result.primal_solution

    return solve


def _cones(lp: LinearProgram) -> tuple[sparse.csc_array, np.ndarray, int]:
    """Return A z + s = b with s zero in the first rows, the count of those, and s >= 0 after."""
    equal = lp.row_low == lp.row_high
    rows = lp.matrix.tocsr()
    eye = sparse.eye_array(lp.cost.size, format="csr")
    parts = [(rows[equal], lp.row_high[equal])]
    ranged = (rows[~equal], lp.row_low[~equal], lp.row_high[~equal])
    for matrix, low, high in (ranged, (eye, lp.low, lp.high)):
        above, below = np.isfinite(low), np.isfinite(high)
        parts += [(matrix[below], high[below]), (-matrix[above], -low[above])]
    stacked = sparse.vstack([matrix for matrix, _ in parts], format="csc")
    right = np.concatenate([b for _, b in parts])
    return sparse.csc_array(stacked), right, int(equal.sum())


def clarabel(lp: LinearProgram, limits: Limits) -> Callable[[], Answer]:
    import clarabel

    matrix, right, equal = _cones(lp)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = limits.threads
    settings.time_limit = limits.time_limit
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = limits.tol
    cones = [clarabel.ZeroConeT(equal), clarabel.NonnegativeConeT(right.size - equal)]
    empty = sparse.csc_matrix((lp.cost.size, lp.cost.size))
    csc = sparse.csc_matrix(matrix)
    solver = clarabel.DefaultSolver(empty, lp.cost, csc, right, cones, settings)

    def solve() -> Answer:
        solution = solver.solve()
        return str(solution.status), np.array(solution.x)

    return solve


def scs(lp: LinearProgram, limits: Limits) -> Callable[[], Answer]:
    import scs

    matrix, right, equal = _cones(lp)
    solver = scs.SCS(
        {"A": sparse.csc_matrix(matrix), "b": right, "c": lp.cost},
        {"z": equal, "l": right.size - equal},
        eps_abs=limits.tol,
        eps_rel=limits.tol,
        max_iters=1_000_000_000,
        time_limit_secs=limits.time_limit,
        verbose=False,
    )

    def solve() -> Answer:
        solution = solver.solve()
        return str(solution["info"]["status"]), solution["x"]

    return solve


def cvxpy(lp: LinearProgram, limits: Limits) -> Callable[[], Answer]:
    """CVXPY with the solver and tolerance it chooses; translating counts as solving."""
    sys.modules["ortools"] = None  # type: ignore[assignment]  # it would load beside HiGHS
    import cvxpy as cp

    equal = lp.row_low == lp.row_high
    rows = lp.matrix.tocsr()
    z = cp.Variable(lp.cost.size, bounds=[lp.low, lp.high])
    constraints = [rows[equal] @ z == lp.row_high[equal]]
    for side, sign in ((lp.row_high, 1.0), (lp.row_low, -1.0)):
        some = np.isfinite(side) & ~equal
        if some.any():
            constraints.append(sign * rows[some] @ z <= sign * side[some])
    problem = cp.Problem(cp.Minimize(lp.cost @ z + lp.offset), constraints)

    def solve() -> Answer:
        problem.solve()
        return f"{problem.status} ({problem.solver_stats.solver_name})", z.value

    return solve


# name: (set-up, form of the linear program that suits it best). Measured at 1e-6 on 10dc-full and
# on worlds of 50 and 200 sites: with "sites", simplex takes a third to a sixth of the time,
# interior points up to a third less, HiGHS's PDLP a third on one and half as much again on
# another; with "arcs", OR-Tools' PDLP and SCS take about half to nine tenths.
PEERS: dict[str, tuple[Setup, str]] = {
    "highs-simplex": (partial(highs, method="simplex"), "sites"),
    "highs-ipm": (partial(highs, method="ipx"), "sites"),
    "highs-hipo": (partial(highs, method="hipo"), "sites"),
    "highs-pdlp": (partial(highs, method="pdlp"), "sites"),
    "ortools-pdlp": (ortools_pdlp, "arcs"),
    "clarabel": (clarabel, "sites"),
    "scs": (scs, "arcs"),
    "cvxpy": (cvxpy, "sites"),
}
