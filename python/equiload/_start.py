"""The first scenario: a folder of CSV files made of what was downloaded, and what is in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import equity as functions
from ._arrays import FloatArray
from .data import align, read, read_sites, save, world
from .equity import Equity
from .errors import InputError
from .labelled import write_table
from .problem import Problem

PLACES = "places.csv"  # where the sites are, beside a scenario or a plan

# The weights of arXiv 2307.05494, for those who did not choose: USD per t and per m3.
USUAL = {"carbon": functions.Max(1500.0), "water": functions.Max(60.0)}

README = """\
# A scenario of equiload

Edit these files with any text editor or spreadsheet, then

    equiload check {name}
    equiload solve {name} --out run
    equiload report run

| file | a row | a column | unit |
|---|---|---|---|
{files}
scenario.json says what there is: the footprints, what their inequity costs ("equity": the function
and its weight in USD per unit of burden), the files and the dimensions of each table.

The first column of a file names its rows; slots are UTC. Every file must name the same slots,
gateways and sites, in the same order. Capacities may be "inf". Prices may be negative; demand,
capacities and footprints may not. `check` says what is wrong, with file, line and column.

Units are MWh, USD, t and m3: kWh/1000 = MWh, g/kWh/1000 = t/MWh, l/kWh = m3/MWh, cent/kWh*10 =
USD/MWh.
"""

_FILES = {
    "demand.csv": ("slot", "gateway", "MWh of work released in the slot"),
    "price.csv": ("slot", "site", "USD/MWh"),
    "capacity.csv": ("slot", "site", "MWh that the site serves at most in the slot"),
    "sites.csv": ("site", "quantity", "capacity in MWh per slot, regions of footprints"),
    "places.csv": ("site", "position", "degrees; for the map of a report, may be left out"),
    "arcs.csv": (
        "arc",
        "quantity",
        "gateway and site counted from 0, delay in slots, MWh/MWh, USD",
    ),
}


def start(
    folder: Path,
    tables: Mapping[str, Path],
    *,
    sites: Path | None = None,
    gateways: Path | None = None,
    equity: Sequence[str] = (),
    units: Sequence[str] = (),
    rates: Sequence[str] = (),
    capacity: float | None = None,
    nearest: int | None = None,
    cost_per_km: float = 0.0,
    step: str | None = None,
    timezone: str | None = None,
    fill: int = 0,
) -> Problem:
    """Make a scenario folder of tables, or of a small built-in world where there are none.

    Parameters
    ----------
    folder : path
        Must not hold a scenario yet.
    tables : mapping of str to path
        "demand", "price" and the footprints.
    sites, gateways, capacity, nearest, cost_per_km, step, timezone, fill
        As for `align`.
    equity : sequence of str
        Such as "carbon=max:1500".
    units, rates : sequence of str
        Such as "demand=MW" and "EUR=1.08".

    Returns
    -------
    Problem
        What was written.

    Raises
    ------
    InputError
        If the folder holds a scenario, an option cannot be read, or `align` finds the tables wrong.
    """
    if (folder / "scenario.json").exists():
        raise InputError(f"{folder}: there is a scenario already; choose another folder")
    places = None if sites is None else read_sites(sites)
    if not tables:
        problem = world(sites=3, gateways=2, slots=24)
    else:
        for name in ("demand", "price"):
            if name not in tables:
                raise InputError(f"--{name} is missing: a scenario needs demand and prices")
        stated = dict(_pair("unit", text) for text in units)
        footprints = [name for name in tables if name not in ("demand", "price")]
        terms = dict(_term(text) for text in equity)
        usual = {name: USUAL[name] for name in footprints if name in USUAL}
        read_all = {
            name: read(path, name, stated.get(name), timezone, fill)
            for name, path in tables.items()
        }
        problem = align(
            read_all["demand"],
            read_all["price"],
            {name: read_all[name] for name in footprints},
            sites=places,
            gateways=gateways,
            capacity=capacity,
            equity=usual | terms,
            nearest=nearest,
            cost_per_km=cost_per_km,
            step=step,
            rates={name: _number("rate", text) for name, text in map(_rate, rates)},
        )
    save(problem, folder)
    if places is not None and places.latitude is not None and places.longitude is not None:
        write_places(folder / PLACES, places.names, places.latitude, places.longitude)
    (folder / "README.md").write_text(_readme(folder, problem), encoding="utf-8")
    return problem


def write_places(
    path: Path, names: Sequence[str], latitude: FloatArray, longitude: FloatArray
) -> None:
    """Write where the sites are."""
    columns = zip(names, latitude.tolist(), longitude.tolist(), strict=True)
    write_table(path, ["site", "latitude", "longitude"], [list(row) for row in columns])


def _readme(folder: Path, problem: Problem) -> str:
    there = sorted(path.name for path in folder.glob("*.csv"))
    rows = []
    for file in there:
        row, column, unit = _FILES.get(file, ("slot", "site", "burden per MWh"))
        if file.startswith("footprint_"):
            name = file.removeprefix("footprint_").removesuffix(".csv")
            unit = {"carbon": "t/MWh", "water": "m3/MWh"}.get(name, f"{name} per MWh")
        elif file.startswith("regions_"):
            row, column, unit = "region", "quantity", "burden carried already, and its weight"
        rows.append(f"| {file} | {row} | {column} | {unit} |")
    return README.format(name=folder, files="\n".join(rows) + "\n")


def _pair(what: str, text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise InputError(f"--{what} {text!r} must be NAME=VALUE")
    return name.strip(), value.strip()


def _rate(text: str) -> tuple[str, str]:
    return _pair("rate", text)


def _number(what: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--{what}: {text!r} is no number") from None


def _term(text: str) -> tuple[str, Equity]:
    """Read a term such as carbon=max:1500, water=norm:60:4 or carbon=budget:100."""
    name, value = _pair("equity", text)
    kind, *numbers = value.split(":")
    known = {"max": "Max", "sum": "Sum", "norm": "Norm", "topmean": "TopMean", "budget": "Budget"}
    function = known.get(re.sub(r"[-_ ]", "", kind).casefold())
    if function is None:
        raise InputError(f"--equity {text!r}: {kind!r} is none of {', '.join(known)}")
    values = [_number("equity", number) for number in numbers]
    if function == "TopMean" and len(values) == 2:
        values[1] = int(values[1])
    try:
        made: Equity = getattr(functions, function)(*values)
    except TypeError:
        raise InputError(f"--equity {text!r}: such as carbon=max:1500, norm:60:4") from None
    return name, made
