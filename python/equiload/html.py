"""How results show themselves in a notebook: plain tables in the notebook's own colours."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["card", "grid"]


def card(title: str, rows: Mapping[str, object]) -> str:
    """Return a small table with a name and a value a row."""
    body = "".join(
        f"<tr><th style='text-align:left'>{_safe(name)}</th>"
        f"<td style='text-align:left'>{_safe(value)}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table><caption style='text-align:left'><b>{_safe(title)}</b></caption>{body}</table>"


def grid(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table with heads over its columns."""
    heads = "".join(f"<th>{_safe(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{_safe(value)}</td>" for value in row) + "</tr>" for row in rows
    )
    caption = f"<caption style='text-align:left'><b>{_safe(title)}</b></caption>"
    return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _safe(value: object) -> str:
    return html.escape(str(value))
