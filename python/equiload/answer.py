"""What an answer consists of; `Solution` adds what users do with one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ._arrays import FloatArray
from .choices import Device, Method, Status
from .html import grid, written
from .infeasibility import Infeasibility
from .palette import UNITS
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

    def _repr_html_(self) -> str:
        """Show a notebook how high the prices are, and where they bind."""
        named = {"capacity (USD/MWh)": self.capacity, "energy (USD/MWh)": self.energy}
        named |= {f"{name} (USD/{UNITS.get(name, 'unit')})": v for name, v in self.equity.items()}
        rows = []
        for name, values in named.items():
            count = int(np.prod(values.shape))
            figures = (values.min(), values.mean(), values.max()) if count else (math.nan,) * 3
            above = f"{int((values > 0).sum())} of {count}"
            rows.append([name, *(written(float(value)) for value in figures), above])
        return grid("Prices", ("price of", "least", "mean", "most", "above 0"), rows)


@dataclass(frozen=True, eq=False, repr=False)
class Answer:
    """The fields of a `Solution`, which says what they mean."""

    problem: Problem
    status: Status
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
    device: Device
    method: Method
    threads: int
    infeasibility: Infeasibility | None

    def on_host(self) -> Answer:
        """Return this answer in NumPy arrays."""
        return self
