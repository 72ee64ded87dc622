"""Equity-aware geographical load balancing, solved with a certificate.

>>> import equiload as el
>>> problem = el.data.world(sites=20, gateways=10, slots=24)
>>> solution = el.solve(problem)
"""

from __future__ import annotations

import importlib
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

from ._core import build_info
from .certificate import certify
from .checking import check
from .equity import Budget, Max, Norm, Sum, TopMean
from .errors import InputError, Interrupted
from .network import Model, Network
from .problem import Problem
from .solution import Solution
from .solver import solve
from .sweep import Frontier, frontier, solve_batch

if TYPE_CHECKING:
    from . import data, distributed, online, plot
    from .online import compare, simulate
    from .reporting import report

__version__ = _version("equiload")

__all__ = [
    "Budget",
    "Frontier",
    "InputError",
    "Interrupted",
    "Max",
    "Model",
    "Network",
    "Norm",
    "Problem",
    "Solution",
    "Sum",
    "TopMean",
    "__version__",
    "build_info",
    "certify",
    "check",
    "compare",
    "data",
    "distributed",
    "frontier",
    "online",
    "plot",
    "report",
    "simulate",
    "solve",
    "solve_batch",
]


def __getattr__(name: str) -> Any:
    # Imported on first use: a solve needs none of it.
    if name in ("data", "distributed", "online", "plot"):
        return importlib.import_module(f".{name}", __name__)
    if name in ("compare", "simulate"):
        return getattr(importlib.import_module(".online", __name__), name)
    if name == "report":
        return importlib.import_module(".reporting", __name__).report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
