"""The problem: demand, capacity, prices, footprints and what their inequity costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

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
    read_floats,
    read_ints,
    read_number,
    read_table,
    require,
    same,
)
from ._devices import Device, devices_of, shared_device
from .equity import Budget, Equity, core_terms
from .errors import InputError
from .network import Network

if TYPE_CHECKING:
    from .online.static import Slot, Static

__all__ = ["Problem"]

# The cost breakdown of a solution lists these beside the footprints.
COSTS = ("energy", "arc", "quadratic", "shed", "idle")


class Problem(Frozen):
    r"""An equity-aware load balancing problem over T slots, J gateways and I sites.

    Minimises, over the work ``x[t, a]`` on the arcs and the energy ``y[t, i]`` at the sites,

    .. math:: \sum_{t,a} l_a x_{ta} + \sum_{t,i} (p_{ti} y_{ti} + q_{ti} y_{ti}^2 / 2)
              + \sum_r \mu_r \phi_r(w_r E_r)

    while all demand is served and every capacity kept.  A problem is validated once, here, and
    immutable from then on.  Arrays may be anything that ``numpy.asarray`` or DLPack reads; writable
    ones are copied.

    Arrays on a device (CuPy, PyTorch, JAX, or anything there with DLPack or the CUDA array
    interface) are copied to the host once, here, because the repair and the certificate run there:
    the attributes of a problem are NumPy arrays whatever it was made from.  If any array but those
    of the network and of a budget lies on a device, all that do must lie on the same one, and the
    arrays of a `Solution` are of that library on that device.  Without any they are NumPy arrays,
    which ``torch.from_numpy`` takes without a copy.

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
    regions : mapping of str to array_like, shape (I,)
        Per footprint, the region of each site: whole numbers 0 to G-1, or labels, which are
        numbered in order of appearance. By default each site is its own region.
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
    footprints, regions, history, sensitivity, region_names : mapping of str
        Per footprint, defaults filled in.
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
    """

    demand: FloatArray
    capacity: FloatArray
    price: FloatArray
    footprints: Mapping[str, FloatArray]
    equity: Mapping[str, Equity]
    network: Network
    regions: Mapping[str, IntArray]
    region_names: Mapping[str, tuple[str, ...]]
    history: Mapping[str, FloatArray]
    sensitivity: Mapping[str, FloatArray]
    carried: Mapping[str, FloatArray]
    quadratic: FloatArray | None
    shed_cost: float | None
    idle_power: FloatArray | None
    idle_cost: float
    site_names: tuple[str, ...] | None
    gateway_names: tuple[str, ...] | None
    slot_times: AnyArray | None
    _device: Device | None

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
        fill = self.__dict__
        tables = {"demand": demand, "capacity": capacity, "price": price, "footprints": footprints}
        tables |= {"quadratic": quadratic, "idle_power": idle_power, "regions": regions}
        tables |= {"history": history, "sensitivity": sensitivity}
        fill["_device"] = shared_device(devices_of(tables))
        demand, price = read_floats("demand", demand), read_floats("price", price)
        slot, gateway, site = _axes(demand, price, network, site_names, gateway_names, slot_times)
        fill["site_names"], fill["gateway_names"] = site.labels, gateway.labels
        fill["slot_times"] = slot.labels
        if network is None:
            network = Network.complete(gateway.size, site.size)
        fill["network"] = network

        fill["demand"] = read_table("demand", demand, slot, gateway)
        fill["capacity"] = read_table("capacity", capacity, slot, site, static=True, scalar=True)
        fill["price"] = _over_slots("price", price, slot, site)
        fill["quadratic"] = None
        if quadratic is not None:
            table = read_table("quadratic", quadratic, slot, site, static=True, scalar=True)
            fill["quadratic"] = table
        fill["shed_cost"] = None
        if shed_cost is not None:
            rule = "it must be finite and not negative"
            fill["shed_cost"] = read_number("shed_cost", shed_cost, rule, 0.0)
        fill["idle_power"] = None
        if idle_power is not None:
            table = read_table("idle_power", idle_power, slot, site, static=True, scalar=True)
            fill["idle_power"] = table
        _check_tables(self, slot, gateway, site)

        burdens = _named("footprints", footprints, None)
        fill["footprints"] = MappingProxyType(
            {name: _burden(name, values, slot, site) for name, values in burdens.items()}
        )
        given = {
            "regions": _named("regions", regions, burdens),
            "history": _named("history", history, burdens),
            "sensitivity": _named("sensitivity", sensitivity, burdens),
        }
        fill.update(_regional(given, tuple(burdens), site))
        fill["equity"] = MappingProxyType(_equity(equity, self.region_names))
        fill.update(_idle(self))
        fill["_given"] = {
            "regions": {name: self._region_argument(name) for name in given["regions"]},
            "history": {name: self.history[name] for name in given["history"]},
            "sensitivity": {name: self.sensitivity[name] for name in given["sensitivity"]},
        }

    @property
    def slots(self) -> int:
        """Number of slots T."""
        return int(self.demand.shape[0])

    @property
    def gateways(self) -> int:
        """Number of gateways J."""
        return int(self.demand.shape[1])

    @property
    def sites(self) -> int:
        """Number of sites I."""
        return int(self.price.shape[1])

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
        from .online.static import static_of

        return static_of(self)

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
        from .online.static import slot_of

        if not 0 <= t < self.slots:
            raise InputError(f"t is {t}; the problem has slots 0 to {self.slots - 1}")
        return slot_of(self, t)

    def replace(self, **changes: Any) -> Problem:
        """Return a new problem with some arguments of the constructor changed.

        It has the device of this one, wherever the changes come from.

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
        arguments = self._arguments()
        for name in changes:
            if name not in arguments:
                raise InputError(f"replace: a problem has no {name}; it has {', '.join(arguments)}")
        device = shared_device({"the problem": self._device} | devices_of(changes))
        made = Problem(**(arguments | changes))
        made.__dict__["_device"] = device
        return made

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
        names = ["demand", "capacity", "price", "network", "quadratic", "shed_cost", "idle_power"]
        names += ["site_names", "gateway_names", "slot_times"]
        named = {"footprints": dict(self.footprints), "equity": dict(self.equity)}
        given: dict[str, Any] = self.__dict__["_given"]
        return {name: getattr(self, name) for name in names} | named | given

    def _burdened_price(self, prices: Mapping[str, FloatArray]) -> FloatArray:
        """Return ``c0 = p + sum_r lambda_r f_r`` (T, I) at prices of the burdens."""
        cost = self.price.copy()
        for name, price in prices.items():
            cost += price[self.regions[name]] * self.footprints[name]
        return cost

    def _region_argument(self, name: str) -> AnyArray:
        """Return the regions of the sites as the user would give them: labels where there are."""
        codes, names = self.regions[name], self.region_names[name]
        if names == _numbers(len(names)):
            return codes
        return np.asarray(names)[codes]

    def _core(self) -> core.Problem:
        """Return the compiled problem, which reads the arrays held here."""
        if "_compiled" not in self.__dict__:
            self.__dict__["_compiled"] = self._compile()
        compiled: core.Problem = self.__dict__["_compiled"]
        return compiled

    def _compile(self) -> core.Problem:
        network = self.network
        return core.Problem(
            demand=self.demand,
            capacity=np.atleast_2d(self.capacity),
            price=self.price,
            quadratic=None if self.quadratic is None else np.atleast_2d(self.quadratic),
            gateway=network.gateway,
            site=network.site,
            delay=network.delay,
            energy=network.energy,
            cost=network.cost,
            footprints=[self._core_footprint(name) for name in self.footprints],
            shed_cost=self.shed_cost,
            fixed_cost=self.idle_cost,
        )

    def _core_footprint(self, name: str) -> core.Footprint:
        kind, weight, parameter, limit = core_terms(self.equity.get(name), self.history[name].size)
        return core.Footprint(
            values=self.footprints[name],
            region=self.regions[name],
            history=self.carried[name],
            sensitivity=self.sensitivity[name],
            kind=kind,
            weight=weight,
            parameter=parameter,
            limit=limit,
        )


def _from_arguments(arguments: dict[str, Any]) -> Problem:
    return Problem(**arguments)


def _axes(
    demand: FloatArray,
    price: FloatArray,
    network: Network | None,
    site_names: Sequence[str] | None,
    gateway_names: Sequence[str] | None,
    slot_times: ArrayLike | None,
) -> tuple[Axis, Axis, Axis]:
    """Learn T, J and I from the data and check that the network and the labels agree."""
    if demand.ndim != 2 or demand.size == 0:
        raise InputError(f"demand has shape {demand.shape}; expected (slots, gateways), not empty")
    if price.ndim not in (1, 2) or price.size == 0:
        raise InputError(f"price has shape {price.shape}; expected (slots, sites), not empty")
    (slots, gateways), sites = demand.shape, price.shape[-1]
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
    if isinstance(names, str) or len(names) != count:
        raise InputError(f"{field} has {len(names)} entries; expected a sequence of {count}")
    return tuple(str(name) for name in names)


def _times(times: ArrayLike | None, count: int) -> AnyArray | None:
    """Read slot times as datetime64 where they are dates, else as strings."""
    if times is None:
        return None
    array = as_numpy("slot_times", times)
    if array.shape != (count,):
        raise InputError(f"slot_times has shape {array.shape}; expected (slots,) = ({count},)")
    if array.dtype.kind == "M":
        return frozen(array.copy())
    try:
        naive = array.dtype.kind == "O" and all(time.tzinfo is None for time in array)
        return frozen(array.astype("datetime64[us]" if naive else str))
    except (AttributeError, TypeError, ValueError):
        return frozen(array.astype(str))


def _over_slots(field: str, value: ArrayLike, slot: Axis, site: Axis) -> FloatArray:
    """Read a (T, I) table; one row stands for every slot."""
    table = read_table(field, value, slot, site, static=True)
    if table.ndim == 2:
        return table
    return frozen(np.tile(table, (slot.size, 1)))


def _check_tables(problem: Problem, slot: Axis, gateway: Axis, site: Axis) -> None:
    """Check the values of demand, capacity, price and quadratic, and that demand can leave."""
    demand, capacity, price = problem.demand, problem.capacity, problem.price
    rule = "demand must be finite and not negative"
    require("demand", demand, (demand >= 0) & np.isfinite(demand), rule, slot, gateway)
    at = (slot, site)[-capacity.ndim :]
    require("capacity", capacity, capacity >= 0, "it must be a number of at least 0", *at)
    require("price", price, np.isfinite(price), "every price must be finite", slot, site)
    for name, rule in (
        ("quadratic", "quadratic costs must be finite and not negative"),
        ("idle_power", "it must be finite and not negative"),
    ):
        q = getattr(problem, name)
        if q is not None:
            require(name, q, (q >= 0) & np.isfinite(q), rule, *(slot, site)[-q.ndim :])
    if problem.shed_cost is None:
        served = np.bincount(problem.network.gateway, minlength=gateway.size) > 0
        rule = "the gateway has no arc to serve it"
        require("demand", demand, served | (demand == 0), rule, slot, gateway)


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


def _burden(name: str, values: ArrayLike, slot: Axis, site: Axis) -> FloatArray:
    field = f"footprints[{name!r}]"
    table = _over_slots(field, values, slot, site)
    rule = "footprints must be finite and not negative"
    require(field, table, (table >= 0) & np.isfinite(table), rule, slot, site)
    return table


def _equity(
    equity: Mapping[str, Equity] | None, known: Mapping[str, tuple[str, ...]]
) -> dict[str, Equity]:
    terms = _named("equity", equity, known)
    for name, term in terms.items():
        if not isinstance(term, Equity):
            raise InputError(f"equity[{name!r}] is {term!r}; it must be an equity function")
        if isinstance(term, Budget):
            read_table(f"equity[{name!r}].limit", term.limit, region_axis(known[name]), scalar=True)
    return terms


def _regional(
    given: Mapping[str, Mapping[str, Any]], names: Sequence[str], site: Axis
) -> dict[str, Mapping[str, Any]]:
    """Fill in the regions, their names, history and sensitivity of every footprint."""
    regions: dict[str, Any] = {}
    labels: dict[str, Any] = {}
    history: dict[str, Any] = {}
    sensitivity: dict[str, Any] = {}
    for name in names:
        regions[name], labels[name] = _regions(name, given["regions"].get(name), site)
        region, key = region_axis(labels[name]), f"[{name!r}]"
        carried = given["history"].get(name, np.zeros(region.size))
        history[name] = read_table(f"history{key}", carried, region)
        good = (history[name] >= 0) & np.isfinite(history[name])
        require(f"history{key}", history[name], good, "it must be finite and not negative", region)
        scale = given["sensitivity"].get(name, np.ones(region.size))
        sensitivity[name] = read_table(f"sensitivity{key}", scale, region)
        good = (sensitivity[name] > 0) & np.isfinite(sensitivity[name])
        require(
            f"sensitivity{key}", sensitivity[name], good, "it must be finite and above 0", region
        )
    filled = {"regions": regions, "region_names": labels}
    filled |= {"history": history, "sensitivity": sensitivity}
    return {field: MappingProxyType(values) for field, values in filled.items()}


def _idle(problem: Problem) -> dict[str, Any]:
    """Add up what idle power costs and what it adds to every region's history."""
    if problem.idle_power is None:
        return {"carried": problem.history, "idle_cost": 0.0}
    idle = np.broadcast_to(problem.idle_power, problem.price.shape)
    carried = {}
    for name, values in problem.footprints.items():
        history, by_site = problem.history[name], (values * idle).sum(axis=0)
        added = np.bincount(problem.regions[name], by_site, history.size)
        carried[name] = frozen(history + added)
    cost = float((problem.price * idle).sum())
    return {"carried": MappingProxyType(carried), "idle_cost": cost}


def _regions(name: str, value: object, site: Axis) -> tuple[IntArray, tuple[str, ...]]:
    """Return the region of each site and the names of the regions."""
    if value is None:
        own = frozen(np.arange(site.size, dtype=np.int32))
        return own, tuple(map(str, range(site.size) if site.labels is None else site.labels))
    field = f"regions[{name!r}]"
    array = as_numpy(field, value)
    if array.shape != (site.size,):
        raise InputError(f"{field} has shape {array.shape}; expected (sites,) = ({site.size},)")
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
