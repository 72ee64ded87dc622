"""The tables that the benchmark prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Columns = Sequence[tuple[str, str]]  # head, and key of a record

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

SPENT = (
    ("world", "world"),
    ("device", "device"),
    ("whole solve", "seconds"),
    ("set up", "setup_seconds"),
    ("iterations", "iterations_seconds"),
    ("checks", "checks_seconds"),
    ("answer", "answer_seconds"),
)
LAUNCHES = (
    ("part", "part"),
    ("what", "what"),
    ("times", "times"),
    ("ms each", "ms"),
    ("GB/s", "gb_per_second"),
    ("of copy", "share_of_copy"),
)
BATCH = (
    ("what", "what"),
    ("scenarios", "scenarios"),
    ("whole call", "seconds"),
    ("ratio", "ratio"),
    ("gap", "gap"),
    ("optimal", "optimal"),
)
RESIDENT = (
    ("world", "world"),
    ("tables in", "kind"),
    ("whole call", "seconds"),
    ("to a problem", "problem_seconds"),
    ("gap", "gap"),
    ("host memory", "host_gb"),
    ("of which before", "host_gb_before"),
)


def worlds(records: Sequence[Mapping[str, Any]]) -> str:
    """Return a row for every world and device; what was not reached is a dash."""
    return lines(COLUMNS, records)


def lines(columns: Columns, records: Sequence[Mapping[str, Any]]) -> str:
    """Return a row for every record under the heads of the columns."""
    rows = [[head for head, _ in columns]]
    rows += [[cell(key, record.get(key)) for _, key in columns] for record in records]
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
    if key.startswith("host_gb"):
        return f"{value:.2f} GB"
    if key == "share_of_copy":
        return f"{value:.0%}"
    if key == "iterations_per_second":
        return f"{value:.1f}"
    if "seconds" in key and "per" not in key:
        return f"{value:.3g} s"
    return f"{value:.3g}"
