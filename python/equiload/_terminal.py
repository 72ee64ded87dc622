"""What the command line prints and writes."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .data.disk import replacing
from .errors import InputError
from .labelled import slot_labels, stamps, write_plan, write_table
from .problem import COSTS, Problem
from .solution import Solution

if TYPE_CHECKING:
    from matplotlib.figure import Figure

USABLE = ("optimal", "feasible", "interrupted")
PLAN_FORMATS = ("csv", "parquet", "none")
_UNITS = {"carbon": "t", "water": "m3"}


class Terminal:
    """Tells people in lines, or programs in one JSON object."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.files: list[str] = []

    def say(self, text: object) -> None:
        """Print for people."""
        if not self.as_json:
            print(text, flush=True)

    def wrote(self, path: Path) -> None:
        """Remember a file that was written, and say so."""
        self.files.append(str(path))
        self.say(f"wrote {path}")

    def emit(self, content: Mapping[str, Any]) -> None:
        """Print the object for programs; numbers that JSON does not have become null."""
        if self.as_json:
            print(json.dumps(plain({**content, "files": self.files}), indent=2))


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


class Folder:
    """A folder to write to, tried before the work begins and removed again if it stays empty."""

    def __init__(self, path: Path | None, files: Iterable[str] = ()) -> None:
        self.path, self._made = path, False
        if path is None:
            return
        self._made = not path.exists()
        try:
            path.mkdir(parents=True, exist_ok=True)
            trial = path / ".equiload-trial"
            trial.touch()
            trial.unlink()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        for name in files:
            if (path / name).is_dir():
                raise InputError(f"{path / name}: Is a directory")

    def __enter__(self) -> Folder:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the folder if it was made here and nothing came of it."""
        if self._made and self.path is not None and not any(self.path.iterdir()):
            self.path.rmdir()


def headline(problem: Problem) -> str:
    """Say how large a problem is."""
    return (
        f"{problem.slots} slots, {problem.gateways} gateways, {problem.sites} sites, "
        f"{problem.arcs} arcs"
    )


def table(solutions: Mapping[str, Solution]) -> str:
    """Lay the solutions out side by side."""
    rows = [("", "", *solutions), ("status", "", *(s.status for s in solutions.values()))]
    usable = {name: s for name, s in solutions.items() if s.status in USABLE}
    columns = [
        {label: text for label, _, text in _figures(s)} if name in usable else {}
        for name, s in solutions.items()
    ]
    longest = max((_figures(s) for s in usable.values()), key=len, default=[])
    for label, unit, _ in longest:
        rows.append((label, unit, *(column.get(label, "-") for column in columns)))
    return aligned(rows, left=2)


def aligned(rows: list[tuple[str, ...]], left: int = 1) -> str:
    """Lay rows of text out in columns, the first few to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n < left else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _figures(solution: Solution) -> list[tuple[str, str, str]]:
    """List what the table shows of a solution: label, unit, number."""
    breakdown = solution.breakdown
    rows = [("energy cost", "USD", f"{breakdown['energy']:,.0f}")]
    for name in COSTS[1:]:
        if breakdown.get(name, 0) != 0:
            rows.append((f"{name} cost", "USD", f"{breakdown[name]:,.0f}"))
    for name in solution.problem.equity:
        rows.append((f"{name} equity", "USD", f"{breakdown[name]:,.0f}"))
    rows.append(("objective", "USD", f"{solution.objective:,.0f}"))
    for name, row in solution.audit().items():
        unit = _UNITS.get(name, "")
        rows.append((f"{name} max", unit, f"{row.max:,.1f}"))
        rows.append((f"{name} mean", unit, f"{row.mean:,.1f}"))
        rows.append((f"{name} max/mean", "", f"{row.peak_to_average:.3f}"))
    rows.append(("certified gap", "", f"{solution.gap:.1e}"))
    rows.append(("time", "s", f"{solution.seconds:.2f}"))
    return rows


def figures(solution: Solution) -> dict[str, Any]:
    """Return what a program wants to know of a solution."""
    names = ("status", "objective", "lower_bound", "gap", "iterations", "seconds", "device")
    found = {name: getattr(solution, name) for name in (*names, "method", "threads")}
    found["partial"] = solution.status in ("interrupted", "feasible")
    if solution.infeasibility is not None:
        return found | {"infeasible": str(solution.infeasibility)}
    rows = {
        name: {"total": r.total, "max": r.max, "mean": r.mean, "binding": r.binding}
        | {"gini": r.gini, "jain": r.jain, "theil": r.theil, "atkinson": r.atkinson}
        for name, r in solution.audit().items()
    }
    return found | {"breakdown": dict(solution.breakdown), "footprints": rows}


def write_solution(
    terminal: Terminal, folder: Path, name: str, solution: Solution, plan: str, prefix: str = ""
) -> None:
    """Write a solution, its plan, loads, burdens and prices, and its figures."""
    solution = solution.on_host()
    solution.save(folder / f"{name}.npz")
    terminal.wrote(folder / f"{name}.npz")
    problem = solution.problem
    if plan != "none":
        path = folder / f"{prefix}plan.{plan}"
        with replacing(path) as file:
            write_plan(problem, solution.allocation, file, path.suffix)
        terminal.wrote(path)
    tables = {"load": solution.site_load, "price": solution.prices.energy}
    for what, values in tables.items():
        write_slots(terminal, folder / f"{prefix}{what}.csv", problem, values)
    columns = solution._burden_rows()
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    write_table(folder / f"{prefix}burden.csv", list(columns), rows)
    terminal.wrote(folder / f"{prefix}burden.csv")
    path = folder / f"{prefix}run.json"
    with replacing(path) as file:
        text = json.dumps(plain(figures(solution)), indent=2)
        file.write((text + "\n").encode())
    terminal.wrote(path)


def write_slots(terminal: Terminal, path: Path, problem: Problem, values: Any) -> None:
    """Write values by slot and site."""
    slots = slot_labels(problem)
    if slots.dtype.kind == "M":
        slots = stamps(slots)
    sites = [str(name) for name in problem.site_names or range(problem.sites)]
    pairs = zip(slots.tolist(), values.tolist(), strict=True)
    write_table(path, ["slot", *sites], ([slot, *row] for slot, row in pairs))
    terminal.wrote(path)


def draw(terminal: Terminal, folder: Path, pictures: Callable[[], dict[str, Figure]]) -> None:
    """Write pictures where matplotlib is installed."""
    try:
        drawn = pictures()
    except InputError as error:
        terminal.say(f"no pictures: {error}")
        return
    for name, figure in drawn.items():
        figure.savefig(folder / f"{name}.png")
        terminal.wrote(folder / f"{name}.png")


def complain(text: object) -> None:
    """Print one line of error."""
    print(f"equiload: {text}", file=sys.stderr)
