"""The tables that the benchmark prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = (
    ("world", "world"),
    ("device", "device"),
    ("precision", "precision"),
    ("arcs", "arcs"),
    ("made in", "generate_seconds"),
    ("set up", "setup_seconds"),
    ("iterations/s", "iterations_per_second"),
    ("ms each", "iteration_ms"),
    ("GB/s", "gb_per_second"),
    ("of copy", "share_of_copy"),
    ("1e-4", "seconds_to_1e-4"),
    ("1e-6", "seconds_to_1e-6"),
    ("gap", "gap"),
    ("method", "method"),
)


def worlds(records: Sequence[Mapping[str, Any]]) -> str:
    """Return a row for every world and device; what was not reached is a dash."""
    rows = [[head for head, _ in COLUMNS]]
    rows += [[cell(key, record.get(key)) for _, key in COLUMNS] for record in records]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def cell(key: str, value: Any) -> str:
    """Write one number the way that its column has it."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if key == "arcs":
        return f"{value:,}"
    if key == "gap":
        return f"{value:.1e}"
    if key == "share_of_copy":
        return f"{value:.0%}"
    if key == "iterations_per_second":
        return f"{value:.1f}"
    if "seconds" in key and "per" not in key:
        return f"{value:.3g} s"
    return f"{value:.3g}"
