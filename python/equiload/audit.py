"""Who carries the burden: how a solution's footprints are spread over the regions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ._account import operator_cost
from ._arrays import FloatArray, require_a
from ._call import call, follow, read_settings
from .answer import WITHOUT_ANSWER, Answer
from .errors import InputError
from .html import grid, written

__all__ = [
    "Audit",
    "FootprintAudit",
    "atkinson",
    "audit",
    "audit_footprint",
    "gini",
    "jain",
    "price_of_fairness",
    "theil",
]


_INDICES = ("max/mean", "Gini", "Jain", "Theil", "Atkinson")


@dataclass(frozen=True)
class FootprintAudit:
    """How one footprint is spread over its regions; totals in the footprint's own unit.

    Attributes
    ----------
    total, max, mean : float
        Over the regions, history included.
    peak_to_average : float
        ``max / mean``; 1 when there is no burden at all.
    gini : float
        Gini index of the totals: 0 when all are equal, near 1 when one region carries all.
    jain : float
        Jain's index of the totals: 1 when all are equal, 1/G when one region carries all.
    theil : float
        Theil's index T of the totals: 0 when all are equal, ln G when one region carries all.
    atkinson : float
        Atkinson's index of the totals at an aversion of 1/2: 0 when all are equal, 1 - 1/G when one
        region carries all.
    binding : mapping of str to float
        The regions that decide the equity term, and the price of their burden.
    """

    total: float
    max: float
    mean: float
    peak_to_average: float
    gini: float
    jain: float
    theil: float
    atkinson: float
    binding: Mapping[str, float]

    @property
    def indices(self) -> tuple[float, ...]:
        """Peak-to-average ratio, Gini, Jain, Theil and Atkinson, as printed."""
        return self.peak_to_average, self.gini, self.jain, self.theil, self.atkinson


@dataclass(frozen=True)
class Audit(Mapping[str, FootprintAudit]):
    """A `FootprintAudit` for every footprint, by name; printed as a table.

    Attributes
    ----------
    footprints : mapping of str to FootprintAudit
        The rows.
    operator_cost : float
        What the operator pays: the objective without the equity terms, USD.
    price_of_fairness : float or None
        How much less the operator would pay without any equity term, USD; None if not asked for,
        NaN if the solve without them did not reach its tolerance.
    message : str
        What is missing, and why: the whole audit where there is no allocation, whose numbers are
        then NaN.
    """

    footprints: Mapping[str, FootprintAudit]
    operator_cost: float
    price_of_fairness: float | None = None
    message: str = ""

    def __getitem__(self, name: str) -> FootprintAudit:
        """Return the row of one footprint."""
        return self.footprints[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the footprints."""
        return iter(self.footprints)

    def __len__(self) -> int:
        """Return the number of footprints."""
        return len(self.footprints)

    def _repr_html_(self) -> str:
        """Show a notebook the table."""
        rows = [
            (name, written(row.max), written(row.mean), *(f"{v:.4f}" for v in row.indices))
            for name, row in self.items()
        ]
        title = f"operator cost {self.operator_cost:,.6g} USD"
        return grid(title, ("footprint", "max", "mean", *_INDICES), rows)

    def __str__(self) -> str:
        """Print the table."""
        if math.isnan(self.operator_cost):
            return self.message
        titles = "".join(f"{title:>9}" for title in _INDICES)
        lines = [f"{'footprint':<12}{'max':>12}{'mean':>12}{titles}  binding"]
        for name, row in self.items():
            shares = [f"{region} ({price:.4g})" for region, price in list(row.binding.items())[:4]]
            shares += [f"{len(row.binding) - 4} more"] * (len(row.binding) > 4)
            numbers = f"{row.max:>12.5g}{row.mean:>12.5g}"
            numbers += "".join(f"{value:>9.4f}" for value in row.indices)
            lines.append(f"{name:<12}{numbers}  {', '.join(shares) or '-'}")
        cost = f"operator cost {self.operator_cost:.8g} USD"
        if self.message:
            cost += f"; {self.message}"
        elif self.price_of_fairness is not None:
            share = self.price_of_fairness / max(1.0, abs(self.operator_cost))
            cost += f", of which fairness {self.price_of_fairness:.6g} USD ({share:.2%})"
        return "\n".join([*lines, cost])


def audit(answer: Answer, fairness: bool = False) -> Audit:
    """Report how an answer, in NumPy arrays, spreads every footprint; see `Solution.audit`."""
    if answer.status in WITHOUT_ANSWER:
        nothing = FootprintAudit(*(math.nan,) * 8, {})
        reason = f": {answer.infeasibility}" if answer.infeasibility else ""
        text = f"there is no allocation to audit; the problem is {answer.status}{reason}"
        extra = math.nan if fairness else None
        return Audit(dict.fromkeys(answer.footprints, nothing), math.nan, extra, text)
    rows = {
        name: audit_footprint(totals, _binding(answer, name))
        for name, totals in answer.footprints.items()
    }
    cost = operator_cost(answer.breakdown)
    require_a("price_of_fairness", fairness, bool)
    if not fairness:
        return Audit(rows, cost)
    extra, status = price_of_fairness(answer)
    text = "" if status == "optimal" else f"what fairness costs is unknown: without it, {status}"
    return Audit(rows, cost, extra, text)


def price_of_fairness(answer: Answer) -> tuple[float, str]:
    """Return how much less the operator would pay without any equity term, USD, and a status.

    Solves the problem of the answer without its equity terms; unless that ends "optimal", which the
    status says, the price is NaN.
    """
    blind = answer.problem.replace(equity={})
    settings = read_settings()
    raw = call(blind, settings, worker=follow(settings, [blind])).completed()
    status = raw.result.status
    if status != "optimal":
        return math.nan, status
    return operator_cost(answer.breakdown) - raw.result.objective, status


def _binding(answer: Answer, name: str) -> dict[str, float]:
    """Return the regions that decide a footprint's equity term, with their prices."""
    term, prices = answer.problem.equity.get(name), answer.prices.equity[name]
    if term is None or term.weight == 0:
        return {}
    binding = term.binding(prices / (term.weight * answer.problem.sensitivity[name]))
    names = answer.problem.region_names[name]
    return {names[g]: float(prices[g]) for g in np.flatnonzero(binding)}


def audit_footprint(totals: FloatArray, binding: Mapping[str, float]) -> FootprintAudit:
    """Summarise the totals (G,) of one footprint's regions."""
    heaviest, mean = float(totals.max()), float(totals.mean())
    ratio = heaviest / mean if mean > 0 else 1.0
    indices = gini(totals), jain(totals), theil(totals), atkinson(totals)
    return FootprintAudit(float(totals.sum()), heaviest, mean, ratio, *indices, binding)


def gini(values: FloatArray) -> float:
    r"""Return the Gini index of values of at least 0.

    Computes :math:`\sum_{i,j} |v_i - v_j| / (2 n^2 \bar v)` from the sorted values.
    """
    total, n = float(values.sum()), values.size
    if total <= 0:
        return 0.0
    rank = np.arange(1, n + 1)
    return max(0.0, float((2 * rank - n - 1) @ np.sort(values)) / (n * total))


def jain(values: FloatArray) -> float:
    r"""Return Jain's index of values of at least 0; 1 where there are none above.

    Computes :math:`(\sum_i v_i)^2 / (n \sum_i v_i^2)`.

    References
    ----------
    R. Jain, D. Chiu, W. Hawe: A quantitative measure of fairness and discrimination for resource
    allocation in shared computer systems, DEC-TR-301, 1984.
    """
    share = _shares(values)
    return float(1 / np.mean(share**2))


def theil(values: FloatArray) -> float:
    r"""Return Theil's index T of values of at least 0; 0 where there are none above.

    Computes the mean of :math:`(v_i / \bar v) \ln(v_i / \bar v)`, where 0 ln 0 = 0.

    References
    ----------
    H. Theil: Economics and information theory, 1967.
    """
    share = _shares(values)
    return max(0.0, float(np.mean(share * np.log(np.where(share > 0, share, 1.0)))))


def atkinson(values: FloatArray, aversion: float = 0.5) -> float:
    r"""Return Atkinson's index of values of at least 0; 0 where there are none above.

    Computes :math:`1 - (\frac1n \sum_i (v_i / \bar v)^{1-\varepsilon})^{1/(1-\varepsilon)}`.

    Parameters
    ----------
    values : ndarray of float64, shape (G,)
        The values.
    aversion : float
        The aversion to inequality, above 0 and below 1; from 1 on one value of 0 would make it 1.

    Raises
    ------
    InputError
        If the aversion is out of range.

    References
    ----------
    A. B. Atkinson: On the measurement of inequality, J. Economic Theory 2 (1970) 244-263.
    """
    if not 0 < aversion < 1:
        raise InputError(f"aversion is {aversion}; it must be above 0 and below 1")
    power = 1 - aversion
    equal = float(np.mean(_shares(values) ** power) ** (1 / power))
    return max(0.0, 1 - equal)


def _shares(values: FloatArray) -> FloatArray:
    """Return the values over their mean, ones where all are 0; no sum of them overflows."""
    largest = float(values.max())
    if largest <= 0:
        return np.ones(values.shape)
    scaled = values / largest
    shares: FloatArray = scaled / scaled.mean()
    return shares
