"""A scenario as a folder of CSV files that a spreadsheet can edit.

A folder holds `scenario.json`, which says what there is, and the numbers beside it:

    demand.csv                   a row per slot, a column per gateway
    price.csv, footprint_R.csv   a row per slot, a column per site; so are capacity.csv and
                                 quadratic.csv where they change over time
    sites.csv                    a row per site: capacity and quadratic cost where they do not,
                                 and the region for footprint R
    regions_R.csv                a row per region of footprint R: history and sensitivity
    arcs.csv                     a row per arc; gateways and sites are counted from 0

Only the first two and one footprint are needed. The first column of a file names its rows.
Numbers are written with as many digits as it takes to read the same bits back.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..problem import Problem
from .layout import Header, Variables, checked_header, given_labels, pack, unpack

_FILES = {"site": "sites.csv", "arc": "arcs.csv"}  # of the variables over one dimension


def write_folder(problem: Problem, folder: Path) -> None:
    """Write the header and every table; see the module for the layout."""
    header, variables = pack(problem)
    names = given_labels(problem)
    names |= {f"regions_{name}": labels for name, labels in problem.region_names.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for file, dims, members in _layout(header):
        values = [variables[name][1] for name in members]
        rows = names.get(dims[0], range(len(values[0])))
        table: Iterable[Sequence[Any]]
        if len(dims) == 2:
            columns = names.get(dims[1], range(values[0].shape[1]))
            table = (row.tolist() for row in values[0])
        else:
            columns, table = members, zip(*(column.tolist() for column in values), strict=True)
        _write_table(folder / file, [dims[0], *columns], rows, table)
    text = json.dumps(header, indent=2, ensure_ascii=False)
    (folder / "scenario.json").write_text(text + "\n", encoding="utf-8")


def read_folder(folder: Path) -> Problem:
    """Read what `write_folder` wrote, checking that the tables agree about their labels."""
    file = folder / "scenario.json"
    try:
        header = checked_header(file.read_text(encoding="utf-8"), file)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    labels: dict[str, list[str]] = {}
    variables: Variables = {}
    for name, dims, members in _layout(header):
        file = folder / name
        text = set(header["text"]) & set(members)
        rows, columns, values = _read_table(file, text)
        _agree(labels, dims[0], rows, file)
        if len(dims) == 2:
            _agree(labels, dims[1], columns, file)
            variables[members[0]] = (dims, np.array(values))
            continue
        for member in members:
            if member not in columns:
                raise InputError(f'{file}: no column "{member}"')
            at = columns.index(member)
            variables[member] = (dims, np.array([row[at] for row in values]))
    return unpack(header, variables, {dim: labels[dim] for dim in header["labels"]})


def _layout(header: Header) -> Iterator[tuple[str, tuple[str, ...], list[str]]]:
    """Yield every file with its dimensions and variables: one if it has two dimensions."""
    tables = {name: tuple(dims) for name, dims in header["tables"].items()}
    for name, dims in tables.items():
        if len(dims) == 2:
            yield f"{name}.csv", dims, [name]
    for dims in dict.fromkeys(dims for dims in tables.values() if len(dims) == 1):
        file = _FILES.get(dims[0], f"{dims[0]}.csv")
        yield file, dims, [name for name, own in tables.items() if own == dims]


def _write_table(
    file: Path, head: Sequence[Any], names: Iterable[Any], rows: Iterable[Sequence[Any]]
) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")  # writes floats by repr: no bit is lost
        writer.writerow(head)
        for name, row in zip(names, rows, strict=True):
            writer.writerow([name, *row])


def _read_table(file: Path, text: set[str]) -> tuple[list[str], list[str], list[Any]]:
    """Read the names of the rows, those of the columns, and the numbers (or text) row by row."""
    lines = _lines(file)
    _, head = next(lines, (1, [""]))
    columns = head[1:]
    names: list[str] = []
    values: list[Any] = []
    for line, row in lines:
        if len(row) != len(head):
            raise InputError(f"{file}, line {line}: {len(row)} columns; the first has {len(head)}")
        names.append(row[0])
        try:
            if text:
                values.append(_mixed(row[1:], columns, text))
            else:
                values.append(np.array([float(cell) for cell in row[1:]]))
        except ValueError:
            raise InputError(f"{file}, line {line}, {_culprit(row[1:], columns, text)}") from None
    if not values:
        raise InputError(f"{file}: no rows")
    return names, columns, values


def _mixed(row: Sequence[str], columns: Sequence[str], text: set[str]) -> list[Any]:
    return [c if name in text else float(c) for c, name in zip(row, columns, strict=True)]


def _culprit(row: Sequence[str], columns: Sequence[str], text: set[str]) -> str:
    for cell, name in zip(row, columns, strict=True):
        try:
            _mixed([cell], [name], text)
        except ValueError:
            return f"column {name}: {cell!r} is not a number"
    raise AssertionError("every cell can be read")


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream)
            for row in reader:
                if row:
                    yield reader.line_num, row
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: {error}") from None


def _agree(labels: dict[str, list[str]], dim: str, names: list[str], file: Path) -> None:
    """Check that all files name the same slots, gateways and sites in the same order."""
    known = labels.setdefault(dim, names)
    if known == names:
        return
    if len(known) != len(names):
        raise InputError(f"{file}: {len(names)} {dim}s; another file has {len(known)}")
    at = next(i for i, (a, b) in enumerate(zip(known, names, strict=True)) if a != b)
    raise InputError(f"{file}: {dim} {at} is {names[at]!r}; another file has {known[at]!r}")
