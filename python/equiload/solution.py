"""The answer to a problem: allocation, prices, cost breakdown and certificate."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._arrays import FloatArray
from ._devices import Device, device_of
from ._tables import Output
from .audit import Audit, audit_footprint
from .equity import Budget
from .errors import InputError
from .problem import COSTS, Problem, region_axis

if TYPE_CHECKING:
    import xarray

__all__ = ["Infeasibility", "Prices", "Solution"]

DENSE_LIMIT = 200_000_000

# What describes a solution beside its arrays, in the words of the core.
SCALARS = ["status", "objective", "lower_bound", "gap", "iterations", "restarts"]
SCALARS += ["seconds", "setup_seconds", "device", "method", "threads"]
# Arrays over slots, which a solve on a device writes there.
_LARGE = ("allocation", "shed", "site_load", "capacity_prices", "energy_prices")


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


@dataclass(frozen=True)
class Infeasibility:
    """Why no allocation exists: some demand cannot fit the capacity or the budgets that there are.

    Attributes
    ----------
    slot : int or None
        The slot where it shows, if one can be named.
    sites, gateways : tuple of int
        The sites that are too small and the gateways whose work they would have to serve.
    demand, capacity : float
        Energy that the work needs at least, and energy that there is, MWh. With `budgets`, the
        worth of both sides of the proof at its prices instead.
    prices : ndarray of float64, shape (T, I), or None
        Capacity prices ``u`` that prove it: ``sum d min_a k u > sum u C``.
    message : str
        All this in one line; also ``str()`` of the object.
    budgets : mapping of str to ndarray of float64, shape (G,), or None
        Prices ``lambda`` of the budgets, where the proof needs them:
        ``sum d min_a k (u + sum lambda f) + sum lambda h > sum u C + sum lambda B``.
    """

    slot: int | None
    sites: tuple[int, ...]
    gateways: tuple[int, ...]
    demand: float
    capacity: float
    prices: FloatArray | None
    message: str
    budgets: Mapping[str, FloatArray] | None = None

    def __str__(self) -> str:
        """Return the message."""
        return self.message


@dataclass(frozen=True, eq=False, repr=False)
class Solution:
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
        "interrupted" (Ctrl-C or a callback), "infeasible", or "unsolved".
    objective, lower_bound : float
        Cost of the allocation and the bound of the prices, USD, both recomputed from the data.
    gap : float
        ``(objective - lower_bound) / max(1, |objective|)``.
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
            Per footprint: max, mean, peak-to-average ratio, Gini index, and the binding regions
            with their prices.
        """
        rows = {
            name: audit_footprint(totals, self._binding(name))
            for name, totals in self.footprints.items()
        }
        extra = None
        if price_of_fairness:
            from .solver import solve

            extra = self._operator_cost() - solve(self.problem.replace(equity={})).objective
        return Audit(rows, self._operator_cost(), extra)

    def to_xarray(self) -> xarray.Dataset:
        """Return the problem and its solution as one labelled dataset.

        Returns
        -------
        xarray.Dataset
            Variables over `slot`, `gateway`, `site`, `arc` and the regions, with units.

        Raises
        ------
        InputError
            If the package xarray is missing.
        """
        from .data import answers

        return answers.to_xarray(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the problem and its solution to one file.

        Parameters
        ----------
        path : path
            Ends in `.npz` (needs NumPy only) or in `.nc` (NetCDF, needs xarray).

        Raises
        ------
        InputError
            If the path ends otherwise or cannot be written.
        """
        from .data import answers

        answers.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Solution:
        """Read what `save` wrote.

        Parameters
        ----------
        path : path
            A file that ends in `.npz` or `.nc`.

        Raises
        ------
        InputError
            If the file cannot be read or holds no solution.
        """
        from .data import answers

        return answers.load(path)

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
    def _from_core(
        cls, problem: Problem, result: _core.Result, output: Output | None = None
    ) -> Solution:
        large = {name: getattr(result, name) for name in _LARGE}
        if output is not None:
            large |= output.arrays
        costs = [getattr(result, f"{name}_cost") for name in (*COSTS[:-1], "fixed")]
        equity_costs = dict(zip(problem.footprints, result.equity_costs, strict=True))
        equity_prices = dict(zip(problem.footprints, result.equity_prices, strict=True))
        solution = cls(
            problem=problem,
            allocation=large["allocation"],
            shed=large["shed"],
            site_load=large["site_load"],
            footprints=dict(zip(problem.footprints, result.totals, strict=True)),
            prices=Prices(large["capacity_prices"], large["energy_prices"], equity_prices),
            breakdown=dict(zip(COSTS, costs, strict=True))
            | {name: equity_costs[name] for name in problem.equity},
            infeasibility=_explain(problem, result) if result.status == "infeasible" else None,
            **{name: getattr(result, name) for name in SCALARS},
        )
        device = problem._device
        return solution if device is None else _DeviceSolution(solution, device)

    def _as_made(self) -> Solution:
        """Return this solution with small arrays in NumPy, the large ones wherever they are."""
        return self

    def _operator_cost(self) -> float:
        return math.fsum(self.breakdown[name] for name in COSTS)

    def _binding(self, name: str) -> dict[str, float]:
        """Return the regions that decide a footprint's equity term, with their prices."""
        term, prices = self.problem.equity.get(name), self.prices.equity[name]
        if term is None or term.weight == 0:
            return {}
        binding = term.binding(prices / (term.weight * self.problem.sensitivity[name]))
        names = self.problem.region_names[name]
        return {names[g]: float(prices[g]) for g in np.flatnonzero(binding)}


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

    def to_xarray(self) -> xarray.Dataset:
        return self.on_host().to_xarray()

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


def relative_gap(objective: float, lower_bound: float) -> float:
    """Return ``(objective - lower_bound) / max(1, |objective|)``; NaN where either is infinite."""
    if not (math.isfinite(objective) and math.isfinite(lower_bound)):
        return math.nan
    return (objective - lower_bound) / max(1.0, abs(objective))


def _explain(problem: Problem, result: _core.Result) -> Infeasibility:
    """Say in one line which work cannot fit where."""
    sites, gateways = tuple(result.infeasible_sites), tuple(result.infeasible_gateways)
    needed, there = result.infeasible_demand, result.infeasible_capacity
    slot = result.infeasible_slot if result.infeasible_slot >= 0 else None
    when = "" if slot is None else f"{problem.slot_axis.at(slot)}: "
    work = problem.gateway_axis.some(gateways) if gateways else "the demand"
    budgets = _budget_prices(problem, result)
    if budgets:
        message = _over_budget(problem, budgets, needed - there)
        prices = result.infeasible_prices
        return Infeasibility(None, (), (), needed, there, prices, message, budgets)
    if sites:
        verb = "needs" if len(gateways) < 2 else "need"
        holds = "holds" if len(sites) == 1 else "hold"
        message = (
            f"{when}{work} {verb} at least {needed:.6g} MWh, but "
            f"{problem.site_axis.some(sites)} {holds} {there:.6g} MWh"
        )
    else:
        message = f"{when}no arc serves the work of {work} within the horizon"
    return Infeasibility(slot, sites, gateways, needed, there, result.infeasible_prices, message)


def _budget_prices(problem: Problem, result: _core.Result) -> dict[str, FloatArray]:
    by_name = zip(problem.footprints, result.infeasible_budget)  # noqa: B905 (empty without proof)
    return {n: lam for n, lam in by_name if isinstance(problem.equity.get(n), Budget)}


def _over_budget(problem: Problem, prices: Mapping[str, FloatArray], excess: float) -> str:
    """Say which budgets cannot be kept together, and by how much at least."""
    top = max(float(lam.max()) for lam in prices.values())
    where = []
    for name, lam in prices.items():
        regions = np.flatnonzero(lam > 1e-3 * top).tolist()
        if regions:
            axis = region_axis(problem.region_names[name])
            where.append(f"{name} in {axis.some(regions)}")
    short = excess / sum(float(lam.sum()) for lam in prices.values())
    return (
        f"the budgets of {' and '.join(where)} cannot all be kept: every allocation exceeds them, "
        f"by {short:.4g} or more on their price-weighted average"
    )
