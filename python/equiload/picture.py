"""A figure that a notebook shows and that belongs to nobody: pyplot would open a window for it."""

from __future__ import annotations

import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["Picture"]


class Picture(Figure):
    """A figure of matplotlib with a canvas of its own."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), dpi=120, layout="constrained")
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        """Show a notebook the picture, whether or not pyplot is in use there."""
        content = io.BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()
