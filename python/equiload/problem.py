"""The problem: demand, capacity, prices, footprints and what their inequity costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import _core as core
from ._arrays import (
    AnyArray,
    Axis,
    FloatArray,
    Frozen,
    IntArray,
    as_numpy,
    frozen,
    read_ints,
    read_number,
    read_table,
    require,
    require_a,
    same,
)
from ._devices import Device, Worker, devices_of, shared_device
from ._labels import aligned, by_labels, require_unique
from ._regions import BurdenMap, by_region, entries, is_map, map_names, read_map
from ._tables import Table, Tables, fitted, read, require_all
from .equity import Budget, Equity, core_terms
from .errors import InputError
from .html import card
from .network import Network
from .slots import Slot, Static

__all__ = ["Problem"]

# The cost breakdown of a solution lists these beside the footprints.
COSTS = ("energy", "arc", "quadratic", "shed", "idle")


class _OnHost:
    """A table of a problem as a NumPy array, which comes down when it is first read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, problem: Problem | None, owner: type) -> Any:
        if problem is None:
            return self
        table = problem._tables[self._name]
        value = problem.__dict__[self._name] = None if table is None else table.host
        return value


def _on_host() -> Any:
    return _OnHost()


class Problem(Frozen):
    r"""An equity-aware load balancing problem over T slots, J gateways and I sites.

    Minimises, over the work ``x[t, a]`` on the arcs and the energy ``y[t, i]`` at the sites,

    .. math:: \sum_{t,a} l_a x_{ta} + \sum_{t,i} (p_{ti} y_{ti} + q_{ti} y_{ti}^2 / 2)
              + \sum_r \mu_r \phi_r(w_r E_r)

    while all demand is served and every capacity kept.  A problem is validated once, here, and
    immutable from then on.  Arrays may be anything that ``numpy.asarray`` or DLPack reads; what
    somebody could still write to is copied.

    Tables with labels (pandas, xarray) are put in order by them: in that of `site_names`,
    `gateway_names` and `slot_times`, else in that of the first table with labels, which become
    these names and times.  A table may have more labels than that, but none may be missing or
    occur twice, and no row may lie between two slots; times with a zone are turned to UTC.

    Demand, capacity, price, footprints, quadratic cost and idle power stay on a CUDA device if they
    lie there (CuPy, PyTorch, JAX with CuPy, or anything with DLPack or the CUDA array interface):
    they are checked there, and what could still be written to is copied within the device.  `solve`
    then works on that device, and the arrays of its `Solution` are of the same library there.  If
    any array but those of the network and of a budget lies on a device, all that do must lie on the
    same one; tables given on the host go up once, for the first solve there.  The attributes of a
    problem are NumPy arrays whatever it was made from: a table comes down once, when its attribute
    is first read, or when a solve on the host needs it.  JAX arrays without CuPy, and arrays on
    devices of other kinds, are copied to the host here.

    Parameters
    ----------
    demand : array_like, shape (T, J)
        Work released at each gateway in each slot, MWh at the reference model; at least 0.
    capacity : float or array_like, shape (I,) or (T, I)
        Most energy that a site serves in a slot, MWh; at least 0, may be infinite.
    price : array_like, shape (T, I) or (I,)
        Energy price, USD/MWh; may be negative.
    footprints : mapping of str to array_like, shape (T, I) or (I,)
        Burdens per MWh at each site and slot, PUE included (t/MWh, m3/MWh); at least 0.
    equity : mapping of str to Max, Sum, Norm, TopMean or Budget
        What the inequity of a footprint costs. Footprints without one are reported, not priced.
    network : Network, optional
        Which work may be served where and when; by default every gateway may use every site.
    regions : mapping of str to array_like, shape (I,) or (G, I)
        Per footprint, the region of each site: whole numbers 0 to G-1, or labels, which are
        numbered in order of appearance. By default each site is its own region. Or a burden map:
        the share of what site i burdens that falls on region g, at least 0; an array, nested lists,
        a SciPy sparse array, or a table whose rows are named after the regions. Shares of a site
        need not sum to one.
    history : mapping of str to array_like, shape (G,)
        Per footprint, the burden that each region carries already (t, m3); at least 0.
    sensitivity : mapping of str to array_like, shape (G,)
        Per footprint, how heavily a region's burden counts; above 0, by default 1.
    quadratic : float or array_like, shape (I,) or (T, I), optional
        Convex site cost (congestion, cooling), USD/MWh^2; at least 0.
    shed_cost : float, optional
        Lets work be dropped at this price, USD per unit of work, so that overload is an answer.
    idle_power : float or array_like, shape (I,) or (T, I), optional
        Energy that a site draws in a slot whatever it serves, MWh; at least 0. It costs the energy
        price and leaves its footprints, which count like history; capacities are for the rest.
    site_names, gateway_names : sequence of str, optional
        Labels for messages and results.
    slot_times : sequence of datetime or str, optional
        The time of each slot, for messages and results.

    Attributes
    ----------
    demand, capacity, price, quadratic : ndarray of float64
        The data, read-only; `price` is always (T, I), `capacity` and `quadratic` (I,) or (T, I).
        What lies on a device is copied to the host when it is first read.
    footprints, regions, history, sensitivity, region_names : mapping of str
        Per footprint, defaults filled in; `regions` (I,) of whole numbers, or a burden map (G, I).
    carried : mapping of str to ndarray of float64, shape (G,)
        Per footprint, what each region carries whatever is decided: history and idle power.
    idle_cost : float
        What the idle power costs, USD.

    Raises
    ------
    InputError
        If anything is missing, misshapen or out of range: one line naming the field and the slot,
        site, gateway or arc.

    References
    ----------
    arXiv 2307.05494 (minimax regional equity), arXiv 2412.16539, arXiv 2407.05176 (models).

    Examples
    --------
    >>> problem = el.Problem(
    ...     demand=[[4.0], [6.0]],  # two slots, one gateway; MWh
    ...     capacity=[5.0, 5.0],  # two sites; MWh
    ...     price=[[40.0, 50.0], [40.0, 50.0]],  # USD/MWh
    ...     footprints={"carbon": [[0.5, 0.4], [0.5, 0.4]]},  # t/MWh
    ...     equity={"carbon": el.Max(100.0)},  # USD per t of the worst-off site
    ... )
    >>> problem.slots, problem.gateways, problem.sites, problem.arcs
    (2, 1, 2, 2)
    >>> el.Problem(demand=[[4.0]], capacity=[5.0], price=[[float("nan")]])
    Traceback (most recent call last):
        ...
    equiload.errors.InputError: price[slot 0, site 0] is NaN; every price must be finite
    """

    demand: FloatArray = _on_host()
    capacity: FloatArray = _on_host()
    price: FloatArray = _on_host()
    footprints: Mapping[str, FloatArray]
    equity: Mapping[str, Equity]
    network: Network
    regions: Mapping[str, IntArray | FloatArray]
    region_names: Mapping[str, tuple[str, ...]]
    history: Mapping[str, FloatArray]
    sensitivity: Mapping[str, FloatArray]
    carried: Mapping[str, FloatArray]
    quadratic: FloatArray | None = _on_host()
    shed_cost: float | None
    idle_power: FloatArray | None = _on_host()
    idle_cost: float
    site_names: tuple[str, ...] | None
    gateway_names: tuple[str, ...] | None
    slot_times: AnyArray | None
    _device: Device | None
    _tables: Mapping[str, Table | None]
    _burdens: Mapping[str, Table]

    def __init__(
        self,
        demand: ArrayLike,
        capacity: ArrayLike,
        price: ArrayLike,
        footprints: Mapping[str, ArrayLike] | None = None,
        equity: Mapping[str, Equity] | None = None,
        network: Network | None = None,
        *,
        regions: Mapping[str, ArrayLike] | None = None,
        history: Mapping[str, ArrayLike] | None = None,
        sensitivity: Mapping[str, ArrayLike] | None = None,
        quadratic: ArrayLike | None = None,
        shed_cost: float | None = None,
        idle_power: ArrayLike | None = None,
        site_names: Sequence[str] | None = None,
        gateway_names: Sequence[str] | None = None,
        slot_times: ArrayLike | None = None,
    ) -> None:
        given: dict[str, Any] = {"demand": demand, "capacity": capacity, "price": price}
        given |= {"quadratic": quadratic, "idle_power": idle_power, "footprints": footprints}
        given |= {"regions": regions, "history": history, "sensitivity": sensitivity}
        device = shared_device(devices_of(given))
        given |= {"equity": equity, "network": network, "shed_cost": shed_cost}
        given |= {"site_names": site_names, "gateway_names": gateway_names}
        self._fill(given | {"slot_times": slot_times}, device)

    def _fill(self, given: Mapping[str, Any], device: Device | None) -> None:
        """Read and check the arguments of the constructor; those on the device stay there."""
        fill, named = self.__dict__, _map_names(given["regions"])
        given = aligned(given)
        fill["_device"] = device
        worker = self._worker
        demand = read("demand", given["demand"], worker)
        price = read("price", given["price"], worker)
        names = (given[key] for key in ("network", "site_names", "gateway_names", "slot_times"))
        slot, gateway, site = _axes(demand.shape, price.shape, *names)
        fill["site_names"], fill["gateway_names"] = site.labels, gateway.labels
        fill["slot_times"] = slot.labels
        fill["network"] = given["network"]
        if self.network is None:
            fill["network"] = Network.complete(gateway.size, site.size)

        tables = {name: given[name] for name in ("capacity", "quadratic", "idle_power")}
        fill["_tables"] = {
            "demand": fitted("demand", demand, slot, gateway),
            "price": _over_slots("price", price, slot, site),
        } | {name: _by_site(name, value, worker, slot, site) for name, value in tables.items()}
        fill["shed_cost"] = None
        if given["shed_cost"] is not None:
            rule = "it must be finite and not negative"
            fill["shed_cost"] = read_number("shed_cost", given["shed_cost"], rule, 0.0)
        _check_tables(self, slot, gateway, site)

        burdens = _named("footprints", given["footprints"], None)
        fill["_burdens"] = {
            name: _burden(name, values, worker, slot, site) for name, values in burdens.items()
        }
        fill["footprints"] = Tables(self._burdens)
        regional = {
            field: _named(field, given[field], burdens)
            for field in ("regions", "history", "sensitivity")
        }
        fill.update(_regional(regional, named, tuple(burdens), site))
        fill["equity"] = MappingProxyType(_equity(given["equity"], self.region_names))
        fill.update(_idle(self))
        fill["_given"] = {
            "regions": {name: self._region_argument(name) for name in regional["regions"]},
            "history": {name: self.history[name] for name in regional["history"]},
            "sensitivity": {name: self.sensitivity[name] for name in regional["sensitivity"]},
        }

    @property
    def slots(self) -> int:
        """Number of slots T."""
        return self._shape("demand")[0]

    @property
    def gateways(self) -> int:
        """Number of gateways J."""
        return self._shape("demand")[1]

    @property
    def sites(self) -> int:
        """Number of sites I."""
        return self._shape("price")[1]

    @property
    def arcs(self) -> int:
        """Number of arcs A."""
        return len(self.network)

    @property
    def slot_axis(self) -> Axis:
        """The slots, to name one in a message."""
        return Axis("slot", self.slots, self.slot_times)

    @property
    def gateway_axis(self) -> Axis:
        """The gateways, to name one in a message."""
        return Axis("gateway", self.gateways, self.gateway_names)

    @property
    def site_axis(self) -> Axis:
        """The sites, to name one in a message."""
        return Axis("site", self.sites, self.site_names)

    def static(self) -> Static:
        """Return the part that does not change with time, which an online policy starts from.

        Returns
        -------
        Static
            Network, equity, regions, sensitivity, history and names; capacity and quadratic cost
            where they are the same in all slots; the number of slots.
        """
        capacity, quadratic = self.capacity, self.quadratic
        return Static(
            network=self.network,
            capacity=capacity if capacity.ndim == 1 else None,
            quadratic=quadratic if quadratic is not None and quadratic.ndim == 1 else None,
            footprints=tuple(self.footprints),
            equity=self.equity,
            regions=self.regions,
            region_names=self.region_names,
            history=self.history,
            sensitivity=self.sensitivity,
            shed_cost=self.shed_cost,
            slots=self.slots,
            site_names=self.site_names,
            gateway_names=self.gateway_names,
        )

    def slot(self, t: int) -> Slot:
        """Return the data of one slot, as an online policy meets them.

        Parameters
        ----------
        t : int
            Number of the slot, 0 to T-1.

        Raises
        ------
        InputError
            If there is no such slot.
        """
        require_a("t", t, int | np.integer, "whole number")
        if not 0 <= t < self.slots:
            raise InputError(f"t is {t}; the problem has slots 0 to {self.slots - 1}")
        return Slot(
            demand=self.demand[t],
            capacity=_in_slot(self.capacity, t),
            price=self.price[t],
            footprints={name: values[t] for name, values in self.footprints.items()},
            quadratic=None if self.quadratic is None else _in_slot(self.quadratic, t),
            idle=None if self.idle_power is None else _in_slot(self.idle_power, t),
        )

    def replace(self, **changes: Any) -> Problem:
        """Return a new problem with some arguments of the constructor changed.

        It has the device of this one, wherever the changes come from, and shares with it the tables
        that do not change.

        Parameters
        ----------
        **changes
            Any argument of `Problem`, by name.

        Raises
        ------
        InputError
            If a name is not an argument, the new problem is not valid, or a change lies on another
            device than this problem.
        """
        arguments = self._kept()
        for name in changes:
            if name not in arguments:
                raise InputError(f"replace: a problem has no {name}; it has {', '.join(arguments)}")
        device = shared_device({"the problem": self._device} | devices_of(changes))
        made = Problem.__new__(Problem)
        made._fill(arguments | changes, device)
        return made

    def _repr_html_(self) -> str:
        """Show a notebook the sizes and what is priced."""
        names = ("slots", "gateways", "sites", "arcs")
        rows: dict[str, object] = {name: getattr(self, name) for name in names}
        rows |= {name: self.equity.get(name, "not priced") for name in self.footprints}
        return card("Problem", rows)

    def __repr__(self) -> str:
        """Summarise in one line."""
        parts = [f"{self.slots} slots", f"{self.gateways} gateways", f"{self.sites} sites"]
        parts.append(f"{self.arcs} arcs")
        parts += [f"{name}: {self.equity.get(name, 'not priced')}" for name in self.footprints]
        return f"Problem({', '.join(parts)})"

    def __eq__(self, other: object) -> bool:
        """Compare all data by value."""
        if not isinstance(other, Problem):
            return NotImplemented
        return same(self._arguments(), other._arguments())

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Callable[..., Problem], tuple[dict[str, Any]]]:
        """Pickle the data, as NumPy arrays; the compiled problem is built anew where needed."""
        return _from_arguments, (self._arguments(),)

    def _arguments(self) -> dict[str, Any]:
        """Return what the constructor would take to build this problem again."""
        tables = {name: getattr(self, name) for name in self._tables}
        return self._kept() | tables | {"footprints": dict(self.footprints)}

    def _kept(self) -> dict[str, Any]:
        """Return what the constructor would take, the tables where they lie."""
        names = ["network", "shed_cost", "site_names", "gateway_names", "slot_times"]
        rest = {name: getattr(self, name) for name in names} | {"equity": dict(self.equity)}
        given: dict[str, Any] = self.__dict__["_given"]
        return {**self._tables, "footprints": dict(self._burdens)} | rest | given

    @property
    def _worker(self) -> Worker | None:
        """What works on the problem's device, where its tables then lie."""
        return None if self._device is None else self._device.worker

    def _table(self, name: str) -> Table:
        """Return a table that every problem has."""
        table = self._tables[name]
        assert table is not None
        return table

    def _shape(self, name: str) -> tuple[int, ...]:
        return self._table(name).shape

    def _region_argument(self, name: str) -> AnyArray | BurdenMap:
        """Return the regions of the sites as the user would give them: labels where there are."""
        codes, names = self.regions[name], self.region_names[name]
        if is_map(codes):
            return BurdenMap(codes, names)
        if names == _numbers(len(names)):
            return codes
        return np.asarray(names)[codes]

    def _core(self, worker: Worker | None = None) -> core.Problem:
        """Return the compiled problem, which reads the tables of the host or of a device."""
        compiled: dict[Worker | None, core.Problem] = self.__dict__.setdefault("_compiled", {})
        if worker not in compiled:
            compiled[worker] = self._compile(worker)
        return compiled[worker]

    def _compile(self, worker: Worker | None) -> core.Problem:
        network, quadratic = self.network, self._tables["quadratic"]
        return core.Problem(
            demand=self._table("demand").core(worker),
            capacity=self._table("capacity").core(worker),
            price=self._table("price").core(worker),
            quadratic=None if quadratic is None else quadratic.core(worker),
            gateway=network.gateway,
            site=network.site,
            delay=network.delay,
            energy=network.energy,
            cost=network.cost,
            footprints=[self._core_footprint(name, worker) for name in self.footprints],
            shed_cost=self.shed_cost,
            fixed_cost=self.idle_cost,
        )

    def _core_footprint(self, name: str, worker: Worker | None) -> core.Footprint:
        kind, weight, parameter, limit = core_terms(self.equity.get(name), self.history[name].size)
        region, share_start, share = entries(self.regions[name])
        return core.Footprint(
            values=self._burdens[name].core(worker),
            region=region,
            history=self.carried[name],
            sensitivity=self.sensitivity[name],
            kind=kind,
            weight=weight,
            parameter=parameter,
            limit=None if limit is None else frozen(limit),
            share_start=share_start,
            share=share,
        )


def _in_slot(table: FloatArray, t: int) -> FloatArray:
    """Return the row of a slot, as a view; a table without slots is the same in all."""
    return table if table.ndim == 1 else table[t]


def _from_arguments(arguments: dict[str, Any]) -> Problem:
    return Problem(**arguments)


def _axes(
    demand: tuple[int, ...],
    price: tuple[int, ...],
    network: Network | None,
    site_names: Sequence[str] | None,
    gateway_names: Sequence[str] | None,
    slot_times: ArrayLike | None,
) -> tuple[Axis, Axis, Axis]:
    """Learn T, J and I from the shapes and check that the network and the labels agree."""
    if len(demand) != 2 or 0 in demand:
        raise InputError(f"demand has shape {demand}; expected (slots, gateways), not empty")
    if len(price) not in (1, 2) or 0 in price:
        raise InputError(f"price has shape {price}; expected (slots, sites), not empty")
    (slots, gateways), sites = demand, price[-1]
    if network is not None:
        if not isinstance(network, Network):
            raise InputError(f"network is a {type(network).__name__}; it must be a Network")
        for name, ours, theirs, field in (
            ("gateways", gateways, network.gateways, "demand"),
            ("sites", sites, network.sites, "price"),
        ):
            if ours != theirs:
                raise InputError(f"network has {theirs} {name}, but {field} has {ours}")
    return (
        Axis("slot", slots, _times(slot_times, slots)),
        Axis("gateway", gateways, _labels("gateway_names", gateway_names, gateways)),
        Axis("site", sites, _labels("site_names", site_names, sites)),
    )


def _labels(field: str, names: Sequence[str] | None, count: int) -> tuple[str, ...] | None:
    if names is None:
        return None
    if not hasattr(names, "__len__") or getattr(names, "ndim", 1) != 1:
        raise InputError(f"{field} is a {type(names).__name__}; expected a sequence of {count}")
    if isinstance(names, str) or len(names) != count:
        raise InputError(f"{field} has {len(names)} entries; expected a sequence of {count}")
    labels = tuple(str(name) for name in names)
    if field == "site_names":  # several gateways, one for each class of work, may share a place
        require_unique(field, "site", labels)
    return labels


def _times(times: ArrayLike | None, count: int) -> AnyArray | None:
    """Read slot times as datetime64 where they are dates, else as strings."""
    if times is None:
        return None
    read = _read_times(times, count)
    require_unique("slot_times", "slot", read)
    return read


def _read_times(times: ArrayLike, count: int) -> AnyArray:
    array = as_numpy("slot_times", times)
    if array.shape != (count,):
        raise InputError(f"slot_times has shape {array.shape}; expected (slots,) = ({count},)")
    if array.dtype.kind == "M":
        return frozen(array)
    try:
        naive = array.dtype.kind == "O" and all(time.tzinfo is None for time in array)
        return frozen(array.astype("datetime64[us]" if naive else str))
    except (AttributeError, TypeError, ValueError):
        return frozen(array.astype(str))


def _by_site(
    field: str, value: object, worker: Worker | None, slot: Axis, site: Axis
) -> Table | None:
    """Read one number, (I,) or (T, I); all but a capacity may be missing."""
    if value is None and field != "capacity":
        return None
    return fitted(field, read(field, value, worker), slot, site, static=True, scalar=True)


def _over_slots(field: str, table: Table, slot: Axis, site: Axis) -> Table:
    """Check a (T, I) table; one row stands for every slot."""
    fitted(field, table, slot, site, static=True)
    return table if len(table.shape) == 2 else table.over_slots(slot.size)


def _check_tables(problem: Problem, slot: Axis, gateway: Axis, site: Axis) -> None:
    """Check the values of demand, capacity, price and quadratic, and that demand can leave."""
    demand, capacity, price = map(problem._table, ("demand", "capacity", "price"))
    rule = "demand must be finite and not negative"
    require_all("demand", demand, _finite_and_not_negative, rule, slot, gateway)
    rule = "it must be a number of at least 0"
    require_all("capacity", capacity, lambda values, _: values >= 0, rule, slot, site)
    rule = "every price must be finite"
    require_all("price", price, lambda values, xp: xp.isfinite(values), rule, slot, site)
    for name, rule in (
        ("quadratic", "quadratic costs must be finite and not negative"),
        ("idle_power", "it must be finite and not negative"),
    ):
        table = problem._tables[name]
        if table is not None:
            require_all(name, table, _finite_and_not_negative, rule, slot, site)
    if problem.shed_cost is None:
        _check_served(demand, problem.network, slot, gateway)


def _finite_and_not_negative(values: Any, xp: Any) -> Any:
    return (values >= 0) & xp.isfinite(values)


def _check_served(demand: Table, network: Network, slot: Axis, gateway: Axis) -> None:
    served = np.bincount(network.gateway, minlength=gateway.size) > 0
    alone = np.flatnonzero(~served).tolist()
    if alone and not demand.all(lambda values, _: values[:, alone] == 0):
        rule = "the gateway has no arc to serve it"
        require("demand", demand.host, served | (demand.host == 0), rule, slot, gateway)


def _named(
    field: str, values: Mapping[Any, Any] | None, known: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Read a mapping by footprint; without known names these are the footprints."""
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise InputError(f"{field} is a {type(values).__name__}; it must be a mapping by footprint")
    for name in values:
        if known is not None and name not in known:
            raise InputError(f"{field} names {name!r}; the footprints are {', '.join(known)}")
        if not isinstance(name, str) or not name or "/" in name or name in COSTS:
            rule = f"a name is text without / and none of {', '.join(COSTS)}"
            raise InputError(f"{field} names {name!r}; {rule}")
    return {str(name): value for name, value in values.items()}


def _burden(name: str, values: object, worker: Worker | None, slot: Axis, site: Axis) -> Table:
    field = f"footprints[{name!r}]"
    table = _over_slots(field, read(field, values, worker), slot, site)
    rule = "footprints must be finite and not negative"
    require_all(field, table, _finite_and_not_negative, rule, slot, site)
    return table


def _equity(
    equity: Mapping[str, Equity] | None, known: Mapping[str, tuple[str, ...]]
) -> dict[str, Equity]:
    terms = _named("equity", equity, known)
    for name, term in terms.items():
        if not isinstance(term, Equity):
            raise InputError(f"equity[{name!r}] is {term!r}; it must be an equity function")
        if isinstance(term, Budget):
            field = f"equity[{name!r}].limit"
            terms[name] = term = term.over(field, known[name])
            read_table(field, term.limit, region_axis(known[name]), scalar=True)
    return terms


def _regional(
    given: Mapping[str, Mapping[str, Any]],
    named: Mapping[str, tuple[str, ...] | None],
    names: Sequence[str],
    site: Axis,
) -> dict[str, Mapping[str, Any]]:
    """Fill in the regions, their names, history and sensitivity of every footprint."""
    regions: dict[str, Any] = {}
    labels: dict[str, Any] = {}
    history: dict[str, Any] = {}
    sensitivity: dict[str, Any] = {}
    for name in names:
        value, field = given["regions"].get(name), f"regions[{name!r}]"
        if is_map(value):
            regions[name], labels[name] = read_map(field, value, named.get(name), site)
        else:
            regions[name], labels[name] = _regions(field, value, site)
        region, key = region_axis(labels[name]), f"[{name!r}]"
        carried = given["history"].get(name, np.zeros(region.size))
        carried = by_labels(f"history{key}", "region", carried, labels[name])
        history[name] = read_table(f"history{key}", carried, region)
        good = (history[name] >= 0) & np.isfinite(history[name])
        require(f"history{key}", history[name], good, "it must be finite and not negative", region)
        scale = given["sensitivity"].get(name, np.ones(region.size))
        scale = by_labels(f"sensitivity{key}", "region", scale, labels[name])
        sensitivity[name] = read_table(f"sensitivity{key}", scale, region)
        good = (sensitivity[name] > 0) & np.isfinite(sensitivity[name])
        require(
            f"sensitivity{key}", sensitivity[name], good, "it must be finite and above 0", region
        )
    filled = {"regions": regions, "region_names": labels}
    filled |= {"history": history, "sensitivity": sensitivity}
    return {field: MappingProxyType(values) for field, values in filled.items()}


def _map_names(regions: object) -> dict[str, tuple[str, ...] | None]:
    """Return the names of the regions of every burden map, which are its rows' labels."""
    maps = regions.items() if isinstance(regions, Mapping) else ()
    return {name: map_names(value) for name, value in maps if is_map(value)}


def _idle(problem: Problem) -> dict[str, Any]:
    """Add up what idle power costs and what it adds to every region's history."""
    idle = problem._tables["idle_power"]
    if idle is None:
        return {"carried": problem.history, "idle_cost": 0.0}
    carried = {}
    for name, table in problem._burdens.items():
        history = problem.history[name]
        by_site = _idle_by_site(problem, f"footprints[{name!r}]", table, idle)
        added = by_region(problem.regions[name], by_site, history.size)
        carried[name] = frozen(history + added)
    cost = float(_idle_by_site(problem, "price", problem._table("price"), idle).sum())
    return {"carried": MappingProxyType(carried), "idle_cost": cost}


def _idle_by_site(problem: Problem, field: str, rate: Table, idle: Table) -> FloatArray:
    """Add up ``rate * idle`` over the slots, on the device where the tables lie on one."""
    worker = problem._worker
    with np.errstate(over="ignore", invalid="ignore"):
        by_site: FloatArray
        if worker is None:
            by_site = (rate.host * idle.host).sum(axis=0)
        else:
            one, other = rate.there(worker), idle.there(worker)
            rows = max(one.shape[0], other.shape[0])  # 1 where a row stands for every slot in both
            by_site = worker.products(one, other) * (problem.slots / rows)
        whole = np.abs(by_site).sum()
    if not np.isfinite(whole):
        place = problem.site_axis.at(int(np.argmax(np.nan_to_num(np.abs(by_site), nan=np.inf))))
        raise InputError(f"idle_power of {place} times {field} is too large to add up")
    return by_site


def _regions(field: str, value: object, site: Axis) -> tuple[IntArray, tuple[str, ...]]:
    """Return the region of each site and the names of the regions."""
    if value is None:
        own = frozen(np.arange(site.size, dtype=np.int32))
        return own, tuple(map(str, range(site.size) if site.labels is None else site.labels))
    array = as_numpy(field, value)
    if array.shape != (site.size,):
        expected = f"(sites,) = ({site.size},) or (regions, sites)"
        raise InputError(f"{field} has shape {array.shape}; expected {expected}")
    if array.dtype.kind in "UO" and all(isinstance(label, str) for label in array):
        code = {label: number for number, label in enumerate(dict.fromkeys(array.tolist()))}
        return frozen(np.array([code[label] for label in array], dtype=np.int32)), tuple(code)
    region = read_ints(field, array)
    require(field, region, region >= 0, "regions are numbered 0, 1, 2, ...", site)
    return region, _numbers(int(region.max()) + 1)


def region_axis(names: tuple[str, ...]) -> Axis:
    """Return the regions of a footprint, to name one in a message."""
    return Axis("region", len(names), None if names == _numbers(len(names)) else names)


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))
