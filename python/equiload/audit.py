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
from .html import grid, written

__all__ = ["Audit", "FootprintAudit", "audit", "audit_footprint", "gini", "price_of_fairness"]


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
    binding : mapping of str to float
        The regions that decide the equity term, and the price of their burden.
    """

    total: float
    max: float
    mean: float
    peak_to_average: float
    gini: float
    binding: Mapping[str, float]


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
            (name, written(r.max), written(r.mean), f"{r.peak_to_average:.4f}", f"{r.gini:.4f}")
            for name, r in self.items()
        ]
        title = f"operator cost {self.operator_cost:,.6g} USD"
        return grid(title, ("footprint", "max", "mean", "max/mean", "Gini"), rows)

    def __str__(self) -> str:
        """Print the table."""
        if math.isnan(self.operator_cost):
            return self.message
        lines = [f"{'footprint':<12}{'max':>12}{'mean':>12}{'max/mean':>10}{'Gini':>8}  binding"]
        for name, row in self.items():
            shares = [f"{region} ({price:.4g})" for region, price in list(row.binding.items())[:4]]
            shares += [f"{len(row.binding) - 4} more"] * (len(row.binding) > 4)
            numbers = (
                f"{row.max:>12.5g}{row.mean:>12.5g}{row.peak_to_average:>10.4f}{row.gini:>8.4f}"
            )
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
        nothing = FootprintAudit(math.nan, math.nan, math.nan, math.nan, math.nan, {})
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
    return FootprintAudit(float(totals.sum()), heaviest, mean, ratio, gini(totals), binding)


def gini(values: FloatArray) -> float:
    r"""Return the Gini index of values of at least 0.

    Computes :math:`\sum_{i,j} |v_i - v_j| / (2 n^2 \bar v)` from the sorted values.
    """
    total, n = float(values.sum()), values.size
    if total <= 0:
        return 0.0
    rank = np.arange(1, n + 1)
    return max(0.0, float((2 * rank - n - 1) @ np.sort(values)) / (n * total))
