"""NetCDF files, written in memory and read by a process of their own.

HDF5, which lies under NetCDF, is not made for files that somebody may have tampered with, nor for
disks that fill up: it loops for ever over some broken files, and may bring down the interpreter
after a write that failed.  So a file is made in memory first, and read by another process, which
gets so much time and memory for every byte of the file and hands over the arrays in an archive.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .archive import Archive
from .dataset import arrays_of, require_xarray
from .disk import opened, replacing, speaking_of

if TYPE_CHECKING:
    import xarray

_SECONDS, _SECONDS_PER_BYTE = 60, 1e-6
_BYTES, _BYTES_PER_BYTE = 4 << 30, 64  # compressed files grow; the first is mostly address space
_SAYS = "equiload cannot read it: "
_READER = """
import json, os, sys
archive = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # whatever an import prints
sys.path[:] = json.loads(sys.argv[1])
from equiload.data.netcdf import main
main(archive)
"""


def write_netcdf(ds: xarray.Dataset, path: Path) -> None:
    """Write a dataset to a file."""
    content = io.BytesIO()
    try:
        import h5netcdf

        with h5netcdf.File(content, "w") as file:
            ds.dump_to_store(require_xarray().backends.H5NetCDFStore(file))
    except ImportError:
        raise InputError(
            f'{path}: NetCDF files need the package h5netcdf: pip install "equiload[data]"'
        ) from None
    with replacing(path) as file:
        file.write(content.getbuffer())


def read_netcdf(path: Path) -> dict[str, NDArray[Any]]:
    """Read a file as `arrays_of` reads a dataset, in a process of its own."""
    require_xarray()
    with opened(path) as file, tempfile.TemporaryFile() as answer, speaking_of(path):
        size = os.fstat(file.fileno()).st_size
        seconds, room = int(_SECONDS + _SECONDS_PER_BYTE * size), _BYTES + _BYTES_PER_BYTE * size
        command = [sys.executable, "-I", "-c", _READER, json.dumps(sys.path), str(path)]
        try:
            done = subprocess.run(
                [*command, str(seconds), str(room)],
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=subprocess.PIPE,
                timeout=2 * seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InputError(f"{path}: reading it took more than {2 * seconds} s") from None
        if done.returncode != 0:
            lines = done.stderr.decode(errors="replace").splitlines()
            said = [line.removeprefix(_SAYS) for line in lines if line.startswith(_SAYS)]
            last = f": {lines[-1]}" if lines else ""
            reason = said[-1] if said else f"HDF5 failed on it (exit code {done.returncode}{last})"
            raise InputError(f"{path}: {reason}")
        answer.seek(0)
        archive = Archive(answer, path, "a dataset")
        return {name: archive[name] for name in archive}


def main(archive: BinaryIO) -> None:
    """Read a file for `read_netcdf`: the body of its process."""
    path, seconds, room = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    try:
        convert(path, archive, seconds, room)
    except BaseException as error:
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        sys.exit(_SAYS + " ".join(text.split()))


def convert(path: Path, archive: BinaryIO, seconds: int, room: int) -> None:
    """Write the arrays of a file to an archive; more time or memory ends the process."""
    import resource

    room += _mapped()
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with require_xarray().open_dataset(path) as ds:
        np.savez(archive, **arrays_of(ds.load()))  # type: ignore[arg-type]


def _mapped() -> int:
    """Return the address space that the process has already: terabytes under a sanitizer."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[0]
    except OSError:  # of Linux alone
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
