"""Readings of grids and weather stations: rows of files and frames become values by time and place.

Everything is read row by row, each with the file and the row that it came from, so that whatever is
wrong with one can be named.  Times become seconds since 1970, UTC.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._arrays import read_count, require_a
from ..errors import InputError
from .disk import csv_rows, read_text
from .table import TimeTable
from .units import seconds_of

# A path, or a frame or series of pandas.
Source: TypeAlias = Any

HOUR = 3600  # seconds
_PREAMBLE = 12  # most lines before a header
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d)(?::?(\d\d))?(?::(\d\d)(?:\.\d+)?)?)? ?"
    r"(?:(Z|UTC)|([+-])(\d\d)(?::?(\d\d))?)?"
)
_DAY_FIRST = re.compile(r"(\d\d)[./](\d\d)[./](\d{4}) (\d\d:\d\d.*)")


@dataclass(frozen=True)
class Cell:
    """A text of a file, where it is, and how it writes decimals."""

    place: str
    column: str
    text: str
    decimal: str = "."

    def wrong(self, why: str) -> InputError:
        """Return the error that says what is wrong with it."""
        return InputError(f"{self.place}, column {self.column!r}: {why}")

    def number(self, low: float = -math.inf) -> float:
        """Read a number of at least `low`; NaN where the cell is empty."""
        if self.text.casefold() in ("", "null", "nan", "n/a", "n/e", "-"):
            return math.nan
        text = self.text.replace(",", ".") if self.decimal == "," else self.text
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= low):
            rule = "is no number" + (f" of at least {low:g}" if low > -math.inf else "")
            if re.fullmatch(r"-?\d{1,3}([.,' ]\d{3})+([.,]\d+)?", self.text):
                rule += "; write it without separators of thousands, and with a decimal point"
            elif re.fullmatch(r"-?\d+,\d+", self.text):
                rule += "; decimal commas are read where ; or tabs separate the columns"
            raise self.wrong(f"{self.text!r} {rule}")
        return value


class Clock:
    """Reads times: those with an offset as they are, others by the clock of one time zone."""

    def __init__(self, zone: str | None, day_first: bool = False, usual: str = "") -> None:
        require_a("timezone", zone, str, optional=True)
        zone = zone or usual or None
        self.zone, self.day_first = zone, day_first
        self._local: tzinfo | None = None if zone is None else time_zone(zone)

    def read(self, cell: Cell) -> tuple[int, ...]:
        """Return the time in seconds; both, where clocks went back and the hour occurs twice."""
        text, match = cell.text, _TIME.fullmatch(cell.text)
        other = _DAY_FIRST.fullmatch(cell.text)
        if match is None and other is not None:
            if not self.day_first:
                mend = "write dates as 2024-01-31, so that day and month cannot be confused"
                raise cell.wrong(f"{text!r} is no time; {mend}")
            day, month, year, clock = other.groups()
            match = _TIME.fullmatch(f"{year}-{month}-{day} {clock}")
        if match is None:
            raise cell.wrong(f"{text!r} is no time such as 2024-01-31 00:00+00:00")
        date, hour, minute, second, utc, sign, hours, minutes = match.groups()
        try:
            time = datetime.fromisoformat(
                f"{date}T{hour or '00'}:{minute or '00'}:{second or '00'}"
            )
            offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        except ValueError:
            raise cell.wrong(f"{text!r} is no time") from None
        if utc or sign:
            moved = time + offset if sign == "-" else time - offset
            return (int(moved.replace(tzinfo=timezone.utc).timestamp()),)
        if self._local is None:
            raise cell.wrong(
                f"{text!r} does not say its time zone; "
                'add the offset to the file, or say timezone="Europe/Berlin", "UTC" or the like'
            )
        return self._both(cell, time.replace(tzinfo=self._local))

    def _both(self, cell: Cell, time: datetime) -> tuple[int, ...]:
        early, late = (int(time.replace(fold=fold).timestamp()) for fold in (0, 1))
        if early <= late:
            return (early,) if early == late else (early, late)
        forward = f"clocks in {self.zone} went forward over it"
        raise cell.wrong(
            f"{cell.text!r} does not exist: {forward}; is the file in UTC or in winter time?"
        )


def time_zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name."""
    from zoneinfo import ZoneInfo

    require_a("timezone", name, str)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        message = f"timezone {name!r} is unknown; it must be a name such as Europe/Berlin, or UTC"
        raise InputError(message) from None


@dataclass(frozen=True)
class Reading:
    """A value (NaN where it is missing) and its time in seconds since 1970, UTC."""

    time: int
    value: float
    place: str


@dataclass
class Series:
    """The readings of one place, by time."""

    name: str
    readings: dict[int, Reading] = field(default_factory=dict)
    local: str = ""  # the clock of the file, where it changes in summer

    def add(self, times: Sequence[int], value: float, place: str) -> None:
        """Add a reading; the same one twice is one."""
        if len(times) == 2:
            self.local = "clocks changed then: two hours of that day have one name in local time"
        free = [time for time in times if time not in self.readings]
        if len(times) == 2 and free:
            self.readings[free[0]] = Reading(free[0], value, place)
            return
        time = times[-1]
        old = self.readings.setdefault(time, Reading(time, value, place))
        if old.value != value and not (math.isnan(old.value) and math.isnan(value)):
            raise InputError(
                f"{place}: {self.name} has another value for {spoken(time)} in {old.place}"
            )

    def step(self) -> int:
        """Return the most common time between readings, in seconds."""
        steps = Counter(np.diff(sorted(self.readings)).tolist())
        return int(steps.most_common(1)[0][0]) if steps else HOUR

    def averaged(self, step: int, total: bool = False) -> Series:
        """Return the means, or totals, of the steps with at least half of their readings."""
        times = sorted(self.readings)
        period = min(self.step(), step)
        found: dict[int, list[Reading]] = {}
        for time in times:
            reading = self.readings[time]
            if not math.isnan(reading.value):
                found.setdefault(time - time % step, []).append(reading)
        readings = {}
        for start, part in found.items():
            if 2 * len(part) * period >= step:
                mean = math.fsum(r.value for r in part) / len(part)
                value = mean * step / period if total else mean
                readings[start] = Reading(start, value, part[0].place)
        return Series(self.name, readings, self.local)


class Book:
    """Series by the name of their place."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}

    def add(self, name: str, times: Sequence[int], value: float, place: str) -> None:
        """Add a reading of a place."""
        self.series.setdefault(name, Series(name)).add(times, value, place)

    def table(
        self, unit: str, fill: int = 0, *, step: int | None = None, total: bool = False
    ) -> TimeTable:
        """Put the steps that all series cover side by side, short gaps filled if asked to."""
        series = list(self.series.values())
        if not series:
            raise InputError("there is no file to read, or no row in any")
        for one in series:
            if not any(not math.isnan(reading.value) for reading in one.readings.values()):
                raise InputError(f"{one.name} has no hour with a value")
        fill = read_count("fill", fill, 0)
        period = max(one.step() for one in series) if step is None else step
        for one in series:
            _check_steps(one, period)
        first, last = max(map(_begins, series)), min(map(_ends, series))
        slots = range(first, last + period, period)
        if not slots:
            late, early = max(series, key=_begins), min(series, key=_ends)
            ends, begins = spoken(_ends(early)), spoken(_begins(late))
            raise InputError(f"{early.name} ends at {ends}, before {late.name} begins at {begins}")
        notes: list[str] = []
        values = np.stack([_column(one, slots, fill, notes) for one in series], axis=1)
        values.flags.writeable = False
        times = np.array(slots, dtype="datetime64[s]")
        if period % HOUR == 0 and first % HOUR == 0:
            times = times.astype("datetime64[h]")
        names = tuple(one.name for one in series)
        return TimeTable(values, names, times, unit, total, tuple(notes))


def _check_steps(series: Series, step: int) -> None:
    """Check that the readings lie whole steps apart."""
    start = _begins(series)
    for time in sorted(series.readings):
        if (time - start) % step:
            at, place = spoken(time), series.readings[time].place
            minutes = f"{step / 60:g}"
            raise InputError(
                f"{place}: {series.name} has a value at {at} between its steps of {minutes} "
                'minutes; step="1h" reads the mean of each hour'
            )


def _begins(series: Series) -> int:
    return min(series.readings)


def _ends(series: Series) -> int:
    return max(series.readings)


def _column(series: Series, slots: range, fill: int, notes: list[str]) -> NDArray[np.float64]:
    """Return the values of the slots, gaps of up to `fill` filled by straight lines."""
    # More slots than these have a gap within these that is too long.
    slots = slots[: (len(series.readings) + 1) * (fill + 1) + 1]
    nothing = Reading(0, math.nan, "")
    values = np.array([series.readings.get(slot, nothing).value for slot in slots])
    there = np.flatnonzero(~np.isnan(values))
    edges = np.concatenate([[-1], there, [values.size]])
    for before, after in itertools.pairwise(edges):
        missing = int(after - before) - 1
        inside = before >= 0 and after < values.size
        if missing > (fill if inside else 0):
            raise InputError(_gap(series, slots, int(before) + 1, missing, inside))
        if missing:
            at = spoken(slots[int(before) + 1])
            notes.append(f"{series.name}: {_many(missing, slots.step)} filled from {at} on")
    result: NDArray[np.float64] = np.interp(np.arange(values.size), there, values[there])
    return result


def _many(count: int, step: int) -> str:
    what = "hour" if step == HOUR else "day" if step == 24 * HOUR else f"{step / 60:g}-minute step"
    return f"{count} {what}s" if count > 1 else f"{'an' if what == 'hour' else 'a'} {what}"


def _gap(series: Series, slots: range, at: int, missing: int, inside: bool) -> str:
    """Say which slots have no value, next to which row, and what can be done."""
    many = f"{_many(missing, slots.step)} {'are' if missing > 1 else 'is'}"
    text = f"{series.name}: {many} missing from {spoken(slots[at])} on"
    mend = f"; fill={missing} fills it by a straight line" if inside else ""
    if series.local:
        mend += f" ({series.local})"
    own = series.readings.get(slots[at])
    if own is not None:
        return f"{own.place}: the value is empty; {text}{mend}"
    earlier = [time for time in series.readings if time < slots[at]]
    after = f", after {series.readings[max(earlier)].place}" if earlier else ""
    return f"{text}{after}{mend}"


def spoken(seconds: int) -> str:
    """Write a time for a message."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


@dataclass(frozen=True)
class Sheet:
    """Rows of text under the names of their columns, from a file or a frame."""

    source: str
    header: list[str]
    rows: Iterable[tuple[str, list[str]]]
    decimal: str = "."

    @property
    def stem(self) -> str:
        """The name of the file without its end."""
        return Path(self.source).stem

    def find(self, *names: str) -> int | None:
        """Return where a column is, by any of its names in small letters; `*` ends a beginning."""
        plain = [_plain(name) for name in self.header]
        for name in names:
            for at, found in enumerate(plain):
                if found == name or (name.endswith("*") and found.startswith(name[:-1])):
                    return at
        return None

    def column(self, *names: str) -> int:
        """Return where a column is, or say which there are."""
        at = self.find(*names)
        if at is None:
            either = " or ".join(f'"{name.rstrip("*")}"' for name in names)
            there = ", ".join(self.header) or "its first row"
            raise InputError(f"{self.source}: no column {either} in {there}")
        return at

    def cells(self, *columns: int | None) -> Iterator[list[Cell]]:
        """Yield the cells of some columns, row by row; an empty one for a column that is None."""
        least = max(column for column in columns if column is not None)
        for place, row in self.rows:
            if not row:
                continue
            if len(row) <= least:
                raise InputError(f"{place}: {len(row)} cells; the header has {len(self.header)}")
            yield [
                Cell(place, "", "")
                if at is None
                else Cell(place, self.header[at], row[at].strip(), self.decimal)
                for at in columns
            ]


def sheet(source: Source, *signs: str) -> Sheet:
    """Read a CSV file or a frame; the header is the first row that has a column of `signs`."""
    return _from_file(Path(source), signs) if isinstance(source, str | Path) else _framed(source)


def _from_file(path: Path, signs: Sequence[str]) -> Sheet:
    lines = read_text(path).splitlines()
    start = 0
    for at, line in enumerate(lines[:_PREAMBLE]):
        names = [
            _plain(name) for name in next(csv_rows([line], path, _separator(line)), (1, []))[1]
        ]
        if any(n == s or (s.endswith("*") and n.startswith(s[:-1])) for s in signs for n in names):
            start = at
            break
    separator = _separator(lines[start] if lines else "")
    rows = (row for _, row in csv_rows(lines[start:], path, separator))
    header = [name.strip() for name in next(rows, [])]
    body = ((f"{path}, row {start + 1 + n}", row) for n, row in enumerate(rows, start=1))
    return Sheet(str(path), header, body, "." if separator == "," else ",")


def _separator(line: str) -> str:
    bare = re.sub(r'"[^"]*"', "", line)
    return max(",;\t", key=bare.count)


def _framed(frame: Any) -> Sheet:
    """Write a frame or a series as a sheet, its index as the first column."""
    if not hasattr(frame, "reset_index"):
        what = type(frame).__name__
        raise InputError(f"a {what} is no source; it must be a path, a DataFrame or a Series")
    if not hasattr(frame, "columns"):
        frame = frame.to_frame("value" if frame.name is None else frame.name)
    if frame.index.name is not None or frame.index.dtype.kind == "M":
        frame = frame.reset_index()
    header = [str(name) for name in frame.columns]
    columns = [[_text(value) for value in frame[name].tolist()] for name in frame.columns]
    rows = ((f"frame, row {n}", list(row)) for n, row in enumerate(zip(*columns, strict=True)))
    return Sheet("frame", header, rows)


def _text(value: Any) -> str:
    if value is None or value != value:  # NaN and NaT differ from themselves
        return ""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _plain(name: str) -> str:
    return name.strip().casefold().replace("₂", "2")


def stepped(book: Book, step: str | None, total: bool = False) -> tuple[Book, int | None]:
    """Return the series averaged, or added up, to a step, and that step in seconds."""
    seconds = seconds_of(step)
    if seconds is None:
        return book, None
    made = Book()
    made.series = {n: s.averaged(seconds, total) for n, s in book.series.items()}
    return made, seconds
