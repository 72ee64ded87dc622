"""The instance as one linear program, min c z + offset with rows and columns in ranges.

Two forms of the same program, because solvers differ in which one they solve faster:

``arcs``   columns x[t, a] and those of the terms; every x appears in the rows of its capacity and
           of its region's burden. Fewer rows and columns, dense burden rows.
``sites``  columns y[t, i] as well, tied by y = sum k x; capacity is a bound on y and burdens are
           sums over y. More rows, fewer entries.

A term has a row per region, of its burden: below a column z for the maximum; below z and an excess
of its own for the mean of the k largest, min over z of z + sum max(0, burden - z) / k; below its
limit for a budget.
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

    # What a MWh at a cell costs (sums are prices), and the rows and columns of every other term.
    price = instance.price.ravel().copy()
    offset = 0.0
    burdens = []  # (row of each cell, value of each cell)
    ends = []  # right-hand sides
    above = []  # (rows, cost) of every column that lies above the burdens
    rows = 0
    for f in instance.footprints:
        scale = np.ones(f.history.size) if f.kind == "budget" else f.sensitivity
        scaled = (scale[f.region] * f.values).ravel()
        if f.kind == "sum":
            price += f.weight * scaled
            offset += f.weight * float(f.sensitivity @ f.history)
            continue
        own = rows + np.arange(f.history.size)
        rows += f.history.size
        burdens.append((own[np.tile(f.region, slots)], scaled))
        ends.append((f.limit if f.kind == "budget" else 0.0) - scale * f.history)
        if f.kind != "budget":
            above.append((own, f.weight))
        if f.kind == "topmean":
            above += [(row, f.weight / min(f.count, own.size)) for row in own[:, None]]

    def entries(row: NDArray, column: NDArray, value: NDArray, shape: tuple[int, int]):
        return sparse.coo_array((value, (row, column)), shape=shape)

    one = np.ones(columns)
    serve = entries(demand_row, np.arange(columns), one, (slots * gateways, columns))
    draw = entries(cell, np.arange(columns), energy, (cells, columns))
    every = np.arange(cells)
    burden = sparse.coo_array((rows, cells))
    for row, value in burdens:
        burden = burden + entries(row, every, value, (rows, cells))
    peak = sparse.coo_array((rows, len(above)))
    for r, (row, _) in enumerate(above):
        peak = peak - entries(row, np.full(row.size, r), np.ones(row.size), peak.shape)
    room = np.concatenate(ends) if ends else np.empty(0)
    weight = np.array([cost for _, cost in above])

    demand = instance.demand.ravel()
    capacity = instance.capacity.ravel()
    free = np.full(rows, -np.inf)
    if form == "sites":
        matrix = [[serve, None, None], [draw, -sparse.eye_array(cells), None], [None, burden, peak]]
        blocks = [arc_cost, price, weight]
        low = [demand, np.zeros(cells), free]
        high = [demand, np.zeros(cells), room]
        upper = [np.full(columns, np.inf), capacity, np.full(weight.size, np.inf)]
    else:
        bounded = np.isfinite(capacity)
        matrix = [[serve, None], [draw.tocsr()[bounded], None], [burden @ draw, peak]]
        blocks = [arc_cost + energy * price[cell], weight]
        low = [demand, np.full(np.count_nonzero(bounded), -np.inf), free]
        high = [demand, capacity[bounded], room]
        upper = [np.full(columns + weight.size, np.inf)]
    if not above:  # sums and budgets need no columns
        matrix = [line[:-1] for line in matrix]
    if not rows:
        matrix = matrix[:-1]
    cost = np.concatenate(blocks)
    return LinearProgram(
        cost=cost,
        matrix=sparse.csc_array(sparse.block_array(matrix, format="csc")),
        row_low=np.concatenate(low),
        row_high=np.concatenate(high),
        low=np.zeros(cost.size),  # burdens are never negative, nor need columns above them be
        high=np.concatenate(upper),
        offset=offset,
        usable=usable,
    )
