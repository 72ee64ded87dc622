"""Keep a scenario: a folder of CSV files, or one NetCDF file."""

from __future__ import annotations

from pathlib import Path

from .._arrays import require_a
from ..problem import Problem
from .dataset import from_xarray, to_xarray
from .disk import read_path
from .folder import read_folder, write_folder
from .layout import unflat
from .netcdf import read_netcdf, write_netcdf

__all__ = ["from_xarray", "load", "save", "to_xarray"]


def save(problem: Problem, path: str | Path) -> None:
    """Write a scenario to a folder of CSV files, or to one file if the path ends in `.nc`.

    What was there before stays as it was until all of the new is complete and on the disk, and
    then goes all at once; a process that is killed in between may leave a hidden file or folder
    `.equiload-*.part` behind.

    Parameters
    ----------
    problem : Problem
        What to keep; `load` gives back an equal one.
    path : path
        A folder (made if need be; the tables of a scenario in it are replaced, other files stay) or
        a NetCDF file.

    Raises
    ------
    InputError
        The path cannot be written, or a NetCDF file is asked for and xarray is missing.
    """
    path = read_path(path)
    require_a("problem", problem, Problem)
    if path.suffix == ".nc":
        write_netcdf(to_xarray(problem), path)
    else:
        write_folder(problem, path)


def load(path: str | Path) -> Problem:
    """Read a scenario that `save` wrote, or one written by hand in the same layout.

    Parameters
    ----------
    path : path
        A folder with a `scenario.json`, or a NetCDF file whose name ends in `.nc`.

    Returns
    -------
    Problem
        Equal to the one that was saved.

    Raises
    ------
    InputError
        Something is missing or cannot be read, or nobody knows it (an entry of the header, a table
        that is not listed); the message names the file, the line and the column. Also whatever
        `Problem` finds wrong with the data.

    Notes
    -----
    The file may come from anybody: reading it takes time and memory in proportion to its size and
    touches no other file. NetCDF files are read in a process of their own.
    """
    path = read_path(path)
    if path.suffix != ".nc":
        return read_folder(path)
    problem, _ = unflat(read_netcdf(path), path)
    return problem
