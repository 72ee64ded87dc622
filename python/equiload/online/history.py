"""Slots that a policy remembers: checked when given, packed when its state is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._arrays import FloatArray
from ..errors import InputError
from ..problem import Problem
from ..slots import Slot, Static

__all__ = ["pack_slots", "read_past", "unpack_slots"]


def read_past(static: Static, past: Problem | Sequence[Slot] | None) -> list[Slot]:
    """Return the slots that came before the first one, oldest first.

    Raises
    ------
    InputError
        If a slot has other gateways, sites or footprints than the problem, or lacks a quadratic
        cost or idle power that other slots have.
    """
    if past is None:
        return []
    slots = [past.slot(t) for t in range(past.slots)] if isinstance(past, Problem) else list(past)
    for t, slot in enumerate(slots):
        if not isinstance(slot, Slot):
            raise InputError(f"past: slot {t} is a {type(slot).__name__}; it must be a Slot")
        sizes = {"gateways": (slot.demand.size, static.gateways)}
        sizes["sites"] = (slot.price.size, static.sites)
        for what, (theirs, ours) in sizes.items():
            if theirs != ours:
                raise InputError(f"past: slot {t} has {theirs} {what}; the problem has {ours}")
        if set(slot.footprints) != set(static.footprints):
            theirs_named = ", ".join(slot.footprints) or "none"
            ours_named = ", ".join(static.footprints) or "none"
            raise InputError(
                f"past: slot {t} has footprints {theirs_named}; the problem has {ours_named}"
            )
        for part in ("quadratic", "idle"):
            if (getattr(slot, part) is None) != (getattr(slots[0], part) is None):
                raise InputError(f"past: slot {t} and slot 0 differ in having {part}")
    return slots


def pack_slots(slots: Sequence[Slot], key: str = "past") -> dict[str, Any]:
    """Return slots as numbers and arrays, their names after a key."""
    state: dict[str, Any] = {f"{key}/count": len(slots)}
    for n, slot in enumerate(slots):
        state |= _pack(slot, f"{key}/{n}/")
    return state


def unpack_slots(state: Mapping[str, Any], key: str, names: Sequence[str]) -> list[Slot]:
    """Return what `pack_slots` took apart."""
    return [_unpack(state, f"{key}/{n}/", names) for n in range(int(state[f"{key}/count"]))]


def _pack(slot: Slot, key: str) -> dict[str, FloatArray]:
    packed = {"demand": slot.demand, "capacity": slot.capacity, "price": slot.price}
    packed |= {f"footprint/{name}": values for name, values in slot.footprints.items()}
    if slot.quadratic is not None:
        packed["quadratic"] = slot.quadratic
    if slot.idle is not None:
        packed["idle"] = slot.idle
    return {key + part: value.copy() for part, value in packed.items()}


def _unpack(state: Mapping[str, Any], key: str, names: Sequence[str]) -> Slot:
    quadratic, idle = state.get(f"{key}quadratic"), state.get(f"{key}idle")
    return Slot(
        demand=np.array(state[f"{key}demand"]),
        capacity=np.array(state[f"{key}capacity"]),
        price=np.array(state[f"{key}price"]),
        footprints={name: np.array(state[f"{key}footprint/{name}"]) for name in names},
        quadratic=None if quadratic is None else np.array(quadratic),
        idle=None if idle is None else np.array(idle),
    )
