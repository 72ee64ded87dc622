"""Fakes for tests without a GPU: libraries with arrays on devices, and a core that finds one.

The libraries have what the package uses of CuPy, PyTorch and JAX.  The memory of their devices is
the host's, out of NumPy's reach, and they write down every copy over the bus.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import numpy as np

from equiload import InputError, _core

LARGE = ("allocation", "shed", "site_load", "energy_prices", "capacity_prices")


class Log:
    """The copies over the bus: shapes of arrays that went down and up, and how many scalars did."""

    def __init__(self) -> None:
        self.scalars = 0
        self.down: list[tuple[int, ...]] = []
        self.up: list[tuple[int, ...]] = []

    def sizes(self) -> list[int]:
        """The sizes of the arrays that went down, in order of size."""
        return sorted(map(math.prod, self.down))


LOG = Log()


class DeviceArray:
    """What the fake libraries' arrays share."""

    def __init__(self, values: object, device: object, index: int) -> None:
        self._values, self.device, self._index = np.array(values), device, index

    @property
    def shape(self) -> tuple[int, ...]:
        return self._values.shape

    @property
    def dtype(self) -> np.dtype:
        return self._values.dtype

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self._index

    def __dlpack__(self, **options: object) -> object:
        raise BufferError("the memory of a device")

    def __array__(self, *options: object, **more: object) -> np.ndarray:
        raise TypeError("implicit conversion to a host array")

    def __bool__(self) -> bool:
        assert self.shape == (), "the truth of an array"
        LOG.scalars += 1
        return bool(self._values)

    def __ge__(self, other: float) -> DeviceArray:
        return self._like(self._values >= other)

    def __eq__(self, other: object) -> DeviceArray:
        return self._like(self._values == other)

    __hash__ = None

    def __and__(self, other: DeviceArray) -> DeviceArray:
        return self._like(self._values & other._values)

    def __mul__(self, other: DeviceArray) -> DeviceArray:
        return self._like(self._values * other._values)

    def __getitem__(self, index: tuple[slice, list[int]]) -> DeviceArray:
        return self._like(self._values[index])

    def all(self) -> DeviceArray:
        return self._like(self._values.all())

    def sum(self, axis: int) -> DeviceArray:
        return self._like(self._values.sum(axis=axis))

    def reshape(self, *shape: int) -> DeviceArray:
        return self._like(self._values.reshape(shape))

    def _like(self, values: np.ndarray) -> DeviceArray:
        """An array of the same library on the same device, in the memory of `values`."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, _values=np.asarray(values))
        return made

    def _fetch(self) -> np.ndarray:
        LOG.down.append(self.shape)
        return self._values.copy()


def cupy_library() -> ModuleType:
    cupy = ModuleType("cupy")
    current = [0]

    class ndarray(DeviceArray):
        __module__ = "cupy"

        def __init__(self, values: object, index: int = 0) -> None:
            super().__init__(values, SimpleNamespace(id=index), index)

        @property
        def __cuda_array_interface__(self) -> dict[str, object]:
            return {"version": 3, "data": (self.data.ptr, False)}

        @property
        def data(self) -> SimpleNamespace:
            return SimpleNamespace(ptr=self._values.ctypes.data)

        def get(self) -> np.ndarray:
            assert current[-1] == self._index, "reads another device than the current one"
            return self._fetch()

        def astype(self, dtype: object, order: str, copy: bool) -> ndarray:
            return self._like(self._values.astype(dtype, order=order, copy=copy))

    @contextlib.contextmanager
    def device(index: int):
        current.append(index)
        yield
        current.pop()

    def view(array: DeviceArray) -> ndarray:
        made = ndarray(0, array._index)
        made._values = array._values
        return made

    def asarray(array: object) -> ndarray:
        if isinstance(array, DeviceArray):
            return view(array)
        LOG.up.append(np.asarray(array).shape)
        return ndarray(array, current[-1])

    cupy.ndarray, cupy.asarray, cupy.from_dlpack = ndarray, asarray, view
    cupy.zeros = lambda shape: ndarray(np.zeros(shape), current[-1])
    cupy.isfinite = lambda array: array._like(np.isfinite(array._values))
    stream = lambda: SimpleNamespace(ptr=70 + current[-1], synchronize=lambda: None)  # noqa: E731
    cupy.cuda = SimpleNamespace(Device=device, get_current_stream=stream)
    cupy.make = lambda values, index=0: ndarray(values, index)
    return cupy


def torch_library() -> ModuleType:
    torch = ModuleType("torch")
    torch.float64, torch.contiguous_format = np.dtype(np.float64), "C"

    class Tensor(DeviceArray):
        __module__ = "torch"
        requires_grad = False

        def is_complex(self) -> bool:
            return self.dtype.kind not in "biuf"

        def is_neg(self) -> bool:
            return False

        def to(self, dtype: np.dtype, copy: bool, memory_format: str) -> Tensor:
            assert copy and memory_format == "C"
            return self._like(self._values.astype(dtype, order="C"))

        def data_ptr(self) -> int:
            return self._values.ctypes.data

        def cpu(self) -> SimpleNamespace:
            return SimpleNamespace(numpy=self._fetch)

    def tensor(values: np.ndarray, device: str) -> Tensor:
        LOG.up.append(values.shape)
        return Tensor(values, device, int(device[-1]))

    def zeros(shape: tuple[int, ...], dtype: np.dtype, device: str) -> Tensor:
        return Tensor(np.zeros(shape, dtype), device, int(device[-1]))

    streams = {f"cuda:{k}": SimpleNamespace(cuda_stream=70 + k) for k in range(2)}
    torch.cuda = SimpleNamespace(current_stream=streams.__getitem__)
    torch.tensor, torch.zeros = tensor, zeros
    torch.isfinite = lambda array: array._like(np.isfinite(array._values))
    torch.make = lambda values, index=0: Tensor(values, f"cuda:{index}", index)
    return torch


def jax_library() -> ModuleType:
    jax = ModuleType("jax")

    class ArrayImpl(DeviceArray):
        __module__ = "jaxlib._jax"

        def __array__(self, *options: object, **more: object) -> np.ndarray:
            return self._fetch()

    def device_put(values: np.ndarray, device: str) -> ArrayImpl:
        LOG.up.append(values.shape)
        return ArrayImpl(values, device, int(device[-1]))

    def from_dlpack(array: DeviceArray) -> ArrayImpl:
        made = ArrayImpl(0, f"cuda:{array._index}", array._index)
        made._values = array._values
        return made

    jax.device_put, jax.dlpack = device_put, ModuleType("jax.dlpack")
    jax.dlpack.from_dlpack = from_dlpack
    jax.make = lambda values, index=0: ArrayImpl(values, f"cuda:{index}", index)
    return jax


class Foreign(DeviceArray):
    """A device array of a library that the package does not know; DLPack or CUDA's interface."""

    def __init__(self, values: object, speaks: str, read_only: bool = False) -> None:
        super().__init__(values, None, 0)
        if speaks == "cuda":
            self.__cuda_array_interface__ = {"version": 3, "data": (0, read_only)}


def memory(array: _core.DeviceArray) -> np.ndarray:
    """See the memory that a device array of the core points to."""
    count = math.prod(array.shape)
    return np.frombuffer((ctypes.c_double * count).from_address(array.pointer)).reshape(array.shape)


class Cuda:
    """A core that finds two CUDA devices: it solves on the host what the pointers point to.

    `solves` holds a record of every solve: its settings and, by name, where its answer went.
    """

    def __init__(self, patch: Callable[[object, str, object], None]) -> None:
        self.solves: list[SimpleNamespace] = []
        self._solve = _core.solve
        self._known: dict[int, tuple[object, Callable, dict[str, object]]] = {}  # by identity
        for kind in ("Problem", "Footprint", "DeviceOutput"):
            patch(_core, kind, self._recorded(getattr(_core, kind)))
        patch(_core, "solve", self.solve)
        patch(_core, "solve_batch", self.solve_batch)
        patch(_core.Settings, "validate", lambda settings: self.validate(settings))

    def validate(self, settings: _core.Settings) -> None:
        if settings.device not in ("auto", "cpu", "cuda", "cuda:0", "cuda:1"):
            raise InputError(f"device: there is no {settings.device} among 2 CUDA devices")
        if settings.method == "barrier" and settings.device.startswith("cuda"):
            raise InputError("method: barrier runs on the CPU")

    def arguments(self, made: object) -> dict[str, object]:
        """Return what an object of the core was made from."""
        return self._known[id(made)][2]

    def solve(
        self,
        problem: object,
        settings: _core.Settings,
        start: object = None,
        callback: object = None,
        output: object = None,
    ) -> object:
        room = None if output is None else self.arguments(output)
        self.solves.append(
            SimpleNamespace(device=settings.device, stream=settings.stream, output=room)
        )
        host = _core.Settings(tol=settings.tol, max_iterations=settings.max_iterations, threads=1)
        result = self._solve(self._on_host(problem), host, start, callback)
        if room is None:
            return result
        for name, to in room.items():
            memory(to)[:] = getattr(result, name)
        names = [name for name in dir(result) if not name.startswith("_")]
        rest = {name: getattr(result, name) for name in names}
        return SimpleNamespace(**rest | dict.fromkeys(LARGE))

    def solve_batch(
        self,
        problems: list[object],
        settings: _core.Settings,
        starts: list[object],
        outputs: list[object],
    ) -> list[object]:
        each = zip(problems, starts, outputs, strict=True)
        return [self.solve(p, settings, start, output=out) for p, start, out in each]

    def _recorded(self, kind: Callable) -> Callable:
        def make(**arguments: object) -> object:
            made = kind(**arguments)
            self._known[id(made)] = made, kind, arguments
            return made

        return make

    def _on_host(self, value: object) -> object:
        """Make an object of the core again, with what lies on a device read from there."""
        if isinstance(value, _core.DeviceArray):
            return memory(value)
        if isinstance(value, list):
            return [self._on_host(entry) for entry in value]
        if id(value) not in self._known:
            return value
        _, kind, arguments = self._known[id(value)]
        return kind(**{name: self._on_host(entry) for name, entry in arguments.items()})
