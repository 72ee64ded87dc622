"""Arrays on devices: data come down from where they lie, answers go back up to there.

CuPy, PyTorch and JAX arrays return as arrays of their own library.  What else speaks DLPack or the
CUDA array interface on a CUDA device (Numba, cuDF) is read by CuPy and returns as CuPy arrays.
"""

from __future__ import annotations

import abc
import importlib
from collections.abc import Iterator, Mapping
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

    @abc.abstractmethod
    def stream(self) -> int:
        """Return the CUDA stream that the library works in now; 0 where it tells none."""

    @abc.abstractmethod
    def down(self, array: Any) -> NDArray[Any]:
        """Copy an array of the device to the host."""

    @abc.abstractmethod
    def up(self, array: NDArray[Any]) -> Any:
        """Copy a NumPy array to the device."""


@dataclass(frozen=True)
class _CuPy(Device):
    index: int

    def down(self, array: Any) -> NDArray[Any]:
        cupy = importlib.import_module("cupy")
        with cupy.cuda.Device(self.index):
            foreign = not hasattr(array, "__cuda_array_interface__")
            there = cupy.from_dlpack(array) if foreign else cupy.asarray(array)
            here: NDArray[Any] = there.get()
        return here

    def up(self, array: NDArray[Any]) -> Any:
        cupy = importlib.import_module("cupy")
        with cupy.cuda.Device(self.index):
            return cupy.asarray(array)

    def stream(self) -> int:
        cupy = importlib.import_module("cupy")
        with cupy.cuda.Device(self.index):
            return int(cupy.cuda.get_current_stream().ptr)

    def __str__(self) -> str:
        return f"cuda:{self.index} (CuPy)"


@dataclass(frozen=True)
class _Torch(Device):
    device: Any
    index: int

    def down(self, array: Any) -> NDArray[Any]:
        here: NDArray[Any] = array.cpu().numpy()
        return here

    def up(self, array: NDArray[Any]) -> Any:
        return importlib.import_module("torch").tensor(array, device=self.device)

    def stream(self) -> int:
        return int(importlib.import_module("torch").cuda.current_stream(self.device).cuda_stream)

    def __str__(self) -> str:
        return f"{self.device} (PyTorch)"


@dataclass(frozen=True)
class _Jax(Device):
    device: Any
    index: int

    def down(self, array: Any) -> NDArray[Any]:
        return np.asarray(array)

    def up(self, array: NDArray[Any]) -> Any:
        return importlib.import_module("jax").device_put(array, self.device)

    def stream(self) -> int:
        return 0

    def __str__(self) -> str:
        return f"{self.device} (JAX)"


def device_of(field: str, value: object) -> Device | None:
    """Return where an array lies; None for what the host reads itself."""
    if isinstance(value, np.ndarray):
        return None
    array: Any = value
    library = type(array).__module__.partition(".")[0]
    try:
        if hasattr(array, "__dlpack_device__"):
            kind, index = map(int, array.__dlpack_device__())
        elif hasattr(array, "__cuda_array_interface__"):
            kind, index = _CUDA[0], int(importlib.import_module("cupy").asarray(array).device.id)
        else:
            return None
        if kind in _HOST:
            return None
        if library == "torch":
            return _Torch(array.device, index)
        if library in ("jax", "jaxlib"):
            return _Jax(array.device, index)
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
