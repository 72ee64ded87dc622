"""The colours that stand for policies and plans, the same in every picture and page."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["COLOURS", "UNITS", "colours_of", "with_unit"]

# Okabe and Ito's palette, which most colour-blind readers can tell apart, and two more.
COLOURS = ("#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6BB1", "#7F7F7F")
UNITS = {"carbon": "t", "water": "m³"}

_FIXED = {
    "cost only": "#E69F00",
    "equity-aware": "#0072B2",
    "offline": "#0072B2",
    "GLB-Cost": "#E69F00",
    "GLB-Carbon": "#7F7F7F",
    "GLB-Water": "#56B4E9",
    "GLB-C2": "#A6761D",
    "GLB-All": "#CC79A7",
    "Nearest": "#8C6BB1",
    "MirrorDescent": "#009E73",
    "RecedingHorizon": "#D55E00",
    "Robust": "#B2182B",
    "Resolve": "#1B7837",
    "FairOBD": "#8C510A",
}


def colours_of(names: Iterable[str]) -> dict[str, str]:
    """Return a colour for every plan or policy: its own where it has one, else the next free."""
    names = list(names)
    taken = {_FIXED[name] for name in names if name in _FIXED}
    free = [colour for colour in COLOURS if colour not in taken] or list(COLOURS)
    others = [name for name in names if name not in _FIXED]
    given = {name: free[n % len(free)] for n, name in enumerate(others)}
    return {name: _FIXED.get(name) or given[name] for name in names}


def with_unit(name: str) -> str:
    """Return the name of a footprint with its unit, if that is known."""
    return f"{name} ({UNITS[name]})" if name in UNITS else name
