"""Waiting work as a queue: the form in which general solvers take delays best.

Gateway j may wait up to D slots at c a slot, and its arcs are the same at every delay. Then
x[t, a] counts what is served in slot t on a base arc (delay 0), whenever it was released, and
b[t, j] what is left over at the slot's end:

    sum of x[t, a] + b[t, j] - b[t-1, j] = d[t, j],    0 <= b[t, j] <= d[t-D+1, j] + ... + d[t, j],

at c for every unit of b, with an empty queue in the end. The bound says that nothing is older than
D slots; serving first in, first out gives the arcs with delays back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .instance import Instance


@dataclass(frozen=True)
class Queue:
    """One gateway whose work waits."""

    gateway: int
    cost: float  # c, USD per unit of work and slot
    arcs: NDArray[np.int64]  # (D + 1, K): the copies of its K base arcs, by delay


def find(instance: Instance) -> list[Queue]:
    """Return the gateways with delays whose arcs have that form."""
    found = []
    for gateway in np.unique(instance.gateway[instance.delay > 0]):
        arcs = np.flatnonzero(instance.gateway == gateway)
        keys = [instance.cost, instance.energy, instance.site, instance.delay]
        arcs = arcs[np.lexsort([key[arcs] for key in keys])]
        count = np.bincount(instance.delay[arcs])
        if np.any(count != count[0]):
            continue
        table = arcs.reshape(count.size, -1)
        same = [np.all(key[table] == key[table[0]]) for key in (instance.site, instance.energy)]
        extra = instance.cost[table] - instance.cost[table[0]]
        cost = float(extra[1].mean())
        linear = np.allclose(extra, cost * np.arange(count.size)[:, None], rtol=1e-12, atol=1e-9)
        if all(same) and linear:
            found.append(Queue(int(gateway), cost, table))
    return found


def most_backlog(queue: Queue, instance: Instance) -> NDArray[np.float64]:
    """Return the upper bounds (T,) of the backlog: what the last D slots released, 0 in the end."""
    total = np.concatenate([[0.0], np.cumsum(instance.demand[:, queue.gateway])])
    end = np.arange(1, total.size)
    bound = total[end] - total[np.maximum(end - (len(queue.arcs) - 1), 0)]
    bound[-1] = 0.0
    return np.maximum(bound, 0.0)


def first_in_first_out(queue: Queue, instance: Instance, allocation: NDArray[np.float64]) -> None:
    """Move what an allocation (T, A) has on the base arcs to the arcs of its true delays."""
    served = np.maximum(allocation[:, queue.arcs[0]], 0.0)
    each = served.sum(axis=1)
    share = np.divide(served, each[:, None], out=np.zeros_like(served), where=each[:, None] > 0)
    demand = instance.demand[:, queue.gateway]
    released = np.concatenate([[0.0], np.cumsum(demand)])
    done = np.concatenate([[0.0], np.cumsum(each)])
    done *= released[-1] / done[-1] if done[-1] > 0 else 1.0
    for delay, arcs in enumerate(queue.arcs):
        slots = max(0, instance.slots - delay)
        upper = np.minimum(released[1 : slots + 1], done[1 + delay :])
        lower = np.maximum(released[:slots], done[delay:-1])
        allocation[:, arcs] = 0.0
        allocation[:slots, arcs] = np.maximum(upper - lower, 0.0)[:, None] * share[delay:]
