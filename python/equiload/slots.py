"""One slot of a problem, and the part that does not change with time: what a policy gets to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import Axis, FloatArray, IntArray, read_mapping, read_table, require
from ._labels import by_labels
from .equity import Equity
from .errors import InputError
from .network import Network

__all__ = ["Slot", "Static"]


@dataclass(frozen=True, eq=False)
class Slot:
    """The data of one slot; make it with `Static.slot` or `Problem.slot`, which check it.

    Attributes
    ----------
    demand : ndarray of float64, shape (J,)
        Work released at each gateway, MWh.
    capacity, price : ndarray of float64, shape (I,)
        Energy that each site can serve, MWh, and what it costs, USD/MWh.
    footprints : mapping of str to ndarray of float64, shape (I,)
        Burdens per MWh.
    quadratic : ndarray of float64, shape (I,), or None
        Convex site cost, USD/MWh^2.
    idle : ndarray of float64, shape (I,), or None
        Energy that the sites draw whatever they serve, MWh; its burdens count, its capacity does
        not.
    """

    demand: FloatArray
    capacity: FloatArray
    price: FloatArray
    footprints: Mapping[str, FloatArray]
    quadratic: FloatArray | None = None
    idle: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Static:
    """The part of a problem that does not change with time; `Problem.static` makes it.

    Attributes
    ----------
    network : Network
        Which work may be served where and when.
    capacity : ndarray of float64, shape (I,), or None
        The capacity of the sites, MWh, where it is the same in all slots.
    quadratic : ndarray of float64, shape (I,), or None
        Convex site cost, USD/MWh^2, where it is the same in all slots.
    footprints : tuple of str
        The names of the footprints.
    equity, regions, region_names, history, sensitivity : mapping of str
        As in `Problem`.
    shed_cost : float or None
        Price of dropped work, USD per unit.
    slots : int or None
        How many slots the equity terms will be settled over; None where nobody knows.
    site_names, gateway_names : tuple of str, or None
        Labels.
    """

    network: Network
    capacity: FloatArray | None
    quadratic: FloatArray | None
    footprints: tuple[str, ...]
    equity: Mapping[str, Equity]
    regions: Mapping[str, IntArray | FloatArray]
    region_names: Mapping[str, tuple[str, ...]]
    history: Mapping[str, FloatArray]
    sensitivity: Mapping[str, FloatArray]
    shed_cost: float | None
    slots: int | None
    site_names: tuple[str, ...] | None
    gateway_names: tuple[str, ...] | None

    def __reduce__(self) -> tuple[Callable[..., Static], tuple[dict[str, Any]]]:
        """Pickle the fields; views of mappings, which cannot be, as what they show."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {n: dict(v) if isinstance(v, Mapping) else v for n, v in values.items()}
        return _static_from, (plain,)

    @property
    def gateways(self) -> int:
        """Number of gateways J."""
        return self.network.gateways

    @property
    def sites(self) -> int:
        """Number of sites I."""
        return self.network.sites

    def slot(
        self,
        demand: ArrayLike,
        price: ArrayLike,
        footprints: Mapping[str, ArrayLike] | None = None,
        capacity: ArrayLike | None = None,
        quadratic: ArrayLike | None = None,
        idle: ArrayLike | None = None,
    ) -> Slot:
        """Check the data of one slot.

        Parameters
        ----------
        demand : array_like, shape (J,)
            Work released at each gateway, MWh; at least 0.
        price : array_like, shape (I,)
            Energy price, USD/MWh.
        footprints : mapping of str to array_like, shape (I,)
            Every footprint of the problem; at least 0.
        capacity, quadratic : array_like, shape (I,), optional
            By default those that hold in all slots.
        idle : array_like, shape (I,), optional
            Energy that the sites draw whatever they serve, MWh; by default none.

        Raises
        ------
        InputError
            If something is missing, misshapen or out of range; the site or gateway is named.
        """
        gateway = Axis("gateway", self.gateways, self.gateway_names)
        site = Axis("site", self.sites, self.site_names)
        footprints = read_mapping("footprints", footprints)
        if set(footprints) != set(self.footprints):
            known = ", ".join(self.footprints) or "none"
            raise InputError(f"footprints are {', '.join(footprints)}; the problem has {known}")
        if capacity is None and self.capacity is None:
            raise InputError("capacity is missing; it is not the same in all slots")
        table = self.capacity if capacity is None else _row("capacity", capacity, site, 0.0)
        curve = self.quadratic if quadratic is None else _row("quadratic", quadratic, site, 0.0)
        assert table is not None
        return Slot(
            demand=_row("demand", demand, gateway, 0.0),
            capacity=table,
            price=_row("price", price, site, -np.inf),
            footprints={
                name: _row(f"footprints[{name!r}]", footprints[name], site, 0.0)
                for name in self.footprints
            },
            quadratic=curve,
            idle=None if idle is None else _row("idle", idle, site, 0.0),
        )


def _static_from(values: dict[str, Any]) -> Static:
    shown: dict[str, Any] = {
        n: MappingProxyType(v) if isinstance(v, dict) else v for n, v in values.items()
    }
    return Static(**shown)


def _row(field: str, value: ArrayLike, axis: Axis, low: float) -> FloatArray:
    """Read one number a site or gateway; only a capacity may be infinite."""
    row = read_table(field, by_labels(field, axis.name, value, axis.labels), axis)
    good = ~np.isnan(row) & (row >= low)
    if field != "capacity":
        good &= np.isfinite(row)
    rule = "it must be finite" + (" and not negative" if low == 0.0 else "")
    require(field, row, good, rule, axis)
    return row
