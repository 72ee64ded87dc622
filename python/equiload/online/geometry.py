"""The dual sets of the equity functions, and what learning needs of them."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass

import numpy as np

from .. import _core
from .._arrays import FloatArray
from ..equity import Equity
from ..errors import InputError

__all__ = ["DualSet", "auxiliary", "dual_set"]


class DualSet(abc.ABC):
    """Where the prices of one footprint live, as shares of ``mu w``."""

    @abc.abstractmethod
    def centre(self) -> FloatArray:
        """Return the prices (G,) that know nothing."""

    @abc.abstractmethod
    def leader(self, origin: FloatArray, score: FloatArray, reference: str) -> FloatArray:
        """Return ``argmax <score, theta> - D(theta, origin)`` over the set, (G,)."""

    @abc.abstractmethod
    def size(self, reference: str) -> float:
        """Return the largest distance D from the centre."""

    def spread(self, burden: FloatArray, reference: str) -> float:
        """Return the square of what a burden (G,) can move prices by, in the dual norm."""
        if reference == "entropic":
            return float(burden.max() - burden.min()) ** 2
        centred = burden - burden.sum() / burden.size
        return float(centred @ centred)


@dataclass(frozen=True)
class CappedSimplex(DualSet):
    """``{0 <= theta <= ceiling, sum(theta) = 1}``: the maximum (ceiling 1), the k largest (1/k).

    Burdens are at least 0, so no price is gained by a smaller sum.
    """

    regions: int
    ceiling: float

    def centre(self) -> FloatArray:
        """Return 1/G for all."""
        return np.full(self.regions, 1.0 / self.regions)

    def size(self, reference: str) -> float:
        """Return ln(1/(G ceiling)), or half the squared distance of a corner."""
        room = self.regions * self.ceiling
        return math.log(room) if reference == "entropic" else (self.ceiling - 1 / self.regions) / 2

    def leader(self, origin: FloatArray, score: FloatArray, reference: str) -> FloatArray:
        """Return a capped softmax or a Euclidean projection."""
        if self.regions * self.ceiling <= 1:
            return self.centre()
        if reference == "entropic":
            weight = origin * np.exp(score - score.max())
            return weight / weight.sum() if self.ceiling >= 1 else _fill(weight, self.ceiling)
        return _project(origin + score - score.max(), self.ceiling)


@dataclass(frozen=True)
class Point(DualSet):
    """A single point: equal prices, those of a plain total (1) or of a mean of all (1/G)."""

    regions: int
    share: float

    def centre(self) -> FloatArray:
        """Return the point."""
        return np.full(self.regions, self.share)

    def size(self, reference: str) -> float:
        """Return 0."""
        return 0.0

    def leader(self, origin: FloatArray, score: FloatArray, reference: str) -> FloatArray:
        """Return the point."""
        return self.centre()


@dataclass(frozen=True)
class NormBall(DualSet):
    """The unit ball of the norm dual to a q-norm, where only its surface pays.

    The regulariser is half the squared dual norm, whose maximiser is the gradient of the q-norm.
    """

    regions: int
    q: float

    def centre(self) -> FloatArray:
        """Return equal prices of dual norm 1."""
        return np.full(self.regions, self.regions ** (1 / self.q - 1))

    def size(self, reference: str) -> float:
        """Return half the squared radius."""
        return 0.5

    def leader(self, origin: FloatArray, score: FloatArray, reference: str) -> FloatArray:
        """Return the gradient of the q-norm at `score`, moved so that 0 gives `origin`."""
        at = score + origin ** (1 / (self.q - 1))
        largest = float(at.max())
        if largest <= 0:
            return self.centre()
        ratio = (at / largest) ** self.q
        result: FloatArray = (at / largest) ** (self.q - 1) / ratio.sum() ** (1 - 1 / self.q)
        return result


def dual_set(name: str, term: Equity, regions: int) -> DualSet:
    """Return the dual set of a footprint's equity function over so many regions.

    Raises
    ------
    InputError
        If the function is a hard limit, or one whose dual set has no geometry here.
    """
    shape, most = _core.equity_dual_set(term.kind, term.parameter, regions)
    if shape == "point":
        return Point(regions, most)
    if shape == "simplex":
        return CappedSimplex(regions, min(most, 1.0))
    if shape == "ball":
        return NormBall(regions, term.parameter)
    rule = (
        "a hard limit has no price" if shape == "orthant" else "there is no geometry of its prices"
    )
    rule += " to learn; use RecedingHorizon"
    raise InputError(f"equity[{name!r}] is a {type(term).__name__}; {rule}")


def auxiliary(term: Equity, theta: FloatArray, cap: FloatArray) -> FloatArray:
    """Return ``argmin phi(z) - <theta, z>`` over ``0 <= z <= cap``, all in USD.

    For functions that are linear while the order of the regions stays the same (total, maximum,
    mean of the largest) and equal caps, the minimiser is the cap on the regions of largest price
    and 0 elsewhere; other functions get the best point of that kind. Of several minimisers it is
    the one with most regions at the cap: a region without a price does not gain one by a tie.

    Parameters
    ----------
    term : Equity
        The function phi, by its `value`.
    theta, cap : ndarray of float64, shape (G,)
        Prices, and the upper ends.
    """
    inside = term.into_dual_set(theta)
    if np.abs(inside - theta).max() <= 1e-12:  # within the dual set nothing is gained by any z
        return np.zeros(theta.size)
    order = np.argsort(-theta, kind="stable")
    gain = np.cumsum((theta * cap)[order])
    best, least, z = 0, 0.0, np.zeros(theta.size)
    for count, region in enumerate(order, start=1):
        z[region] = cap[region]
        value = term.value(z) - float(gain[count - 1])
        if value <= least:
            best, least = count, value
    z[order[best:]] = 0.0
    return z


def _fill(weight: FloatArray, ceiling: float) -> FloatArray:
    """Return ``min(c weight, ceiling)`` with the c that makes it sum to 1."""
    order = np.argsort(-weight, kind="stable")
    share = weight[order]
    # With the first m at the ceiling, c = (1 - m ceiling) / (sum of the others).
    rest = np.cumsum(share[::-1])[::-1]
    free = 1 - ceiling * np.arange(share.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = free / rest
        fits = (scale * share <= ceiling) & (free > 0)
    m = int(np.argmax(fits))
    filled = np.where(np.arange(share.size) < m, ceiling, scale[m] * share)
    result = np.empty(share.size)
    result[order] = filled
    return result


def _project(point: FloatArray, ceiling: float) -> FloatArray:
    """Return the nearest point of ``{0 <= theta <= ceiling, sum = 1}`` by bisection."""
    low, high = float(point.min()) - ceiling, float(point.max())
    for _ in range(60):
        middle = (low + high) / 2
        if np.clip(point - middle, 0.0, ceiling).sum() > 1:
            low = middle
        else:
            high = middle
    theta = np.clip(point - high, 0.0, ceiling)
    result: FloatArray = theta / theta.sum()
    return np.minimum(result, ceiling)
