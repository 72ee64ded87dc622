"""Scenarios: made from a seed, read from the public trace, kept in files."""

from .eglb import read_eglb
from .files import from_xarray, load, save, to_xarray
from .world import world

__all__ = ["from_xarray", "load", "read_eglb", "save", "to_xarray", "world"]
