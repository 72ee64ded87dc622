"""Tables with labels (pandas, xarray): they are put in order by them, or refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import numpy as np

from ._arrays import AnyArray
from .errors import InputError

__all__ = [
    "aligned",
    "by_labels",
    "by_rows",
    "labels_of",
    "places",
    "refuse_labels",
    "require_unique",
]

# The axes of a problem's tables with two of them, and the arguments that name their places.
_TABLES: dict[str, tuple[str, ...]] = {
    "demand": ("slot", "gateway"),
    "price": ("slot", "site"),
    "capacity": ("slot", "site"),
    "quadratic": ("slot", "site"),
    "idle_power": ("slot", "site"),
}
_NAMES = {"slot": "slot_times", "gateway": "gateway_names", "site": "site_names"}
_NS = "datetime64[ns]"


def labels_of(value: Any) -> tuple[AnyArray | None, ...] | None:
    """Return the labels of every axis as times in UTC or as text; None where there are none."""
    if hasattr(value, "slot_times") and hasattr(value, "site_names") and hasattr(value, "values"):
        # A table of a reader: its columns are places, which several sites may share.
        return keys_of(value.slot_times), None
    labels = tuple(None if _counts(index) else keys_of(index) for index in _indices(value))
    return None if all(axis is None for axis in labels) else labels


def _indices(value: Any) -> list[AnyArray | None]:
    """Return the index of every axis of what pandas or xarray made, where it has one."""
    library = type(value).__module__.partition(".")[0]
    if library == "pandas" and hasattr(value, "index") and hasattr(value, "to_numpy"):
        found = [value.index, *([value.columns] if hasattr(value, "columns") else [])]
    elif library == "xarray" and hasattr(value, "indexes") and hasattr(value, "dims"):
        found = [value.indexes.get(dim) for dim in value.dims]
    else:
        return []
    return [None if index is None else _plain(index) for index in found]


def _plain(index: Any) -> AnyArray:
    """Return a pandas index as an array, times in UTC."""
    if hasattr(index, "to_timestamp"):
        index = index.to_timestamp()
    if getattr(index, "tz", None) is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    return np.asarray(index.to_numpy())


def _counts(index: AnyArray | None) -> bool:
    """Say whether an index only counts, or there is none: then it names nothing."""
    if index is None:
        return True
    return index.dtype.kind in "iu" and np.array_equal(index, np.arange(index.size))


def keys_of(labels: Any) -> AnyArray:
    """Return times as datetime64 in UTC, everything else as text."""
    array = np.asarray(labels)
    if array.dtype.kind == "M":
        return array.astype(_NS)
    if array.dtype.kind == "O" and all(isinstance(label, datetime) for label in array):
        return np.array([_in_utc(label) for label in array], dtype=_NS)
    return np.array([str(label) for label in array], dtype=str)


def _in_utc(time: datetime) -> datetime:
    return time if time.tzinfo is None else time.astimezone(timezone.utc).replace(tzinfo=None)


def _like(keys: AnyArray, times: bool) -> AnyArray:
    """Return text as times, where it is to be compared with times and says some."""
    if not times or keys.dtype.kind == "M":
        return keys
    try:
        return np.array([_in_utc(datetime.fromisoformat(key)) for key in keys.tolist()], dtype=_NS)
    except ValueError:
        return keys


def places(field: str, what: str, labels: AnyArray, wanted: AnyArray) -> AnyArray:
    """Return where the wanted labels are among those of a table; it may have more of them.

    Raises
    ------
    InputError
        If a label occurs twice or is missing, or if there are times in between the wanted ones.
    """
    times = labels.dtype.kind == "M" or wanted.dtype.kind == "M"
    labels, wanted = _like(labels, times), _like(wanted, times)
    require_unique(field, what, labels)
    place = {label: n for n, label in enumerate(labels.tolist())}
    found = [place.get(label, -1) for label in wanted.tolist()]
    if -1 in found:
        raise InputError(
            f"{field} has no {what} {_spoken(wanted[found.index(-1)])}{_steps(labels, wanted)}"
        )
    rows = np.array(found, dtype=np.intp)
    if times and rows.size > 1:
        between = int(((labels > wanted.min()) & (labels < wanted.max())).sum()) - (rows.size - 2)
        if between > 0:
            raise InputError(
                f"{field} has {between} rows between the {what}s{_steps(labels, wanted)}; average "
                f'or add them up first, as {field}.resample("1h").mean() does'
            )
    return rows


def _steps(labels: AnyArray, wanted: AnyArray) -> str:
    """Say how far apart times are, where that differs."""
    if labels.dtype.kind != "M" or wanted.dtype.kind != "M" or min(labels.size, wanted.size) < 2:
        return ""
    own, slots = np.diff(np.sort(labels)).min(), np.diff(np.sort(wanted)).min()
    if own == slots:
        return ""
    minutes = [f"{step / np.timedelta64(1, 'm'):g} min" for step in (own, slots)]
    return f": its rows are {minutes[0]} apart, the slots {minutes[1]}"


def require_unique(field: str, what: str, labels: AnyArray | Sequence[str]) -> None:
    """Raise an `InputError` that names the first label which occurs twice."""
    seen = set()
    for label in np.asarray(labels).tolist():
        if label in seen:
            shown = _spoken(np.asarray(labels)[np.asarray(labels).tolist().index(label)])
            raise InputError(f"{field} has {what} {shown} twice")
        seen.add(label)


def _spoken(label: Any) -> str:
    if isinstance(label, np.datetime64):
        return str(label.astype("datetime64[s]"))
    return " ".join(str(label).split())


def by_labels(field: str, what: str, value: Any, wanted: Any) -> Any:
    """Return the rows of a table in the order of an axis' names; what has no labels as it is."""
    labels = labels_of(value)
    if labels is None or labels[0] is None:
        return value
    if wanted is None:
        raise InputError(f"{field} has labels, but the {what}s have no names to match")
    return np.asarray(value)[places(field, what, labels[0], keys_of(wanted))]


def by_rows(field: str, value: Any, first_field: str, first: Any) -> Any:
    """Return a column in the order of the rows of the first one, where both have an index."""
    own, wanted = _indices(value), _indices(first)
    if len(own) != 1 or own[0] is None:
        return value
    if len(wanted) != 1 or wanted[0] is None:
        if _counts(own[0]):
            return value
        rule = f"{first_field} has none to match; hand in {field}.to_numpy()"
        raise InputError(f"{field} has labels, but {rule}")
    if np.array_equal(own[0], wanted[0]):  # rows of one table, whatever they are called
        return value
    return np.asarray(value)[places(field, "arc", keys_of(own[0]), keys_of(wanted[0]))]


def refuse_labels(field: str, value: Any) -> None:
    """Raise an `InputError` if a table has labels where nothing keeps them."""
    if labels_of(value) is not None:
        rule = "a network goes by order: put its rows and columns in that of the problem"
        raise InputError(f"{field} has labels; {rule} and hand in {field}.to_numpy()")


def aligned(given: Mapping[str, Any]) -> dict[str, Any]:
    """Put the labelled tables of a problem in one order, and learn its names and times from them.

    The order is that of the names given, else that of the first table with labels: demand, price,
    the others.
    """
    tables: dict[tuple[str, ...], tuple[Any, tuple[str, ...]]] = {}
    tables |= {(name,): (given[name], axes) for name, axes in _TABLES.items()}
    mappings: dict[str, tuple[str, ...]] = {"footprints": ("slot", "site")}
    mappings["regions"] = ("region", "site")  # of one axis, the region of each site
    for group, over in mappings.items():
        values = given[group] if isinstance(given[group], Mapping) else {}
        tables |= {(group, name): (value, over) for name, value in values.items()}
    labelled = {
        key: (value, axes, labels)
        for key, (value, axes) in tables.items()
        if (labels := labels_of(value)) is not None and len(labels) <= len(axes)
    }
    if not labelled:
        return dict(given)
    result = dict(given)
    wanted: dict[str, AnyArray] = {}
    for axis, argument in _NAMES.items():
        if given[argument] is not None:
            wanted[axis] = keys_of(given[argument])
            continue
        for key, (_, axes, labels) in labelled.items():
            found = dict(zip(axes[-len(labels) :], labels, strict=True)).get(axis)
            if found is not None:
                _check_first(key, axis, found, given["demand"])
                wanted[axis] = result[argument] = found
                break
    for key, (value, axes, labels) in labelled.items():
        array, field = np.asarray(value), _field(key)
        for n, (axis, found) in enumerate(zip(axes[-len(labels) :], labels, strict=True)):
            if found is not None and axis in wanted:
                array = array.take(places(field, axis, found, wanted[axis]), axis=n)
        if len(key) == 1:
            result[key[0]] = array
        else:
            result[key[0]] = {**result[key[0]], key[1]: array}
    return result


def _field(key: tuple[str, ...]) -> str:
    return key[0] if len(key) == 1 else f"{key[0]}[{key[1]!r}]"


def _check_first(key: tuple[str, ...], axis: str, labels: AnyArray, demand: Any) -> None:
    """Check the labels that all others will be held against."""
    field = _field(key)
    require_unique(field, axis, labels)
    if axis != "slot":
        return
    if labels.dtype.kind == "M" and (labels[1:] < labels[:-1]).any():
        raise InputError(f"{field} has its slots out of order; {field}.sort_index() orders them")
    slots = np.shape(demand)[0] if np.ndim(demand) == 2 else labels.size
    if slots != labels.size:
        more = labels.size % max(slots, 1) == 0 and labels.size > slots
        hint = "; average its rows first" if more else ""
        raise InputError(f"{field} has {labels.size} slots, but demand has {slots}{hint}")
