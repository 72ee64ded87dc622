"""Policies that are blind to who carries the burden."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from .._arrays import FloatArray, read_floats, read_number, require_a
from .._labels import refuse_labels
from ..errors import InputError
from ..slots import Slot, Static
from .forecast import Forecast
from .policy import Decision, Policy

__all__ = ["PRESETS", "Greedy", "Nearest"]

# What each preset of arXiv 2307.05494 minimises in every slot. Where money is among it, a footprint
# counts so many times what its mean over the regions would cost in place of its largest: the
# factors of the authors' code.
PRESETS: dict[str, dict[str, float]] = {
    "GLB-Cost": {"cost": 1.0},
    "GLB-Carbon": {"carbon": 1.0},
    "GLB-Water": {"water": 1.0},
    "GLB-C2": {"cost": 1.0, "carbon": 4.0},
    "GLB-All": {"cost": 1.0, "carbon": 2.0, "water": 5.0},
}


class Nearest(Policy):
    """Serves all work as near to its gateway as capacity allows, whatever it costs.

    Parameters
    ----------
    static : Static
        What is known beforehand.
    distance : array_like, shape (A,), optional
        Length of every arc in any unit. By default the arcs' own cost (latency) where arcs differ
        in it, else 0 for the site with the gateway's own name and 1 for all others.

    Raises
    ------
    InputError
        If nothing tells how far a site is.
    """

    name = "Nearest"

    def __init__(self, static: Static, distance: ArrayLike | None = None) -> None:
        require_a("static", static, Static, "Static: problem.static()")
        self._distance = _distance(static, distance)
        super().__init__(static)

    def decide(self, slot: Slot) -> Decision:
        """Serve the slot by distance alone."""
        return self._serve(slot, np.zeros(self.static.sites), {})

    def _arc_cost(self) -> FloatArray:
        return self._distance


class Greedy(Policy):
    """Minimises a weighted sum of cost and footprints in every slot by itself.

    Parameters
    ----------
    static : Static
        What is known beforehand.
    weights : str or mapping of str to float
        What a unit is worth: "cost" in USD per USD, footprints in USD per unit; what is missing is
        worth nothing. Or a preset: "GLB-Cost", "GLB-Carbon", "GLB-Water", "GLB-C2" (cost and four
        times carbon) or "GLB-All" (cost, twice carbon, five times water). There a footprint counts
        with the ``weight * sensitivity`` of its equity term, averaged over the regions and divided
        by their number: the mean burden in place of the worst one. The factors are those of the
        authors' code, which its published figures follow from.
    switching : array_like, shape (I,), or float, optional
        Cost of moving load that it heeds beside them, USD/MWh^2: see `simulate`.
    forecast : callable, optional
        What is believed of the later slots that work may wait for; by default the same hour
        yesterday.

    Raises
    ------
    InputError
        If a name is neither a footprint nor "cost", a weight is not finite, or the preset is
        unknown.

    References
    ----------
    arXiv 2307.05494, section 6; code: github.com/Ren-Research/Environmentally-Equitable-AI.
    """

    def __init__(
        self,
        static: Static,
        weights: str | Mapping[str, float] = "GLB-Cost",
        switching: ArrayLike | None = None,
        forecast: Forecast | None = None,
    ) -> None:
        require_a("static", static, Static, "Static: problem.static()")
        self.name = weights if isinstance(weights, str) else "Greedy"
        self.weights = _weights(static, weights)
        super().__init__(static, switching, forecast)

    def decide(self, slot: Slot) -> Decision:
        """Serve the slot at the weighted prices."""
        return self._serve(slot, self._weighted, {})

    def _weighted(self, slot: Slot) -> FloatArray:
        """Return the weighted sum of price and footprints (I,)."""
        price = self.weights.get("cost", 0.0) * slot.price
        for name, weight in self.weights.items():
            if name != "cost":
                price = price + weight * slot.footprints[name]
        return price

    def _arc_cost(self) -> FloatArray:
        return self.weights.get("cost", 0.0) * self.static.network.cost


def _weights(static: Static, weights: str | Mapping[str, float]) -> dict[str, float]:
    if isinstance(weights, str):
        if weights not in PRESETS:
            raise InputError(f"weights is {weights!r}; the presets are {', '.join(PRESETS)}")
        chosen = PRESETS[weights]
        alone = len(chosen) == 1
        weights = {
            name: factor if alone else factor * _worth(static, name)
            for name, factor in chosen.items()
        }
    for name in weights:
        if name != "cost" and name not in static.footprints:
            known = ", ".join(("cost", *static.footprints))
            raise InputError(f"weights names {name!r}; there are {known}")
    rule = "it must be finite"
    return {name: read_number(f"weights[{name!r}]", w, rule) for name, w in weights.items()}


def _worth(static: Static, name: str) -> float:
    """Return what a unit of a footprint is worth when its mean burden stands for the worst one."""
    if name == "cost":
        return 1.0
    if name not in static.equity:
        raise InputError(f"weights: {name!r} has no equity term to take its weight from")
    scale = static.sensitivity[name]
    return static.equity[name].weight * float(scale.mean()) / scale.size


def _distance(static: Static, distance: ArrayLike | None) -> FloatArray:
    network = static.network
    if distance is not None:
        refuse_labels("distance", distance)
        values = read_floats("distance", distance)
        if values.shape != (len(network),) or not np.isfinite(values).all():
            raise InputError(f"distance must hold {len(network)} finite numbers, one an arc")
        return values
    if np.ptp(network.cost) > 0:
        return network.cost
    if static.site_names is None or static.gateway_names is None:
        raise InputError("distance is missing: arcs cost the same, and sites have no names")
    site, gateway = np.array(static.site_names), np.array(static.gateway_names)
    away: FloatArray = (site[network.site] != gateway[network.gateway]).astype(np.float64)
    return away
