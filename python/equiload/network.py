"""Which work may be served where and when: the static list of arcs.

Arc ``a`` says that work of gateway ``gateway[a]`` released in slot ``t`` may be served at site
``site[a]`` in slot ``t + delay[a]``, drawing ``energy[a]`` MWh per unit of work at an extra cost of
``cost[a]`` USD per unit.  One list covers the spatial, temporal and performance flexibilities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import (
    AnyArray,
    Axis,
    FloatArray,
    IntArray,
    as_numpy,
    frozen,
    read_count,
    read_floats,
    read_ints,
    read_number,
    require,
    require_a,
    require_shape,
    same,
)
from ._labels import by_rows, refuse_labels
from .errors import InputError

__all__ = ["Model", "Network"]

# Every slot of delay is an arc of its own, and a cell of every slot's load.
MOST_DELAY = 100_000
MOST_ARCS = 2**31 - 1

_ARC = np.dtype(
    {
        "names": ["gateway", "site", "delay", "energy", "cost", "model"],
        "formats": ["i4", "i4", "i4", "f8", "f8", "i4"],
    }
)


@dataclass(frozen=True)
class Model:
    """A model that can answer the requests, relative to the reference model.

    Parameters
    ----------
    name : str
        Its name.
    energy : float
        Energy per unit of work, as a multiple of the reference model's; above 0.
    cost : float
        What its lower (or higher) quality costs, in USD per unit of work.

    Raises
    ------
    InputError
        If the energy is not above 0 or a number is not finite.

    References
    ----------
    arXiv 2407.05176.
    """

    name: str
    energy: float = 1.0
    cost: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        rule = "it must be finite and above 0"
        require_a("name of a model", self.name, str, "text")
        energy = read_number(f"energy of model {self.name!r}", self.energy, rule, 0.0, open_=True)
        cost = read_number(f"cost of model {self.name!r}", self.cost, "it must be finite")
        object.__setattr__(self, "energy", energy)
        object.__setattr__(self, "cost", cost)


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """An immutable list of arcs; build one with a class method.

    Attributes
    ----------
    gateway, site, delay : ndarray of int32, shape (A,)
        Origin, destination and delay (in slots) of each arc.
    energy : ndarray of float64, shape (A,)
        Energy per unit of work, MWh/MWh.
    cost : ndarray of float64, shape (A,)
        Extra cost, USD per unit of work (latency, delay, quality).
    model : ndarray of int32, shape (A,)
        Index into `models`; 0 everywhere when there are none.
    gateways, sites : int
        How many gateways (J) and sites (I) there are, with arcs or without.
    models : tuple of Model
        The models of `with_models`.
    """

    gateway: IntArray
    site: IntArray
    delay: IntArray
    energy: FloatArray
    cost: FloatArray
    model: IntArray
    gateways: int
    sites: int
    models: tuple[Model, ...] = ()

    @classmethod
    def complete(cls, gateways: int, sites: int) -> Network:
        """Let every gateway use every site; arcs are gateway-major.

        Parameters
        ----------
        gateways, sites : int
            How many there are.

        Returns
        -------
        Network
            ``gateways * sites`` arcs without delay or cost.

        Raises
        ------
        InputError
            If a count is not a whole number of at least 1.
        """
        most = 100_000_000  # beyond which a slip is likelier than a wish
        shape = read_count("gateways", gateways, 1, most), read_count("sites", sites, 1, most)
        gateway, site = np.indices(shape, dtype=np.int32).reshape(2, -1)
        return cls.from_arcs(gateway, site, gateways=gateways, sites=sites)

    @classmethod
    def from_mask(cls, mask: ArrayLike) -> Network:
        """Let gateway j use site i where ``mask[j, i]`` is 1; arcs are gateway-major.

        Parameters
        ----------
        mask : array_like of 0/1 or bool, shape (J, I)
            The permitted pairs.

        Raises
        ------
        InputError
            If the mask is not two-dimensional, holds something else than 0 and 1, or is all 0.
        """
        refuse_labels("mask", mask)
        table = read_floats("mask", mask)
        if table.ndim != 2:
            raise InputError(f"mask has shape {table.shape}; expected (gateways, sites)")
        axes = Axis("gateway", table.shape[0]), Axis("site", table.shape[1])
        require("mask", table, (table == 0) | (table == 1), "it must be 0 or 1", *axes)
        gateway, site = np.nonzero(table)
        return cls.from_arcs(gateway, site, gateways=table.shape[0], sites=table.shape[1])

    @classmethod
    def from_arcs(
        cls,
        gateway: ArrayLike,
        site: ArrayLike,
        delay: ArrayLike = 0,
        energy: ArrayLike = 1.0,
        cost: ArrayLike = 0.0,
        gateways: int | None = None,
        sites: int | None = None,
    ) -> Network:
        """List the arcs one by one; the order is kept and parallel arcs are welcome.

        Columns of pandas and xarray are put in the order of the rows of `gateway`, by their index.

        Parameters
        ----------
        gateway, site : array_like of int, shape (A,)
            Origin and destination.
        delay : array_like of int, shape (A,) or a number
            Slots between release and service; at least 0.
        energy : array_like of float, shape (A,) or a number
            Energy per unit of work, MWh/MWh; above 0.
        cost : array_like of float, shape (A,) or a number
            Extra cost, USD per unit of work; may be negative.
        gateways, sites : int, optional
            How many there are; by default the largest index plus 1.

        Raises
        ------
        InputError
            If shapes differ, an index does not exist, a delay is negative, an energy is not above
            0, or a number is not finite; the arc is named. If a column lacks a row of `gateway`.
        """
        columns = {"site": site, "delay": delay, "energy": energy, "cost": cost}
        given = {
            name: by_rows(name, column, "gateway", gateway) for name, column in columns.items()
        }
        first, second = read_ints("gateway", gateway), read_ints("site", given["site"])
        if first.ndim != 1 or first.size == 0:
            raise InputError(f"gateway has shape {first.shape}; expected (arcs,), at least one")
        return cls(
            gateway=first,
            site=_spread("site", second, first.size),
            delay=_spread("delay", read_ints("delay", given["delay"]), first.size),
            energy=_spread("energy", read_floats("energy", given["energy"]), first.size),
            cost=_spread("cost", read_floats("cost", given["cost"]), first.size),
            model=_spread("model", np.int32(0), first.size),
            gateways=_count("gateways", gateways, first),
            sites=_count("sites", sites, second),
        )

    @classmethod
    def nearest(cls, distance_km: ArrayLike, k: int = 16, cost_per_km: float = 0.0) -> Network:
        """Let every gateway use its k nearest sites; arcs are gateway-major, sites ascending.

        Parameters
        ----------
        distance_km : array_like of float, shape (J, I)
            Distances; infinite where a site is out of reach. Of equally near sites the first win.
        k : int
            How many sites a gateway may use; all of them if there are fewer.
        cost_per_km : float
            Latency cost, USD per unit of work and km.

        Raises
        ------
        InputError
            If a distance is NaN or negative, or k is not a whole number of at least 1.
        """
        refuse_labels("distance_km", distance_km)
        distance = read_floats("distance_km", distance_km)
        if distance.ndim != 2:
            raise InputError(f"distance_km has shape {distance.shape}; expected (gateways, sites)")
        gateways, sites = distance.shape
        axes = Axis("gateway", gateways), Axis("site", sites)
        require("distance_km", distance, distance >= 0, "distances must not be negative", *axes)
        kept = min(read_count("k", k), sites)
        price = read_number("cost_per_km", cost_per_km, "it must be finite")
        site = np.sort(np.argsort(distance, axis=1, kind="stable")[:, :kept], axis=1).ravel()
        gateway = np.repeat(np.arange(gateways), kept)
        reach = np.isfinite(distance[gateway, site])
        gateway, site = gateway[reach], site[reach]
        cost = price * distance[gateway, site]
        return cls.from_arcs(gateway, site, cost=cost, gateways=gateways, sites=sites)

    def with_delays(
        self, max_delay: Mapping[int, int] | int, cost_per_slot: float = 0.0
    ) -> Network:
        """Let work wait: append copies of arcs with 1, 2, ... more slots of delay.

        Parameters
        ----------
        max_delay : int or mapping of gateway to int
            How many slots work may wait, for all gateways or for those named.
        cost_per_slot : float
            What a slot of waiting costs, USD per unit of work.

        Returns
        -------
        Network
            These arcs, then all copies with 1 more slot of delay, then all with 2, and so on, each
            in the order of these arcs.

        Raises
        ------
        InputError
            If a gateway does not exist or a delay is not a whole number of at least 0.
        """
        price = read_number("cost_per_slot", cost_per_slot, "it must be finite")
        limit = self._delay_limits(max_delay)[self.gateway]
        count = int(limit.sum(dtype=np.int64)) + len(self)
        if count > MOST_ARCS:
            raise InputError(f"max_delay makes {count:,} arcs; a network has at most {MOST_ARCS:,}")
        waits = np.arange(int(limit.max()) + 1, dtype=np.int32)
        chosen = [np.flatnonzero((limit >= wait) | (wait == 0)) for wait in waits]
        arc, wait = np.concatenate(chosen), np.repeat(waits, [part.size for part in chosen])
        return self._rebuilt(arc, delay=self.delay[arc] + wait, cost=self.cost[arc] + price * wait)

    def with_models(self, models: Sequence[Model]) -> Network:
        """Let every arc be served by any of the models.

        Parameters
        ----------
        models : sequence of Model
            The choices. Energy multiplies that of the arc, cost adds to it.

        Returns
        -------
        Network
            These arcs under the first model in their place, then copies of all of them under the
            second, and so on; `model` says which.

        Raises
        ------
        InputError
            If there is no model, two share a name, or the network has models already.
        """
        require_a("models", models, Sequence, "sequence of Model")
        models = tuple(models)
        for choice in models:
            if not isinstance(choice, Model):
                raise InputError(f"models holds a {type(choice).__name__}; each must be a Model")
        names = [model.name for model in models]
        if not models or len(set(names)) < len(names):
            raise InputError(f"models are {names}; there must be at least one, each name once")
        if self.models:
            raise InputError("models: the network has models already")
        count = len(self)
        arc, model = np.tile(np.arange(count), len(models)), np.repeat(range(len(models)), count)
        energy = np.array([choice.energy for choice in models])[model] * self.energy[arc]
        cost = np.array([choice.cost for choice in models])[model] + self.cost[arc]
        chosen = model.astype(np.int32)
        return self._rebuilt(arc, energy=energy, cost=cost, model=chosen, models=models)

    @property
    def arcs(self) -> AnyArray:
        """The arcs as a structured array (A,): gateway, site, delay, energy, cost, model."""
        table = np.empty(len(self), dtype=_ARC)
        for name in _ARC.names or ():
            table[name] = getattr(self, name)
        return table

    def __post_init__(self) -> None:
        """Check every arc and copy the arrays into memory that nobody can write to."""
        for name in _ARC.names or ():
            read = read_floats if name in ("energy", "cost") else read_ints
            object.__setattr__(self, name, frozen(read(name, getattr(self, name))))
            require_shape(name, getattr(self, name).shape, Axis("arc", self.gateway.size))
        for name in "gateways", "sites":
            object.__setattr__(self, name, read_count(name, getattr(self, name), high=2**31 - 1))
        arcs = Axis("arc", len(self))
        for name, ends in ("gateway", self.gateways), ("site", self.sites):
            index, rule = getattr(self, name), f"the network has {name}s 0 to {ends - 1}"
            require(name, index, (index >= 0) & (index < ends), rule, arcs)
        require("delay", self.delay, self.delay >= 0, "delays must not be negative", arcs)
        rule = f"delays are at most {MOST_DELAY} slots"
        require("delay", self.delay, self.delay <= MOST_DELAY, rule, arcs)
        good = (self.energy > 0) & np.isfinite(self.energy)
        require("energy", self.energy, good, "energies must be finite and above 0", arcs)
        require("cost", self.cost, np.isfinite(self.cost), "costs must be finite", arcs)
        good = (self.model >= 0) & (self.model < max(1, len(self.models)))
        require("model", self.model, good, "there is no such model", arcs)

    def __len__(self) -> int:
        """Return the number of arcs A."""
        return self.gateway.size

    def __eq__(self, other: object) -> bool:
        """Compare arc by arc, in order."""
        if not isinstance(other, Network):
            return NotImplemented
        names = (field.name for field in fields(self))
        return all(same(getattr(self, name), getattr(other, name)) for name in names)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Callable[..., Network], tuple[Any, ...]]:
        """Pickle the fields, which are checked and copied again."""
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    def __repr__(self) -> str:
        """Summarise in one line."""
        parts = [f"{len(self)} arcs", f"{self.gateways} gateways", f"{self.sites} sites"]
        longest = int(self.delay.max())
        parts += [f"delays up to {longest}"] * (longest > 0)
        parts += [f"{len(self.models)} models"] * bool(self.models)
        return f"Network({', '.join(parts)})"

    def _delay_limits(self, max_delay: Mapping[int, int] | int) -> IntArray:
        limits = np.zeros(self.gateways, dtype=np.int32)
        if not isinstance(max_delay, Mapping):
            limits[:] = read_count("max_delay", max_delay, 0, MOST_DELAY)
            return limits
        for gateway, limit in max_delay.items():
            if gateway not in range(self.gateways):
                ends = f"the network has gateways 0 to {self.gateways - 1}"
                raise InputError(f"max_delay names gateway {gateway!r}; {ends}")
            limits[gateway] = read_count(f"max_delay[gateway {gateway}]", limit, 0, MOST_DELAY)
        return limits

    def _rebuilt(self, arc: AnyArray, **changes: object) -> Network:
        """Return the arcs of the given indices with some fields changed."""
        values = {name: getattr(self, name)[arc] for name in _ARC.names or ()}
        sizes = {"gateways": self.gateways, "sites": self.sites, "models": self.models}
        return Network(**(values | sizes | changes))


def _spread(field: str, value: AnyArray | np.int32, count: int) -> AnyArray:
    """Give every arc its value: one number for all, or one each."""
    array = as_numpy(field, value)
    if array.shape not in ((), (count,)):
        raise InputError(f"{field} has shape {array.shape}; expected (arcs,) = ({count},)")
    return array if array.shape else np.full(count, array)


def _count(field: str, count: int | None, index: IntArray) -> int:
    return int(index.max(initial=0)) + 1 if count is None else read_count(field, count)
