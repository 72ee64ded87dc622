"""The study of ten data centres: its public trace where there is one, else one of our own making.

The trace is not part of the project. `EQUILOAD_DATA` names its folder; without it the folder beside
the repository is tried. The substitute has the same shape and is as hard, so what a test says of
the solver holds on both; only the published figures need the trace itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import equiload as el

ROOT = Path(__file__).parents[2]
TRACE = Path(os.environ.get("EQUILOAD_DATA") or ROOT.parent / "shared" / "data" / "eglb-10dc")
NEEDS_TRACE = pytest.mark.skipif(
    not TRACE.is_dir(), reason=f"the public trace is not at {TRACE}; EQUILOAD_DATA names its folder"
)


def study(connectivity: str) -> el.Problem:
    """Return the study's problem, or the substitute's: 10 sites, 10 gateways, 457 slots."""
    if TRACE.is_dir():
        return el.data.read_eglb(TRACE, connectivity=connectivity)
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from benchmarks.benchmarks.common import ten_data_centres

    return ten_data_centres(connectivity)
