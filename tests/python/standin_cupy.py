"""As much of CuPy as tests need, for builds whose CUDA device is a stand-in on the host.

Device memory is the host's there, so that an array's address is one that the core's kernels can
use.  As with CuPy, nothing becomes a NumPy array by itself: `ndarray.get` copies.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import numpy as np
from numpy import float32, float64, int32, int64  # noqa: F401

_CUDA = 2  # as DLPack numbers it


class ndarray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of the device, `_values` its memory."""

    __module__ = "cupy"

    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    shape = property(lambda self: self._values.shape)
    ndim = property(lambda self: self._values.ndim)
    size = property(lambda self: self._values.size)
    dtype = property(lambda self: self._values.dtype)
    strides = property(lambda self: self._values.strides)
    nbytes = property(lambda self: self._values.nbytes)
    flags = property(lambda self: self._values.flags)
    device = property(lambda self: cuda.Device(0))
    T = property(lambda self: ndarray(self._values.T))

    @property
    def data(self) -> SimpleNamespace:
        return SimpleNamespace(ptr=self._values.ctypes.data)

    @property
    def __cuda_array_interface__(self) -> dict[str, object]:
        interface = dict(self._values.__array_interface__)
        return interface | {"version": 3, "stream": 1}  # the legacy default stream

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CUDA, 0

    def __dlpack__(self, **options: object) -> object:
        capsule = self._values.__dlpack__()
        pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
        pointer_of.restype, pointer_of.argtypes = (
            ctypes.c_void_p,
            (ctypes.py_object, ctypes.c_char_p),
        )
        tensor = pointer_of(capsule, b"dltensor")
        kind = ctypes.c_int32.from_address(
            tensor + ctypes.sizeof(ctypes.c_void_p)
        )  # after its data
        kind.value = _CUDA
        return capsule

    def __array__(self, *options: object, **more: object) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, **more: object
    ) -> ndarray:
        if any(isinstance(value, np.ndarray) and value.ndim > 0 for value in inputs):
            raise TypeError("an array of the host among those of a device")
        if "out" in more:
            more["out"] = tuple(map(_memory, more["out"]))
        return ndarray(np.asarray(getattr(ufunc, method)(*map(_memory, inputs), **more)))

    def __getitem__(self, index: object) -> ndarray:
        return ndarray(np.asarray(self._values[_memory(index)]))

    def __setitem__(self, index: object, values: object) -> None:
        self._values[_memory(index)] = _memory(values)

    def __len__(self) -> int:
        return len(self._values)

    def __bool__(self) -> bool:
        return bool(self._values)

    def __int__(self) -> int:
        return int(self._values)

    def __float__(self) -> float:
        return float(self._values)

    def get(self) -> np.ndarray:
        return self._values.copy()

    def item(self) -> object:
        return self._values.item()

    def __getattr__(self, name: str) -> object:
        if name not in ("all", "any", "sum", "min", "max", "astype", "reshape", "ravel", "copy"):
            raise AttributeError(name)
        method = getattr(self._values, name)
        return lambda *values, **more: ndarray(np.asarray(method(*map(_memory, values), **more)))


def _memory(value: object) -> object:
    return value._values if isinstance(value, ndarray) else value


def asarray(values: object, dtype: object = None, order: str | None = None) -> ndarray:
    if isinstance(values, ndarray):
        converted = np.asarray(values._values, dtype, order)
        return values if converted is values._values else ndarray(converted)
    return ndarray(np.array(values, dtype, order=order or "C"))


def ascontiguousarray(values: object, dtype: object = None) -> ndarray:
    return asarray(values, dtype, "C")


def empty(shape: int | tuple[int, ...], dtype: object = float, order: str = "C") -> ndarray:
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    noise = np.full(count, 0xFF, np.uint8)  # NaN, and nothing that a test could take for a result
    return ndarray(noise.view(dtype).reshape(shape, order=order))


def zeros(shape: int | tuple[int, ...], dtype: object = float, order: str = "C") -> ndarray:
    return ndarray(np.zeros(shape, dtype, order))


def isfinite(array: ndarray) -> ndarray:
    return np.isfinite(array)


def from_dlpack(array: object) -> ndarray:
    if not isinstance(array, ndarray):
        raise BufferError("only arrays of the stand-in lie on its device")
    return array


class _Device:
    """The only device, current or not."""

    def __init__(self, index: int = 0) -> None:
        if index != 0:
            raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        self.id = index

    def __enter__(self) -> _Device:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Device)

    def __hash__(self) -> int:
        return self.id

    def use(self) -> None:
        pass

    def synchronize(self) -> None:
        pass


_DEFAULT_STREAM = SimpleNamespace(ptr=0, synchronize=lambda: None)
cuda = SimpleNamespace(Device=_Device, get_current_stream=lambda: _DEFAULT_STREAM)
