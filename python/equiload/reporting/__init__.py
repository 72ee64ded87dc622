"""One page that says what a plan does: self-contained, for any browser, offline."""

from .page import report

__all__ = ["report"]
