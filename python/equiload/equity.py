"""How unequally a burden falls on the regions: the equity functions phi and their prices.

Every function takes ``w * E``, the burdens ``E`` (G,) of the regions times their sensitivities
``w`` (G,), and costs ``weight * phi(w * E)``.  Its prices are ``weight * w * theta`` with ``theta``
in the dual ball of phi; any such price gives a valid lower bound.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np

from ._arrays import BoolArray, FloatArray, read_number

__all__ = ["Equity", "Max", "Sum"]


@dataclass(frozen=True)
class Equity(abc.ABC):
    """What the equity functions share; use one of the concrete classes.

    Parameters
    ----------
    weight : float
        What a unit of equity burden is worth, in USD per unit of the footprint; at least 0.

    Raises
    ------
    InputError
        If the weight is not a finite number of at least 0.
    """

    weight: float

    def __post_init__(self) -> None:
        """Check the weight."""
        field = f"{type(self).__name__}.weight"
        weight = read_number(field, self.weight, "it must be finite and not negative", 0.0)
        object.__setattr__(self, "weight", weight)

    @abc.abstractmethod
    def value(self, scaled: FloatArray) -> float:
        """Return phi of the scaled burdens ``w * E`` (G,), without the weight."""

    @abc.abstractmethod
    def into_dual_set(self, theta: FloatArray) -> FloatArray:
        """Return the point of phi's dual ball to use for prices that may be a rounding outside."""

    @abc.abstractmethod
    def binding(self, theta: FloatArray) -> BoolArray:
        """Say which regions decide the value, given the dual point ``theta`` (G,)."""


@dataclass(frozen=True)
class Max(Equity):
    """The heaviest burden of any region (minimax fairness).

    Examples
    --------
    ``Max(1500.0)`` prices the most burdened region's carbon at 1500 USD/t.

    References
    ----------
    arXiv 2307.05494; arXiv 2412.16539.
    """

    def value(self, scaled: FloatArray) -> float:
        """Return ``max(w * E)``."""
        return float(scaled.max())

    def into_dual_set(self, theta: FloatArray) -> FloatArray:
        """Return a point of ``{theta >= 0, sum(theta) <= 1}``."""
        theta = np.maximum(theta, 0.0)
        return theta / max(1.0, float(theta.sum()))

    def binding(self, theta: FloatArray) -> BoolArray:
        """Say which regions hold a share of the maximum's price."""
        return theta > 1e-6


@dataclass(frozen=True)
class Sum(Equity):
    """The total burden of all regions: a plain tax, blind to who carries it."""

    def value(self, scaled: FloatArray) -> float:
        """Return ``sum(w * E)``."""
        return float(scaled.sum())

    def into_dual_set(self, theta: FloatArray) -> FloatArray:
        """Return a point of ``{0 <= theta <= 1}``."""
        return np.clip(theta, 0.0, 1.0)

    def binding(self, theta: FloatArray) -> BoolArray:
        """Say that no region stands out: a total has no binding regions."""
        return np.zeros(theta.shape, dtype=bool)


# The one place that knows what the compiled core calls each function.
_CORE_KIND: dict[type[Equity], str] = {Max: "max", Sum: "sum"}


def core_terms(equity: Equity | None) -> tuple[str, float, float, FloatArray | None]:
    """Return the core's (kind, weight, parameter, limit) of an equity function, or of none."""
    if equity is None:
        return "none", 0.0, 0.0, None
    return _CORE_KIND[type(equity)], equity.weight, 0.0, None
