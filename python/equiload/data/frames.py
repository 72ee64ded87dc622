"""A problem from pandas frames: rows and columns are matched by their labels, not their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._arrays import read_mapping
from .._labels import keys_of, places
from .._regions import BurdenMap, is_map, map_names
from ..equity import Equity
from ..errors import InputError
from ..network import Network
from ..problem import Problem
from .table import TimeTable, require_pandas

if TYPE_CHECKING:
    import pandas


def from_pandas(
    demand: pandas.DataFrame,
    capacity: pandas.DataFrame | pandas.Series | float,
    price: pandas.DataFrame,
    footprints: Mapping[str, pandas.DataFrame | TimeTable] | None = None,
    equity: Mapping[str, Equity] | None = None,
    network: Network | None = None,
    *,
    regions: Mapping[str, pandas.Series | pandas.DataFrame | ArrayLike] | None = None,
    history: Mapping[str, pandas.Series | ArrayLike] | None = None,
    sensitivity: Mapping[str, pandas.Series | ArrayLike] | None = None,
    quadratic: pandas.DataFrame | pandas.Series | float | None = None,
    shed_cost: float | None = None,
    idle_power: pandas.DataFrame | pandas.Series | float | None = None,
) -> Problem:
    """Make a problem from frames with a row a slot and a column a gateway or site.

    The rows of `demand` are the slots, its columns the gateways, and the columns of `price` the
    sites.  Every other frame must have these slots and sites, in any order, and may have more.
    Times with a time zone are turned to UTC; those without one are taken as UTC.

    Parameters
    ----------
    demand : DataFrame
        Slots by gateways, MWh.
    capacity : DataFrame, Series or float
        Slots by sites, or by site; MWh.
    price : DataFrame
        Slots by sites, USD/MWh.
    footprints : mapping of str to DataFrame or TimeTable
        Slots by sites, burden per MWh.
    equity, network, shed_cost : optional
        As for `Problem`; the network counts gateways and sites in the order of the columns.
    regions : mapping of str to Series, DataFrame or array_like
        Per footprint, the region of each site; a Series by site. Or a burden map, a row a region
        and a column a site.
    history, sensitivity : mapping of str to Series or array_like
        Per footprint, by region as `regions` names it, or by site where it names none.
    quadratic, idle_power : DataFrame, Series or float, optional
        Slots by sites, or by site.

    Returns
    -------
    Problem
        With the labels of the frames as names of gateways and sites and as slot times.

    Raises
    ------
    InputError
        If pandas is missing, a frame lacks a slot or a site, a label occurs twice, the slots are
        not in order or a time step is missing; or if `Problem` finds the data wrong.

    Examples
    --------
    >>> import pandas as pd
    >>> hours = pd.date_range("2024-01-01", periods=2, freq="h", tz="UTC")
    >>> demand = pd.DataFrame({"Berlin": [5.0, 6.0]}, index=hours)
    >>> price = pd.DataFrame({"Oslo": [30.0, 30.0], "Madrid": [50.0, 20.0]}, index=hours)
    >>> capacity = pd.Series({"Madrid": 9.0, "Oslo": 4.0})  # in any order
    >>> problem = el.data.from_pandas(demand, capacity, price, {})
    >>> problem.site_names, problem.capacity.tolist()
    (('Oslo', 'Madrid'), [4.0, 9.0])
    """
    frames = _Frames(_frame("demand", demand), _frame("price", price))
    given = read_mapping("regions", regions)
    return Problem(
        demand=frames.demand.to_numpy(),
        capacity=frames.by_site("capacity", capacity),
        price=frames.by_site("price", price),
        footprints={
            name: frames.by_site(f"footprints[{name!r}]", table)
            for name, table in read_mapping("footprints", footprints).items()
        },
        equity=equity,
        network=network,
        regions={
            name: frames.regions(f"regions[{name!r}]", values) for name, values in given.items()
        },
        history=frames.by_region("history", history, given),
        sensitivity=frames.by_region("sensitivity", sensitivity, given),
        quadratic=frames.by_site("quadratic", quadratic),
        shed_cost=shed_cost,
        idle_power=frames.by_site("idle_power", idle_power),
        site_names=[str(site) for site in frames.sites],
        gateway_names=[str(gateway) for gateway in frames.demand.columns],
        slot_times=frames.times(),
    )


class _Frames:
    """The labels that all frames must have."""

    def __init__(self, demand: pandas.DataFrame, price: pandas.DataFrame) -> None:
        self.demand, self.slots, self.sites = demand, demand.index, price.columns
        _check_slots(demand.index)

    def times(self) -> Any:
        """Return the slots as times where they are, else as text."""
        if self.slots.dtype.kind == "M":
            return self.slots.to_numpy()
        return [str(slot) for slot in self.slots]

    def by_site(self, field: str, value: Any) -> Any:
        """Return the values over slots and sites, or sites, of what has such labels."""
        pd = require_pandas()
        if isinstance(value, pd.DataFrame | TimeTable):
            frame = _frame(field, value)
            rows = _places(field, "slot", frame.index, self.slots)
            return frame.to_numpy()[np.ix_(rows, _places(field, "site", frame.columns, self.sites))]
        if isinstance(value, pd.Series):
            return value.to_numpy()[_places(field, "site", value.index, self.sites)]
        return value

    def regions(self, field: str, value: Any) -> Any:
        """Return the region of every site, or a burden map, whose rows are the regions."""
        if not isinstance(value, require_pandas().DataFrame):
            return self.by_site(field, value)
        columns = _places(field, "site", value.columns, self.sites)
        return BurdenMap(value.to_numpy()[:, columns], map_names(value))

    def by_region(
        self, field: str, given: Mapping[str, Any] | None, regions: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the values over the regions, which are numbered in order of appearance."""
        pd, found = require_pandas(), read_mapping(field, given)
        for name, value in found.items():
            if isinstance(value, pd.Series):
                key = f"{field}[{name!r}]"
                order = pd.Index(self._regions(name, regions))
                found[name] = value.to_numpy()[_places(key, "region", value.index, order)]
        return found

    def _regions(self, name: str, regions: Mapping[str, Any]) -> list[Any]:
        if name not in regions:
            return list(self.sites)
        if is_map(regions[name]):
            names = map_names(regions[name])
            return list(range(np.shape(regions[name])[0])) if names is None else list(names)
        codes = np.asarray(self.by_site(f"regions[{name!r}]", regions[name]))
        if codes.dtype.kind in "iu":
            return list(range(int(codes.max()) + 1))
        return list(dict.fromkeys(codes.tolist()))


def _frame(field: str, value: Any) -> pandas.DataFrame:
    """Return a frame with its times in UTC."""
    pd = require_pandas()
    if isinstance(value, TimeTable):
        value = value.to_pandas()
    if not isinstance(value, pd.DataFrame):
        raise InputError(f"{field} is a {type(value).__name__}; it must be a DataFrame")
    index = value.index
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex) and index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    return value.set_axis(index, axis=0)


def _check_slots(slots: pandas.Index) -> None:
    """Check that the slots follow each other, without a step left out where they are times."""
    for place in np.flatnonzero(slots.duplicated())[:1]:
        raise InputError(f"demand has slot {slots[place]} twice")
    if not slots.is_monotonic_increasing:
        raise InputError(
            "demand has its slots out of order; demand.sort_index() puts them in order"
        )
    if slots.dtype.kind == "M" and slots.size > 2:
        steps = np.diff(slots.to_numpy())
        for place in np.flatnonzero(steps != steps.min())[:1]:
            missing = slots[place] + steps.min()
            raise InputError(f"demand has no slot {missing}, between {slots[place]} and the next")


def _places(field: str, what: str, labels: pandas.Index, wanted: pandas.Index) -> Any:
    """Return where the wanted labels are, which no other times may lie between."""
    return places(field, what, keys_of(labels), keys_of(wanted))
