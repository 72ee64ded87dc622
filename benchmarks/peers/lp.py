"""The instance as one linear program, min c z + offset with rows and columns in ranges.

Two forms of the same program, because solvers differ in which one they solve faster:

``arcs``   columns x[t, a] and one z per maximum; every x appears in the rows of its capacity and
           of its region's burden. Fewer rows and columns, dense burden rows.
``sites``  columns y[t, i] as well, tied by y = sum k x; capacity is a bound on y and burdens are
           sums over y. More rows, fewer entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .instance import Instance

FORMS = ("arcs", "sites")


@dataclass(frozen=True)
class LinearProgram:
    """Rows low <= A z <= high, columns between their bounds, and how to read the allocation."""

    cost: NDArray[np.float64]
    matrix: sparse.csc_array
    row_low: NDArray[np.float64]
    row_high: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    offset: float
    usable: NDArray[np.bool_]  # (T, A): the cells of the allocation; they are the first columns

    def allocation(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the allocation (T, A) of a solution."""
        x = np.zeros(self.usable.shape)
        x[self.usable] = z[: np.count_nonzero(self.usable)]
        return x


def build(instance: Instance, form: str) -> LinearProgram:
    """Build the program in one of `FORMS`."""
    slots, gateways = instance.demand.shape
    cells = slots * instance.sites
    t = np.arange(slots)[:, None]
    usable = t + instance.delay < slots
    demand_row = (t * gateways + instance.gateway)[usable]
    cell = ((t + instance.delay) * instance.sites + instance.site)[usable]
    energy = np.broadcast_to(instance.energy, usable.shape)[usable]
    arc_cost = np.broadcast_to(instance.cost, usable.shape)[usable]
    columns = cell.size

    # What a MWh at a cell costs (sums are prices) and what it adds to every maximum's rows.
    price = instance.price.ravel().copy()
    offset = 0.0
    burdens = []  # (first row, row of each cell, value of each cell)
    rows = 0
    peaks = []  # (rows, right-hand sides, weight) of every maximum
    for f in instance.footprints:
        scaled = (f.sensitivity[f.region] * f.values).ravel()
        if f.kind == "sum":
            price += f.weight * scaled
            offset += f.weight * float(f.sensitivity @ f.history)
            continue
        burdens.append((rows + np.tile(f.region, slots), scaled))
        peaks.append((rows + np.arange(f.history.size), -f.sensitivity * f.history, f.weight))
        rows += f.history.size

    def entries(row: NDArray, column: NDArray, value: NDArray, shape: tuple[int, int]):
        return sparse.coo_array((value, (row, column)), shape=shape)

    one = np.ones(columns)
    serve = entries(demand_row, np.arange(columns), one, (slots * gateways, columns))
    draw = entries(cell, np.arange(columns), energy, (cells, columns))
    every = np.arange(cells)
    burden = sparse.coo_array((rows, cells))
    for row, value in burdens:
        burden = burden + entries(row, every, value, (rows, cells))
    peak = sparse.coo_array((rows, len(peaks)))
    for r, (row, _, _) in enumerate(peaks):
        peak = peak - entries(row, np.full(row.size, r), np.ones(row.size), peak.shape)
    carried = np.concatenate([right for _, right, _ in peaks]) if peaks else np.empty(0)
    weight = np.array([mu for _, _, mu in peaks])

    demand = instance.demand.ravel()
    capacity = instance.capacity.ravel()
    free = np.full(rows, -np.inf)
    if form == "sites":
        matrix = [[serve, None, None], [draw, -sparse.eye_array(cells), None], [None, burden, peak]]
        blocks = [arc_cost, price, weight]
        low = [demand, np.zeros(cells), free]
        high = [demand, np.zeros(cells), carried]
        upper = [np.full(columns, np.inf), capacity, np.full(weight.size, np.inf)]
    else:
        bounded = np.isfinite(capacity)
        matrix = [[serve, None], [draw.tocsr()[bounded], None], [burden @ draw, peak]]
        blocks = [arc_cost + energy * price[cell], weight]
        low = [demand, np.full(np.count_nonzero(bounded), -np.inf), free]
        high = [demand, capacity[bounded], carried]
        upper = [np.full(columns + weight.size, np.inf)]
    if not rows:  # no maximum: no such rows, no such columns
        matrix = [line[:-1] for line in matrix[:-1]]
    cost = np.concatenate(blocks)
    return LinearProgram(
        cost=cost,
        matrix=sparse.csc_array(sparse.block_array(matrix, format="csc")),
        row_low=np.concatenate(low),
        row_high=np.concatenate(high),
        low=np.zeros(cost.size),  # a maximum of burdens is never negative either
        high=np.concatenate(upper),
        offset=offset,
        usable=usable,
    )
