"""A scenario as a folder of CSV files that a spreadsheet can edit.

A folder holds `scenario.json`, which says what there is, and the numbers beside it:

    demand.csv                   a row per slot, a column per gateway
    price.csv, footprint_R.csv   a row per slot, a column per site; so are capacity.csv and
                                 quadratic.csv where they change over time
    sites.csv                    a row per site: capacity and quadratic cost where they do not,
                                 and the region for footprint R
    regions_R.csv                a row per region of footprint R: history and sensitivity
    share_R.csv                  the burden map of footprint R: a row per region, a column per site
    arcs.csv                     a row per arc; gateways and sites are counted from 0

Only the first two and one footprint are needed. The first column of a file names its rows.
Numbers are written with as many digits as it takes to read the same bits back.  A file with such a
name that `scenario.json` does not list is refused; files with other names are nobody's business.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..problem import Problem
from .disk import csv_rows, current, read_text, replacing_in, speaking_of
from .layout import (
    BY_FOOTPRINT,
    FIELDS,
    Header,
    Labels,
    Variables,
    checked_header,
    given_labels,
    pack,
    unpack,
)

_HEADER = "scenario.json"
_FILES = {"site": "sites.csv", "arc": "arcs.csv"}  # of the variables over one dimension


def write_folder(problem: Problem, folder: Path) -> None:
    """Write the header and every table; see the module for the layout."""
    header, variables = pack(problem)
    names = given_labels(problem)
    names |= {f"regions_{name}": labels for name, labels in problem.region_names.items()}
    with replacing_in(folder, last=_HEADER, obsolete=lambda new: _obsolete(folder, new)) as beside:
        for file, dims, members in _layout(header):
            _write_table(beside / file, dims, members, variables, names)
        text = json.dumps(header, indent=2, ensure_ascii=False)
        (beside / _HEADER).write_text(text + "\n", encoding="utf-8")


def read_folder(folder: Path) -> Problem:
    """Read what `write_folder` wrote, checking that the tables agree about their labels."""
    file = current(folder, _HEADER)
    with speaking_of(file):
        version = os.stat(file)
    header = checked_header(read_text(file), folder / _HEADER)
    _check_listed(folder, header)
    labels: dict[str, list[str]] = {}
    arrays: dict[str, Any] = {}
    for name, dims, members in _layout(header):
        file = folder / name
        text = set(header["text"]) & set(members)
        rows, columns, values = _read_table(current(folder, name), file, text)
        _agree(labels, dims[0], rows, file)
        if len(dims) == 2:
            _agree(labels, dims[1], columns, file)
            arrays[members[0]] = np.array(values)
        else:
            arrays |= _columns(file, columns, members, values)
    problem = unpack(header, arrays, {dim: labels[dim] for dim in header["labels"]}, folder)
    _check_regions(problem, header, labels, folder)
    if not os.path.samestat(version, os.stat(current(folder, _HEADER))):
        raise InputError(f"{folder}: written to while it was read")
    return problem


def _layout(header: Header) -> Iterator[tuple[str, tuple[str, ...], list[str]]]:
    """Yield every file with its dimensions and variables: one if it has two dimensions."""
    tables = {name: tuple(dims) for name, dims in header["tables"].items()}
    for name, dims in tables.items():
        if len(dims) == 2:
            yield f"{name}.csv", dims, [name]
    for dims in dict.fromkeys(dims for dims in tables.values() if len(dims) == 1):
        file = _FILES.get(dims[0], f"{dims[0]}.csv")
        yield file, dims, [name for name, own in tables.items() if own == dims]


def _obsolete(folder: Path, new: Path) -> list[str]:
    """Return the tables of the old header that the new one does not have."""
    try:
        old, now = (
            checked_header(read_text(place / _HEADER), place / _HEADER) for place in (folder, new)
        )
    except InputError:  # there was none, or none that says what is there
        return []
    kept = {file for file, _, _ in _layout(now)}
    return [file for file, _, _ in _layout(old) if file not in kept]


def _check_listed(folder: Path, header: Header) -> None:
    """Refuse files that look like tables of the scenario and are not listed as such."""
    listed = {file for file, _, _ in _layout(header)}
    if current(folder, _HEADER).parent != folder:
        return  # a save was broken off: what it had not yet removed is still there
    with speaking_of(folder):
        files = [file.name for file in folder.glob("*.csv")]
    whole = {f"{name}.csv" for name in FIELDS} | set(_FILES.values())
    prefixes = tuple(f"{kind}_" for kind in (*BY_FOOTPRINT, "regions"))
    for name in sorted(set(files) - listed):
        if name in whole or name.startswith(prefixes):
            raise InputError(f'{folder / name}: "tables" of {_HEADER} lists nothing that is in it')


def _write_table(
    file: Path,
    dims: tuple[str, ...],
    members: Sequence[str],
    variables: Variables,
    labels: Labels,
) -> None:
    """Write one table over two dimensions, or all that have the same one as columns."""
    values = [variables[name][1] for name in members]
    names = labels.get(dims[0], range(len(values[0])))
    rows: Iterable[Sequence[Any]]
    if len(dims) == 2:
        columns = labels.get(dims[1], range(values[0].shape[1]))
        rows = (row.tolist() for row in values[0])
    else:
        columns, rows = members, zip(*(column.tolist() for column in values), strict=True)
    try:
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")  # floats by repr: no bit is lost
            writer.writerow([dims[0], *columns])
            writer.writerows([name, *row] for name, row in zip(names, rows, strict=True))
    except (UnicodeEncodeError, csv.Error) as error:
        raise InputError(f"{file.name}: {error}") from None


def _columns(
    file: Path, columns: Sequence[str], members: Sequence[str], rows: Sequence[Any]
) -> dict[str, Any]:
    """Return the columns of a table over one dimension by name."""
    for member in members:
        if columns.count(member) != 1:
            many = "no column" if member not in columns else "more than one column"
            raise InputError(f'{file}: {many} "{member}"')
    for column in columns:
        if column not in members:
            raise InputError(f'{file}: column "{column}" is no table that {_HEADER} lists')
    return {
        member: np.array([row[at] for row in rows])
        for member in members
        for at in [columns.index(member)]
    }


def _read_table(file: Path, shown: Path, text: set[str]) -> tuple[list[str], list[str], list[Any]]:
    """Read the names of the rows, those of the columns, and the numbers (or text) row by row."""
    lines = _lines(file, shown)
    _, head = next(lines, (1, [""]))
    for mark, spoken in ((";", "semicolons"), ("\t", "tabs")):
        if len(head) == 1 and mark in head[0]:
            raise InputError(
                f"{shown}, line 1: its columns are separated by {spoken}; a scenario has commas "
                "between them and points in numbers (equiload init reads such files)"
            )
    columns = head[1:]
    names: list[str] = []
    values: list[Any] = []
    for line, row in lines:
        if len(row) != len(head):
            raise InputError(f"{shown}, line {line}: {len(row)} columns; the first has {len(head)}")
        names.append(row[0])
        try:
            if text:
                values.append(_mixed(row[1:], columns, text))
            else:
                values.append(np.array([_number(cell) for cell in row[1:]]))
        except ValueError:
            raise InputError(f"{shown}, line {line}, {_culprit(row[1:], columns, text)}") from None
    if not values:
        raise InputError(f"{shown}: no rows")
    return names, columns, values


def _number(cell: str) -> float:
    """Read a number as spreadsheets write it; Python would also take 1_5 for 15."""
    if "_" in cell:
        raise ValueError(cell)
    return float(cell)


def _mixed(row: Sequence[str], columns: Sequence[str], text: set[str]) -> list[Any]:
    return [c if name in text else _number(c) for c, name in zip(row, columns, strict=True)]


def _culprit(row: Sequence[str], columns: Sequence[str], text: set[str]) -> str:
    for cell, name in zip(row, columns, strict=True):
        try:
            _mixed([cell], [name], text)
        except ValueError:
            return f"column {name}: {cell!r} is not a number"
    raise AssertionError("every cell can be read")


def _lines(file: Path, shown: Path) -> Iterator[tuple[int, list[str]]]:
    lines = read_text(file).splitlines(keepends=True)
    return ((line, row) for line, row in csv_rows(lines, shown, strict=True) if row)


def _agree(labels: dict[str, list[str]], dim: str, names: list[str], file: Path) -> None:
    """Check that all files name the same slots, gateways and sites in the same order."""
    known = labels.setdefault(dim, names)
    if known == names:
        return
    if len(known) != len(names):
        raise InputError(f"{file}: {len(names)} {dim}s; another file has {len(known)}")
    at = next(i for i, (a, b) in enumerate(zip(known, names, strict=True)) if a != b)
    raise InputError(f"{file}: {dim} {at} is {names[at]!r}; another file has {known[at]!r}")


def _check_regions(
    problem: Problem, header: Header, labels: dict[str, list[str]], folder: Path
) -> None:
    """Check that the rows of regions_R.csv are the regions in the order of the problem."""
    for name, regions in problem.region_names.items():
        rows = labels.get(f"regions_{name}")
        own = list(regions) if f"region_{name}" in header["tables"] else labels["site"]
        if rows not in (None, list(regions), own):
            shown = ", ".join(regions[:5])
            raise InputError(f"{folder / f'regions_{name}.csv'}: the regions are {shown}, in order")
