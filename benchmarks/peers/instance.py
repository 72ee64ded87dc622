"""Instances as plain arrays, which every solver and the checker read."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .variants import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    import equiload

ROOT = Path(__file__).resolve().parents[2]
EGLB = ROOT.parent / "shared" / "data" / "eglb-10dc"

# name: (sites, gateways, arcs per gateway, slots)
WORLDS = {
    "world-smoke": (6, 4, 3, 12),
    "world-50": (50, 20, 10, 168),
    "world-200": (200, 50, 16, 168),
    "world-1000": (1000, 200, 24, 168),
    "world-3000": (3000, 600, 24, 168),
    "world-5000-day": (5000, 2000, 24, 24),
    "world-10000-day": (10_000, 4000, 24, 24),
}
TRACES = {"10dc-full": "full", "10dc-partial": "partial"}


@dataclass(frozen=True)
class Footprint:
    """One burden, priced by an equity function of its weighted totals, or limited by budgets."""

    kind: str  # "max", "sum", "norm", "topmean" (the mean of the `count` largest) or "budget"
    weight: float  # mu, USD per unit; 0 for a budget
    values: NDArray[np.float64]  # (T, I)
    region: NDArray[np.int64]  # (I,)
    history: NDArray[np.float64]  # (G,)
    sensitivity: NDArray[np.float64]  # (G,)
    count: int  # regions in the mean; 1 for the others
    q: float  # exponent of the norm; 1 for the others
    limit: NDArray[np.float64]  # (G,) most that a budget allows of a total; infinite for the others


@dataclass(frozen=True)
class Instance:
    """A problem without shedding; all tables (T, .), all arc lists (A,)."""

    demand: NDArray[np.float64]
    capacity: NDArray[np.float64]
    price: NDArray[np.float64]
    quadratic: NDArray[np.float64]
    gateway: NDArray[np.int64]
    site: NDArray[np.int64]
    delay: NDArray[np.int64]
    energy: NDArray[np.float64]
    cost: NDArray[np.float64]
    footprints: list[Footprint] = field(default_factory=list)

    @property
    def slots(self) -> int:
        return self.demand.shape[0]

    @property
    def sites(self) -> int:
        return self.price.shape[1]

    def save(self, path: Path) -> None:
        """Write to one .npz file."""
        flat: dict[str, Any] = {
            f.name: getattr(self, f.name) for f in fields(self) if f.name != "footprints"
        }
        for r, footprint in enumerate(self.footprints):
            flat.update({f"{r}:{f.name}": getattr(footprint, f.name) for f in fields(Footprint)})
        np.savez(path, **flat)

    @classmethod
    def load(cls, path: Path) -> Instance:
        """Read what `save` wrote."""
        with np.load(path) as file:
            flat = dict(file)
        count = sum(key.endswith(":kind") for key in flat)
        footprints = []
        for r in range(count):
            parts = {f.name: flat.pop(f"{r}:{f.name}") for f in fields(Footprint)}
            scalars = {"kind": str, "weight": float, "count": int, "q": float}
            parts |= {name: read(parts[name]) for name, read in scalars.items()}
            footprints.append(Footprint(**parts))
        return cls(**flat, footprints=footprints)

    def pooled(self) -> tuple[Instance, Callable[[NDArray[np.float64]], NDArray[np.float64]]]:
        """Merge the gateways that have the same arcs, with costs equal up to a constant.

        Returns the smaller instance and the function that splits its allocation again, in
        proportion to demand. What a careful modeller would do by hand for any solver.
        """
        groups: dict[bytes, list[tuple[int, NDArray[np.int64]]]] = {}
        for j in range(self.demand.shape[1]):
            arcs = np.flatnonzero(self.gateway == j)
            arcs = arcs[np.lexsort((self.energy[arcs], self.delay[arcs], self.site[arcs]))]
            extra = self.cost[arcs] - self.cost[arcs].min(initial=np.inf)
            parts = (self.site[arcs], self.delay[arcs], self.energy[arcs], extra)
            groups.setdefault(b"|".join(p.tobytes() for p in parts), []).append((j, arcs))

        gateway_to = np.empty(self.demand.shape[1], np.int64)
        arc_to = np.empty(self.gateway.size, np.int64)
        kept = []
        for g, members in enumerate(groups.values()):
            first = sum(a.size for a in kept)
            kept.append(members[0][1])
            for j, arcs in members:
                gateway_to[j] = g
                arc_to[arcs] = first + np.arange(arcs.size)
        keep = np.concatenate(kept)
        demand = np.zeros((self.slots, len(groups)))
        np.add.at(demand.T, gateway_to, self.demand.T)
        total = demand[:, gateway_to]
        share = np.divide(self.demand, total, out=np.zeros_like(total), where=total > 0)

        smaller = replace(
            self,
            demand=demand,
            gateway=gateway_to[self.gateway[keep]],
            site=self.site[keep],
            delay=self.delay[keep],
            energy=self.energy[keep],
            cost=self.cost[keep],
        )
        return smaller, lambda x: x[:, arc_to] * share[:, self.gateway]


def make_problem(name: str, seed: int, variant: str = "max") -> equiload.Problem:
    """Make a variant of a named problem with equiload's own readers and generator."""
    import equiload as el

    if name in TRACES:
        problem = el.data.read_eglb(EGLB, connectivity=TRACES[name])
    else:
        sites, gateways, arcs, slots = WORLDS[name]
        problem = el.data.world(
            sites=sites, gateways=gateways, slots=slots, seed=seed, arcs_per_gateway=arcs
        )
    return VARIANTS[variant](problem)


def to_instance(problem: equiload.Problem) -> Instance:
    """Copy the arrays of a problem."""
    import equiload as el

    if problem.shed_cost is not None:
        raise ValueError("peers are compared on problems without shedding")
    if any(region.ndim == 2 for region in problem.regions.values()):
        raise ValueError("peers are compared on problems without burden maps")
    shape = problem.price.shape
    network = problem.network
    quadratic = 0.0 if problem.quadratic is None else problem.quadratic
    kinds = {el.Max: "max", el.Sum: "sum", el.Norm: "norm", el.TopMean: "topmean"}
    kinds[el.Budget] = "budget"

    def limit(key: str, equity: el.equity.Equity) -> NDArray[np.float64]:
        totals = problem.history[key].shape
        given = equity.limit if isinstance(equity, el.Budget) else np.inf
        return np.array(np.broadcast_to(given, totals), dtype=np.float64)

    return Instance(
        demand=np.array(problem.demand),
        capacity=np.array(np.broadcast_to(problem.capacity, shape)),
        price=np.array(problem.price),
        quadratic=np.array(np.broadcast_to(quadratic, shape), dtype=np.float64),
        gateway=network.gateway.astype(np.int64),
        site=network.site.astype(np.int64),
        delay=network.delay.astype(np.int64),
        energy=np.array(network.energy),
        cost=np.array(network.cost),
        footprints=[
            Footprint(
                kind=kinds[type(equity)],
                weight=0.0 if isinstance(equity, el.Budget) else float(equity.weight),
                values=np.array(problem.footprints[key]),
                region=problem.regions[key].astype(np.int64),
                history=np.array(problem.history[key]),
                sensitivity=np.array(problem.sensitivity[key]),
                count=int(getattr(equity, "k", 1)),
                q=float(getattr(equity, "q", 1.0)),
                limit=limit(key, equity),
            )
            for key, equity in problem.equity.items()
        ],
    )


def to_problem(instance: Instance) -> equiload.Problem:
    """Rebuild equiload's problem from the arrays, as a user would: part of its build time."""
    import equiload as el

    makers = {
        "max": lambda f: el.Max(f.weight),
        "sum": lambda f: el.Sum(f.weight),
        "norm": lambda f: el.Norm(f.weight, f.q),
        "topmean": lambda f: el.TopMean(f.weight, f.count),
        "budget": lambda f: el.Budget(f.limit),
    }
    named = {str(r): footprint for r, footprint in enumerate(instance.footprints)}
    return el.Problem(
        demand=instance.demand,
        capacity=instance.capacity,
        price=instance.price,
        quadratic=instance.quadratic if instance.quadratic.any() else None,
        footprints={key: f.values for key, f in named.items()},
        equity={key: makers[f.kind](f) for key, f in named.items()},
        regions={key: f.region for key, f in named.items()},
        history={key: f.history for key, f in named.items()},
        sensitivity={key: f.sensitivity for key, f in named.items()},
        network=el.Network.from_arcs(
            instance.gateway,
            instance.site,
            delay=instance.delay,
            energy=instance.energy,
            cost=instance.cost,
            gateways=instance.demand.shape[1],
            sites=instance.sites,
        ),
    )
