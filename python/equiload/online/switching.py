"""What it costs to move load from slot to slot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from .._arrays import Axis, FloatArray, read_table, require
from ..errors import InputError
from ..network import Network
from ..slots import Slot

__all__ = ["drawn_towards", "read_switching", "switching_cost"]


def read_switching(
    switching: ArrayLike | None, network: Network, names: tuple[str, ...] | None
) -> FloatArray | None:
    """Read the cost of moving load, (I,) USD/MWh^2; None where it is free.

    Raises
    ------
    InputError
        If a number is negative or not finite, or the network has delays: the load of a slot is then
        not settled when the slot is decided.
    """
    if switching is None:
        return None
    site = Axis("site", network.sites, names)
    weight = read_table("switching", switching, Axis("slot", 1), site, static=True, scalar=True)
    weight = weight.reshape(site.size)
    good = np.isfinite(weight) & (weight >= 0)
    require("switching", weight, good, "it must be finite and not negative", site)
    if network.delay.any():
        raise InputError("switching needs a network without delays")
    return weight


def switching_cost(weight: FloatArray, load: FloatArray) -> float:
    """Return ``sum over t, i of weight_i (y[t, i] - y[t-1, i])^2 / 2`` of a load (T, I), USD.

    What leads to the first slot's load is free.
    """
    return float((weight * np.diff(load, axis=0) ** 2).sum()) / 2


def drawn_towards(
    slot: Slot, price: FloatArray, weight: FloatArray, load: FloatArray
) -> tuple[Slot, FloatArray]:
    """Return a slot and its prices (I,) with ``weight (y - load)^2 / 2`` added, to a constant."""
    curve = weight if slot.quadratic is None else slot.quadratic + weight
    return replace(slot, quadratic=curve), price - weight * load
