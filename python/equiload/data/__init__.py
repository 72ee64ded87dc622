"""Scenarios: made from a seed, read from public data, kept in files."""

from .eglb import read_eglb
from .files import from_xarray, load, save, to_xarray
from .frames import from_pandas
from .grids import read_electricity_maps, read_watttime
from .table import FootprintTable
from .world import world

__all__ = [
    "FootprintTable",
    "from_pandas",
    "from_xarray",
    "load",
    "read_eglb",
    "read_electricity_maps",
    "read_watttime",
    "save",
    "to_xarray",
    "world",
]
