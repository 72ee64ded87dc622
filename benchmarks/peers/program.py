"""The instance as one program that general solvers take.

    min  c z + z' diag(Q) z / 2 + offset    over    rows and columns in ranges,
    with  |N z + n|_q <= z_t  for every norm.

Three forms of the same program, because solvers differ in which one they solve faster:

``arcs``   columns x[t, a] and those of the terms; every x appears in the rows of its capacity and
           of its region's burden. Fewer rows and columns, dense burden rows.
``sites``  columns y[t, i] as well, tied by y = sum k x; capacity is a bound on y and burdens are
           sums over y. More rows, fewer entries. Quadratic costs need it.
``queues`` as ``sites``, with backlogs instead of an arc for every delay (see `queues`).

A term has a row per region, of its burden: below a column z for the maximum; below z and an excess
of its own for the mean of the k largest, min over z of z + sum max(0, burden - z) / k; below its
limit for a budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from . import queues

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .instance import Footprint, Instance

FORMS = ("arcs", "sites", "queues")


@dataclass(frozen=True)
class Norm:
    """|matrix z + offset|_q <= z[column]."""

    matrix: sparse.csr_array
    offset: NDArray[np.float64]
    column: int
    q: float


@dataclass(frozen=True)
class Program:
    """Rows low <= A z <= high, columns between their bounds, and how to read the allocation."""

    cost: NDArray[np.float64]
    quadratic: NDArray[np.float64]  # the diagonal Q, zeros for a linear program
    matrix: sparse.csc_array
    row_low: NDArray[np.float64]
    row_high: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    norms: list[Norm]
    offset: float
    allocation: Callable[[NDArray[np.float64]], NDArray[np.float64]]  # of a solution z: (T, A)

    def value(self, z: NDArray[np.float64]) -> float:
        """Return the objective of a solution, in USD."""
        return float(self.cost @ z + self.quadratic @ z**2 / 2) + self.offset


@dataclass(frozen=True)
class _Work:
    """The columns that say where work is served: first x, then backlogs."""

    usable: NDArray[np.bool_]  # (T, A): the cells with a column x, in the order of the columns
    queues: list[queues.Queue]

    @classmethod
    def of(cls, instance: Instance, form: str) -> _Work:
        waiting = queues.find(instance) if form == "queues" else []
        usable = np.arange(instance.slots)[:, None] + instance.delay < instance.slots
        for queue in waiting:
            usable[:, queue.arcs[1:]] = False
        return cls(usable, waiting)

    def allocation(self, instance: Instance, z: NDArray[np.float64]) -> NDArray[np.float64]:
        x = np.zeros(self.usable.shape)
        x[self.usable] = z[: np.count_nonzero(self.usable)]
        for queue in self.queues:
            queues.first_in_first_out(queue, instance, x)
        return x


class _Terms:
    """What the equity functions add: to prices, as rows of burdens, as columns above them."""

    def __init__(self, instance: Instance) -> None:
        self.price = instance.price.ravel().copy()
        self.offset = 0.0
        self.matrices: list[sparse.csr_array] = []  # (rows, T I)
        self.ends: list[NDArray[np.float64]] = []  # right-hand sides
        self.above: list[tuple[NDArray[np.int64], float]] = []  # (rows, cost) of every column
        self.norms: list[tuple[sparse.csr_array, NDArray[np.float64], float, float]] = []
        self.rows = 0
        for footprint in instance.footprints:
            self._add(footprint, instance)

    def _add(self, f: Footprint, instance: Instance) -> None:
        scale = np.ones(f.history.size) if f.kind == "budget" else f.sensitivity
        scaled = (scale[f.region] * f.values).ravel()
        if f.kind == "sum":
            self.price += f.weight * scaled
            self.offset += f.weight * float(f.sensitivity @ f.history)
            return
        shape = (f.history.size, scaled.size)
        row = np.tile(f.region, instance.slots)
        burden = sparse.csr_array((scaled, (row, np.arange(scaled.size))), shape=shape)
        if f.kind == "norm":
            self.norms.append((burden, scale * f.history, f.q, f.weight))
            return
        own = self.rows + np.arange(f.history.size)
        self.rows += f.history.size
        self.matrices.append(burden)
        self.ends.append((f.limit if f.kind == "budget" else 0.0) - scale * f.history)
        if f.kind != "budget":
            self.above.append((own, f.weight))
        if f.kind == "topmean":
            self.above += [(each, f.weight / min(f.count, own.size)) for each in own[:, None]]

    def peaks(self) -> sparse.csr_array:
        """Return the entries of the columns above the burdens, then none for those of norms."""
        count = [row.size for row, _ in self.above]
        rows = np.concatenate([row for row, _ in self.above]) if count else np.empty(0, int)
        columns = np.repeat(np.arange(len(count)), count)
        shape = (self.rows, len(self.above) + len(self.norms))
        return sparse.csr_array((-np.ones(rows.size), (rows, columns)), shape=shape)

    def weights(self) -> NDArray[np.float64]:
        """Return the costs of those columns."""
        costs = [cost for _, cost in self.above] + [weight for *_, weight in self.norms]
        return np.array(costs, dtype=float)


def build(instance: Instance, form: str) -> Program:
    """Build the program in one of `FORMS`."""
    if form == "arcs" and np.any(instance.quadratic):
        form = "sites"
    work, terms = _Work.of(instance, form), _Terms(instance)
    serve, draw, backlog = _rows_of_work(instance, work)
    weights, cells = terms.weights(), terms.price.size
    burden = sparse.vstack([sparse.csr_array((0, cells)), *terms.matrices], format="csr")
    room = np.concatenate([np.empty(0), *terms.ends])
    free = np.full(terms.rows, -np.inf)
    demand, capacity = instance.demand.ravel(), instance.capacity.ravel()
    most = [queues.most_backlog(queue, instance) for queue in work.queues]
    waiting = np.repeat([queue.cost for queue in work.queues], instance.slots)
    arc_cost = np.broadcast_to(instance.cost, work.usable.shape)[work.usable]
    unlimited = np.full(arc_cost.size, np.inf)
    first = [unlimited, *most]  # upper bounds of the columns of work
    if form == "arcs":
        bounded = np.isfinite(capacity)
        matrix = [
            [serve, backlog, None],
            [draw[bounded], None, None],
            [burden @ draw, None, terms.peaks()],
        ]
        cost = [arc_cost + draw.T @ terms.price, waiting, weights]
        low = [demand, np.full(np.count_nonzero(bounded), -np.inf), free]
        high = [demand, capacity[bounded], room]
        upper = [*first, np.full(weights.size, np.inf)]
        quadratic = np.zeros(sum(part.size for part in cost))
        of_burden, at = draw, 0
    else:
        tie = -sparse.eye_array(cells, format="csr")
        matrix = [
            [serve, backlog, None, None],
            [draw, None, tie, None],
            [None, None, burden, terms.peaks()],
        ]
        cost = [arc_cost, waiting, terms.price, weights]
        low = [demand, np.zeros(cells), free]
        high = [demand, np.zeros(cells), room]
        upper = [*first, capacity, np.full(weights.size, np.inf)]
        zeros = np.zeros(arc_cost.size + waiting.size)
        quadratic = np.concatenate([zeros, instance.quadratic.ravel(), np.zeros(weights.size)])
        of_burden, at = sparse.eye_array(cells, format="csr"), zeros.size
    stacked = np.concatenate(cost)
    return Program(
        cost=stacked,
        quadratic=quadratic,
        matrix=_stack(matrix),
        row_low=np.concatenate(low),
        row_high=np.concatenate(high),
        low=np.zeros(stacked.size),  # burdens are never negative, nor need columns above them be
        high=np.concatenate(upper),
        norms=_norms(terms, of_burden, at, stacked.size),
        offset=terms.offset,
        allocation=lambda z: work.allocation(instance, z),
    )


def _rows_of_work(
    instance: Instance, work: _Work
) -> tuple[sparse.csr_array, sparse.csr_array, sparse.csr_array]:
    """Return what columns do to demand rows (T J) and cells (T I), and backlogs to demand rows."""
    slots, gateways = instance.demand.shape
    usable = work.usable
    t = np.arange(slots)[:, None]
    row = (t * gateways + instance.gateway)[usable]
    cell = ((t + instance.delay) * instance.sites + instance.site)[usable]
    energy = np.broadcast_to(instance.energy, usable.shape)[usable]
    column = np.arange(row.size)
    shape = (slots * gateways, row.size)
    serve = sparse.csr_array((np.ones(row.size), (row, column)), shape=shape)
    draw = sparse.csr_array((energy, (cell, column)), shape=(instance.price.size, row.size))
    step = sparse.csr_array(sparse.diags_array([1.0, -1.0], offsets=[0, -1], shape=(slots, slots)))
    chains = []
    for queue in work.queues:
        at = sparse.csr_array(([1.0], ([queue.gateway], [0])), shape=(gateways, 1))
        chains.append(sparse.kron(step, at, format="csr"))
    none = sparse.csr_array((slots * gateways, 0))
    return serve, draw, sparse.hstack([none, *chains], format="csr")


def _norms(terms: _Terms, cells: sparse.csr_array, at: int, columns: int) -> list[Norm]:
    """Return the norms over all columns; `cells` (T I, .) says what the columns from `at` draw."""
    found = []
    for r, (burden, history, q, _) in enumerate(terms.norms):
        part = sparse.csr_array(burden @ cells)
        left = sparse.csr_array((history.size, at))
        right = sparse.csr_array((history.size, columns - at - part.shape[1]))
        matrix = sparse.hstack([left, part, right], format="csr")
        found.append(Norm(matrix, history, columns - len(terms.norms) + r, q))
    return found


def _stack(blocks: list[list[sparse.csr_array | None]]) -> sparse.csc_array:
    """Put blocks together; those without rows or columns only say how large their line is."""
    height = [next(b.shape[0] for b in line if b is not None) for line in blocks]
    width = [
        next(b.shape[1] for b in column if b is not None) for column in zip(*blocks, strict=True)
    ]
    filled = [
        [sparse.csr_array((h, w)) if b is None else b for b, w in zip(line, width, strict=True)]
        for line, h in zip(blocks, height, strict=True)
    ]
    lines = [sparse.hstack(line, format="csr") for line in filled]
    return sparse.csc_array(sparse.vstack(lines, format="csr"))
