"""Readers of what grids publish: prices, carbon and load, as tables by slot and place.

Times are UTC in what is returned; an offset is honoured, and a time without one is refused unless
its column or the caller says the zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from .._arrays import read_flag, require_a
from ..errors import InputError
from .disk import parse_json, read_path, read_text
from .readings import HOUR, Book, Cell, Clock, Sheet, Source, sheet, stepped
from .table import TimeTable
from .units import USD_PER_MWH

GRAMS_PER_KWH = 1e-3  # in t/MWh
POUNDS_PER_MWH = 0.45359237e-3  # in t/MWh

_LIFE_CYCLE = ("life cycle", "lca", "life cycle assessment")
# The clocks that the transparency platform writes into the head of its first column.
_CLOCKS = {"utc": "UTC", "cet/cest": "Europe/Brussels", "wet/west": "Europe/Lisbon"}
_CLOCKS |= {"eet/eest": "Europe/Helsinki"}
_OFFSETS = {"(CEST)": "+02:00", "(CET)": "+01:00", "(WEST)": "+01:00", "(WET)": "+00:00"}
_OFFSETS |= {"(EEST)": "+03:00", "(EET)": "+02:00", "(UTC)": "+00:00"}


def read_electricity_maps(
    *sources: Source, emissions: Literal["direct", "life cycle"] = "direct", fill: int = 0
) -> TimeTable:
    """Read the carbon intensity of zones from the hourly CSV files of Electricity Maps.

    Parameters
    ----------
    *sources : path or DataFrame
        Files of the data portal, one zone and year each; several years of a zone are joined.
        Their columns "Datetime (UTC)", "Zone id" and "Carbon intensity gCO₂eq/kWh (...)" are read,
        in the spelling of any year.
    emissions : {"direct", "life cycle"}
        What the plants emit, or with what their building and fuel emitted before.
    fill : int
        Most hours in a row without a value to fill, by a straight line between their neighbours.

    Returns
    -------
    TimeTable
        Carbon in t/MWh (a thousandth of g/kWh) over the hours that all zones cover.

    Raises
    ------
    InputError
        If a file, a column or a value is missing or broken, an hour is missing or occurs twice with
        different values, or zones have no hour in common: file, row and column are named.
    """
    require_a("emissions", emissions, str)
    if emissions not in ("direct", "life cycle"):
        raise InputError(f'emissions is {emissions!r}; it must be "direct" or "life cycle"')
    kinds = ("direct",) if emissions == "direct" else _LIFE_CYCLE
    intensity = tuple(f"carbon intensity gco2eq/kwh ({kind})" for kind in kinds)
    book, clock = Book(), Clock("UTC")
    for source in sources:
        table = sheet(source, "datetime (utc)")
        columns = (("datetime (utc)",), ("zone id",), intensity)
        for time, zone, value in table.cells(*(table.column(*names) for names in columns)):
            times = clock.read(time)
            if times[0] % HOUR:
                raise time.wrong(f"{time.text} is no full hour")
            if not zone.text:
                raise zone.wrong("the zone is missing")
            book.add(zone.text, times, value.number(0.0) * GRAMS_PER_KWH, time.place)
    return book.table("t/MWh", fill, step=HOUR)


def read_watttime(*paths: str | Path, fill: int = 0) -> TimeTable:
    """Read the marginal carbon (MOER) of regions from CSV or JSON files of WattTime.

    Parameters
    ----------
    *paths : path
        Any of: an answer of the API, version 2 or 3, kept as JSON (`.json`); a historical CSV file,
        with the columns "point_time" or "timestamp" and "value" or "MOER", in lbs/MWh. The region
        is the one that JSON names, and for CSV the beginning of the file's name: CAISO_NORTH for
        ``CAISO_NORTH_2024-01_MOER.csv``. Several files of a region are joined.
    fill : int
        Most hours in a row without a value to fill, by a straight line between their neighbours.

    Returns
    -------
    TimeTable
        Carbon in t/MWh over the hours that all regions cover. An hour is the mean of its readings,
        as a rule one every five minutes; one with fewer than half of them counts as missing.

    Raises
    ------
    InputError
        If a file, a column or a value is missing or broken, a unit is not lbs/MWh, an hour is
        missing, a time occurs twice with different values, or regions have no hour in common: file,
        row and column are named.
    """
    book, clock = Book(), Clock("UTC")
    for path in map(read_path, paths):
        source = _json_rows(path) if path.suffix == ".json" else _watttime_csv(path)
        for region, time, value in source:
            book.add(region, clock.read(time), value.number(0.0) * POUNDS_PER_MWH, time.place)
    hourly, _ = stepped(book, "1h")
    return hourly.table("t/MWh", fill, step=HOUR)


def read_entsoe(
    *sources: Source,
    zone: str | None = None,
    timezone: str | None = None,
    step: str | None = None,
    fill: int = 0,
) -> TimeTable:
    """Read day-ahead prices of bidding zones, as ENTSO-E's platform and entsoe-py give them.

    Parameters
    ----------
    *sources : path, Series or DataFrame
        What ``EntsoePandasClient.query_day_ahead_prices`` returns, or its ``to_csv``; frames may
        have a column a zone. Or the transparency platform's own CSV, with a column "MTU (CET/CEST)"
        or "MTU (UTC)" and "Day-ahead Price [EUR/MWh]", whose days come first in dates.
    zone : str, optional
        The zone's name where the data do not say it; by default that of the file or the series.
    timezone : str, optional
        Of times that do not say it, such as "Europe/Brussels".
    step : str, optional
        Means over slots of this length, such as "1h" where hours become quarter hours.
    fill : int
        Most slots in a row to fill by a straight line.

    Returns
    -------
    TimeTable
        Prices in the currency of the data per MWh; `TimeTable.to` or `align` turns it into USD.

    Raises
    ------
    InputError
        If a column, a time or a price is missing or broken; file, row and column are named.
    """
    book, units = Book(), set[str]()
    for source in sources:
        table = sheet(source, "mtu*", "", "index")
        if table.find("mtu*") is None:
            _wide(table, book, timezone, zone)
            units.add("EUR/MWh")
        else:
            _platform(table, book, units, timezone, zone)
    if len(units) > 1:
        raise InputError(f"prices are in {' and '.join(sorted(units))}; read them one by one")
    book, seconds = stepped(book, step)
    return book.table(next(iter(units), "EUR/MWh"), fill, step=seconds)


def _platform(
    table: Sheet, book: Book, units: set[str], timezone: str | None, zone: str | None
) -> None:
    """Read the platform's own export, of either generation."""
    mtu, price = table.column("mtu*"), table.column("day-ahead price*")
    said = re.search(r"\((.+)\)", table.header[mtu].casefold())
    clock = Clock(timezone, day_first=True, usual=_CLOCKS.get(said[1] if said else "", ""))
    inside = re.search(r"[\[(](\w+/\w+)[\])]", table.header[price])
    headed = [name for name in table.header if name.startswith("BZN|")]
    usual = zone or (headed[0].removeprefix("BZN|") if headed else table.stem)
    columns = (mtu, price, table.find("area"), table.find("currency"))
    for time, value, area, currency in table.cells(*columns):
        start = time.text.split(" - ")[0]
        for word, offset in _OFFSETS.items():
            start = start.replace(f" {word}", offset)
        times = clock.read(Cell(time.place, time.column, start))
        name = usual if zone or not area.text else area.text.removeprefix("BZN|")
        book.add(name, times, value.number(), time.place)
        if currency.text:
            units.add(f"{currency.text}/MWh")
        elif inside:
            units.add(inside[1])


def read_eia(*sources: Source, type: str | None = None, fill: int = 0) -> TimeTable:
    """Read a series by region from the API of the EIA (version 2), as its rows or CSV exports.

    Parameters
    ----------
    *sources : path or DataFrame
        Rows with "period" (UTC hours such as 2024-01-01T05, or local ones with their offset), a
        region ("respondent", "stateid", "region" or "location"), and "value" with "value-units", or
        "price" with "price-units". JSON answers of the API are read too.
    type : str, optional
        Which type of rows to read where there are several: "D" for demand.
    fill : int
        Most slots in a row to fill by a straight line.

    Returns
    -------
    TimeTable
        In the unit of the rows; energy is an amount in its slot.

    Raises
    ------
    InputError
        If a column, a time or a number is missing or broken, or several types or units are mixed.
    """
    book, units, types = Book(), set[str](), set[str]()
    clock = Clock("UTC")
    for source in sources:
        table = _eia_sheet(source)
        value = table.column("value", "price", "lmp")
        unit = table.find(f"{table.header[value].casefold()}-units", "units", "unit")
        place = table.column("respondent", "stateid", "region", "location", "respondent-name")
        columns = (table.column("period"), place, value, unit, table.find("type"))
        for time, region, number, measure, kind in table.cells(*columns):
            if type is not None and kind.text != type:
                continue
            types.add(kind.text)
            units.add(measure.text)
            book.add(region.text, clock.read(time), number.number(), time.place)
    if len(types) > 1:
        names = ", ".join(sorted(types))
        raise InputError(f'the rows are of types {names}; type="{min(types)}" reads one')
    if len(units) > 1:
        raise InputError(f"the rows are in {' and '.join(sorted(units))}; read them one by one")
    text = next(iter(units), "") or "MWh"
    return book.table(text, fill, total="per" not in text and "/" not in text)


def _eia_sheet(source: Source) -> Sheet:
    if not isinstance(source, str | Path) or Path(source).suffix != ".json":
        return sheet(source, "period")
    path = Path(source)
    content = _json(path)
    rows = content.get("response", content).get("data") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f'{path}: no "data" as the EIA writes it')
    header = list(rows[0])
    cells = (
        (f"{path}, data[{n}]", ["" if row.get(k) is None else str(row[k]) for k in header])
        for n, row in enumerate(rows)
    )
    return Sheet(str(path), header, cells)


def read_gridstatus(
    *sources: Source,
    column: str | None = None,
    unit: str | None = None,
    timezone: str | None = None,
    step: str | None = "1h",
    fill: int = 0,
) -> TimeTable:
    """Read prices or load by location, as the package gridstatus and its service give them.

    Parameters
    ----------
    *sources : DataFrame or path
        What ``get_lmp``, ``get_spp`` or ``get_load`` return, or their ``to_csv``: "Interval Start"
        or "Time", "Location", and a column of values.
    column : str, optional
        The values to read; by default "LMP", "SPP" or "Load", whichever there is.
    unit : str, optional
        Of the values; by default USD/MWh, and MW for a load.
    timezone : str, optional
        Of times that do not say it.
    step : str, optional
        Means over slots of this length; None keeps the intervals.
    fill : int
        Most slots in a row to fill by a straight line.

    Returns
    -------
    TimeTable
        One column a location; a load without locations is named by its file.

    Raises
    ------
    InputError
        If a column, a time or a number is missing or broken.
    """
    require_a("column", column, str, optional=True)
    require_a("unit", unit, str, optional=True)
    names = ("lmp", "spp", "load") if column is None else (column.casefold(),)
    book, found = Book(), ""
    for source in sources:
        table = sheet(source, "interval start", "time", "interval_start_utc")
        value = table.column(*names)
        found = table.header[value]
        time_at = table.column("interval start", "interval_start_utc", "time")
        clock = Clock(timezone, usual="UTC" if "utc" in table.header[time_at].casefold() else "")
        for time, number, place in table.cells(time_at, value, table.find("location")):
            book.add(place.text or table.stem, clock.read(time), number.number(), time.place)
    book, seconds = stepped(book, step)
    usual = "MW" if found.casefold() == "load" else USD_PER_MWH
    return book.table(unit or usual, fill, step=seconds, total=usual == "MW")


def read_table(
    source: Source,
    unit: str,
    *,
    total: bool = False,
    timezone: str | None = None,
    step: str | None = None,
    fill: int = 0,
) -> TimeTable:
    """Read a table of any origin with a row a time and a column a place.

    Parameters
    ----------
    source : path, Series or DataFrame
        The first column, or the index, holds the times; every other column is a place. Columns may
        be separated by commas, semicolons or tabs; decimal commas go with the last two.
    unit : str
        Of the values: "EUR/MWh", "g/kWh", "MW"; a column's own, as in "Berlin [MW]", must agree.
    total : bool
        Whether the values are amounts in their slots, which add up, such as demand in MWh.
    timezone : str, optional
        Of times that do not say it; "UTC" or an IANA name.
    step : str, optional
        Means (or totals) over slots of this length.
    fill : int
        Most slots in a row to fill by a straight line.

    Returns
    -------
    TimeTable
        In the unit given.

    Raises
    ------
    InputError
        If a time or a number is missing or broken; file, row and column are named.
    """
    require_a("unit", unit, str)
    total = read_flag("total", total)
    book = Book()
    table = sheet(source, "time", "datetime*", "date", "timestamp", "slot", "hour")
    _wide(table, book, timezone, None, unit)
    book, seconds = stepped(book, step, total)
    return book.table(unit, fill, step=seconds, total=total)


def _wide(
    table: Sheet, book: Book, timezone: str | None, zone: str | None, unit: str | None = None
) -> None:
    """Read a table whose first column holds the times, every other one a place."""
    first = table.header[0] if table.header else ""
    if len(table.header) < 2:
        raise InputError(f"{table.source}: no column beside {first!r}; it needs one a place")
    clock = Clock(timezone, usual="UTC" if "utc" in first.casefold() else "")
    names = [_place(table, name, zone, unit) for name in table.header[1:]]
    for at, name in enumerate(names):
        if name in names[:at]:
            raise InputError(f"{table.source}: two columns are named {name!r}")
    for time, *cells in table.cells(*range(len(table.header))):
        times = clock.read(time)
        for name, cell in zip(names, cells, strict=True):
            book.add(name, times, cell.number(), cell.place)


def _place(table: Sheet, name: str, zone: str | None, unit: str | None) -> str:
    """Return the name of a column's place, its unit checked and taken off."""
    match = re.fullmatch(r"(.*?)\s*[\[(]([^\[\]()]*)[\])]", name)
    if match and unit is not None and _looks_like_unit(match[2]):
        if match[2].casefold() != unit.casefold():
            where = f"{table.source}, column {name!r}"
            raise InputError(f"{where}: the unit is {match[2]}, not {unit} as was said")
        return match[1]
    if name in ("0", "value", "price") and len(table.header) == 2:
        return zone or (table.stem if table.source != "frame" else name)
    return zone if zone and len(table.header) == 2 else name


def _looks_like_unit(text: str) -> bool:
    return "/" in text or text.casefold() in ("mw", "kw", "mwh", "kwh", "gwh", "w")


def _watttime_csv(path: Path) -> Iterator[tuple[str, Cell, Cell]]:
    region = re.split(r"_(?=\d{4}|co2_|MOER)", path.stem)[0]
    table = sheet(path, "point_time", "timestamp")
    columns = table.column("point_time", "timestamp"), table.column("value", "moer")
    for time, value in table.cells(*columns):
        yield region, time, value


def _json(path: Path) -> Any:
    return parse_json(read_text(path), path, "row")


def _json_rows(path: Path) -> Iterator[tuple[str, Cell, Cell]]:
    """Yield region, time and value from an answer of the API, or a list of answers."""
    content = _json(path)
    answers = content if isinstance(content, list) else [content]
    if all(isinstance(point, dict) and "point_time" in point for point in answers):
        answers = [{"data": answers}]  # version 2: every point says all about itself
    for answer in answers:
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            raise InputError(f'{path}: no "data" as WattTime writes it')
        meta = answer.get("meta", {})
        if not isinstance(meta, dict):
            raise InputError(f'{path}: "meta" is not as WattTime writes it')
        for number, point in enumerate(answer["data"]):
            place = f"{path}, data[{number}]"
            if not isinstance(point, dict) or not {"point_time", "value"} <= point.keys():
                raise InputError(f'{place}: no "point_time" and "value"')
            value = "" if point["value"] is None else str(point["value"])
            time = Cell(place, "point_time", str(point["point_time"]))
            yield _region(place, meta | point), time, Cell(place, "value", value)


def _region(place: str, about: dict[str, Any]) -> str:
    """Return the region of a point, having checked that it is carbon in lbs/MWh."""
    signal = str(about.get("signal_type", about.get("datatype", "co2_moer"))).lower()
    if signal not in ("co2_moer", "co2_aoer", "moer"):
        raise InputError(f"{place}: the signal is {signal!r}; it must be carbon, such as co2_moer")
    units = about.get("units", "lbs_co2_per_mwh")
    if units != "lbs_co2_per_mwh":
        raise InputError(f"{place}: the unit is {units!r}; it must be lbs_co2_per_mwh")
    region = about.get("region", about.get("ba"))
    if not isinstance(region, str) or not region:
        raise InputError(f'{place}: neither "region" nor "ba" names the region')
    return region
