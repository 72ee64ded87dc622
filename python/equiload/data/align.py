"""One problem of tables with different steps, zones, units and places."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import FloatArray, read_count, read_mapping, read_number, require_a
from ..equity import Equity
from ..errors import InputError
from ..network import Network
from ..problem import Problem
from .disk import read_text
from .grids import (
    read_eia,
    read_electricity_maps,
    read_entsoe,
    read_gridstatus,
    read_table,
    read_watttime,
)
from .places import great_circle_km
from .readings import Cell, Sheet, Source, sheet
from .table import TimeTable
from .units import OURS, seconds_of
from .weather import read_weather, water_use

_LOG = logging.getLogger("equiload.data")
_SECOND = np.timedelta64(1, "s")
_NAMES = ("site", "name", "gateway", "region", "cloud region", "google cloud region", "code")
_COLUMNS = {
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon", "lng", "long"),
    "capacity": ("capacity", "capacity*"),
}


@dataclass(frozen=True, eq=False)
class SiteTable:
    """Sites or gateways with what a table says about each.

    Attributes
    ----------
    names : tuple of str
        The places.
    latitude, longitude : ndarray of float64, shape (I,), or None
        Degrees.
    capacity : ndarray of float64, shape (I,), or None
        In `capacity_unit`.
    capacity_unit : str
        MWh per slot, or MW, as the head of the column says.
    zones : mapping of str to tuple of Cell
        Every other column by its name in small letters, such as "price", "carbon": which column of
        that table is the site's, or its number throughout.
    """

    names: tuple[str, ...]
    latitude: FloatArray | None
    longitude: FloatArray | None
    capacity: FloatArray | None
    capacity_unit: str
    zones: Mapping[str, tuple[Cell, ...]]

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.names)

    def __repr__(self) -> str:
        """Summarise in one line."""
        return f"SiteTable({', '.join(self.names)}; {', '.join(self.zones)})"


def read_sites(source: Source) -> SiteTable:
    """Read a table of sites, gateways or cloud regions: a row a place.

    Parameters
    ----------
    source : path or DataFrame
        Columns, in any order: the name ("site", "name", "region", "Google Cloud Region", ...),
        "latitude" and "longitude" (or "lat", "lon"), "capacity" ("capacity [MW]" says the unit),
        and one for every table that the sites share: "price", "carbon", "water" hold the name of
        the site's column in that table, such as its bidding zone, or a number for all times.

    Returns
    -------
    SiteTable
        In the order of the rows.

    Raises
    ------
    InputError
        If there is no name, a name occurs twice, or a number is broken; file, row and column are
        named.
    """
    table = sheet(source, *_NAMES)
    at = {"name": table.column(*_NAMES)}
    at |= {k: n for k, names in _COLUMNS.items() if (n := table.find(*names)) is not None}
    rest = [n for n in range(len(table.header)) if n not in at.values()]
    rows = [row for row in table.cells(*at.values(), *rest) if any(cell.text for cell in row)]
    if not rows:
        raise InputError(f"{table.source}: no rows")
    columns = dict(zip([*at, *rest], zip(*rows, strict=True), strict=True))
    names: dict[str, str] = {}
    for cell in columns["name"]:
        if not cell.text or cell.text in names:
            why = f"{cell.text!r} occurs twice" if cell.text else "the name is missing"
            raise cell.wrong(why)
        names[cell.text] = cell.place
    header = table.header[at["capacity"]] if "capacity" in at else ""
    return SiteTable(
        tuple(names),
        _numbers(columns.get("latitude"), -90.0, 90.0),
        _numbers(columns.get("longitude"), -180.0, 180.0),
        _numbers(columns.get("capacity"), 0.0),
        "MW" if "mwh" not in header.casefold() and "mw" in header.casefold() else "MWh",
        {_zone_name(table, n): columns[n] for n in rest},
    )


def _zone_name(table: Sheet, at: int) -> str:
    return table.header[at].casefold().replace("_", " ").removesuffix(" zone")


def _numbers(cells: Sequence[Cell] | None, low: float, high: float = np.inf) -> FloatArray | None:
    if cells is None:
        return None
    values = np.array([cell.number(low) for cell in cells])
    for cell, value in zip(cells, values, strict=True):
        if not value <= high:
            why = "the number is missing" if np.isnan(value) else f"{value:g} is above {high:g}"
            raise cell.wrong(why)
    return values


def read(
    source: Source, field: str, unit: str | None = None, timezone: str | None = None, fill: int = 0
) -> TimeTable:
    """Read a file of any format that there is a reader for, by the columns that it has.

    Parameters
    ----------
    source : path, Series or DataFrame
        A file of Electricity Maps, WattTime, ENTSO-E, the EIA, gridstatus, a weather station (which
        becomes the water of cooling towers), or a table with a row a time and a column a place.
    field : str
        What it holds: "demand", "price", "carbon", "water", ...
    unit : str, optional
        Of a table, unless its columns ("Berlin [MW]") or ``frame.attrs["units"]`` say it.
    timezone : str, optional
        Of times that do not say it.
    fill : int
        Most slots in a row to fill by a straight line.

    Returns
    -------
    TimeTable
        In the unit of the file.

    Raises
    ------
    InputError
        If the unit is nowhere said, or whatever the reader finds wrong.
    """
    require_a("field", field, str)
    require_a("unit", unit, str, optional=True)
    if isinstance(source, TimeTable):
        return source
    if isinstance(source, str | Path) and Path(source).suffix == ".json":
        text = read_text(Path(source))
        return (read_watttime if "point_time" in text else read_eia)(source, fill=fill)
    table = sheet(
        source, "datetime (utc)", "mtu*", "point_time", "period", "interval start", "time"
    )
    if table.find("carbon intensity gco2eq/kwh*") is not None:
        return read_electricity_maps(source, fill=fill)
    if table.find("mtu*") is not None or _from_entsoe_client(table, field, unit):
        return read_entsoe(source, timezone=timezone, fill=fill)
    if table.find("moer") is not None or table.find("point_time") is not None:
        return read_watttime(source, fill=fill)
    if table.find("period") is not None:
        return read_eia(source, fill=fill)
    if table.find("interval start", "interval_start_utc", "lmp") is not None:
        return read_gridstatus(source, timezone=timezone, fill=fill)
    if field == "water" and table.find("rhum", "relative_humidity*") is not None:
        return water_use(read_weather(source, timezone=timezone, fill=fill))
    stated = unit or getattr(source, "attrs", {}).get("units") or _headed_unit(table)
    if stated is None:
        raise InputError(
            f"{table.source}: the unit of {field} is not said; write it into the head of the "
            f'columns, as in "Berlin [{OURS.get(field, "t/MWh")}]", or give it'
        )
    total = _is_energy(stated) and field == "demand"
    return read_table(source, stated, total=total, timezone=timezone, fill=fill)


def _from_entsoe_client(table: Sheet, field: str, unit: str | None) -> bool:
    """Say whether a CSV of prices is entsoe-py's: no name over the times, areas over the prices."""
    areas = all(re.fullmatch(r"0|[A-Z]{2}(_[A-Z0-9]+)*", name) for name in table.header[1:])
    return field == "price" and unit is None and table.header[:1] == [""] and areas


def _is_energy(unit: str) -> bool:
    """Say whether a unit is of energy, which adds up over time."""
    return unit.casefold() in ("mwh", "kwh", "gwh", "wh", "gj", "mj")


def _headed_unit(table: Sheet) -> str | None:
    """Return the unit that the heads of all columns name in brackets."""
    said = {name[name.rindex("[") + 1 : -1] for name in table.header[1:] if name.endswith("]")}
    every = all(name.endswith("]") for name in table.header[1:])
    return said.pop() if every and len(said) == 1 else None


def align(
    demand: Source,
    price: Source,
    footprints: Mapping[str, Any] | None = None,
    *,
    sites: SiteTable | Source | None = None,
    gateways: SiteTable | Source | None = None,
    capacity: ArrayLike | None = None,
    equity: Mapping[str, Equity] | None = None,
    network: Network | None = None,
    nearest: int | None = None,
    cost_per_km: float = 0.0,
    step: str | None = None,
    units: Mapping[str, str] | None = None,
    rates: Mapping[str, float] | None = None,
    timezone: str | None = None,
    fill: int = 0,
    **rest: Any,
) -> Problem:
    """Make one problem of tables with different steps, time zones, units and places.

    All tables are turned to UTC, to the step of the demand (or `step`) and to the units of
    `Problem`: prices and burdens are averaged over longer slots and repeated over shorter ones,
    amounts of demand are added up or shared out.  The horizon is what all tables cover.  A gap is
    refused unless `fill` allows it; what was filled or left out is told to the logger
    ``equiload.data``.

    Parameters
    ----------
    demand : TimeTable, path or DataFrame
        A column a gateway. MW become the MWh of each slot.
    price : TimeTable, path or DataFrame
        A column a price zone or a site.
    footprints : mapping of str to TimeTable, path, DataFrame or float
        A column a zone or a site; or one number for all.
    sites : SiteTable, path or DataFrame, optional
        The sites and which zone of every table is theirs, as `read_sites` reads them; by default
        the columns of `price`, which every other table must have too.
    gateways : SiteTable, path or DataFrame, optional
        Where the gateways are; by default found among the sites by their names.
    capacity : float or array_like, shape (I,), optional
        MWh per slot, where `sites` has no capacities.
    equity, network : optional
        As for `Problem`.
    nearest : int, optional
        Without a network: how many sites a gateway may use, the nearest ones; by default all.
    cost_per_km : float
        Without a network: what a kilometre costs, USD/MWh of work.
    step : str, optional
        The length of a slot, such as "1h"; by default that of the demand.
    units : mapping of str to str, optional
        The unit of a table that does not say it, by the name of its field: "demand", "price", or
        the footprint.
    rates : mapping of str to float, optional
        What other currencies are worth in USD.
    timezone : str, optional
        Of times that do not say it.
    fill : int
        Most slots in a row to fill by a straight line, in files and frames.
    **rest
        Whatever else `Problem` takes.

    Returns
    -------
    Problem
        With the names of sites and gateways and the slot times.

    Raises
    ------
    InputError
        If tables have no time in common, a site has no column in one, a unit is not said or cannot
        be converted, or whatever the readers and `Problem` find wrong.
    """
    require_a("step", step, str, optional=True)
    burdens, said = read_mapping("footprints", footprints), read_mapping("units", units)
    given: dict[str, Any] = {"demand": demand, "price": price, **burdens}
    cost_per_km = read_number("cost_per_km", cost_per_km, "it must be finite")
    tables = dict[str, TimeTable]()
    for field, value in given.items():
        if _is_table(value):
            tables[field] = read(value, field, said.get(field), timezone, fill)
    for name in said:
        if name not in given:
            raise InputError(f"units names {name!r}; the tables are {', '.join(given)}")
    if "demand" not in tables or "price" not in tables:
        raise InputError("demand and price must be tables over time")
    tables = {field: _converted(field, table, rates) for field, table in tables.items()}
    length = step or f"{int(tables['demand'].step / _SECOND) // 60}min"
    tables = _common({field: table.resample(length) for field, table in tables.items()})

    where = _sites(sites, tables["price"].site_names)
    by_site = {
        field: _of_sites(field, tables.get(field, value), where)
        for field, value in given.items()
        if field != "demand"
    }
    names = tables["demand"].site_names
    hours = (seconds_of(length) or 3600) / 3600
    if network is None and (nearest is not None or cost_per_km):
        network = _network(names, gateways, where, nearest, cost_per_km)
    return Problem(
        demand=tables["demand"].values,
        capacity=_capacity(capacity, where, hours),
        price=by_site.pop("price"),
        footprints=by_site,
        equity=equity,
        network=network,
        site_names=where.names,
        gateway_names=names,
        slot_times=tables["demand"].slot_times,
        **rest,
    )


def _is_table(value: Any) -> bool:
    """Say whether values change over time; a Series over names does not."""
    if isinstance(value, str | Path | TimeTable) or hasattr(value, "columns"):
        return True
    return getattr(getattr(getattr(value, "index", None), "dtype", None), "kind", "") == "M"


def _converted(field: str, table: TimeTable, rates: Mapping[str, float] | None) -> TimeTable:
    for note in table.notes:
        _LOG.info("%s: %s", field, note)
    try:
        return table.to(OURS[field], rates) if field in OURS else table
    except InputError as error:
        raise InputError(f"{field}: {error}") from None


def _common(tables: dict[str, TimeTable]) -> dict[str, TimeTable]:
    """Cut all tables to the slots that all of them cover."""
    late = max(tables, key=lambda field: tables[field].slot_times[0].astype("M8[s]"))
    early = min(tables, key=lambda field: tables[field].end)
    start, stop = tables[late].slot_times[0], tables[early].end
    if start >= stop:
        raise InputError(
            f"{early} ends at {stop} UTC, before {late} begins at {start} UTC: "
            "the tables have no slot in common"
        )
    for field, table in tables.items():
        if table.slot_times[0] < start or table.end > stop:
            had, end = table.slot_times[0], table.end
            _LOG.info("%s covers %s to %s; %s to %s is used", field, had, end, start, stop)
    return {field: table.between(start, stop) for field, table in tables.items()}


def _sites(sites: SiteTable | Source | None, columns: tuple[str, ...]) -> SiteTable:
    if sites is None:
        return SiteTable(columns, None, None, None, "MWh", {})
    return sites if isinstance(sites, SiteTable) else read_sites(sites)


def _of_sites(field: str, value: Any, sites: SiteTable) -> NDArray[np.float64]:
    """Return the values (T, I) or (I,) of a table, a number, or numbers by site."""
    cells = sites.zones.get(field)
    if not isinstance(value, TimeTable):
        if hasattr(value, "keys"):
            return np.array([_entry(field, value, name) for name in sites.names])
        return np.full(len(sites), read_number(field, value, "it must be a table or a number"))
    if cells is None:
        for name in sites.names:
            if name not in value.site_names:
                there = ", ".join(value.site_names)
                mend = f'a column "{field}" of the sites says which of them is theirs'
                raise InputError(f"{field} has no column for site {name!r}, only {there}; {mend}")
        return value.at(*sites.names).values
    for cell in cells:
        if cell.text not in value.site_names:
            raise cell.wrong(f"{field} has no {cell.text!r}; it has {', '.join(value.site_names)}")
    return value.at(*(cell.text for cell in cells)).values


def _entry(field: str, values: Any, name: str) -> float:
    if name not in values:
        raise InputError(f"{field} has no entry for site {name!r}")
    return float(values[name])


def _capacity(capacity: ArrayLike | None, sites: SiteTable, hours: float) -> ArrayLike:
    if capacity is not None:
        return capacity
    if sites.capacity is None:
        raise InputError('capacity is missing: give it, or a column "capacity [MW]" of the sites')
    return sites.capacity * (hours if sites.capacity_unit == "MW" else 1.0)


def _network(
    names: Sequence[str],
    gateways: SiteTable | Source | None,
    sites: SiteTable,
    nearest: int | None,
    cost_per_km: float,
) -> Network:
    """Connect every gateway to the nearest sites."""
    read_number("cost_per_km", cost_per_km, "it must be finite and not negative", 0.0)
    where = sites if gateways is None else _sites(gateways, ())
    for name in names:
        if name not in where.names:
            raise InputError(f"gateway {name!r} of the demand has no place: give gateways=")
    order = [where.names.index(name) for name in names]
    latitude, longitude = _coordinates("gateways", where)
    distance = great_circle_km(latitude[order], longitude[order], *_coordinates("sites", sites))
    k = len(sites) if nearest is None else min(read_count("nearest", nearest), len(sites))
    return Network.nearest(distance, k=k, cost_per_km=cost_per_km)


def _coordinates(what: str, table: SiteTable) -> tuple[FloatArray, FloatArray]:
    if table.latitude is None or table.longitude is None:
        raise InputError(f'the {what} need columns "latitude" and "longitude" for distances')
    return table.latitude, table.longitude
