"""NumPy archives read one array at a time, with no more memory than the file is long."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..errors import InputError
from .disk import opened, replacing

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def write_archive(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name, uncompressed."""
    with replacing(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


@contextlib.contextmanager
def reading_archive(path: Path, what: str) -> Iterator[Archive]:
    """Open an archive as a mapping; an array is read when it is asked for."""
    with opened(path) as file:
        yield Archive(file, path, what)


class Archive(Mapping[str, NDArray[Any]]):
    """The arrays of an archive by name.

    Only what `np.savez` writes is read: members that are as long as they are in the file.
    """

    def __init__(self, file: BinaryIO, source: object, what: str) -> None:
        self._source, self._what = source, what
        try:
            self._zip = zipfile.ZipFile(file)
        except Exception as error:  # a broken file may raise anything in a library that parses it
            raise self._broken(error) from None
        members = self._zip.infolist()
        self._members = {member.filename.removesuffix(".npy"): member for member in members}
        if len(self._members) < len(members):
            raise InputError(f"{source}: an array is there twice")
        stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
        length = os.fstat(file.fileno()).st_size
        if not stored or sum(member.file_size for member in members) > length:
            raise InputError(
                f"{source}: compressed; only archives as np.savez writes them are read"
            )

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Read an array."""
        member = self._members[name]
        try:
            with self._zip.open(member) as stream:
                shape, _, dtype = _HEADERS[npy.read_magic(stream)](stream)
                size = member.file_size - stream.tell()
            count = 1
            for length in shape:
                count *= length
            if dtype.hasobject or count * dtype.itemsize != size:
                raise ValueError(f"{shape} of {dtype} in {size} bytes")
            with self._zip.open(member) as stream:
                return npy.read_array(stream, allow_pickle=False)
        except Exception as error:  # as above
            raise self._broken(error, name) from None

    def __contains__(self, name: object) -> bool:
        """Say whether there is an array, without reading it."""
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._members)

    def __len__(self) -> int:
        """Return the number of arrays."""
        return len(self._members)

    def _broken(self, error: Exception, name: str | None = None) -> InputError:
        what = f"not {self._what}" if name is None else f'"{name}" cannot be read'
        reason = " ".join(str(error).split()) or type(error).__name__
        return InputError(f"{self._source}: {what}: {reason}")
