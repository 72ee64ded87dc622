"""One function per peer: set it up from the program, then solve when told to.

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
    from .program import Program


@dataclass(frozen=True)
class Limits:
    """What every solver is given alike."""

    tol: float
    time_limit: float  # seconds
    threads: int


class Unfit(Exception):
    """A program of a kind that the solver does not take."""


Answer = tuple[str, Any]  # status in the solver's words, columns of the program
Setup = Callable[["Program", Limits], Callable[[], Answer]]


QUADRATIC = ("qpasm",)  # HiGHS's methods for quadratic programs alone; HiPO takes both


def highs(program: Program, limits: Limits, *, method: str) -> Callable[[], Answer]:
    import highspy

    if program.norms:
        raise Unfit("takes no norms")
    if np.any(program.quadratic) != (method in QUADRATIC) and method != "hipo":
        raise Unfit("for quadratic programs" if method in QUADRATIC else "takes no quadratic costs")
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = program.matrix.shape
    model.col_cost_, model.offset_ = program.cost, program.offset
    model.col_lower_, model.col_upper_ = program.low, program.high
    model.row_lower_, model.row_upper_ = program.row_low, program.row_high
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = program.matrix.indptr
    model.a_matrix_.index_ = program.matrix.indices
    model.a_matrix_.value_ = program.matrix.data

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
    if np.any(program.quadratic):
        columns = program.cost.size
        start = np.append(0, np.cumsum(program.quadratic != 0)).astype(np.int32)
        index = np.flatnonzero(program.quadratic).astype(np.int32)
        hessian = highspy.HighsHessian()
        hessian.dim_, hessian.format_ = columns, highspy.HessianFormat.kTriangular
        hessian.start_, hessian.index_ = start, index
        hessian.value_ = program.quadratic[index]
        solver.passHessian(hessian)

    def solve() -> Answer:
        solver.run()
        status = solver.modelStatusToString(solver.getModelStatus())
        return status, np.array(solver.getSolution().col_value)

    return solve


def ortools_pdlp(program: Program, limits: Limits) -> Callable[[], Answer]:
    from ortools.pdlp import solve_log_pb2, solvers_pb2
    from ortools.pdlp.python import pdlp

    if program.norms:
        raise Unfit("takes no norms")
    model = pdlp.QuadraticProgram()
    model.objective_vector, model.objective_offset = program.cost, program.offset
    if np.any(program.quadratic):
        model.set_objective_matrix_diagonal(program.quadratic)
    model.constraint_matrix = program.matrix
    model.constraint_lower_bounds, model.constraint_upper_bounds = program.row_low, program.row_high
    model.variable_lower_bounds, model.variable_upper_bounds = program.low, program.high
    params = solvers_pb2.PrimalDualHybridGradientParams()
    params.num_threads = limits.threads
    stop = params.termination_criteria
    stop.time_sec_limit = limits.time_limit
    stop.simple_optimality_criteria.eps_optimal_absolute = limits.tol
    stop.simple_optimality_criteria.eps_optimal_relative = limits.tol

    def solve() -> Answer:
        result = pdlp.primal_dual_hybrid_gradient(model, params)
        reason = solve_log_pb2.TerminationReason.Name(result.solve_log.termination_reason)
        return reason, result.primal_solution

    return solve


@dataclass(frozen=True)
class Cones:
    """A z + s = b, s in a product of cones: zero, s >= 0, second order, powers of three."""

    matrix: sparse.csc_matrix
    right: np.ndarray
    cost: np.ndarray  # of the program's columns and of those that power cones need
    quadratic: sparse.csc_matrix
    equal: int
    above: int
    second_order: list[int]  # dimensions
    powers: list[float]  # x^a y^(1 - a) >= |z|

    @classmethod
    def of(cls, program: Program) -> Cones:
        """Translate rows, bounds and norms.

        The norm |e|_q <= t is a second-order cone for q = 2, else |e_g| <= s_g^(1/q) t^(1 - 1/q) in
        every row with sum s <= t, for new columns s.
        """
        columns = program.cost.size
        extra = sum(norm.offset.size for norm in program.norms if norm.q != 2)
        width = columns + extra

        def wide(matrix: sparse.csr_array) -> sparse.csr_array:
            left = sparse.csr_array(matrix)
            left.resize(left.shape[0], width)
            return left

        same = program.row_low == program.row_high
        rows, eye = wide(program.matrix), sparse.eye_array(columns, width, format="csr")
        zero = [(rows[same], program.row_high[same])]
        positive = []
        ranged = (rows[~same], program.row_low[~same], program.row_high[~same])
        for matrix, low, high in (ranged, (eye, program.low, program.high)):
            above, below = np.isfinite(low), np.isfinite(high)
            positive += [(matrix[below], high[below]), (-matrix[above], -low[above])]

        unit = sparse.eye_array(width, format="csr")
        round_, power, second_order, powers = [], [], [], []
        used = columns
        for norm in program.norms:
            size, burden, top = norm.offset.size, wide(norm.matrix), unit[[norm.column]]
            if norm.q == 2:
                round_ += [(-top, np.zeros(1)), (-burden, norm.offset)]
                second_order.append(1 + size)
                continue
            part = unit[used : used + size]
            used += size
            positive.append((sparse.csr_array(part.sum(axis=0)[None, :]) - top, np.zeros(1)))
            tops = sparse.vstack([top] * size, format="csr")
            mixed = sparse.vstack([-part, -tops, -burden], format="csr")
            order = np.arange(3 * size).reshape(3, size).T.ravel()  # three rows for every cone
            right = np.concatenate([np.zeros(2 * size), norm.offset])
            power.append((mixed[order], right[order]))
            powers += [1 / norm.q] * size
        parts = [*zero, *positive, *round_, *power]
        diagonal = np.concatenate([program.quadratic, np.zeros(extra)])
        return cls(
            matrix=sparse.csc_matrix(sparse.vstack([matrix for matrix, _ in parts])),
            right=np.concatenate([right for _, right in parts]),
            cost=np.concatenate([program.cost, np.zeros(extra)]),
            quadratic=sparse.csc_matrix(sparse.diags_array(diagonal)),
            equal=sum(right.size for _, right in zero),
            above=sum(right.size for _, right in positive),
            second_order=second_order,
            powers=powers,
        )


def clarabel(program: Program, limits: Limits) -> Callable[[], Answer]:
    import clarabel

    form = Cones.of(program)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = limits.threads
    settings.time_limit = limits.time_limit
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = limits.tol
    cones = [clarabel.ZeroConeT(form.equal), clarabel.NonnegativeConeT(form.above)]
    cones += [clarabel.SecondOrderConeT(size) for size in form.second_order]
    cones += [clarabel.PowerConeT(a) for a in form.powers]
    solver = clarabel.DefaultSolver(
        form.quadratic, form.cost, form.matrix, form.right, cones, settings
    )

    def solve() -> Answer:
        solution = solver.solve()
        return str(solution.status), np.array(solution.x)[: program.cost.size]

    return solve


def scs(program: Program, limits: Limits) -> Callable[[], Answer]:
    import scs

    form = Cones.of(program)
    cone = {"z": form.equal, "l": form.above, "q": form.second_order, "p": form.powers}
    solver = scs.SCS(
        {"P": form.quadratic, "A": form.matrix, "b": form.right, "c": form.cost},
        cone,
        eps_abs=limits.tol,
        eps_rel=limits.tol,
        max_iters=1_000_000_000,
        time_limit_secs=limits.time_limit,
        verbose=False,
    )

    def solve() -> Answer:
        solution = solver.solve()
        return str(solution["info"]["status"]), solution["x"][: program.cost.size]

    return solve


def piqp(program: Program, limits: Limits) -> Callable[[], Answer]:
    """PIQP, an interior point for quadratic programs; it has no time limit and one thread."""
    import piqp

    if program.norms:
        raise Unfit("takes no norms")
    same = program.row_low == program.row_high
    rows = program.matrix.tocsr()
    solver = piqp.SparseSolver()
    solver.settings.eps_abs = solver.settings.eps_rel = limits.tol
    solver.settings.eps_duality_gap_abs = solver.settings.eps_duality_gap_rel = limits.tol
    solver.setup(
        sparse.csc_matrix(sparse.diags_array(program.quadratic)),
        program.cost,
        sparse.csc_matrix(rows[same]),
        program.row_high[same],
        sparse.csc_matrix(rows[~same]),
        program.row_low[~same],
        program.row_high[~same],
        program.low,
        program.high,
    )

    def solve() -> Answer:
        status = solver.solve()
        return str(status).rpartition(".")[2], np.array(solver.result.x)

    return solve


def cvxpy(program: Program, limits: Limits) -> Callable[[], Answer]:
    """CVXPY with the solver and tolerance it chooses; translating counts as solving."""
    sys.modules["ortools"] = None  # type: ignore[assignment]  # it would load beside HiGHS
    import cvxpy as cp

    equal = program.row_low == program.row_high
    rows = program.matrix.tocsr()
    z = cp.Variable(program.cost.size, bounds=[program.low, program.high])
    constraints = [rows[equal] @ z == program.row_high[equal]]
    for side, sign in ((program.row_high, 1.0), (program.row_low, -1.0)):
        some = np.isfinite(side) & ~equal
        if some.any():
            constraints.append(sign * rows[some] @ z <= sign * side[some])
    for norm in program.norms:
        burden = norm.matrix @ z + norm.offset
        constraints.append(cp.pnorm(burden, norm.q) <= z[norm.column])
    objective = program.cost @ z + program.offset
    if np.any(program.quadratic):
        objective += cp.sum_squares(cp.multiply(np.sqrt(program.quadratic / 2), z))
    problem = cp.Problem(cp.Minimize(objective), constraints)

    def solve() -> Answer:
        problem.solve()
        return f"{problem.status} ({problem.solver_stats.solver_name})", z.value

    return solve


# name: (set-up, form of the program that suits it best). Measured at 1e-6 on 10dc-full and on
# worlds of 50 and 200 sites: with "sites", simplex takes a third to a sixth of the time, interior
# points up to a third less, HiGHS's PDLP a third on one and half as much again on another; with
# "arcs", OR-Tools' PDLP and SCS take about half to nine tenths. "queues" is the same as "sites"
# where nothing waits, and has up to 25 times fewer columns where work does.
PEERS: dict[str, tuple[Setup, str]] = {
    "highs-simplex": (partial(highs, method="simplex"), "queues"),
    "highs-ipm": (partial(highs, method="ipx"), "queues"),
    "highs-hipo": (partial(highs, method="hipo"), "queues"),
    "highs-pdlp": (partial(highs, method="pdlp"), "queues"),
    "highs-qp": (partial(highs, method="qpasm"), "queues"),
    "ortools-pdlp": (ortools_pdlp, "arcs"),
    "clarabel": (clarabel, "queues"),
    "piqp": (piqp, "queues"),
    "scs": (scs, "arcs"),
    "cvxpy": (cvxpy, "queues"),
}
