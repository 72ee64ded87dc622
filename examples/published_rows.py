"""The published rows of the ten-data-centre study, beside what the public data give.

Run it with ``python examples/published_rows.py [FOLDER]``, where FOLDER is ``data`` of a clone of
https://github.com/Ren-Research/Environmentally-Equitable-AI; without it the environment's
EQUILOAD_DATA.  docs/science.md discusses the table.
"""

import os
import sys

import numpy as np

import equiload as el
from equiload.online import Greedy, Nearest

# Printed by the authors' notebook: mean and largest energy cost, water and carbon of the ten sites.
NOTEBOOK = {
    "eGLB-Off": (33669.451, 59253.783, 1432.792, 1818.735, 104.912, 118.562),
    "GLB-Cost": (29169.861, 42327.512, 1525.069, 2607.500, 108.714, 182.136),
    "GLB-C2": (31272.437, 70779.112, 1467.783, 2669.609, 100.219, 175.565),
    "GLB-All": (31473.601, 64842.224, 1429.463, 2566.604, 101.133, 179.173),
}
# Of two more runs it prints the optimum alone: 60 times the mean water, 1500 times the mean carbon.
NOTEBOOK_MEANS = {
    "GLB-Water": ("water", 74634.837 / 60),
    "GLB-Carbon": ("carbon", 139600.801 / 1500),
}
# The paper's second version: largest over mean, and two of its largest totals of water.
PAPER = (
    ("GLB-Cost", "full", "water max/mean", 1.71),
    ("GLB-Water", "full", "water max/mean", 1.62),
    ("Nearest", "full", "water max/mean", 1.45),
    ("GLB-C2", "partial", "water max", 2675.7),
    ("GLB-Carbon", "full", "water max/mean", 1.91),
    ("GLB-Carbon", "full", "carbon max/mean", 1.84),
    ("GLB-Water", "full", "carbon max/mean", 2.18),
    ("eGLB-Off", "full", "water max/mean", 1.19),
    ("eGLB-Off", "full", "carbon max/mean", 1.26),
    ("eGLB-Off", "full", "water max", 1705.2),
)
COLUMNS = [f"{what} {of}" for what in ("energy", "water", "carbon") for of in ("mean", "max")]


def main() -> None:
    """Print both tables."""
    folder = sys.argv[1] if len(sys.argv) > 1 else os.environ["EQUILOAD_DATA"]
    found = {kind: rows(el.data.read_eglb(folder, kind)) for kind in ("full", "partial")}
    line("policy, connectivity", "figure", "published", "here", "")
    for name, figures in NOTEBOOK.items():
        for column, published in zip(COLUMNS, figures, strict=True):
            compare(f"{name}, full", column, published, found["full"][name][column])
    for name, (what, published) in NOTEBOOK_MEANS.items():
        compare(f"{name}, full", f"{what} mean", published, found["full"][name][f"{what} mean"])
    print("\nthe paper's second version")
    for name, kind, column, published in PAPER:
        compare(f"{name}, {kind}", column, published, found[kind][name][column])


def rows(problem: el.Problem) -> dict[str, dict[str, float]]:
    """Return every policy's figures over the sites."""
    static = problem.static()
    loads = {"eGLB-Off": el.solve(problem, tol=1e-8).site_load}
    policies = [Greedy(static, name) for name in el.online.PRESETS]
    for policy in (*policies, Nearest(static)):
        loads[policy.name] = el.simulate(policy, problem).site_load
    per_unit = {"energy": problem.price, **problem.footprints}
    return {
        name: spread({what: (value * load).sum(0) for what, value in per_unit.items()})
        for name, load in loads.items()
    }


def spread(totals: dict[str, np.ndarray]) -> dict[str, float]:
    """Return mean, largest, and largest over mean of every total."""
    figures = {}
    for what, sites in totals.items():
        figures[f"{what} mean"], figures[f"{what} max"] = sites.mean(), sites.max()
        figures[f"{what} max/mean"] = sites.max() / sites.mean()
    return figures


def compare(name: str, column: str, published: float, ours: float) -> None:
    """Print a published figure beside ours, and whether they agree to the digits published."""
    digits = 10.0 ** -len(f"{published:.10f}".rstrip("0").partition(".")[2])
    tolerance = max(0.5001 * digits, 1e-6 * published)
    agree = "" if abs(ours - published) <= tolerance else "differs"
    line(name, column, f"{published:,.10g}", f"{ours:,.8g}", agree)


def line(*cells: str) -> None:
    """Print a row."""
    print("{:22} {:16} {:>12} {:>12}  {}".format(*cells))


if __name__ == "__main__":
    main()
