"""Reading what users hand in: arrays of any origin become checked, read-only NumPy arrays."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._devices import device_of
from .errors import InputError

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int32]
BoolArray: TypeAlias = NDArray[np.bool_]
AnyArray: TypeAlias = NDArray[Any]


class Frozen:
    """A base for objects whose attributes never change once they are built."""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable; {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable; {name} cannot be deleted")


@dataclass(frozen=True)
class Axis:
    """One axis of an array, to name a place on it: ``site 7 (Texas)``."""

    name: str
    size: int
    labels: Sequence[object] | AnyArray | None = None

    def at(self, index: int) -> str:
        """Name one position."""
        label = "" if self.labels is None else f" ({self.labels[index]})"
        return f"{self.name} {index}{label}"

    def some(self, indices: Sequence[int], most: int = 5) -> str:
        """Name several positions, the first few in full: ``sites 1, 4 and 7 more``."""
        if len(indices) == 1:
            return self.at(indices[0])
        shown = [self.at(index).removeprefix(f"{self.name} ") for index in indices[:most]]
        if len(indices) > most:
            return f"{self.name}s {', '.join(shown)} and {len(indices) - most} more"
        return f"{self.name}s {', '.join(shown[:-1])} and {shown[-1]}"


def spoken(value: float) -> str:
    """Write a number for an error message."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinity"
    return f"{value:.6g}"


def as_numpy(field: str, value: object) -> AnyArray:
    """Read arrays, sequences, pandas and xarray objects, and what speaks DLPack on any device."""
    device = device_of(field, value)
    with reading(field):
        if device is not None:
            return device.down(value)
        if isinstance(value, np.ma.MaskedArray):
            # A masked entry is a missing one; np.asarray would hand out what lies under the mask.
            masked: Any = value.astype(np.float64)
            return np.asarray(masked.filled(np.nan))
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return np.from_dlpack(value)
        return np.asarray(value)


@contextlib.contextmanager
def reading(field: str) -> Iterator[None]:
    """Say of which field it is that a library refuses to hand out an array."""
    try:
        yield
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{field} cannot be read as an array: {reason}") from error


def read_floats(field: str, value: object) -> FloatArray:
    """Read an array of numbers as read-only, C-ordered float64.

    An input that could still be written to, itself or by way of what it is a view of, is copied, so
    that later changes cannot undo the validation; a read-only one of the right type is used as it
    is.
    """
    array = as_numpy(field, value)
    if array.dtype.kind not in "biufO":
        raise InputError(f"{field} must hold real numbers, not {array.dtype}")
    try:
        floats = np.asarray(array, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise InputError(f"{field} must hold real numbers: {error}") from error
    return _owned(floats, array, value)


def read_ints(field: str, value: object) -> IntArray:
    """Read an array of whole numbers as read-only, C-ordered int32."""
    array = as_numpy(field, value)
    if array.dtype.kind not in "iu":
        floats = read_floats(field, array)
        if not np.array_equal(floats, np.trunc(floats)):
            raise InputError(f"{field} must hold whole numbers")
    limits = np.iinfo(np.int32)
    if array.size and not limits.min <= float(array.min()) <= float(array.max()) <= limits.max:
        raise InputError(f"{field} must hold whole numbers that fit 32 bits")
    return _owned(np.asarray(array, dtype=np.int32, order="C"), array, value)


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in memory that nobody can write to: setting its flag back is refused."""
    memory: Any = array
    while isinstance(memory, np.ndarray):
        memory = memory.base
    if type(memory) is bytes:
        return array
    return np.ndarray(array.shape, array.dtype, array.tobytes())


def _owned(array: NDArray[Any], read: AnyArray, value: object) -> NDArray[Any]:
    """Copy what somebody could still write to."""
    return array if array is read is value and _read_only(array) else frozen(array)


def _read_only(array: AnyArray) -> bool:
    """Say whether an array and all that it is a view of are read-only."""
    memory: Any = array
    while isinstance(memory, np.ndarray):
        if memory.flags.writeable:
            return False
        if memory.base is None:
            return True
        memory = memory.base
        if isinstance(memory, memoryview):
            memory = memory.obj
    try:
        return memoryview(memory).readonly
    except TypeError:  # of a library that does not say
        return False


def require(field: str, array: AnyArray, good: AnyArray, rule: str, *axes: Axis) -> None:
    """Raise an `InputError` that names the first entry which is not good."""
    if good.all():
        return
    index = np.unravel_index(int(np.argmin(good)), array.shape)
    where = ", ".join(axis.at(int(n)) for axis, n in zip(axes, index, strict=True))
    raise InputError(f"{field}[{where}] is {spoken(float(array[index]))}; {rule}")


def read_table(
    field: str, value: object, *axes: Axis, static: bool = False, scalar: bool = False
) -> FloatArray:
    """Read numbers over the axes; over all but the first where `static`; one number if `scalar`."""
    array = read_floats(field, value)
    if scalar and array.ndim == 0:
        return frozen(np.full([axis.size for axis in axes[1:]], float(array)))
    require_shape(field, array.shape, *axes, static=static, scalar=scalar)
    return array


def require_shape(
    field: str, shape: tuple[int, ...], *axes: Axis, static: bool = False, scalar: bool = False
) -> None:
    """Raise an `InputError` unless an array is over the axes, or all but the first if `static`."""
    full = tuple(axis.size for axis in axes)
    if shape == full or (static and shape == full[1:]):
        return
    expected = [_shape(axes)] + [_shape(axes[1:])] * static + ["a single number"] * scalar
    raise InputError(f"{field} has shape {shape}; expected {' or '.join(expected)}")


def _shape(axes: Sequence[Axis]) -> str:
    names = ", ".join(f"{axis.name}s" for axis in axes)
    sizes = ", ".join(str(axis.size) for axis in axes)
    comma = "," if len(axes) == 1 else ""
    return f"({names}{comma}) = ({sizes}{comma})"


def require_a(
    field: str, value: object, kind: Any, name: str = "", *, optional: bool = False
) -> None:
    """Raise an `InputError` unless a value is of a class, by the name that users know it by."""
    if not (isinstance(value, kind) or (optional and value is None)):
        rule = f"it must be a {name or kind.__name__}"
        raise InputError(f"{field} is a {type(value).__name__}; {rule}")


def require_function(field: str, value: object, name: str = "function") -> None:
    """Raise an `InputError` unless a value can be called or is None."""
    if not (value is None or callable(value)):
        raise InputError(f"{field} is a {type(value).__name__}; it must be a {name}")


def read_flag(field: str, value: object) -> bool:
    """Read True or False."""
    if value is not True and value is not False:
        require_a(field, value, np.bool_, "bool")
    return bool(value)


def read_mapping(field: str, value: Any) -> dict[str, Any]:
    """Read a mapping of names; None is an empty one."""
    require_a(field, value, Mapping, "mapping", optional=True)
    for name in value or ():
        require_a(f"a name in {field}", name, str)
    return {} if value is None else dict(value)


def read_number(
    field: str, value: object, rule: str, low: float = -math.inf, *, open_: bool = False
) -> float:
    """Read one finite number that is at least `low`, or above it when `open_`."""
    if isinstance(value, bool | np.bool_ | str | bytes):
        raise InputError(f"{field} is {value!r}; {rule}")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{field} is {' '.join(repr(value).split())}; {rule}") from None
    if not math.isfinite(number) or number < low or (open_ and number == low):
        raise InputError(f"{field} is {spoken(number)}; {rule}")
    return number


def read_in(field: str, value: object, allowed: _core.Range) -> float:
    """Read one finite number of a range that the core keeps."""
    number = read_number(field, value, allowed.rule)
    if not allowed.least <= number <= allowed.most:
        raise InputError(f"{field} is {spoken(number)}; {allowed.rule}")
    return number


def read_count_in(field: str, value: object, allowed: _core.Range) -> int:
    """Read one whole number of a range that the core keeps."""
    number = read_in(field, value, allowed)
    if number != int(number):
        raise InputError(f"{field} is {spoken(number)}; {allowed.rule}")
    return int(number)


def read_count(field: str, value: object, low: int = 1, high: int | None = None) -> int:
    """Read one whole number that is at least `low` and, where there is one, at most `high`."""
    rule = f"it must be a whole number of at least {low}"
    rule += "" if high is None else f" and at most {high}"
    number = read_number(field, value, rule, low)
    if number != int(number) or (high is not None and number > high):
        raise InputError(f"{field} is {spoken(number)}; {rule}")
    return int(number)


def same(one: object, other: object) -> bool:
    """Compare numbers, arrays, and mappings and tuples of them by value."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)  # type: ignore[arg-type]
    return bool(one == other)
