"""Arrays on devices, and the libraries that they belong to.

On CUDA devices CuPy and PyTorch make, check and add up arrays where they lie, and CuPy does so for
JAX and for whatever else speaks DLPack or the CUDA array interface (Numba, cuDF).  Answers are
arrays of the library that the data came from, and CuPy's for those that are only read.
"""

from __future__ import annotations

import abc
import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError

# DLPack's numbers for memory that the CPU reads in place (its own, and pinned for CUDA or ROCm)
# and for that of CUDA devices (their own, and managed).
_HOST = (1, 3, 11)
_CUDA = (2, 13)


class Device(abc.ABC):
    """A device, and the library whose arrays lie on it; equal if both are."""

    index: int  # among the CUDA devices

    @property
    @abc.abstractmethod
    def worker(self) -> Worker | None:
        """What works where the arrays lie; None where only copies of them can be used."""

    @abc.abstractmethod
    def down(self, array: Any) -> NDArray[Any]:
        """Copy an array of the device to the host."""

    @abc.abstractmethod
    def up(self, array: NDArray[Any]) -> Any:
        """Copy a NumPy array to the device."""

    def adopt(self, array: Any) -> Any:
        """Make an array of the worker, which nobody writes to any more, one of this library."""
        return array


class Worker(Device):
    """A library that works in a CUDA device's memory: it makes, checks and adds up arrays there.

    What it does is queued in the stream that the library works in now.
    """

    @abc.abstractmethod
    def stream(self) -> int:
        """Return the CUDA stream that the library works in now."""

    @abc.abstractmethod
    def own(self, array: Any) -> Any:
        """Return an array as C-ordered float64 that nobody else writes to; None if it cannot be.

        It is copied within the device, unless it is such an array already and immutable.
        """

    @abc.abstractmethod
    def zeros(self, shape: tuple[int, ...]) -> Any:
        """Make a C-ordered float64 array."""

    @abc.abstractmethod
    def address(self, array: Any) -> int:
        """Return where a C-ordered array begins."""

    @abc.abstractmethod
    def all(self, good: Callable[[Any, Any], Any], array: Any) -> bool:
        """Say whether all of ``good(array, library)`` holds; one truth value comes down."""

    @abc.abstractmethod
    def products(self, one: Any, other: Any) -> NDArray[np.float64]:
        """Sum the products of two tables over their rows; the sums come down."""


@dataclass(frozen=True)
class _CuPy(Worker):
    index: int

    @property
    def worker(self) -> Worker:
        return self

    def down(self, array: Any) -> NDArray[Any]:
        with self._library() as cupy:
            here: NDArray[Any] = _view(cupy, array).get()
        return here

    def up(self, array: NDArray[Any]) -> Any:
        with self._library() as cupy:
            there = cupy.asarray(array)
            cupy.cuda.get_current_stream().synchronize()  # it may be used in another stream
        return there

    def stream(self) -> int:
        with self._library() as cupy:
            return int(cupy.cuda.get_current_stream().ptr)

    def own(self, array: Any) -> Any:
        with self._library() as cupy:
            view = _view(cupy, array)
            if view.dtype.kind not in "biuf":
                return None
            return view.astype(np.float64, order="C", copy=not _immutable(array))

    def zeros(self, shape: tuple[int, ...]) -> Any:
        with self._library() as cupy:
            return cupy.zeros(shape)

    def address(self, array: Any) -> int:
        return int(array.data.ptr)

    def all(self, good: Callable[[Any, Any], Any], array: Any) -> bool:
        with self._library() as cupy:
            return bool(good(array, cupy).all())

    def products(self, one: Any, other: Any) -> NDArray[np.float64]:
        with self._library():
            return self.down((one * other).sum(axis=0))

    @contextlib.contextmanager
    def _library(self) -> Iterator[Any]:
        cupy = importlib.import_module("cupy")
        with cupy.cuda.Device(self.index):
            yield cupy

    def __str__(self) -> str:
        return f"cuda:{self.index} (CuPy)"


def _view(cupy: Any, array: Any) -> Any:
    """See an array of any library as one of CuPy's."""
    if hasattr(array, "__cuda_array_interface__") and not _of(array, "jax", "jaxlib"):
        return cupy.asarray(array)
    return cupy.from_dlpack(array)  # which waits for what JAX has queued


def _immutable(array: Any) -> bool:
    """Say whether nobody can write to an array, as far as it tells."""
    if _of(array, "jax", "jaxlib"):
        return True
    read_only: bool = getattr(array, "__cuda_array_interface__", {}).get("data", (0, False))[1]
    return read_only


def _of(array: object, *libraries: str) -> bool:
    return type(array).__module__.partition(".")[0] in libraries


@dataclass(frozen=True)
class _Torch(Worker):
    device: Any
    index: int
    cuda: bool

    @property
    def worker(self) -> Worker | None:
        return self if self.cuda else None

    def down(self, array: Any) -> NDArray[Any]:
        here: NDArray[Any] = array.cpu().numpy()
        return here

    def up(self, array: NDArray[Any]) -> Any:
        return _torch().tensor(array, device=self.device)

    def stream(self) -> int:
        return int(_torch().cuda.current_stream(self.device).cuda_stream)

    def own(self, array: Any) -> Any:
        if array.requires_grad or array.is_complex() or array.is_neg():
            return None
        torch = _torch()
        order = torch.contiguous_format
        return array.to(dtype=torch.float64, copy=True, memory_format=order)

    def zeros(self, shape: tuple[int, ...]) -> Any:
        torch = _torch()
        return torch.zeros(shape, dtype=torch.float64, device=self.device)

    def address(self, array: Any) -> int:
        return int(array.data_ptr())

    def all(self, good: Callable[[Any, Any], Any], array: Any) -> bool:
        return bool(good(array, _torch()).all())

    def products(self, one: Any, other: Any) -> NDArray[np.float64]:
        return self.down((one * other).sum(axis=0))

    def __str__(self) -> str:
        return f"{self.device} (PyTorch)"


def _torch() -> Any:
    return importlib.import_module("torch")


@dataclass(frozen=True)
class _Jax(Device):
    """JAX, whose arrays cannot be written to: on a CUDA device CuPy does, where it is installed."""

    device: Any
    index: int
    cuda: bool

    @property
    def worker(self) -> Worker | None:
        return _CuPy(self.index) if self.cuda and _installed("cupy") else None

    def down(self, array: Any) -> NDArray[Any]:
        return np.asarray(array)

    def up(self, array: NDArray[Any]) -> Any:
        return importlib.import_module("jax").device_put(array, self.device)

    def adopt(self, array: Any) -> Any:
        return importlib.import_module("jax.dlpack").from_dlpack(array)

    def __str__(self) -> str:
        return f"{self.device} (JAX)"


def give_back() -> bool:
    """Return the memory of devices that libraries keep without using it; False where none does."""
    kept = False
    for library in ("cupy", "torch"):
        module = sys.modules.get(library)  # whose arrays nobody has made keeps nothing
        if library == "cupy" and module is not None:
            module.get_default_memory_pool().free_all_blocks()
            kept = True
        if library == "torch" and module is not None and module.cuda.is_initialized():
            module.cuda.empty_cache()
            kept = True
    return kept


def _installed(library: str) -> bool:
    try:
        importlib.import_module(library)
    except ImportError:
        return False
    return True


def device_of(field: str, value: object) -> Device | None:
    """Return where an array lies; None for what the host reads itself."""
    if isinstance(value, np.ndarray):
        return None
    array: Any = value
    try:
        if hasattr(array, "__dlpack_device__"):
            kind, index = map(int, array.__dlpack_device__())
        elif hasattr(array, "__cuda_array_interface__"):
            kind, index = _CUDA[0], int(importlib.import_module("cupy").asarray(array).device.id)
        else:
            return None
        if kind in _HOST:
            return None
        if _of(array, "torch"):
            return _Torch(array.device, index, kind in _CUDA)
        if _of(array, "jax", "jaxlib"):
            return _Jax(array.device, index, kind in _CUDA)
        if kind in _CUDA:
            importlib.import_module("cupy")
            return _CuPy(index)
    except ImportError:
        raise InputError(
            f'{field} lies on a CUDA device, which takes CuPy to read: pip install "equiload[cuda]"'
        ) from None
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{field} cannot be read as an array: {reason}") from error
    where = f"a device that DLPack numbers {kind}"
    raise InputError(f"{field} lies on {where}; only the host's and CUDA's memory can be read")


def shared_device(devices: Mapping[str, Device | None]) -> Device | None:
    """Return the one device among those of several fields; None where all are on the host."""
    found = [(field, device) for field, device in devices.items() if device is not None]
    for field, device in found[1:]:
        first, expected = found[0]
        if device != expected:
            rule = "a problem's arrays must share one device and one library"
            raise InputError(f"{field} is on {device}, but {first} on {expected}; {rule}")
    return found[0][1] if found else None


def devices_of(given: Mapping[str, object]) -> dict[str, Device | None]:
    """Return where the arrays of several fields lie, those in mappings by footprint included."""
    return {field: device_of(field, value) for field, value in _arrays(given)}


def _arrays(given: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for field, value in given.items():
        if isinstance(value, Mapping):
            yield from ((f"{field}[{name!r}]", entry) for name, entry in value.items())
        else:
            yield field, value
