"""The command line: `equiload demo | solve | compare | check | info`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import plot
from ._call import PRECISIONS
from ._core import build_info
from .checking import check
from .data import load, save, world
from .errors import InputError
from .online import Comparison, Run, compare, standard_policies
from .problem import COSTS, Problem
from .solution import Solution
from .solver import solve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["main"]

SOLVED, UNSOLVED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
_USABLE = ("optimal", "feasible", "interrupted")
_UNITS = {"carbon": "t", "water": "m3"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0: solved. 1: stopped early or infeasible. 2: bad input, with one line on standard error.
        130: interrupted; what there was is printed and written, and said to be partial.
    """
    try:
        options = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has said what is wrong, or printed the help
        return stop.code if isinstance(stop.code, int) else SOLVED
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        code = command(options)
        sys.stdout.flush()  # what cannot be written shows here, not as the interpreter ends
        return code
    except InputError as error:
        print(f"equiload: {error}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # whoever read the output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNSOLVED
    except OSError as error:
        print(f"equiload: {error.filename}: {error.strerror}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:  # outside of a solve, which would have kept its best answer
        print("equiload: interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="equiload", description="Equity-aware geographical load balancing."
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {build_info()['version']}"
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        parents=[_solve_options("equiload-demo")],
        help="solve a built-in scenario with and without equity, compare the online policies",
    )
    demo.add_argument("--sites", type=int, default=50, help="data centres (default %(default)s)")
    demo.add_argument("--gateways", type=int, default=30, help="(default %(default)s)")
    demo.add_argument("--slots", type=int, default=168, help="hours (default %(default)s)")
    demo.add_argument("--seed", type=int, default=0, help="of the scenario (default %(default)s)")
    demo.set_defaults(command=_demo)

    one = commands.add_parser("solve", parents=[_solve_options(None)], help="solve a scenario")
    one.add_argument("scenario", type=Path, help="folder with a scenario.json, or a .nc file")
    one.set_defaults(command=_solve)

    policies = commands.add_parser(
        "compare", parents=[_solve_options(None)], help="run the online policies on a scenario"
    )
    policies.add_argument("scenario", type=Path, help="folder with a scenario.json, or a .nc file")
    policies.set_defaults(command=_compare)

    look = commands.add_parser("check", help="look for mistakes in a scenario")
    look.add_argument("scenario", type=Path, help="folder with a scenario.json, or a .nc file")
    look.set_defaults(command=_check)

    info = commands.add_parser("info", help="say what this build can do")
    info.set_defaults(command=_info)
    return parser


def _solve_options(folder: str | None) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=None if folder is None else Path(folder),
        help="write solutions and pictures here (default %(default)s)",
    )
    options.add_argument(
        "--tol", type=float, default=1e-6, help="relative gap to reach (default %(default)s)"
    )
    options.add_argument("--time-limit", type=float, metavar="S", help="seconds per solve")
    options.add_argument("--threads", type=int, metavar="N", help="(default: all there are)")
    options.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:1, .. or reference"
    )
    options.add_argument("--precision", choices=PRECISIONS, default="double")
    options.add_argument("--verbose", action="store_true", help="print a line at every check")
    return options


def _demo(options: argparse.Namespace) -> int:
    problem = world(options.sites, options.gateways, options.slots, options.seed)
    print(_headline(problem))
    variants = {"cost only": problem.replace(equity={}), "equity-aware": problem}
    solutions = {}
    for name, variant in variants.items():
        solutions[name] = _run(variant, options)
        if solutions[name].status == "interrupted":
            break
    print(_table(solutions))
    comparison = None
    if all(solution.status == "optimal" for solution in solutions.values()):
        print("\nslot by slot, without the future:")
        comparison = _policies(problem, solutions["equity-aware"])
    save(problem, options.out / "scenario")
    print(f"wrote {options.out / 'scenario'}")
    if comparison is not None and _interrupted(*comparison.runs.values()):
        _write(solutions, options.out)
        return INTERRUPTED
    _write(solutions, options.out, comparison)
    return _exit_code(solutions)


def _solve(options: argparse.Namespace) -> int:
    problem = load(options.scenario)
    print(_headline(problem))
    solutions = {"solution": _run(problem, options)}
    print(_table(solutions))
    if options.out is not None:
        _write(solutions, options.out)
    return _exit_code(solutions)


def _compare(options: argparse.Namespace) -> int:
    problem = load(options.scenario)
    print(_headline(problem))
    offline = _run(problem, options)
    if offline.status == "interrupted" or offline.status not in _USABLE:
        print(_table({"offline": offline}))
        return _exit_code({"offline": offline})
    comparison = _policies(problem, offline)
    if _interrupted(offline, *comparison.runs.values()):
        return INTERRUPTED  # without pictures, which would not say that they are partial
    if options.out is not None and problem.footprints:
        _draw(options.out, lambda: _policy_pictures(comparison))
    done = all(run.status == "done" for run in comparison.runs.values())
    return SOLVED if done and offline.status == "optimal" else UNSOLVED


def _policies(problem: Problem, offline: Solution) -> Comparison:
    """Run the standard policies and print their table."""
    comparison = compare(
        problem,
        standard_policies(problem),
        offline=offline,
        progress=sys.stderr.isatty(),
        on_interrupt="return",
    )
    print(comparison)
    return comparison


def _policy_pictures(comparison: Comparison) -> dict[str, Figure]:
    run = comparison.runs["MirrorDescent"]
    figures = {"policies": plot.cost_against_burden(comparison)}
    figures["cumulative-burden"] = plot.cumulative_burden(run)
    if run.prices:
        figures["price-paths"] = plot.price_paths(run)
    return figures


def _check(options: argparse.Namespace) -> int:
    problem = load(options.scenario)
    print(_headline(problem))
    report = check(problem)
    print(report)
    return SOLVED if report.ok else UNSOLVED


def _info(options: argparse.Namespace) -> int:
    for name, value in build_info().items():
        shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value or "none"
        print(f"{name:<10} {shown}")
    return SOLVED


def _run(problem: Problem, options: argparse.Namespace) -> Solution:
    return solve(
        problem,
        tol=options.tol,
        time_limit=options.time_limit,
        threads=options.threads,
        device=options.device,
        precision=options.precision,
        verbose=options.verbose,
        progress=sys.stderr.isatty() and not options.verbose,
        on_interrupt="return",
    )


def _exit_code(solutions: Mapping[str, Solution]) -> int:
    """Say on standard error what kept a solve from its goal, if anything did."""
    for name, solution in solutions.items():
        if solution.infeasibility is not None:
            print(f"equiload: {name}: infeasible: {solution.infeasibility}", file=sys.stderr)
    if _interrupted(*solutions.values()):
        return INTERRUPTED
    return SOLVED if all(s.status == "optimal" for s in solutions.values()) else UNSOLVED


def _interrupted(*answers: Solution | Run) -> bool:
    """Say on standard error if any answer is a partial one, because of Ctrl-C."""
    partial = any(answer.status == "interrupted" for answer in answers)
    if partial:
        print("equiload: interrupted: what is printed and written is partial", file=sys.stderr)
    return partial


def _headline(problem: Problem) -> str:
    return (
        f"{problem.slots} slots, {problem.gateways} gateways, {problem.sites} sites, "
        f"{problem.arcs} arcs"
    )


def _table(solutions: Mapping[str, Solution]) -> str:
    """Lay the solutions out side by side."""
    rows = [("", "", *solutions), ("status", "", *(s.status for s in solutions.values()))]
    usable = {name: s for name, s in solutions.items() if s.status in _USABLE}
    columns = [
        {label: text for label, _, text in _figures(s)} if name in usable else {}
        for name, s in solutions.items()
    ]
    longest = max((_figures(s) for s in usable.values()), key=len, default=[])
    for label, unit, _ in longest:
        rows.append((label, unit, *(column.get(label, "-") for column in columns)))
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n < 2 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _figures(solution: Solution) -> list[tuple[str, str, str]]:
    """List what the table shows of a solution: label, unit, number."""
    breakdown = solution.breakdown
    rows = [("energy cost", "USD", f"{breakdown['energy']:,.0f}")]
    for name in COSTS[1:]:
        if breakdown[name] != 0:
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


def _write(
    solutions: Mapping[str, Solution], folder: Path, comparison: Comparison | None = None
) -> None:
    """Write every usable solution, and pictures of them where matplotlib is installed."""
    usable = {name: s for name, s in solutions.items() if s.status in _USABLE}
    if not usable:
        return
    _make(folder)
    for name, solution in usable.items():
        file = folder / f"{name.replace(' ', '-')}.npz"
        solution.save(file)
        print(f"wrote {file}")
    _draw(folder, lambda: _solution_pictures(usable, comparison))


def _solution_pictures(
    solutions: Mapping[str, Solution], comparison: Comparison | None
) -> dict[str, Figure]:
    figures = {"site-load": plot.site_load(list(solutions.values())[-1])}
    if next(iter(solutions.values())).footprints:
        figures["burdens"] = plot.burden_bars(solutions)
        if comparison is not None:
            figures |= _policy_pictures(comparison)
    return figures


def _draw(folder: Path, pictures: Callable[[], dict[str, Figure]]) -> None:
    """Write pictures where matplotlib is installed."""
    try:
        figures = pictures()
    except InputError as error:
        print(f"no pictures: {error}")
        return
    _make(folder)
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png")
        print(f"wrote {folder / name}.png")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}") from None
