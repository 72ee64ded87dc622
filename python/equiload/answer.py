"""What an answer consists of; `Solution` adds what users do with one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ._arrays import FloatArray
from .infeasibility import Infeasibility
from .problem import Problem

__all__ = ["SCALARS", "WITHOUT_ANSWER", "Answer", "Prices"]

# Statuses whose arrays are zeros and whose numbers are infinite or NaN.
WITHOUT_ANSWER = ("infeasible", "unsolved")

# What describes a solution beside its arrays, in the words of the core.
SCALARS = ["status", "objective", "lower_bound", "gap", "iterations", "restarts"]
SCALARS += ["seconds", "setup_seconds", "device", "method", "threads"]


@dataclass(frozen=True)
class Prices:
    """The dual prices; `Solution.lower_bound` is the bound at exactly these.

    Attributes
    ----------
    capacity : ndarray of float64, shape (T, I)
        Price ``u`` of a site's capacity, USD/MWh; 0 where it does not bind.
    energy : ndarray of float64, shape (T, I)
        Marginal price ``v`` of energy at a site, burdens included, USD/MWh.
    equity : mapping of str to ndarray of float64, shape (G,)
        Per footprint the price ``lambda`` of each region's burden, USD per unit.
    """

    capacity: FloatArray
    energy: FloatArray
    equity: Mapping[str, FloatArray]


@dataclass(frozen=True, eq=False, repr=False)
class Answer:
    """The fields of a `Solution`, which says what they mean."""

    problem: Problem
    status: str
    objective: float
    lower_bound: float
    gap: float
    allocation: FloatArray
    shed: FloatArray | None
    site_load: FloatArray
    footprints: dict[str, FloatArray]
    prices: Prices
    breakdown: dict[str, float]
    iterations: int
    restarts: int
    seconds: float
    setup_seconds: float
    device: str
    method: str
    threads: int
    infeasibility: Infeasibility | None

    def on_host(self) -> Answer:
        """Return this answer in NumPy arrays."""
        return self
