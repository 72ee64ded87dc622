"""One online step, and how near to the offline optimum the steps come."""

from __future__ import annotations

import numpy as np

import equiload as el

from .common import ten_data_centres, world

POLICIES = ["GLB-Cost", "MirrorDescent"]


def _policy(name: str, problem: el.Problem) -> el.online.Policy:
    static = problem.static()
    if name == "MirrorDescent":
        return el.online.MirrorDescent(static)
    return el.online.Greedy(static, name)


class _Step:
    """Steps through the slots of a problem, over and over, one a call."""

    param_names = ("policy",)
    params = (POLICIES,)
    timeout = 300.0
    problem: el.Problem

    def _setup(self, name: str) -> None:
        self.policy, self.t = _policy(name, self.problem), 0
        self.slots = [self.problem.slot(t) for t in range(self.problem.slots)]
        self.policy.step(self.slots[0])  # which rehearses

    def time_step(self, _: str) -> None:
        self.t = (self.t + 1) % len(self.slots)
        self.policy.step(self.slots[self.t])

    def track_median_step(self, name: str) -> float:
        run = el.simulate(_policy(name, self.problem), self.problem)
        return 1e6 * float(np.median(run.seconds))


_Step.track_median_step.unit = "microseconds"


class TenDataCentres(_Step):
    """10 gateways, 10 sites, every pair linked."""

    def setup(self, name: str) -> None:
        self.problem = ten_data_centres("full")
        self._setup(name)

    def track_regret(self, name: str) -> float:
        run = el.simulate(_policy(name, self.problem), self.problem)
        return run.regret(el.solve(self.problem, tol=1e-5))


TenDataCentres.track_regret.unit = "relative to the offline bound"


class LargeFleet(_Step):
    """1000 sites, 200 gateways, 24 arcs each: a week."""

    def setup(self, name: str) -> None:
        self.problem = world(1000)
        self._setup(name)
