"""How results show themselves in a notebook: plain tables in the notebook's own colours."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["card", "grid", "written"]


def card(title: str, rows: Mapping[str, object]) -> str:
    """Return a small table with a name and a value a row."""
    left = " style='text-align:left;padding:0.2em 0.7em'"
    body = "".join(
        f"<tr><th{left}>{_safe(name)}</th><td{left}>{_safe(value)}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table><caption style='text-align:left'><b>{_safe(title)}</b></caption>{body}</table>"


def grid(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table with heads over its columns."""
    right = " style='text-align:right;padding:0.2em 0.7em'"
    heads = "".join(f"<th{right}>{_safe(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td{right}>{_safe(value)}</td>" for value in row) + "</tr>"
        for row in rows
    )
    caption = f"<caption style='text-align:left'><b>{_safe(title)}</b></caption>"
    return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def written(value: float) -> str:
    """Write a number with five digits or more, never as a power of ten that is in use."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:,.5g}"


def _safe(value: object) -> str:
    return html.escape(str(value))
