"""How unequally a burden falls on the regions: the equity functions phi and their prices.

Every function takes ``w * E``, the burdens ``E`` (G,) of the regions times their sensitivities
``w`` (G,), and costs ``weight * phi(w * E)``.  Its prices are ``weight * w * theta`` with ``theta``
in the dual set of phi; any such price gives a valid lower bound.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np

from . import _core
from ._arrays import (
    Axis,
    BoolArray,
    FloatArray,
    read_count_in,
    read_floats,
    read_in,
    require,
    spoken,
)
from .errors import InputError

__all__ = ["Budget", "Equity", "Max", "Norm", "Sum", "TopMean"]


class Equity(abc.ABC):
    """What the equity functions share; use one of the concrete classes.

    Attributes
    ----------
    weight : float
        What a unit of equity burden is worth, in USD per unit of the footprint; 1 where the
        function is a limit and no price.
    """

    weight: float

    @property
    def kind(self) -> str:
        """What the compiled core calls the function."""
        return type(self).__name__.lower()

    @property
    def parameter(self) -> float:
        """The number beside the weight that makes the function, 0 where there is none."""
        return 0.0

    def limits(self, regions: int) -> FloatArray | None:
        """Return the most that each region may carry, (G,), where the function is a limit."""
        return None

    @abc.abstractmethod
    def value(self, scaled: FloatArray) -> float:
        """Return phi of the scaled burdens ``w * E`` (G,), without the weight."""

    @abc.abstractmethod
    def into_dual_set(self, theta: FloatArray) -> FloatArray:
        """Return the point of phi's dual set to use for prices that may be a rounding outside."""

    @abc.abstractmethod
    def binding(self, theta: FloatArray) -> BoolArray:
        """Say which regions decide the value, given the dual point ``theta`` (G,)."""


@dataclass(frozen=True)
class _Weighted(Equity):
    """An equity function with a weight.

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
        weight = read_in(field, self.weight, _core.EQUITY_WEIGHTS)
        object.__setattr__(self, "weight", weight)


@dataclass(frozen=True)
class Max(_Weighted):
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
class Sum(_Weighted):
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


@dataclass(frozen=True)
class Norm(_Weighted):
    """The q-norm of the burdens, between the total (q near 1) and the maximum (large q).

    Parameters
    ----------
    weight : float
        What a unit of equity burden is worth, in USD per unit of the footprint; at least 0.
    q : float
        The exponent, above 1 and finite.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    q: float

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        q = read_in("Norm.q", self.q, _core.equity_parameters("norm"))
        object.__setattr__(self, "q", q)

    @property
    def parameter(self) -> float:
        """The exponent."""
        return self.q

    def value(self, scaled: FloatArray) -> float:
        """Return the q-norm of ``w * E``."""
        return _norm(scaled, self.q)

    def into_dual_set(self, theta: FloatArray) -> FloatArray:
        """Return a point of ``{theta >= 0, |theta|_p <= 1}`` with ``1/p + 1/q = 1``."""
        theta = np.maximum(theta, 0.0)
        return theta / max(1.0, _norm(theta, self.q / (self.q - 1)))

    def binding(self, theta: FloatArray) -> BoolArray:
        """Say which regions weigh in as those of a maximum would: at half of the top price."""
        return theta > 0.5 * float(theta.max(initial=0.0))


@dataclass(frozen=True)
class TopMean(_Weighted):
    """The mean of the k heaviest burdens (conditional value at risk over the regions).

    Parameters
    ----------
    weight : float
        What a unit of equity burden is worth, in USD per unit of the footprint; at least 0.
    k : int
        How many regions; at least 1, which is the maximum. The mean of all where there are fewer.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    k: int

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        k = read_count_in("TopMean.k", self.k, _core.equity_parameters("topmean"))
        object.__setattr__(self, "k", k)

    @property
    def parameter(self) -> float:
        """How many regions."""
        return float(self.k)

    def value(self, scaled: FloatArray) -> float:
        """Return the mean of the k largest ``w * E``."""
        return float(np.sort(scaled)[-self.k :].mean())

    def into_dual_set(self, theta: FloatArray) -> FloatArray:
        """Return a point of ``{0 <= theta <= 1/k, sum(theta) <= 1}``."""
        theta = np.clip(theta, 0.0, 1.0 / min(self.k, theta.size))
        return theta / max(1.0, float(theta.sum()))

    def binding(self, theta: FloatArray) -> BoolArray:
        """Say which regions are among the heaviest."""
        return theta > 1e-6


@dataclass(frozen=True, eq=False)
class Budget(Equity):
    """A hard limit on every region's burden ``E``, history included; sensitivities play no part.

    Parameters
    ----------
    limit : float or array_like, shape (G,)
        The most that a region may carry, in units of the footprint; at least 0, infinite where
        there is no limit. An excess of up to 1e-9 of the limit is accepted.

    Raises
    ------
    InputError
        If a limit is negative or NaN.

    Examples
    --------
    ``Budget([500.0, np.inf])`` caps the first of two regions at 500 t.
    """

    limit: FloatArray

    def __post_init__(self) -> None:
        """Check the limits."""
        limit = read_floats("Budget.limit", self.limit)
        if limit.ndim > 1:
            raise InputError(f"Budget.limit has shape {limit.shape}; expected (regions,) or ()")
        rule = "it must be a number of at least 0, may be infinite"
        if limit.ndim == 0:
            if not limit >= 0:
                raise InputError(f"Budget.limit is {spoken(float(limit))}; {rule}")
        else:
            require("Budget.limit", limit, limit >= 0, rule, Axis("region", limit.size))
        object.__setattr__(self, "limit", limit)

    @property
    def weight(self) -> float:  # type: ignore[override]
        """A limit has no weight: its prices are what they are."""
        return 1.0

    def limits(self, regions: int) -> FloatArray:
        """Return the limit of every region, (G,)."""
        return np.ascontiguousarray(np.broadcast_to(self.limit, regions))

    def value(self, scaled: FloatArray) -> float:
        """Return 0: keeping the budgets costs nothing beyond what it takes to keep them."""
        return 0.0

    def into_dual_set(self, theta: FloatArray) -> FloatArray:
        """Return a point of ``{theta >= 0}``."""
        return np.maximum(theta, 0.0)

    def binding(self, theta: FloatArray) -> BoolArray:
        """Say which budgets have a price."""
        return theta > 1e-6 * float(theta.max(initial=0.0))

    def __eq__(self, other: object) -> bool:
        """Compare the limits."""
        return isinstance(other, Budget) and np.array_equal(self.limit, other.limit)

    __hash__ = None  # type: ignore[assignment]


def _norm(values: FloatArray, q: float) -> float:
    """Return the q-norm without overflow."""
    largest = float(np.abs(values).max(initial=0.0))
    return largest and largest * float((np.abs(values / largest) ** q).sum()) ** (1 / q)


def core_terms(equity: Equity | None, regions: int) -> tuple[str, float, float, FloatArray | None]:
    """Return the core's (kind, weight, parameter, limit) of an equity function, or of none.

    Raises
    ------
    InputError
        If the core does not know the function.
    """
    if equity is None:
        return "none", 0.0, 0.0, None
    known = _core.equity_functions()
    if equity.kind not in known:
        name = type(equity).__name__
        raise InputError(f"equity {name} is none of the core's functions: {', '.join(known)}")
    return equity.kind, equity.weight, equity.parameter, equity.limits(regions)
