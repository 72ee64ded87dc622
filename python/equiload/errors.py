"""The one exception that misuse raises."""

from __future__ import annotations

__all__ = ["InputError"]


class InputError(ValueError):
    """Bad input: the message is one line that names the field and the slot, site, gateway or arc.

    Outcomes of a solve (infeasible, stopped early) are statuses of the solution, never exceptions.
    """
