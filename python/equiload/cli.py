"""The command line: `equiload init | check | solve | report | compare | frontier | ...`.

Exit codes: 0 solved; 1 stopped early, infeasible, or a check that found errors; 2 bad input;
130 interrupted, with what there was written and marked as partial.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
import typer.core

from . import plot
from ._core import DEVICES, METHODS, PRECISIONS, build_info
from ._start import PLACES, start, write_places
from ._terminal import (
    PLAN_FORMATS,
    USABLE,
    Folder,
    Terminal,
    aligned,
    complain,
    draw,
    figures,
    headline,
    table,
    write_solution,
)
from .checking import check
from .data import load, read_sites, save, world
from .data.world import world_positions
from .errors import InputError
from .labelled import write_table
from .online import Comparison, compare, standard_policies
from .problem import Problem
from .reporting import report
from .solution import Solution
from .solver import solve
from .sweep import Frontier, frontier

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["app", "main"]

SOLVED, UNSOLVED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
_SOLUTIONS = ("solution.npz", "equity-aware.npz", "solution.nc")


class _Stopped(Exception):
    """Ctrl-C outside of a solve, which would have kept its best answer."""


class _Commands(typer.core.TyperGroup):
    """The commands; typer would end on Ctrl-C without a word."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _Stopped from None


app = typer.Typer(
    cls=_Commands,
    name="equiload",
    help="Plans where and when to serve work so that cost and the burden of the worst-off region "
    "are small together, with a certificate.",
    epilog="Begin with: equiload demo. Exit codes: 0 solved, 1 stopped early or infeasible, "
    "2 bad input, 130 interrupted.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _one_of(words: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Return what completes an option in the shell."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


Scenario = Annotated[
    Path, typer.Argument(help="Folder with a scenario.json, or a .nc file.", show_default=False)
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write plan, tables and pictures here.", show_default=False),
]
Tol = Annotated[float, typer.Option(help="Relative gap to reach.")]
TimeLimit = Annotated[
    float | None, typer.Option(metavar="S", help="Seconds per solve.", show_default="none")
]
Threads = Annotated[int | None, typer.Option(metavar="N", show_default="all there are")]
Device = Annotated[
    str,
    typer.Option(help="auto, cpu, cuda, cuda:1, .. or reference.", autocompletion=_one_of(DEVICES)),
]
Method = Annotated[
    str, typer.Option(help="auto, barrier or first-order.", autocompletion=_one_of(METHODS))
]
Precision = Annotated[
    str, typer.Option(help="double or mixed.", autocompletion=_one_of(PRECISIONS))
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Print a line for every new certificate.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
PlanFormat = Annotated[
    str,
    typer.Option(
        help="Format of the plan: csv, parquet or none.", autocompletion=_one_of(PLAN_FORMATS)
    ),
]


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
        130: interrupted.
    """
    try:
        code = app(argv, standalone_mode=False, prog_name="equiload")
        sys.stdout.flush()  # what cannot be written shows here, not as the interpreter ends
        return code if isinstance(code, int) else SOLVED
    except InputError as error:
        complain(error)
        return BAD_INPUT
    except BrokenPipeError:  # whoever read the output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNSOLVED
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        return BAD_INPUT
    except _Stopped:
        complain("interrupted")
        return INTERRUPTED
    except Exception as error:
        if not hasattr(error, "format_message"):  # what typer says of bad arguments
            raise
        complain(_misuse(error))
        return BAD_INPUT


def _misuse(error: Any) -> str:
    """Say in one line what is wrong with the arguments, and what they should be."""
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    text = " ".join(error.format_message().split())
    help_text = getattr(parameter, "help", None)
    if help_text:
        text += f" {help_text}"
    if context is None:
        return text
    pieces = " ".join(context.command.collect_usage_pieces(context))
    return f"{text} Usage: {context.command_path} {pieces}"


def _version(asked: bool) -> None:
    if asked:
        print(f"equiload {build_info()['version']}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Nothing but the options of all commands."""


@app.command(
    "init",
    epilog="Example: equiload init fleet --demand demand.csv --price entsoe.csv "
    "--carbon electricity-maps.csv --sites sites.csv --rate EUR=1.08",
)
def _init(
    folder: Annotated[Path, typer.Argument(help="The scenario folder to make.")],
    demand: Annotated[Path | None, typer.Option(help="Times by gateways.")] = None,
    price: Annotated[Path | None, typer.Option(help="Prices: ENTSO-E, EIA, gridstatus, ..")] = None,
    carbon: Annotated[Path | None, typer.Option(help="Electricity Maps, WattTime, ..")] = None,
    water: Annotated[Path | None, typer.Option(help="Times by sites, or weather.")] = None,
    footprint: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="Any other burden.")
    ] = None,
    sites: Annotated[
        Path | None, typer.Option(help="A row a site: zones, capacity, place.")
    ] = None,
    gateways: Annotated[Path | None, typer.Option(help="A row a gateway: place.")] = None,
    equity: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=TERM", help="Such as carbon=max:1500, water=budget:100."),
    ] = None,
    unit: Annotated[list[str] | None, typer.Option(metavar="NAME=UNIT")] = None,
    rate: Annotated[
        list[str] | None, typer.Option(metavar="EUR=1.08", help="A currency's worth in USD.")
    ] = None,
    capacity: Annotated[float | None, typer.Option(help="MWh per slot of every site.")] = None,
    nearest: Annotated[int | None, typer.Option(help="Sites that a gateway may use.")] = None,
    cost_per_km: Annotated[float, typer.Option(help="USD/MWh of work.")] = 0.0,
    step: Annotated[str | None, typer.Option(help='Slot length, such as "1h".')] = None,
    timezone: Annotated[str | None, typer.Option(help="Of times that do not say it.")] = None,
    fill: Annotated[int, typer.Option(help="Most slots in a row to fill.")] = 0,
    as_json: Json = False,
) -> int:
    """Make a scenario folder of downloaded CSV files; without any, of a small example."""
    terminal = Terminal(as_json)
    tables = {"demand": demand, "price": price, "carbon": carbon, "water": water}
    for text in footprint or []:
        name, _, file = text.partition("=")
        tables[name] = Path(file)
    _log_to(terminal)
    problem = start(
        folder,
        {name: path for name, path in tables.items() if path is not None},
        sites=sites,
        gateways=gateways,
        equity=equity or [],
        units=unit or [],
        rates=rate or [],
        capacity=capacity,
        nearest=nearest,
        cost_per_km=cost_per_km,
        step=step,
        timezone=timezone,
        fill=fill,
    )
    terminal.say(headline(problem))
    for name, term in problem.equity.items():
        terminal.say(f"{name}: {term}")
    terminal.wrote(folder)
    terminal.emit({"command": "init", "scenario": str(folder)} | _sizes(problem))
    return SOLVED


def _log_to(terminal: Terminal) -> None:
    """Say what the readers filled or left out."""
    logger = logging.getLogger("equiload.data")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("note: %(message)s"))
    logger.handlers[:] = [] if terminal.as_json else [handler]
    logger.setLevel(logging.INFO)


def _sizes(problem: Problem) -> dict[str, int]:
    return {name: getattr(problem, name) for name in ("slots", "gateways", "sites", "arcs")}


@app.command("check", epilog="Example: equiload check fleet")
def _check(scenario: Scenario, as_json: Json = False) -> int:
    """Look for mistakes in a scenario."""
    terminal = Terminal(as_json)
    problem = load(scenario)
    terminal.say(headline(problem))
    found = check(problem)
    terminal.say(found)
    findings = [vars(finding) for finding in found]
    terminal.emit({"command": "check", "ok": found.ok, "findings": findings} | _sizes(problem))
    return SOLVED if found.ok else UNSOLVED


@app.command("solve", epilog="Example: equiload solve fleet --out run")
def _solve(
    scenario: Scenario,
    out: Out = None,
    tol: Tol = 1e-6,
    time_limit: TimeLimit = None,
    threads: Threads = None,
    device: Device = "auto",
    method: Method = "auto",
    precision: Precision = "double",
    plan: PlanFormat = "csv",
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Solve a scenario and write the plan."""
    _require_format(plan)
    terminal, settings = Terminal(as_json), _settings(locals())
    with Folder(out, ["solution.npz", f"plan.{plan}"]) as folder:
        problem = load(scenario)
        terminal.say(headline(problem))
        checks: list[Any] = []
        solution = solve(problem, callback=checks.append, **settings)
        terminal.say(table({"solution": solution}))
        if folder.path is not None and solution.status in USABLE:
            write_solution(terminal, folder.path, "solution", solution, plan)
            _keep_places(scenario, folder.path)
            places = _places(scenario, problem)
            draw(terminal, folder.path, lambda: _plan_pictures(solution, checks, places))
    terminal.emit({"command": "solve"} | figures(solution))
    return _exit_code({"solution": solution})


def _keep_places(scenario: Path, folder: Path) -> None:
    """Copy where the sites are beside a plan, for its map."""
    if (scenario / PLACES).exists():
        shutil.copyfile(scenario / PLACES, folder / PLACES)


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `solve` among the options of a command."""
    names = ("tol", "time_limit", "threads", "device", "method", "precision")
    chosen = {name: options[name] for name in names}
    quiet = options["as_json"]
    chosen["on_interrupt"] = "return"
    chosen["verbose"] = options["verbose"] and not quiet
    chosen["progress"] = sys.stderr.isatty() and not options["verbose"] and not quiet
    return chosen


def _require_format(plan: str) -> None:
    if plan not in PLAN_FORMATS:
        raise InputError(f"plan is {plan!r}; it must be one of {', '.join(PLAN_FORMATS)}")


def _pictures(
    solutions: dict[str, Solution], comparison: Comparison | None = None
) -> dict[str, Figure]:
    drawn = {"site-load": plot.site_load(list(solutions.values())[-1])}
    if next(iter(solutions.values())).problem.footprints:
        drawn["burdens"] = plot.burden_bars(solutions)
        if comparison is not None:
            drawn |= _policy_pictures(comparison)
    return drawn


def _plan_pictures(solution: Solution, checks: list[Any], places: Any) -> dict[str, Figure]:
    """Draw one plan: what it looks like, and how it was found."""
    drawn = _pictures({"solution": solution})
    if any(math.isfinite(check.gap) for check in checks):
        drawn["convergence"] = plot.convergence(checks)
    if solution.problem.footprints:
        drawn["cumulative-burden"] = plot.cumulative_burden(solution)
    if solution.problem.network.delay.any():
        drawn["backlog"] = plot.backlog(solution)
    if places is not None:
        drawn["map"] = plot.site_map(solution, places)
    return drawn


def _places(scenario: Path, problem: Problem) -> Any:
    """Return where the sites of a scenario are, if its folder says so."""
    file = scenario / PLACES
    return _positions(file, problem) if file.exists() else None


def _policy_pictures(comparison: Comparison) -> dict[str, Figure]:
    run = comparison.runs["MirrorDescent"]
    drawn = {"policies": plot.cost_against_burden(comparison)}
    drawn["cumulative-burden"] = plot.cumulative_burden(run)
    if run.prices:
        drawn["price-paths"] = plot.price_paths(run)
    return drawn


@app.command("report", epilog="Example: equiload report run --policies")
def _report(
    run: Annotated[Path, typer.Argument(help="What solve or demo wrote: a folder or its .npz.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page (default: in the folder).")
    ] = None,
    title: Annotated[str | None, typer.Option(help="The heading.")] = None,
    before: Annotated[bool, typer.Option(help="Compare with the cheapest plan.")] = True,
    policies: Annotated[bool, typer.Option("--policies", help="Run the online policies.")] = False,
    sweep: Annotated[bool, typer.Option("--frontier", help="Sweep the equity weights.")] = False,
    sites: Annotated[Path | None, typer.Option(help="Sites with latitude and longitude.")] = None,
    as_json: Json = False,
) -> int:
    """Write one page about a plan: a map, tables, charts, and what its certificate means."""
    terminal = Terminal(as_json)
    file = _solution_file(run)
    page = out or file.parent / "report.html"
    places = sites or (file.parent / PLACES if (file.parent / PLACES).exists() else None)
    with Folder(page.parent, [page.name]):
        solution = Solution.load(file)
        problem = solution.problem
        earlier: Solution | bool = before
        if before and (file.parent / "cost-only.npz").exists():
            earlier = Solution.load(file.parent / "cost-only.npz")
        report(
            solution,
            page,
            title=title,
            before=earlier,
            frontier=_swept(problem, None, None, None, 9, 1e-4) if sweep else None,
            comparison=compare(problem, standard_policies(problem), offline=solution)
            if policies
            else None,
            positions=None if places is None else _positions(places, problem),
        )
    terminal.wrote(page)
    terminal.emit({"command": "report"} | figures(solution))
    return SOLVED


def _positions(sites: Path, problem: Problem) -> Any:
    places = read_sites(sites)
    if places.latitude is None or places.longitude is None:
        raise InputError(f'{sites}: no columns "latitude" and "longitude"')
    names = problem.site_names or ()
    for name in names:
        if name not in places.names:
            raise InputError(f"{sites}: no site {name!r}")
    order = [places.names.index(name) for name in names]
    return np.column_stack([places.latitude[order], places.longitude[order]])


def _solution_file(run: Path) -> Path:
    if not run.is_dir():
        return run
    for name in _SOLUTIONS:
        if (run / name).exists():
            return run / name
    raise InputError(f"{run}: no {_SOLUTIONS[0]} in it; equiload solve --out {run} writes one")


@app.command("compare", epilog="Example: equiload compare fleet --out run")
def _compare(
    scenario: Scenario,
    out: Out = None,
    tol: Tol = 1e-6,
    time_limit: TimeLimit = None,
    threads: Threads = None,
    device: Device = "auto",
    method: Method = "auto",
    precision: Precision = "double",
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Run the online policies on a scenario, beside the offline optimum."""
    terminal, settings = Terminal(as_json), _settings(locals())
    with Folder(out, ["policies.csv"]) as folder:
        problem = load(scenario)
        terminal.say(headline(problem))
        offline = solve(problem, **settings)
        if offline.status == "interrupted" or offline.status not in USABLE:
            return _exit_code({"offline": offline})
        comparison = _policies(terminal, problem, offline, settings["progress"])
        if folder.path is not None:
            _write_comparison(terminal, folder.path, comparison)
    terminal.emit({"command": "compare", "policies": comparison.rows})
    if any(run.status == "interrupted" for run in comparison.runs.values()):
        complain("interrupted: what is printed and written is partial")
        return INTERRUPTED
    done = all(run.status == "done" for run in comparison.runs.values())
    return _exit_code({"offline": offline}) if done else UNSOLVED


def _write_comparison(terminal: Terminal, folder: Path, comparison: Comparison) -> None:
    rows = comparison.rows
    write_table(folder / "policies.csv", list(rows[0]), [list(row.values()) for row in rows])
    terminal.wrote(folder / "policies.csv")
    if comparison.problem.footprints:
        draw(terminal, folder, lambda: _policy_pictures(comparison))


def _policies(
    terminal: Terminal, problem: Problem, offline: Solution, progress: bool
) -> Comparison:
    """Run the standard policies and print their table."""
    policies = standard_policies(problem)
    comparison = compare(
        problem, policies, offline=offline, progress=progress, on_interrupt="return"
    )
    terminal.say(comparison)
    return comparison


@app.command("frontier", epilog="Example: equiload frontier fleet --footprint carbon --points 16")
def _frontier(
    scenario: Scenario,
    out: Out = None,
    footprint: Annotated[str | None, typer.Option(help="Whose weight to sweep.")] = None,
    lowest: Annotated[float | None, typer.Option("--from", help="Lightest weight.")] = None,
    highest: Annotated[float | None, typer.Option("--to", help="Heaviest weight.")] = None,
    points: Annotated[int, typer.Option(help="How many weights.")] = 16,
    tol: Tol = 1e-6,
    as_json: Json = False,
) -> int:
    """Sweep the weight of an equity term: what fairness costs."""
    terminal = Terminal(as_json)
    with Folder(out, ["frontier.csv"]) as folder:
        problem = load(scenario)
        terminal.say(headline(problem))
        swept = _swept(problem, footprint, lowest, highest, points, tol)
        columns = {f"{name} weight": w for name, w in swept.weights.items()}
        columns |= {"cost": swept.cost}
        columns |= {f"{name} burden": values for name, values in swept.burden.items()}
        columns |= {"gap": swept.gap}
        rows = [list(row) for row in zip(*(c.tolist() for c in columns.values()), strict=True)]
        text = [tuple(columns), *(tuple(f"{value:.6g}" for value in row) for row in rows)]
        terminal.say(aligned(text, left=0))
        if folder.path is not None:
            write_table(folder.path / "frontier.csv", list(columns), rows)
            terminal.wrote(folder.path / "frontier.csv")
            draw(terminal, folder.path, lambda: {"frontier": swept.plot()})
    terminal.emit({"command": "frontier"} | {name: list(c) for name, c in columns.items()})
    return _exit_code({f"point {n}": solution for n, solution in enumerate(swept)})


def _swept(
    problem: Problem,
    footprint: str | None,
    lowest: float | None,
    highest: float | None,
    points: int,
    tol: float,
) -> Frontier:
    """Sweep one weight, by default from a hundredth to a hundred times what it is."""
    priced = [name for name, term in problem.equity.items() if term.weight > 0]
    name = footprint or next(iter(priced), None)
    if name is None or name not in problem.equity:
        there = ", ".join(problem.equity) or "none"
        raise InputError(f"footprint is {name!r}; those with an equity term are: {there}")
    if points < 2:
        raise InputError(f"points is {points}; it must be at least 2")
    weight = problem.equity[name].weight or 1.0
    low, high = lowest or weight / 100, highest or weight * 100
    if not 0 < low < high:
        raise InputError(f"the weights must rise from above 0: --from {low:g} --to {high:g}")
    weights = {name: np.geomspace(low, high, points)}
    return frontier(problem, weights, tol=tol, on_interrupt="return")


@app.command("convert", epilog="Example: equiload convert run/solution.npz plan.parquet")
def _convert(
    source: Annotated[Path, typer.Argument(help="A scenario or a solution.")],
    target: Annotated[
        Path, typer.Argument(help="A folder or .nc for a scenario; .npz, .nc, .csv or .parquet.")
    ],
    as_json: Json = False,
) -> int:
    """Write a scenario, or a solution or its plan, in another format."""
    terminal = Terminal(as_json)
    with Folder(target.parent):
        found = _loaded(source)
        if isinstance(found, Problem):
            if target.suffix not in ("", ".nc"):
                raise InputError(f"{target}: a scenario is written to a folder or a .nc file")
            save(found, target)
        else:
            found.save(target)
    terminal.wrote(target)
    terminal.emit({"command": "convert"})
    return SOLVED


def _loaded(source: Path) -> Problem | Solution:
    """Read a scenario or a solution, whichever the file is."""
    if source.suffix == ".npz":
        return Solution.load(source)
    if source.suffix != ".nc":
        return load(source)
    try:
        return Solution.load(source)
    except InputError:
        return load(source)


@app.command("demo", epilog="Example: equiload demo --sites 20 --slots 24")
def _demo(
    out: Annotated[Path, typer.Option(metavar="DIR")] = Path("equiload-demo"),
    sites: Annotated[int, typer.Option(help="Data centres.")] = 50,
    gateways: Annotated[int, typer.Option()] = 30,
    slots: Annotated[int, typer.Option(help="Hours.")] = 168,
    seed: Annotated[int, typer.Option(help="Of the scenario.")] = 0,
    tol: Tol = 1e-6,
    time_limit: TimeLimit = None,
    threads: Threads = None,
    device: Device = "auto",
    method: Method = "auto",
    precision: Precision = "double",
    plan: PlanFormat = "csv",
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Solve a built-in scenario with and without equity, and compare the online policies."""
    _require_format(plan)
    terminal, settings = Terminal(as_json), _settings(locals())
    with Folder(out, ["cost-only.npz", "equity-aware.npz"]):
        problem = world(sites, gateways, slots, seed)
        terminal.say(headline(problem))
        solutions: dict[str, Solution] = {}
        variants = {"cost only": problem.replace(equity={}), "equity-aware": problem}
        for name, variant in variants.items():
            solutions[name] = solve(variant, **settings)
            if solutions[name].status == "interrupted":
                break
        terminal.say(table(solutions))
        comparison = None
        if all(solution.status == "optimal" for solution in solutions.values()):
            terminal.say("\nslot by slot, without the future:")
            offline = solutions["equity-aware"]
            comparison = _policies(terminal, problem, offline, settings["progress"])
        save(problem, out / "scenario")
        write_places(out / PLACES, problem.site_names or (), *world_positions(sites, seed).T)
        terminal.wrote(out / "scenario")
        usable = {name: s for name, s in solutions.items() if s.status in USABLE}
        for name, solution in usable.items():
            key = name.replace(" ", "-")
            write_solution(terminal, out, key, solution, plan, f"{key}-")
        if usable:
            draw(terminal, out, lambda: _pictures(usable, comparison))
        terminal.say(f"next: equiload report {out}")
    shown = {name: figures(solution) for name, solution in solutions.items()}
    terminal.emit({"command": "demo", "solutions": shown})
    return _exit_code(solutions)


@app.command("bench", epilog="Example: equiload bench --quick --json")
def _bench(
    quick: Annotated[bool, typer.Option("--quick", help="The two small worlds only.")] = False,
    tol: Tol = 1e-6,
    threads: Threads = None,
    device: Device = "auto",
    as_json: Json = False,
) -> int:
    """Time solves of built-in worlds on this machine."""
    terminal = Terminal(as_json)
    sizes = [(20, 10, 24), (50, 30, 168), (200, 100, 168)][: 2 if quick else None]
    solutions = {}
    for shape in sizes:
        solution = solve(world(*shape), tol=tol, threads=threads, device=device)
        solutions["{} sites, {} gateways, {} slots".format(*shape)] = solution
    head = ("world", "iterations", "seconds", "gap", "method")
    rows = [
        (name, str(s.iterations), f"{s.seconds:.3f}", f"{s.gap:.1e}", s.method)
        for name, s in solutions.items()
    ]
    terminal.say(aligned([head, *rows]))
    shown = {name: figures(solution) for name, solution in solutions.items()}
    terminal.emit({"command": "bench", "worlds": shown})
    return _exit_code(solutions)


@app.command("info", epilog="Example: equiload info --json")
def _info(as_json: Json = False) -> int:
    """Say what this build can do."""
    terminal = Terminal(as_json)
    for name, value in build_info().items():
        shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value or "none"
        terminal.say(f"{name:<10} {shown}")
    terminal.emit({"command": "info"} | build_info())
    return SOLVED


def _exit_code(solutions: dict[str, Solution]) -> int:
    """Say on standard error what kept a solve from its goal, if anything did."""
    for name, solution in solutions.items():
        if solution.infeasibility is not None:
            complain(f"{name}: infeasible: {solution.infeasibility}")
    if any(solution.status == "interrupted" for solution in solutions.values()):
        complain("interrupted: what is printed and written is partial")
        return INTERRUPTED
    return SOLVED if all(s.status == "optimal" for s in solutions.values()) else UNSOLVED
