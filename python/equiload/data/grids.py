"""Carbon of grids as Electricity Maps and WattTime publish it, as tables by hour and place.

Both are read row by row into readings, each with the file and the row that it came from, so that
whatever is wrong with one can be named.  Times are UTC throughout; an offset is honoured.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .table import FootprintTable

UNIT = "t/MWh"
GRAMS_PER_KWH = 1e-3  # in t/MWh
POUNDS_PER_MWH = 0.45359237e-3  # in t/MWh

_HOUR = 3600  # seconds
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::(\d\d)(?:\.\d+)?)? ?(?:(Z|UTC)|([+-])(\d\d):?(\d\d))?"
)
_LIFE_CYCLE = ("life cycle", "lca", "life cycle assessment")


def read_electricity_maps(
    *paths: str | Path, emissions: Literal["direct", "life cycle"] = "direct", fill: int = 0
) -> FootprintTable:
    """Read the carbon intensity of zones from the hourly CSV files of Electricity Maps.

    Parameters
    ----------
    *paths : path
        Files of the data portal, one zone and year each; several years of a zone are joined.
        Their columns "Datetime (UTC)", "Zone id" and "Carbon intensity gCO₂eq/kWh (...)" are read,
        in the spelling of any year.
    emissions : {"direct", "life cycle"}
        What the plants emit, or with what their building and fuel emitted before.
    fill : int
        Most hours in a row without a value to fill, by a straight line between their neighbours.

    Returns
    -------
    FootprintTable
        Carbon in t/MWh (a thousandth of g/kWh) over the hours that all zones cover.

    Raises
    ------
    InputError
        If a file, a column or a value is missing or broken, an hour is missing or occurs twice with
        different values, or zones have no hour in common: file, row and column are named.
    """
    if emissions not in ("direct", "life cycle"):
        raise InputError(f'emissions is {emissions!r}; it must be "direct" or "life cycle"')
    zones: dict[str, _Series] = {}
    kinds = ("direct",) if emissions == "direct" else _LIFE_CYCLE
    intensity = tuple(f"carbon intensity gco2eq/kwh ({kind})" for kind in kinds)
    for path in map(Path, paths):
        rows = _csv_rows(path, ("datetime (utc)",), ("zone id",), intensity)
        for place, (time, zone, value) in rows:
            reading = _reading(place, time, value, GRAMS_PER_KWH)
            if reading.time % _HOUR:
                raise InputError(f"{place}, column {time.column!r}: {time.text} is no full hour")
            if not zone.text:
                raise InputError(f"{place}, column {zone.column!r}: the zone is missing")
            zones.setdefault(zone.text, _Series(zone.text)).add(reading)
    return _table(list(zones.values()), fill)


def read_watttime(*paths: str | Path, fill: int = 0) -> FootprintTable:
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
    FootprintTable
        Carbon in t/MWh over the hours that all regions cover. An hour is the mean of its readings,
        as a rule one every five minutes; one with fewer than half of them counts as missing.

    Raises
    ------
    InputError
        If a file, a column or a value is missing or broken, a unit is not lbs/MWh, an hour is
        missing, a time occurs twice with different values, or regions have no hour in common: file,
        row and column are named.
    """
    regions: dict[str, _Series] = {}
    for path in map(Path, paths):
        source = _json_rows(path) if path.suffix == ".json" else _watttime_csv(path)
        for region, place, time, value in source:
            reading = _reading(place, time, value, POUNDS_PER_MWH)
            regions.setdefault(region, _Series(region)).add(reading)
    return _table([series.hourly() for series in regions.values()], fill)


@dataclass(frozen=True)
class _Cell:
    """A text of a file and the column that it is in."""

    column: str
    text: str


@dataclass(frozen=True)
class _Reading:
    """A value (NaN where it is missing) and its time in seconds since 1970, UTC."""

    time: int
    value: float
    place: str


@dataclass
class _Series:
    """The readings of one zone or region, by time."""

    name: str
    readings: dict[int, _Reading] = field(default_factory=dict)

    def add(self, new: _Reading) -> None:
        """Add a reading; the same one twice is one."""
        old = self.readings.setdefault(new.time, new)
        if old.value != new.value and not (math.isnan(old.value) and math.isnan(new.value)):
            raise InputError(
                f"{new.place}: {self.name} has another value for {_spoken(new.time)} in {old.place}"
            )

    def hourly(self) -> _Series:
        """Return the means of the hours that have at least half of their readings."""
        times = sorted(self.readings)
        steps = Counter(np.diff(times).tolist())
        period = min(steps.most_common(1)[0][0], _HOUR) if steps else _HOUR
        found: dict[int, list[_Reading]] = {}
        for time in times:
            reading = self.readings[time]
            if not math.isnan(reading.value):
                found.setdefault(time - time % _HOUR, []).append(reading)
        return _Series(
            self.name,
            {
                hour: _Reading(hour, math.fsum(r.value for r in part) / len(part), part[0].place)
                for hour, part in found.items()
                if 2 * len(part) * period >= _HOUR
            },
        )


def _table(series: list[_Series], fill: int) -> FootprintTable:
    """Put the hours that all series cover side by side."""
    if not series:
        raise InputError("there is no file to read, or no row in any")
    for one in series:
        if not any(not math.isnan(reading.value) for reading in one.readings.values()):
            raise InputError(f"{one.name} has no hour with a value")
    first, last = max(series, key=_begins), min(series, key=_ends)
    hours = range(_begins(first), _ends(last) + _HOUR, _HOUR)
    if not hours:
        ends, begins = _spoken(_ends(last)), _spoken(_begins(first))
        raise InputError(f"{last.name} ends at {ends}, before {first.name} begins at {begins}")
    values = np.stack([_column(one, hours, fill) for one in series], axis=1)
    values.flags.writeable = False
    times = np.array(hours, dtype="datetime64[s]").astype("datetime64[h]")
    return FootprintTable(values, tuple(one.name for one in series), times, UNIT)


def _begins(series: _Series) -> int:
    return min(series.readings)


def _ends(series: _Series) -> int:
    return max(series.readings)


def _column(series: _Series, hours: range, fill: int) -> NDArray[np.float64]:
    """Return the values of the hours, gaps of up to `fill` hours filled by straight lines."""
    nothing = _Reading(0, math.nan, "")
    values = np.array([series.readings.get(hour, nothing).value for hour in hours])
    there = np.flatnonzero(~np.isnan(values))
    edges = np.concatenate([[-1], there, [values.size]])
    for before, after in itertools.pairwise(edges):
        missing = int(after - before) - 1
        inside = before >= 0 and after < values.size
        if missing > (fill if inside else 0):
            raise InputError(_gap(series, hours, int(before) + 1, missing))
    result: NDArray[np.float64] = np.interp(np.arange(values.size), there, values[there])
    return result


def _gap(series: _Series, hours: range, at: int, missing: int) -> str:
    """Say which hours have no value, and next to which row."""
    many = f"{missing} hours are" if missing > 1 else "an hour is"
    text = f"{series.name}: {many} missing from {_spoken(hours[at])} on"
    own = series.readings.get(hours[at])
    if own is not None:
        return f"{own.place}: the value is empty; {text}"
    earlier = [time for time in series.readings if time < hours[at]]
    return f"{text}, after {series.readings[max(earlier)].place}" if earlier else text


def _reading(place: str, time: _Cell, value: _Cell, scale: float) -> _Reading:
    """Read a time and a value of at least 0, in the unit that `scale` turns into t/MWh."""
    seconds = _seconds(time.text)
    if seconds is None:
        raise InputError(f"{place}, column {time.column!r}: {time.text!r} is no time")
    if value.text in ("", "null"):
        return _Reading(seconds, math.nan, place)
    try:
        number = float(value.text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        rule = "is no number of at least 0"
        raise InputError(f"{place}, column {value.column!r}: {value.text!r} {rule}")
    return _Reading(seconds, number * scale, place)


def _seconds(text: str) -> int | None:
    """Read a time as seconds since 1970, UTC where it does not say otherwise."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    date, clock, second, _, sign, hours, minutes = match.groups()
    try:
        time = datetime.fromisoformat(f"{date}T{clock}:{second or '00'}+00:00")
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    except ValueError:
        return None
    return int((time + offset if sign == "-" else time - offset).timestamp())


def _spoken(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def _csv_rows(path: Path, *wanted: tuple[str, ...]) -> Iterator[tuple[str, list[_Cell]]]:
    """Yield the place of every row and its cells of the columns wanted, in any of their names."""
    rows = csv.reader(_text(path).splitlines())
    header = [name.strip() for name in next(rows, [])]
    plain = [name.casefold().replace("₂", "2") for name in header]
    columns = []
    for names in wanted:
        there = [plain.index(name) for name in names if name in plain]
        if not there:
            either = " or ".join(f'"{name}"' for name in names)
            raise InputError(
                f"{path}: no column {either} in {', '.join(header) or 'its first row'}"
            )
        columns.append(there[0])
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) <= max(columns):
            raise InputError(
                f"{path}, row {number}: {len(row)} cells; the header has {len(header)}"
            )
        yield f"{path}, row {number}", [_Cell(header[n], row[n].strip()) for n in columns]


def _watttime_csv(path: Path) -> Iterator[tuple[str, str, _Cell, _Cell]]:
    region = re.split(r"_(?=\d{4}|co2_|MOER)", path.stem)[0]
    for place, (time, value) in _csv_rows(path, ("point_time", "timestamp"), ("value", "moer")):
        yield region, place, time, value


def _json_rows(path: Path) -> Iterator[tuple[str, str, _Cell, _Cell]]:
    """Yield region, place, time and value from an answer of the API, or a list of answers."""
    try:
        content = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, row {error.lineno}: {error.msg}") from None
    answers = content if isinstance(content, list) else [content]
    if all(isinstance(point, dict) and "point_time" in point for point in answers):
        answers = [{"data": answers}]  # version 2: every point says all about itself
    for answer in answers:
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            raise InputError(f'{path}: no "data" as WattTime writes it')
        meta = answer.get("meta", {})
        for number, point in enumerate(answer["data"]):
            place = f"{path}, data[{number}]"
            if not isinstance(point, dict) or not {"point_time", "value"} <= point.keys():
                raise InputError(f'{place}: no "point_time" and "value"')
            value = "" if point["value"] is None else str(point["value"])
            time = _Cell("point_time", str(point["point_time"]))
            yield _region(place, meta | point), place, time, _Cell("value", value)


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


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not text in UTF-8") from None
