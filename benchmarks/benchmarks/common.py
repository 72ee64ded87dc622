"""Instances for the suite, all made here: they are the same wherever it runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import equiload as el
from equiload.data.eglb import SITES as NAMES

# The public trace, for the benchmarks that need it: it is not ours to ship.
EGLB = Path(__file__).resolve().parents[3] / "shared" / "data" / "eglb-10dc"

SLOTS, SITES = 457, 10
CONTINENTS = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
BRIDGES = ((1, 1), (2, 1), (3, 2))  # sites of the first continent that reach another


def ten_data_centres(connectivity: str) -> el.Problem:
    """Make a trace like that of the study of arXiv 2307.05494, and as hard.

    Ten sites with a gateway each, 457 hours, one demand for all gateways that fills every site in
    its peak slot. Prices, carbon and water swing with the hour of the place, drift over days, and
    prices spike. "full": everybody reaches every site; "partial": those of the own continent, and
    three sites of the first also those of another.
    """
    rng = np.random.default_rng(20230711)
    hour = np.arange(SLOTS)[:, None]
    local = hour + np.array([-6, -5, -5, -8, 1, 1, 1, 1, 9, 8])
    swing = np.cos((local - 15) * np.pi / 12)  # highest in the afternoon

    work = 0.55 + 0.12 * np.cos((hour - 3) * np.pi / 12) + 0.13 * _drift(rng, 0.8, 1)
    demand = np.repeat(work.clip(0.15) / work.max(), SITES, axis=1)

    level = np.array([45, 60, 55, 50, 140, 135, 145, 130, 110, 95.0])
    spikes = rng.pareto(3.0, (SLOTS, SITES)) * (rng.uniform(size=(SLOTS, SITES)) < 0.04)
    price = level * (1 + 0.25 * swing + 0.25 * _drift(rng, 0.9, SITES) + spikes)

    level = np.array([0.41, 0.36, 0.40, 0.34, 0.42, 0.17, 0.38, 0.16, 0.48, 0.47])
    solar = np.array([0.25, 0.1, 0.1, 0.3, 0.2, 0.15, 0.2, 0.1, 0.1, 0.02])
    carbon = level * (1 - solar * swing.clip(0) + 0.15 * _drift(rng, 0.95, SITES)).clip(0.1)

    level = np.array([4.2, 2.9, 3.6, 5.5, 1.9, 1.7, 1.8, 1.6, 2.4, 3.9])
    water = level * (1 + 0.3 * swing + 0.15 * _drift(rng, 0.97, SITES)).clip(0.1)

    return el.Problem(
        demand=demand,
        capacity=1.0,
        price=price.round(2),
        footprints={"carbon": carbon.round(4), "water": water.round(3)},
        equity={"carbon": el.Max(1500.0), "water": el.Max(60.0)},
        network=el.Network.from_mask(_mask(connectivity)),
        site_names=NAMES,
        gateway_names=NAMES,
    )


def _drift(rng: np.random.Generator, memory: float, columns: int) -> np.ndarray:
    """Draw autoregressive noise of unit variance, (SLOTS, columns)."""
    noise = rng.normal(size=(SLOTS, columns)) * np.sqrt(1 - memory**2)
    for t in range(1, SLOTS):
        noise[t] += memory * noise[t - 1]
    return noise


def _mask(connectivity: str) -> np.ndarray:
    if connectivity == "full":
        return np.ones((SITES, SITES), dtype=bool)
    mask = CONTINENTS[:, None] == CONTINENTS
    for site, continent in BRIDGES:
        mask[site] |= continent == CONTINENTS
    return mask | mask.T


def world(sites: int) -> el.Problem:
    """Return a week of hours in one of three sizes, named by the number of sites."""
    gateways, arcs = {50: (20, 10), 200: (50, 16), 1000: (200, 24)}[sites]
    return el.data.world(sites=sites, gateways=gateways, slots=168, seed=0, arcs_per_gateway=arcs)


def split_waiting(problem: el.Problem, slots: int, cost_per_slot: float) -> el.Problem:
    """Let a fifth of every gateway's work wait for up to `slots`, as gateways of their own."""
    gateways, network = problem.gateways, problem.network
    doubled = el.Network.from_arcs(
        np.concatenate([network.gateway, network.gateway + gateways]),
        np.tile(network.site, 2),
        energy=np.tile(network.energy, 2),
        cost=np.tile(network.cost, 2),
        gateways=2 * gateways,
        sites=problem.sites,
    ).with_delays(dict.fromkeys(range(gateways, 2 * gateways), slots), cost_per_slot)
    return problem.replace(
        demand=np.hstack([0.8 * problem.demand, 0.2 * problem.demand]),
        network=doubled,
        gateway_names=None,
    )
