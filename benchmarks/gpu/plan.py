"""Stages within a budget of time: the first are worth most, the last are dropped when it is spent.

Only the standard library: a bare machine runs this before anything is installed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


class Stopped(Exception):
    """A stage ran out of its time."""


class Failed(Exception):
    """A stage went wrong."""


class Skipped(Exception):
    """A stage has nothing to do on this machine."""


@dataclass(frozen=True)
class Stage:
    """One step of the plan.

    `run` gets the seconds that it may take and returns what it found, in a few words.
    """

    name: str
    least: float  # seconds that it needs: with less left it is not begun
    most: float  # seconds after which it is stopped
    run: Callable[[float], str]
    after: str | None = None  # a stage that must have been done


@dataclass(frozen=True)
class Outcome:
    """What became of a stage."""

    name: str
    outcome: str  # "done", "failed", "stopped" or "skipped"
    seconds: float
    note: str


def follow(
    stages: Iterable[Stage],
    budget: float,
    tell: Callable[[Outcome], None],
    clock: Callable[[], float] = time.monotonic,
) -> list[Outcome]:
    """Run the stages in their order, each with what is left of the budget at most."""
    began, outcomes = clock(), list[Outcome]()
    for stage in stages:
        start = clock()
        left = budget - (start - began)
        missing = stage.after and stage.after not in {
            done.name for done in outcomes if done.outcome == "done"
        }
        if missing:
            outcome, note = "skipped", f"needs the stage {stage.after}"
        elif left < stage.least:
            outcome, note = "skipped", f"needs {stage.least:.0f} s, {max(left, 0):.0f} s left"
        else:
            outcome, note = _attempt(stage, min(stage.most, left))
        outcomes.append(Outcome(stage.name, outcome, clock() - start, note))
        tell(outcomes[-1])
    return outcomes


def _attempt(stage: Stage, seconds: float) -> tuple[str, str]:
    try:
        return "done", stage.run(seconds)
    except (Failed, Stopped, Skipped) as end:
        return type(end).__name__.lower(), str(end)
    except Exception as error:  # the stages behind this one shall run
        return "failed", f"{type(error).__name__}: {error}"


def command(
    argv: Sequence[str | Path],
    seconds: float,
    log: Path,
    *,
    cwd: Path,
    more: Mapping[str, str] | None = None,
) -> str:
    """Run a program for so many seconds at most, and return what it printed.

    What it prints is added to the log as well.  It runs in a session of its own, so that all it has
    started ends with it.
    """
    words = [str(word) for word in argv]
    out = log.with_suffix(".part")
    with out.open("w+", encoding="utf-8", errors="replace") as file:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=os.environ | dict(more or {}),
            start_new_session=True,
        )
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    printed = out.read_text(encoding="utf-8", errors="replace")
    out.unlink()
    with log.open("a", encoding="utf-8") as file:
        file.write(f"\n$ {' '.join(words)}\n{printed}")
    lines = printed.split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing printed")
    if code is None:
        raise Stopped(f"stopped after {seconds:.0f} s: {last}")
    if code:
        print("\n".join(lines[-25:]), flush=True)
        raise Failed(f"exit status {code}: {last}")
    return printed


def as_json(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return the outcomes as JSON holds them."""
    return [asdict(outcome) for outcome in outcomes]
