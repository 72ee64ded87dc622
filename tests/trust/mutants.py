"""Mutated files: whatever a file holds, a reader returns something sound or raises `InputError`.

    python tests/trust/mutants.py --count 100000 --seed 1 --keep FOLDER

A mutant is a corpus (a folder, an archive, a dataset, a file of somebody else) and a list of edits
that do not depend on the bytes of the corpus, so that a failing one can be kept: `cases.json`
beside this file lists those that once failed.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import equiload as el
import equiload.data.eglb

Files = dict[str, bytes]  # by name within a folder
Edit = list[Any]

SECONDS = 20.0  # more than any reader may take over one of these small files
CASES = Path(__file__).with_name("cases.json")

# ---------------------------------------------------------------------------- what is mutated


def rich_problem(slots: int = 4) -> el.Problem:
    """A problem with every table that a file may have."""
    rng = np.random.default_rng(1)
    network = el.Network.complete(2, 3).with_delays({1: 1}, cost_per_slot=0.5)
    network = network.with_models([el.Model("large"), el.Model("small", 0.5, 2.0)])
    return el.Problem(
        demand=rng.random((slots, 2)),
        capacity=rng.random((slots, 3)) + 3.0,
        price=rng.random((slots, 3)) * 40,
        footprints={"carbon": rng.random((slots, 3)), "water": rng.random((slots, 3))},
        equity={"carbon": el.Max(20.0), "water": el.Budget([99.0, np.inf, 99.0])},
        network=network,
        regions={"carbon": ["north", "south, east", "north"]},
        history={"carbon": [1.0, 2.0], "water": [0.0, 1.0, 2.0]},
        sensitivity={"carbon": [1.0, 0.5]},
        quadratic=rng.random(3),
        idle_power=rng.random((slots, 3)) / 10,
        shed_cost=900.0,
        site_names=["A", "B", "Ōsaka"],
        gateway_names=["web", "batch"],
        slot_times=np.datetime64("2024-01-01T00") + np.arange(slots),
    )


def overfull_problem() -> el.Problem:
    return el.Problem(np.full((2, 1), 9.0), 1.0, [[1.0, 2.0]] * 2)


def over_budget_problem() -> el.Problem:
    carbon = {"carbon": np.ones((2, 2))}
    return el.Problem(np.ones((2, 1)), 9.0, [[1.0, 2.0]] * 2, carbon, {"carbon": el.Budget(0.1)})


EGLB = {
    "AI_workload.csv": ("Power (Watt)", 2000.0),
    **{f"price/{site}_Price.csv": ("Price (USD/MWh)", 40.0) for site in el.data.eglb.SITES},
    **{f"carbon/{site}_carbon.csv": ("Carbon (kg/kWh)", 0.4) for site in el.data.eglb.SITES},
    **{f"water/{site}_water.csv": ("WUE (L/kWh)", 2.0) for site in el.data.eglb.SITES},
}


def files_in(folder: Path) -> Files:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def saved(save: Callable[[Path], object]) -> Files:
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder))
        return files_in(Path(folder))


def hourly(column: str, value: float) -> bytes:
    rows = [f"2023-08-01 {hour:02}:00:00,{value + hour}" for hour in range(4)]
    return "\n".join([f"Time (UTC),{column}", *rows, ""]).encode()


def maps() -> bytes:
    rows = [f"2024-01-01 {hour:02}:00:00,Germany,DE,DE,{300 + hour}.5,400" for hour in range(5)]
    head = "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),x"
    return "\n".join([head, *rows, ""]).encode()


def watttime() -> bytes:
    points = [
        {"point_time": f"2024-01-01T{n // 12:02}:{n % 12 * 5:02}:00+00:00", "value": 900.0 + n}
        for n in range(36)
    ]
    meta = {"region": "CAISO_NORTH", "signal_type": "co2_moer", "units": "lbs_co2_per_mwh"}
    return json.dumps({"data": points, "meta": meta}, indent=1).encode()


def read_answer(path: Path) -> None:
    solution = el.Solution.load(path)
    certificate = el.certify(solution.problem, solution)
    usable = solution.status in ("optimal", "feasible")
    assert not usable or certificate.gap <= solution.gap + 1e-6, "an answer that lies"


def read_problem(path: Path) -> None:
    assert isinstance(el.data.load(path), el.Problem)


# Per corpus its files and how they are read, given the folder that they are in.
CORPORA: dict[str, tuple[Callable[[], Files], Callable[[Path], object]]] = {
    "folder": (
        lambda: saved(lambda to: el.data.save(rich_problem(), to)),
        read_problem,
    ),
    "world": (
        lambda: saved(lambda to: el.data.save(el.data.world(3, 2, 3), to)),
        read_problem,
    ),
    "answer": (
        lambda: saved(lambda to: el.solve(rich_problem()).save(to / "a.npz")),
        lambda at: read_answer(at / "a.npz"),
    ),
    "infeasible": (
        lambda: saved(lambda to: el.solve(overfull_problem()).save(to / "a.npz")),
        lambda at: read_answer(at / "a.npz"),
    ),
    "over budget": (
        lambda: saved(lambda to: el.solve(over_budget_problem()).save(to / "a.npz")),
        lambda at: read_answer(at / "a.npz"),
    ),
    "dataset": (
        lambda: saved(lambda to: el.data.save(rich_problem(), to / "a.nc")),
        lambda at: read_problem(at / "a.nc"),
    ),
    "answer's dataset": (
        lambda: saved(lambda to: el.solve(rich_problem(2)).save(to / "a.nc")),
        lambda at: read_answer(at / "a.nc"),
    ),
    "ten data centres": (
        lambda: {name: hourly(*column) for name, column in EGLB.items()},
        el.data.read_eglb,
    ),
    "electricity maps": (
        lambda: {"a.csv": maps()},
        lambda at: el.data.read_electricity_maps(at / "a.csv", fill=1),
    ),
    "watttime": (
        lambda: {"a.json": watttime()},
        lambda at: el.data.read_watttime(at / "a.json", fill=1),
    ),
    "watttime's table": (
        lambda: {"CAISO_2024.csv": hourly("MOER", 900.0).replace(b"Time (UTC)", b"timestamp")},
        lambda at: el.data.read_watttime(at / "CAISO_2024.csv", fill=1),
    ),
}
TEXTUAL = [name for name in CORPORA if "dataset" not in name]
NETCDF = [name for name in CORPORA if "dataset" in name]
SLOW = [*NETCDF, "ten data centres"]


@cache
def corpus(name: str) -> Files:
    return CORPORA[name][0]()


# ---------------------------------------------------------------------------- edits

JUNK: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 1e308, 10**18, 10**400, float("nan"), float("inf")),
    *("", "x", "carbon", "../x", "a/b", "\0", "\ud800", "NaT", "9" * 30, "datetime64[D]", "site"),
    *([], [[]], [None], ["site"], ["slot", "site"], [1, 2], {}, {"": ""}, {"function": "Max"}),
    *([["a"]], "text", "<U3", "regions_carbon", "footprint_carbon", "arc_model", [{}], -0.0),
]
CELLS = [
    "",
    "nan",
    "inf",
    "-1",
    "1e999",
    "x",
    '"',
    "1_0",
    "\0",
    "9" * 400,
    " 1 ",
    "1,5",
    "2024-13-01",
]
CELLS += ["0001-01-01 00:00:00", "9999-12-31 23:00:00", "2024-01-01 00:30", "null", "\ufeff", "\r"]
DTYPES = ["<f4", "<f8", ">f8", "<i8", "|u1", "<U3", "<c16", "|b1", "<M8[h]", "|S4", "|V8", "<f2"]


def random_edit(rng: random.Random, name: str) -> Edit:
    """Return an edit: what is done, in which file, where (shares of its length), and with what."""
    place, other = rng.random(), rng.random()
    kinds = ["flip", "cut", "double", "insert", "truncate", "number"]
    if name.endswith(".json"):
        kinds += ["json"] * 12
    if name.endswith(".npz"):
        kinds += ["array"] * 8 + ["header"] * 12
    if name.endswith(".csv"):
        kinds += ["cell"] * 8 + ["row", "column"]
    kind = rng.choice(kinds)
    what: Any = rng.randbytes(rng.choice([1, 2, 8])).hex()
    if kind in ("json", "header"):
        what = [rng.choice(["put", "put", "drop", "rename", "add"]), rng.randrange(len(JUNK))]
    elif kind == "array":
        acts = ["reshape", "empty", "scalar", "nan", "huge", "drop", "add", "double", "object"]
        what = [rng.choice([*acts, "dtype", "permute"]), rng.choice(DTYPES)]
    elif kind in ("cell", "number"):
        what = rng.choice(CELLS)
    elif kind in ("row", "column"):
        what = rng.choice(["drop", "double", "swap"])
    return [kind, place, other, what]


def edited(content: bytes, edit: Edit) -> bytes:
    """Return a file with one edit; the same file where there is nothing to edit."""
    kind, place, other, what = edit
    at = int(place * len(content))
    to = min(len(content), at + 1 + int(other**4 * 200))
    if kind == "flip":
        mask = bytes.fromhex(what)[0] or 1
        return content[:at] + bytes(b ^ mask for b in content[at : at + 1]) + content[at + 1 :]
    if kind == "cut":
        return content[:at] + content[to:]
    if kind == "double":
        return content[:to] + content[at:to] + content[to:]
    if kind == "insert":
        return content[:at] + bytes.fromhex(what) + content[at:]
    if kind == "truncate":
        return content[:at]
    if kind == "number":
        return with_number(content, place, what.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(Exception):  # an edit before may have left nothing to edit
        return {"json": with_json, "header": with_header, "array": with_array}.get(
            kind, with_table
        )(content, edit)
    return content


def with_number(content: bytes, place: float, new: bytes) -> bytes:
    digits = [n for n, byte in enumerate(content) if 48 <= byte < 58]
    if not digits:
        return content
    first = last = digits[int(place * len(digits))]
    while last < len(content) and (48 <= content[last] < 58 or content[last] in b".e-"):
        last += 1
    return content[:first] + new + content[last:]


def with_json(content: bytes, edit: Edit) -> bytes:
    _, place, other, (act, which) = edit
    tree, junk = json.loads(content), JUNK[which]
    spots: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)):
            spots.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    walk(tree)
    node, key = spots[int(place * len(spots))]
    if act == "put":
        node[key] = junk
    elif act == "drop":
        del node[key]
    elif act == "rename" and isinstance(node, dict):
        node[str(junk)] = node.pop(key)
    elif isinstance(node, dict):
        node[f"{key}{junk}"] = node[key] if other < 0.5 else junk
    else:
        node.append(junk)
    return json.dumps(tree).encode("utf-8", "surrogatepass")


def members(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content)) as archive:
        return dict(archive)


def archived(arrays: dict[str, np.ndarray]) -> bytes:
    made = io.BytesIO()
    np.savez(made, **arrays)
    return made.getvalue()


def with_header(content: bytes, edit: Edit) -> bytes:
    arrays = members(content)
    name = "scenario" if edit[2] < 0.5 else "solution"
    arrays[name] = np.array(with_json(str(arrays[name]).encode(), edit).decode())
    return archived(arrays)


def with_array(content: bytes, edit: Edit) -> bytes:
    _, place, other, (act, dtype) = edit
    arrays = members(content)
    name = list(arrays)[int(place * len(arrays))]
    old = arrays[name]
    at = int(other * old.size)
    if act == "reshape":
        arrays[name] = old.reshape(-1, 1) if other < 0.5 else old.ravel()[1:]
    elif act in ("empty", "scalar"):
        arrays[name] = np.zeros((0,) * old.ndim if act == "empty" else (), old.dtype)
    elif act in ("nan", "huge"):
        values = old.astype(float)
        values.flat[at] = np.nan if act == "nan" else 1e300
        arrays[name] = values
    elif act == "permute":
        arrays[name] = old[::-1].copy()
    elif act == "drop":
        del arrays[name]
    elif act in ("add", "double"):
        arrays[f"{name}_" if act == "add" else "quadratic"] = old
    elif act == "object":
        arrays[name] = old.astype(object)
    else:
        arrays[name] = old.astype(dtype)
    return archived(arrays)


def with_table(content: bytes, edit: Edit) -> bytes:
    kind, place, other, what = edit
    rows = list(csv.reader(io.StringIO(content.decode())))
    row = int(place * len(rows))
    column = int(other * len(rows[row]))
    if kind == "cell":
        rows[row][column] = what
    elif kind == "row":
        rows = swapped(rows, row, what)
    else:
        rows = [swapped(line, column, what) for line in rows]
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows(rows)
    return made.getvalue().encode("utf-8", "surrogatepass")


def swapped(entries: list[Any], at: int, what: str) -> list[Any]:
    if what == "drop":
        return entries[:at] + entries[at + 1 :]
    if what == "double":
        return entries[: at + 1] + entries[at:]
    return [*entries[:at], *entries[at + 1 : at + 2], entries[at], *entries[at + 2 :]]


# ---------------------------------------------------------------------------- one mutant


def random_mutant(number: int, seed: int, names: list[str]) -> dict[str, Any]:
    """Return what is edited and how, the same for the same number and seed."""
    rng = random.Random(f"{seed}/{number}")
    name = rng.choices(names, [1 if one in SLOW else 6 for one in names])[0]
    files = sorted(corpus(name))
    edits = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        file = (
            rng.choice(files)
            if rng.random() < 0.7 or "scenario.json" not in files
            else "scenario.json"
        )
        edits.append([file, random_edit(rng, file)])
    return {"corpus": name, "edits": edits}


def mutated(mutant: dict[str, Any]) -> Files:
    files = dict(corpus(mutant["corpus"]))
    for file, edit in mutant["edits"]:
        files[file] = edited(files[file], edit)
    return files


def outcome(mutant: dict[str, Any], folder: Path) -> str:
    """Read a mutant: "read", "refused", or what is wrong."""
    for name, content in mutated(mutant).items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(content)
    began = time.monotonic()
    try:
        with bounded(), warnings.catch_warnings(), reading_in_forks():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)  # NetCDF, below
            CORPORA[mutant["corpus"]][1](folder)
        said = "read"
    except el.InputError as error:
        said = "refused" if "\n" not in str(error) else f"several lines: {error}"
    except Exception:
        said = traceback.format_exc(limit=-4)
    if time.monotonic() - began > SECONDS:
        said = f"{time.monotonic() - began:.0f} s"
    return said


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Raise TimeoutError in a reader that takes too long."""

    def stop(*_: object) -> None:
        raise TimeoutError("a reader takes too long")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 2 * SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def reading_in_forks() -> Iterator[None]:
    """Read NetCDF files in forks of this process: a new one each, but no new interpreter."""
    from equiload.data import answers, files

    def read(path: Path) -> dict[str, np.ndarray]:
        from equiload.data import archive, netcdf

        with tempfile.TemporaryFile() as between:
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    os.close(2)
                    netcdf.convert(path, between, 5, 8 << 30)
                    code = 0
                except Exception:
                    pass
                finally:
                    os._exit(code)
            if os.waitpid(child, 0)[1]:
                raise el.InputError(f"{path}: the process that reads it failed")
            return dict(archive.Archive(between, path, "a dataset"))

    old = files.read_netcdf
    answers.read_netcdf = files.read_netcdf = read
    try:
        yield
    finally:
        answers.read_netcdf = files.read_netcdf = old


# ---------------------------------------------------------------------------- many


def run(
    count: int, seed: int, names: list[str], first: int = 0, keep: Path | None = None
) -> tuple[Counter[str], list[dict[str, Any]]]:
    """Read many mutants; return how many came to what, and those that failed."""
    counts: Counter[str] = Counter()
    failed = []
    for number in range(first, first + count):
        mutant = random_mutant(number, seed, names)
        with tempfile.TemporaryDirectory() as folder:
            said = outcome(mutant, Path(folder))
            if said not in ("read", "refused"):
                failed.append(mutant | {"said": said})
                if keep is not None:
                    shutil.copytree(folder, keep / str(number), dirs_exist_ok=True)
        counts[said if said in ("read", "refused") else "failed"] += 1
    return counts, failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--corpora", nargs="*", choices=CORPORA, default=list(CORPORA))
    parser.add_argument("--keep", type=Path, help="folder for those that fail")
    options = parser.parse_args()
    began, total, failed = time.monotonic(), Counter[str](), []
    for first in range(options.first, options.first + options.count, 1000):
        part = min(1000, options.first + options.count - first)
        counts, bad = run(part, options.seed, options.corpora, first, options.keep)
        total += counts
        failed += bad
        print(
            f"{sum(total.values())} mutants, {time.monotonic() - began:.0f} s: {dict(total)}",
            flush=True,
        )
        for mutant in bad:
            print(json.dumps(mutant), flush=True)
    if options.keep is not None and failed:
        options.keep.mkdir(exist_ok=True, parents=True)
        (options.keep / "cases.json").write_text(json.dumps(failed, indent=1))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
