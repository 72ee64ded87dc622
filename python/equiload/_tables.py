"""The tables of a problem, on the host or on a device, and room for its answer on a device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from . import _core as core
from ._arrays import Axis, FloatArray, frozen, read_floats, reading, require, require_shape
from ._devices import Worker, device_of


class Table:
    """Numbers over slots and sites or gateways, which lie on the host, on a device, or on both.

    Nothing is copied over the bus before it is asked for where it is not, and then it is kept.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        here: FloatArray | None = None,
        there: Mapping[Worker, Any] | None = None,
    ) -> None:
        self.shape = shape
        self._here = here
        self._there = dict(there or {})  # (slots, ...), or one row for every slot

    @property
    def host(self) -> FloatArray:
        """The table as a read-only NumPy array."""
        if self._here is None:
            worker, rows = next(iter(self._there.items()))
            values = worker.down(rows)
            if values.size == math.prod(self.shape):
                self._here = frozen(values.reshape(self.shape))
            else:
                self._here = frozen(np.tile(values, (self.shape[0], 1)))
        return self._here

    def there(self, worker: Worker) -> Any:
        """Return the table in the memory of a device, with two axes."""
        if worker not in self._there:
            self._there[worker] = worker.up(np.atleast_2d(self.host))
        return self._there[worker]

    def all(self, good: Callable[[Any, Any], Any]) -> bool:
        """Say whether all of ``good(values, library)`` holds, wherever the values lie."""
        for worker, rows in self._there.items():
            return worker.all(good, rows)
        return bool(good(self.host, np).all())

    def over_slots(self, slots: int) -> Table:
        """Return a table in which one row stands for every slot."""
        full = (slots, *self.shape)
        here = None if self._here is None else frozen(np.tile(self._here, (slots, 1)))
        return Table(full, here, self._there if here is None else None)

    def core(self, worker: Worker | None) -> FloatArray | core.DeviceArray:
        """Return the table as the core takes it: from the host, or from a device's memory."""
        return np.atleast_2d(self.host) if worker is None else lent(worker, self.there(worker))


class Tables(Mapping[str, FloatArray]):
    """Tables by name, as read-only NumPy arrays."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self.tables = dict(tables)

    def __getitem__(self, name: str) -> FloatArray:
        """Return a table, which is copied to the host when it is first read."""
        return self.tables[name].host

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self.tables)

    def __len__(self) -> int:
        """Return the number of tables."""
        return len(self.tables)

    def __repr__(self) -> str:
        """Show all tables."""
        return repr(dict(self))


def read(field: str, value: object, worker: Worker | None) -> Table:
    """Read numbers where they lie, or on the host where the worker cannot read them."""
    if isinstance(value, Table):
        return value
    if worker is not None and device_of(field, value) is not None:
        with reading(field):
            there = worker.own(value)
        if there is not None:
            shape = tuple(map(int, there.shape))
            rows = there.reshape(1, -1) if len(shape) == 1 else there
            return Table(shape, there={worker: rows})
    array = read_floats(field, value)
    return Table(array.shape, array)


def fitted(
    field: str, table: Table, slot: Axis, other: Axis, *, static: bool = False, scalar: bool = False
) -> Table:
    """Check that a table is over the axes, or over the second only, or fill it with one number."""
    if scalar and not table.shape:
        return Table((other.size,), frozen(np.full(other.size, float(table.host))))
    require_shape(field, table.shape, slot, other, static=static, scalar=scalar)
    return table


def require_all(
    field: str, table: Table, good: Callable[[Any, Any], Any], rule: str, *axes: Axis
) -> None:
    """Raise an `InputError` that names the first entry where ``good(values, library)`` fails.

    A table on a device is judged there, and comes down only to be quoted.
    """
    if not table.all(good):
        require(field, table.host, good(table.host, np), rule, *axes[-len(table.shape) :])


def lent(worker: Worker, array: Any) -> core.DeviceArray:
    """Lend the core an array of a device's memory; it lives for as long as what is returned."""
    return core.DeviceArray(worker.address(array), tuple(array.shape), worker.index, array)


class Output:
    """Arrays of a device's memory that the core writes an answer to; zeros where it has none."""

    def __init__(self, worker: Worker, shapes: Mapping[str, tuple[int, int]]) -> None:
        self.arrays = {name: worker.zeros(shape) for name, shape in shapes.items()}
        self._worker = worker

    def core(self) -> core.DeviceOutput:
        """Lend the arrays to the core."""
        return core.DeviceOutput(
            **{name: lent(self._worker, array) for name, array in self.arrays.items()}
        )
