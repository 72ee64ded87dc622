"""The answer to a problem: allocation, prices, cost breakdown and certificate."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays import FloatArray, require_a
from ._call import Raw
from ._devices import Device, device_of
from .answer import SCALARS, WITHOUT_ANSWER, Answer, Prices
from .audit import Audit, audit
from .errors import InputError
from .html import card
from .infeasibility import Infeasibility, explain
from .labelled import Labelled
from .problem import COSTS

if TYPE_CHECKING:
    import xarray

    from .certificate import Certificate

__all__ = ["Infeasibility", "Prices", "Solution", "region_totals"]

DENSE_LIMIT = 200_000_000

# Arrays over slots, which a solve on a device writes there.
_LARGE = ("allocation", "shed", "site_load", "capacity_prices", "energy_prices")
_large, _scalars = attrgetter(*_LARGE), attrgetter(*SCALARS)
_costs = attrgetter(*(f"{name}_cost" for name in (*COSTS[:-1], "fixed")))


@dataclass(frozen=True, eq=False, repr=False)
class Solution(Answer, Labelled):
    """The answer to a problem, with its certificate.

    Arrays are NumPy arrays, unless the problem was made from arrays on a device.  Then they are
    arrays of the same library on the same device.  A solve on that device writes `allocation`,
    `shed`, `site_load` and the prices of energy and capacity there; what is made on the host (the
    totals and prices of regions, a proof of infeasibility, everything after a solve elsewhere) is
    copied to the device when it is first read, and kept.  `on_host` gives the same answer in NumPy
    arrays: it copies down once what lies on the device, and nothing else.  (JAX keeps 64 bits only
    with ``jax_enable_x64``.)

    Attributes
    ----------
    problem : Problem
        What was solved.
    status : str
        "optimal" (gap within the tolerance), "feasible" (stopped early with a usable answer),
        "interrupted" (a callback, or Ctrl-C), "infeasible", or "unsolved".
    objective, lower_bound : float
        Cost of the allocation and the bound of the prices, USD, both recomputed from the data.
        Without an answer the cost is infinite, and the bound as well if there provably is none.
    gap : float
        ``(objective - lower_bound) / max(1, |objective|)``; NaN without an answer.
    allocation : ndarray of float64, shape (T, A)
        Work released in each slot that each arc serves; all demand, within every capacity.
    shed : ndarray of float64, shape (T, J), or None
        Work that is dropped, where the problem has a `shed_cost`.
    site_load : ndarray of float64, shape (T, I)
        Energy drawn at each site, MWh.
    footprints : dict of str to ndarray of float64, shape (G,)
        Total burden of each region, history and idle power included.
    prices : Prices
        The dual prices.
    breakdown : dict of str to float
        The objective by part, USD: energy, arc, quadratic, shed, idle, and each equity term by the
        name of its footprint.
    iterations, restarts : int
        How much work it took.
    seconds, setup_seconds : float
        Time of the solve, and of its preparation.
    device : str
        What it ran on.
    threads : int
        How many threads it ran on; the answer does not depend on it.
    infeasibility : Infeasibility or None
        Why there is no allocation, when there is none.
    """

    def on_host(self) -> Solution:
        """Return this solution in NumPy arrays: itself, unless its arrays live on a device.

        What lies there is copied down on the first call.
        """
        return self

    def dense_allocation(self) -> FloatArray:
        """Return the work by slot of release, gateway and site; parallel arcs are added up.

        Returns
        -------
        ndarray of float64, shape (T, J, I)
            Work of slot t and gateway j served at site i, whenever and by whichever model.

        Raises
        ------
        InputError
            If it would have more than 200 million entries; use `allocation` and `Network.arcs`.
        """
        problem, network = self.problem, self.problem.network
        shape = (problem.slots, problem.gateways, problem.sites)
        if math.prod(shape) > DENSE_LIMIT:
            raise InputError(
                f"dense_allocation: shape {shape} has {math.prod(shape):,} entries, more than "
                f"{DENSE_LIMIT:,}; use allocation with network.arcs instead"
            )
        pair = network.gateway.astype(np.int64) * problem.sites + network.site
        dense = np.empty((problem.slots, problem.gateways * problem.sites))
        for t, work in enumerate(self.allocation):
            dense[t] = np.bincount(pair, work, dense.shape[1])
        return dense.reshape(shape)

    def audit(self, price_of_fairness: bool = False) -> Audit:
        """Report how every footprint is spread over its regions.

        Parameters
        ----------
        price_of_fairness : bool
            Also solve the problem without its equity terms, to tell what they cost the operator.

        Returns
        -------
        Audit
            Per footprint: max, mean, peak-to-average ratio, the indices of Gini, Jain, Theil and
            Atkinson, and the binding regions with their prices.

        Examples
        --------
        >>> audit = el.solve(problem, tol=1e-3).audit()
        >>> list(audit), audit["carbon"].max >= audit["carbon"].mean
        (['carbon', 'water'], True)
        """
        return audit(self, price_of_fairness)

    def to_xarray(self, variables: Sequence[str] | None = None) -> xarray.Dataset:
        """Return the problem and its solution as one labelled dataset.

        Parameters
        ----------
        variables : sequence of str, optional
            Which variables to take, such as ``["site_load"]``; by default all. Those over fewer
            dimensions make `to_dataframe` small.

        Returns
        -------
        xarray.Dataset
            Variables over `slot`, `gateway`, `site`, `arc` and the regions, with units.

        Raises
        ------
        InputError
            If the package xarray is missing, or there is no such variable.
        """
        from .data import answers

        require_a("variables", variables, Sequence, "sequence of names", optional=True)
        dataset = answers.to_xarray(self)
        for name in variables or ():
            require_a("a name in variables", name, str)
            if name not in dataset:
                there = ", ".join(map(str, dataset.data_vars))
                raise InputError(f"there is no variable {name!r}; there are {there}")
        return dataset if variables is None else dataset[list(variables)]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the problem and its solution to one file, or the plan alone.

        Parameters
        ----------
        path : path
            Ends in `.npz` (needs NumPy only) or in `.nc` (NetCDF, needs xarray); or in `.csv` or
            `.parquet` (needs pyarrow) for the plan: slot, gateway, site, delay, model and work. A
            file that is there stays as it is until the new one is complete.

        Raises
        ------
        InputError
            If the path ends otherwise or cannot be written.
        """
        from .data import answers

        if not self.save_plan(path):
            answers.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], verify: bool = True) -> Solution:
        """Read what `save` wrote.

        Whoever wrote the file, its tables have the shapes of its problem and are finite, and what
        it says about itself is recomputed from them.

        Parameters
        ----------
        path : path
            A file that ends in `.npz` or `.nc`.
        verify : bool
            Whether to `verify` the answer, which takes a few passes over the allocation.

        Raises
        ------
        InputError
            If the file cannot be read, holds no solution, or one that its data do not bear out.
        """
        from .data import answers

        return cls(**vars(answers.load(path, verify)))

    def verify(self) -> Certificate:
        """Recompute the certificate from the data and check that it bears out this solution.

        Returns
        -------
        Certificate
            Violations, objective, lower bound and gap, as `certify` finds them.

        Raises
        ------
        InputError
            If demand, a capacity or a budget is not kept, if objective, lower bound, gap, costs,
            loads or burdens are not what the allocation and the prices amount to, or if an
            infeasibility is not proven: the first of these that is found.
        """
        from .verifying import verify

        return verify(self.on_host())

    def _repr_html_(self) -> str:
        """Show a notebook the certificate and the burdens."""
        rows = {"status": self.status, "objective": f"{self.objective:,.6g} USD"}
        rows |= {"lower bound": f"{self.lower_bound:,.6g} USD", "gap": f"{self.gap:.1e}"}
        reason = self._as_made().infeasibility
        if reason is not None:
            return card("Solution", {"status": self.status, "why": str(reason)})
        audit = self.audit()
        return card("Solution", rows) + audit._repr_html_()

    def __repr__(self) -> str:
        """Summarise in one line."""
        reason = self._as_made().infeasibility
        if reason is not None:
            return f"Solution({self.status}: {reason})"
        return (
            f"Solution({self.status}: objective {self.objective:.8g} USD, gap {self.gap:.1e}, "
            f"{self.iterations} iterations, {self.seconds:.3g} s, {self.method} on {self.device})"
        )

    @classmethod
    def _from_core(cls, raw: Raw) -> Solution:
        problem, result = raw.problem, raw.result
        large = dict(zip(_LARGE, _large(result), strict=True))
        if raw.output is not None:
            large |= raw.output.arrays
        costs: Sequence[float] = _costs(result)
        equity_costs = dict(zip(problem.footprints, result.equity_costs, strict=True))
        if result.status in WITHOUT_ANSWER:
            costs, equity_costs = (math.nan,) * len(costs), dict.fromkeys(equity_costs, math.nan)
        equity_prices = dict(zip(problem.footprints, result.equity_prices, strict=True))
        # Field by field, a frozen dataclass takes longer than a small solve.
        solution = object.__new__(cls)
        vars(solution).update(
            zip(SCALARS, _scalars(result), strict=True),
            problem=problem,
            allocation=large["allocation"],
            shed=large["shed"],
            site_load=large["site_load"],
            footprints=dict(zip(problem.footprints, result.totals, strict=True)),
            prices=Prices(large["capacity_prices"], large["energy_prices"], equity_prices),
            breakdown=dict(zip(COSTS, costs, strict=True))
            | {name: equity_costs[name] for name in problem.equity},
            infeasibility=explain(problem, result),
        )
        device = problem._device
        return solution if device is None else _DeviceSolution(solution, device)

    def _as_made(self) -> Solution:
        """Return this solution with small arrays in NumPy, the large ones wherever they are."""
        return self


class _DeviceSolution(Solution):
    """A solution whose arrays live on a device.

    What the solve wrote there is there; the rest is copied there when it is first read.
    """

    _ARRAYS = ("allocation", "shed", "site_load", "footprints", "prices", "infeasibility")
    _made: Solution
    _device: Device

    def __init__(self, made: Solution, device: Device) -> None:
        rest = {name: value for name, value in vars(made).items() if name not in self._ARRAYS}
        self.__dict__.update(rest, _made=made, _device=device)

    def __getattr__(self, name: str) -> Any:
        """Copy an array to the device; from then on it is found without coming here."""
        if name not in self._ARRAYS:
            raise AttributeError(f"a solution has no {name}")
        value = self.__dict__[name] = _copied(getattr(self._made, name), self._up)
        return value

    def __reduce__(self) -> tuple[Callable[[Solution], Solution], tuple[Solution]]:
        """Pickle the solution in NumPy arrays: the device may be another process's."""
        return Solution.on_host, (self.on_host(),)

    def on_host(self) -> Solution:
        if "_host" not in self.__dict__:
            arrays = {name: _copied(getattr(self._made, name), self._down) for name in self._ARRAYS}
            self.__dict__["_host"] = replace(self._made, **arrays)
        host: Solution = self.__dict__["_host"]
        return host

    def dense_allocation(self) -> FloatArray:
        dense: FloatArray = self._device.up(self.on_host().dense_allocation())
        return dense

    def audit(self, price_of_fairness: bool = False) -> Audit:
        return self._made.audit(price_of_fairness)

    def to_xarray(self, variables: Sequence[str] | None = None) -> xarray.Dataset:
        return self.on_host().to_xarray(variables)

    def save(self, path: str | os.PathLike[str]) -> None:
        self.on_host().save(path)

    def _as_made(self) -> Solution:
        return self._made

    def _up(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return self._device.up(value)
        return value if device_of("", value) is None else self._device.adopt(value)

    def _down(self, value: Any) -> Any:
        there = device_of("", value)
        return value if there is None else there.down(value)


def _copied(value: Any, copy: Callable[[Any], Any]) -> Any:
    """Return what is no container, or what holds arrays by name, with all of them copied."""
    if isinstance(value, Mapping):
        return {name: _copied(entry, copy) for name, entry in value.items()}
    if isinstance(value, Prices | Infeasibility):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
        return replace(value, **_copied(parts, copy))
    return copy(value)


def region_totals(solution: Solution) -> dict[str, FloatArray]:
    """Return `Solution.footprints` in NumPy arrays, which every solve leaves on the host."""
    return solution._as_made().footprints
