"""The ten-data-centre trace of the equity-aware load balancing study (arXiv 2307.05494)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..equity import Max
from ..errors import InputError
from ..network import Network
from ..problem import Problem
from .disk import csv_rows, read_path, read_text

Floats = NDArray[np.float64]

# The study's order; the spelling is that of the file names.
SITES = (
    "Texas",
    "Virginia",
    "Georgia",
    "Nevada",
    "Germany",
    "Belguim",
    "Netherlands",
    "Denmark",
    "Japan",
    "Singapore",
)
PEAK_POWER = 2708.0  # W of the traced partition at its peak; that much is 1 MW here
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d(:\d\d(:\d\d)?)?")
SITE_CAPACITY = 1.0  # MWh per hourly slot
WATER_WEIGHT = 60.0  # USD/m3
CARBON_WEIGHT = 1500.0  # USD/t

# Who may serve whom in the study's partial connectivity, each pair both ways: everybody inside a
# continent; Virginia and Georgia also Europe; Nevada also Asia.
_CONTINENTS = (SITES[0:4], SITES[4:8], SITES[8:10])
_BRIDGES = ((("Virginia", "Georgia"), SITES[4:8]), (("Nevada",), SITES[8:10]))


def read_eglb(path: str | Path, connectivity: Literal["full", "partial"] = "full") -> Problem:
    """Read the public trace of ten data centres, 457 hourly slots, with the study's set-up.

    Ten gateways, each beside one site, bring the same demand of at most 1 MWh a slot; every site
    serves at most 1 MWh a slot, so that the peak slot fills every site. Weights are 1500 USD per t
    of the largest site total of carbon and 60 USD per m3 of that of water.

    Parameters
    ----------
    path : path
        Folder that holds `AI_workload.csv`, `price/`, `carbon/` and `water/`, as in the repository
        Ren-Research/Environmentally-Equitable-AI (folder `data`).
    connectivity : {"full", "partial"}
        "full": every gateway may use every site. "partial": the mask of that repository's notes,
        where a gateway uses the sites of its own continent (United States, Europe, Asia), and
        Virginia and Georgia are also linked with Europe and Nevada with Asia, both ways.

    Returns
    -------
    Problem
        Demand (457, 10) in MWh, price in USD/MWh, carbon in t/MWh, water in m3/MWh; sites and
        gateways carry the names of the study, slots their UTC hour.

    Raises
    ------
    InputError
        A file is missing or broken (named, with its line), or `connectivity` is unknown.
    """
    folder = read_path(path)
    network = _network(connectivity)
    times, power = _read(folder / "AI_workload.csv", "Power (Watt)")
    price, carbon, water = (
        _read_sites(folder, kind, suffix, column, len(times))
        for kind, suffix, column in (
            ("price", "Price", "Price (USD/MWh)"),
            ("carbon", "carbon", "Carbon (kg/kWh)"),
            ("water", "water", "WUE (L/kWh)"),
        )
    )
    return Problem(
        demand=np.repeat(power[:, None] / PEAK_POWER, len(SITES), axis=1),
        capacity=np.full(len(SITES), SITE_CAPACITY),
        price=price,
        footprints={"carbon": carbon, "water": water},
        equity={"carbon": Max(CARBON_WEIGHT), "water": Max(WATER_WEIGHT)},
        network=network,
        site_names=SITES,
        gateway_names=SITES,
        slot_times=times,
    )


def _network(connectivity: str) -> Network:
    if not isinstance(connectivity, str):
        connectivity = type(connectivity).__name__
    if connectivity == "full":
        return Network.complete(gateways=len(SITES), sites=len(SITES))
    if connectivity == "partial":
        return Network.from_mask(_partial_mask())
    raise InputError(f'connectivity is {connectivity!r}; it must be "full" or "partial"')


def _partial_mask() -> NDArray[np.bool_]:
    """Links (gateway, site) of the partial connectivity, symmetric."""
    mask = np.zeros((len(SITES), len(SITES)), dtype=bool)
    for left, right in (*((c, c) for c in _CONTINENTS), *_BRIDGES):
        rows, columns = ([SITES.index(name) for name in group] for group in (left, right))
        mask[np.ix_(rows, columns)] = True
    result: NDArray[np.bool_] = mask | mask.T
    return result


def _read_sites(folder: Path, kind: str, suffix: str, column: str, slots: int) -> Floats:
    """One series per site, (slots, 10); longer files are cut, as the study does."""
    series = []
    for site in SITES:
        file = folder / kind / f"{site}_{suffix}.csv"
        _, values = _read(file, column)
        if len(values) < slots:
            raise InputError(f"{file}: {len(values)} rows; AI_workload.csv has {slots}")
        series.append(values[:slots])
    return np.stack(series, axis=1)


def _read(file: Path, column: str) -> tuple[NDArray[np.datetime64], Floats]:
    """Read the times and one named column of a CSV file."""
    rows = csv_rows(read_text(file).splitlines(), file)
    header = [name.strip() for name in next(rows, (1, []))[1]]  # one header starts with a blank
    missing = [name for name in ("Time (UTC)", column) if name not in header]
    if missing:
        raise InputError(f'{file}: no column "{missing[0]}"')
    time_at, value_at = header.index("Time (UTC)"), header.index(column)
    times, values = [], []
    for line, row in rows:
        try:
            times.append(_hour(row[time_at]))
            values.append(float(row[value_at]))
        except (ValueError, IndexError):
            raise InputError(f"{file}, line {line}: no time and number in {row}") from None
    return np.array(times, dtype="datetime64[h]"), np.array(values)


def _hour(text: str) -> np.datetime64:
    """Read a time without a zone; NumPy would take one and warn."""
    if not _TIME.fullmatch(text.strip()):
        raise ValueError(text)
    return np.datetime64(text.strip().replace(" ", "T"), "h")
