"""What misuse and Ctrl-C raise."""

from __future__ import annotations

from typing import Any

__all__ = ["InputError", "Interrupted"]


class InputError(ValueError):
    """Bad input: the message is one line that names the field and the slot, site, gateway or arc.

    Outcomes of a solve (infeasible, stopped early) are statuses of the solution, never exceptions.
    """


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with what there was until then.

    Attributes
    ----------
    solution : Any
        The best answer so far, of the type that the call would have returned: a `Solution`, a list
        of them, a `Frontier`, a `Run` or a `Comparison`.
    """

    def __init__(self, message: str, solution: Any = None) -> None:
        super().__init__(message)
        self.solution = solution
