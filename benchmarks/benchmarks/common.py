"""Instances for the suite."""

from __future__ import annotations

from pathlib import Path

import equiload as el

EGLB = Path(__file__).resolve().parents[3] / "shared" / "data" / "eglb-10dc"


def ten_data_centres(connectivity: str) -> el.Problem:
    """Return the public trace; a missing trace skips the benchmark."""
    if not EGLB.is_dir():
        raise NotImplementedError("the ten-data-centre trace is not beside the repository")
    return el.data.read_eglb(EGLB, connectivity=connectivity)


def world(sites: int) -> el.Problem:
    """Return a week of hours in one of three sizes, named by the number of sites."""
    gateways, arcs = {50: (20, 10), 200: (50, 16), 1000: (200, 24)}[sites]
    return el.data.world(sites=sites, gateways=gateways, slots=168, seed=0, arcs_per_gateway=arcs)
