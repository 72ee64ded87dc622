"""Files as they are downloaded, written after the public descriptions of their formats."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

EM_HEADER = (
    "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),"
    "Carbon intensity gCO₂eq/kWh (Life cycle),Carbon-free energy percentage (CFE%),"
    "Renewable energy percentage (RE%),Data source,Data estimated,Data estimation method"
)


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def hours(count: int, start: str = "2024-01-01", minutes: int = 60) -> list[datetime]:
    first = datetime.fromisoformat(start)
    return [first + timedelta(minutes=minutes * n) for n in range(count)]


def electricity_maps(path: Path, count: int = 24, zones: tuple[str, ...] = ("DE", "FR")) -> Path:
    """Zones one after the other, in g/kWh."""
    rows = [
        f"{time:%Y-%m-%d %H:%M:%S},Land,Land,{zone},{300 - 200 * n + time.hour},"
        f"{350 - 200 * n + time.hour},40,30,grid.example,false,"
        for n, zone in enumerate(zones)
        for time in hours(count)
    ]
    return write(path, EM_HEADER, *rows)


def entsoe_client(path: Path, count: int = 24) -> Path:
    """The `to_csv` of frames of entsoe-py side by side: local time with its offset, EUR/MWh."""
    rows = [
        f"{time + timedelta(hours=1):%Y-%m-%d %H:%M:%S}+01:00,{60 + time.hour},{40 - time.hour}"
        for time in hours(count)
    ]
    return write(path, ",DE_LU,FR", *rows)


def entsoe_platform(path: Path, local: list[datetime], prices: list[object]) -> Path:
    """The platform's CSV of one zone, by the local clock."""
    rows = [
        f'"{time:%d.%m.%Y %H:%M} - {time + timedelta(hours=1):%d.%m.%Y %H:%M}","{price}","EUR",""'
        for time, price in zip(local, prices, strict=True)
    ]
    header = '"MTU (CET/CEST)","Day-ahead Price [EUR/MWh]","Currency","BZN|DE-LU"'
    return write(path, header, *rows)


def demand(path: Path, count: int = 96) -> Path:
    """Quarter hours of two gateways in MW, as a German spreadsheet exports them."""
    rows = [
        f"{time:%Y-%m-%d %H:%M}+00:00;{4 + n % 4},5;{2 + n % 2}"
        for n, time in enumerate(hours(count, minutes=15))
    ]
    return write(path, "time;Berlin [MW];Paris [MW]", *rows)


def sites(path: Path) -> Path:
    return write(
        path,
        "site,latitude,longitude,capacity [MW],price zone,carbon,water",
        "Frankfurt,50.1,8.7,6,DE_LU,DE,1.8",
        "Berlin,52.5,13.4,4,DE_LU,DE,1.5",
        "Paris,48.9,2.4,6,FR,FR,1.2",
    )


def fleet(folder: Path) -> dict[str, Path]:
    """The four files of a fleet of one's own."""
    return {
        "demand": demand(folder / "demand.csv"),
        "price": entsoe_client(folder / "entsoe.csv"),
        "carbon": electricity_maps(folder / "electricity-maps.csv"),
        "sites": sites(folder / "sites.csv"),
    }
