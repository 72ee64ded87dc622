"""The words that arguments and results know, for type checkers and editors."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["Device", "Method", "OnInterrupt", "Precision", "RunStatus", "Status"]

Method: TypeAlias = Literal["auto", "barrier", "first-order"]
Precision: TypeAlias = Literal["double", "mixed"]
# A program may choose among several devices by number: f"cuda:{number}".
Device: TypeAlias = Literal["auto", "cpu", "cuda", "reference"] | str
OnInterrupt: TypeAlias = Literal["raise", "return"]
Status: TypeAlias = Literal["optimal", "feasible", "interrupted", "infeasible", "unsolved"]
RunStatus: TypeAlias = Literal["done", "infeasible", "interrupted"]
