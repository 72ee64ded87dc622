from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

import equiload as el


def choose_examples() -> None:
    """Draw the same examples on every run; HYPOTHESIS_PROFILE=explore looks for new ones."""
    try:
        from hypothesis import HealthCheck, settings
    except ImportError:  # a bare machine with a device: tests with drawn cases skip themselves
        return
    common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    settings.register_profile("ci", derandomize=True, **common)
    settings.register_profile("explore", max_examples=2000, **common)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


choose_examples()


def make_fleet(slots: int = 24, gateways: int = 6, sites: int = 12, seed: int = 0) -> el.Problem:
    """A day of a small fleet: nearest sites, two footprints, peaks close to capacity."""
    rng = np.random.default_rng(seed)
    hours = np.arange(slots)[:, None]
    where = rng.uniform(0, 5000, (gateways + sites, 2))
    distance = np.hypot(*(where[:gateways, None] - where[gateways:]).transpose(2, 0, 1))
    network = el.Network.nearest(distance, k=min(6, sites), cost_per_km=0.002)
    size, phase = rng.pareto(2.0, gateways) + 1, rng.uniform(0, 24, gateways)
    demand = size * (1.2 + np.sin((hours + phase) * 2 * np.pi / 24))
    spread = np.bincount(network.site, size[network.gateway], sites) / min(6, sites)
    return el.Problem(
        demand=demand,
        capacity=2.6 * spread,
        price=rng.normal(60, 25, (slots, sites)),
        footprints={
            "carbon": rng.uniform(0.05, 0.8, (slots, sites)),
            "water": rng.uniform(0.5, 6.0, (slots, sites)),
        },
        equity={"carbon": el.Max(1500.0), "water": el.Max(60.0)},
        network=network,
    )


@pytest.fixture(scope="session")
def fleet() -> Callable[..., el.Problem]:
    return make_fleet


@pytest.fixture(scope="session", params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> str:
    """Every back end that a test of the solver should hold on, where the machine has it."""
    if request.param == "cuda":
        info = el.build_info()
        if "cuda" not in info["backends"]:
            pytest.skip("this build has no CUDA back end")
        if not info["cuda"]["devices"]:
            pytest.skip(f"no usable CUDA device: {info['cuda']['reason'] or 'none found'}")
    return str(request.param)


@pytest.fixture(scope="session")
def problem() -> el.Problem:
    return make_fleet()


@pytest.fixture(scope="session")
def solution(problem: el.Problem) -> el.Solution:
    return el.solve(problem)


@pytest.fixture
def arguments() -> dict[str, object]:
    """Valid arguments for 4 slots, 2 gateways and 3 named sites, to spoil one by one."""
    return {
        "demand": np.full((4, 2), 2.0),
        "capacity": np.full(3, 5.0),
        "price": np.full((4, 3), 40.0),
        "footprints": {"carbon": np.full((4, 3), 0.4)},
        "equity": {"carbon": el.Max(100.0)},
        "site_names": ["Oslo", "Paris", "Texas"],
    }
