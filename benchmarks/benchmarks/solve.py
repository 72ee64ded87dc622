"""One offline solve to a certified gap."""

from __future__ import annotations

import equiload as el

from .common import split_waiting, ten_data_centres, world

TOLERANCES = [1e-4, 1e-6]
THREADS = 2  # as for the peers


class _Solve:
    """Every quantity that one solve is judged by."""

    warmup_time = 0.0
    number = 1
    repeat = (1, 3, 60.0)
    rounds = 1
    problem: el.Problem

    def _solve(self, tol: float) -> el.Solution:
        return el.solve(self.problem, tol=tol, threads=THREADS, device="cpu")

    def time_solve(self, _: object, tol: float) -> None:
        self._solve(tol)

    def peakmem_solve(self, _: object, tol: float) -> None:
        self._solve(tol)

    def track_gap(self, _: object, tol: float) -> float:
        return self._solve(tol).gap

    def track_iterations(self, _: object, tol: float) -> int:
        return self._solve(tol).iterations


_Solve.track_gap.unit = "relative gap"
_Solve.track_iterations.unit = "iterations"


class TenDataCentres(_Solve):
    """The public trace: 457 slots, 10 gateways, 10 sites."""

    params = (["full", "partial"], TOLERANCES)
    param_names = ("connectivity", "tol")
    timeout = 120.0

    def setup(self, connectivity: str, _: float) -> None:
        self.problem = ten_data_centres(connectivity)


class World(_Solve):
    """A week of a generated fleet: 33,600, 134,400 and 806,400 arcs over the horizon."""

    params = ([50, 200, 1000], TOLERANCES)
    param_names = ("sites", "tol")
    timeout = 600.0

    def setup(self, sites: int, _: float) -> None:
        self.problem = world(sites)


class Waiting(_Solve):
    """A week of 50 sites, a fifth of the work of which may wait."""

    params = ([4, 24], TOLERANCES)
    param_names = ("slots", "tol")
    timeout = 120.0

    def setup(self, slots: int, _: float) -> None:
        self.problem = split_waiting(world(50), slots, 0.05)


class Norms(_Solve):
    """A week of 50 sites, q-norms of the burdens."""

    params = ([1.5, 4.0], TOLERANCES)
    param_names = ("q", "tol")
    timeout = 120.0

    def setup(self, q: float, _: float) -> None:
        problem = world(50)
        equity = {key: el.Norm(term.weight, q) for key, term in problem.equity.items()}
        self.problem = problem.replace(equity=equity)
