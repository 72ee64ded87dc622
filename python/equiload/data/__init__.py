"""Scenarios: made from a seed, read from public data, kept in files."""

from .align import SiteTable, align, read, read_sites
from .climate import Climate
from .eglb import read_eglb
from .files import from_xarray, load, save, to_xarray
from .frames import from_pandas
from .grids import (
    read_eia,
    read_electricity_maps,
    read_entsoe,
    read_gridstatus,
    read_table,
    read_watttime,
)
from .library import Instance, instance, instances
from .table import TimeTable
from .weather import read_weather, water_use, wet_bulb
from .world import world, world_positions

__all__ = [
    "Climate",
    "Instance",
    "SiteTable",
    "TimeTable",
    "align",
    "from_pandas",
    "from_xarray",
    "instance",
    "instances",
    "load",
    "read",
    "read_eglb",
    "read_eia",
    "read_electricity_maps",
    "read_entsoe",
    "read_gridstatus",
    "read_sites",
    "read_table",
    "read_watttime",
    "read_weather",
    "save",
    "to_xarray",
    "water_use",
    "wet_bulb",
    "world",
    "world_positions",
]
