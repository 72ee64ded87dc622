"""Files that are read in a bounded way, and replaced whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import InputError

# What an earlier save left complete in a folder and has not put in place: it goes before the rest.
_COMPLETE = ".equiload-saved"


# ---------------------------------------------------------------------------- reading


def read_path(value: object) -> Path:
    """Read a path that a user gives."""
    if not isinstance(value, str | os.PathLike):
        raise InputError(f"path is a {type(value).__name__}; it must be text or a Path")
    try:
        return Path(value)
    except TypeError as error:  # a path of bytes
        raise InputError(f"path: {error}") from None


def read_archive_path(value: object) -> Path:
    """Read the path of a file that holds a problem and what became of it."""
    path = read_path(value)
    if path.suffix not in (".npz", ".nc"):
        raise InputError(f"{path}: the name must end in .npz or .nc")
    return path


@contextlib.contextmanager
def speaking_of(path: Path) -> Iterator[None]:
    """Turn what the operating system says about a file into an `InputError` of one line."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file to read; pipes and devices, which may never end, are refused."""
    with speaking_of(path):
        try:
            # Without O_NONBLOCK, opening a pipe waits for somebody to write to it.
            file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        except ValueError as error:  # a name that no file can have
            raise InputError(f"{path!r}: {error}") from None
        with file:
            _require_regular(path, os.fstat(file.fileno()).st_mode)
            yield file


def _require_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        what = os.strerror(errno.EISDIR) if stat.S_ISDIR(mode) else "not a regular file"
        raise InputError(f"{path}: {what}")


def read_text(path: Path) -> str:
    """Read a file of text in UTF-8, with or without a byte order mark."""
    with opened(path) as file:
        content = file.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text in UTF-8: {error}") from None


def csv_rows(
    lines: Iterable[str], source: object, delimiter: str = ",", strict: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of CSV text, each with the number of its last line."""
    reader = csv.reader(lines, delimiter=delimiter, strict=strict)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise InputError(f"{source}, line {reader.line_num}: {error}") from None


def parse_json(text: str, source: object, unit: str = "line") -> Any:
    """Read JSON in which no key occurs twice; whole numbers beyond 64 bits become floats."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=_number)
    except json.JSONDecodeError as error:
        raise InputError(f"{source}, {unit} {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f'"{next(n for n in names if names.count(n) > 1)}" occurs twice')
    return made


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < 19 else float(digits)


# ---------------------------------------------------------------------------- writing


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file that takes the place of `path` once it is complete and on the disk.

    Whatever ends the writing before (an error, a full disk, the end of the process or of the
    machine), `path` stays as it was.
    """
    path = Path(os.path.realpath(path))  # a link goes on to lead where it does
    beside = path.with_name(f".equiload-{secrets.token_hex(8)}.part")
    with speaking_of(path):
        if path.exists():
            _require_regular(path, path.stat().st_mode)
        try:
            with beside.open("xb") as file:
                yield file
                _sync(file)
            if path.exists():
                shutil.copymode(path, beside)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        _sync_folder(path.parent)


@contextlib.contextmanager
def replacing_in(
    folder: Path, last: str, obsolete: Callable[[Path], Iterable[str]]
) -> Iterator[Path]:
    """Give an empty folder for files that then take their places in `folder` all at once.

    The files are complete and on the disk when one rename makes them count; `current` finds them
    from then on, whether they have been moved yet or not.  Other files in `folder` stay.

    Parameters
    ----------
    folder : path
        Made if need be.
    last : str
        The file that is moved last.
    obsolete : callable
        Given the folder with the new files, names those of the old that go.
    """
    with speaking_of(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _settle(folder, last, obsolete)
        beside = folder / f".equiload-{secrets.token_hex(8)}.part"
        beside.mkdir()
        try:
            yield beside
            for file in beside.iterdir():
                with file.open("rb+") as written:
                    _sync(written)
            _sync_folder(beside)
            os.rename(beside, folder / _COMPLETE)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        _sync_folder(folder)
        _settle(folder, last, obsolete)


def current(folder: Path, name: str) -> Path:
    """Return where a file of a folder that `replacing_in` writes to is to be read."""
    complete = folder / _COMPLETE / name
    return complete if complete.exists() else folder / name


def _settle(folder: Path, last: str, obsolete: Callable[[Path], Iterable[str]]) -> None:
    """Put what an earlier save left complete in its place; may be broken off and done again."""
    complete = folder / _COMPLETE
    if not complete.is_dir():
        return
    if (complete / last).exists():
        for name in obsolete(complete):
            (folder / name).unlink(missing_ok=True)
        for file in sorted(complete.iterdir(), key=lambda file: (file.name == last, file.name)):
            os.replace(file, folder / file.name)
    _sync_folder(folder)
    complete.rmdir()


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk as well, where the system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
