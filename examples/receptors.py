"""The ten data centres where burdens cross borders: half of what a site burdens stays, half drifts.

Run it with ``python examples/receptors.py [FOLDER]``, where FOLDER is ``data`` of a clone of
https://github.com/Ren-Research/Environmentally-Equitable-AI (arXiv 2307.05494).  The map is made
up: the other half falls evenly on the other places of the continent.
"""

import sys
from pathlib import Path

import numpy as np

import equiload as el

CONTINENTS = (
    ("Texas", "Virginia", "Georgia", "Nevada"),
    ("Germany", "Belguim", "Netherlands", "Denmark"),
    ("Japan", "Singapore"),
)

beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "eglb-10dc"
problem = el.data.read_eglb(Path(sys.argv[1]) if len(sys.argv) > 1 else beside, "full")
sites = list(problem.site_names or ())
share = 0.5 * np.eye(problem.sites)
for places in CONTINENTS:
    for site in map(sites.index, places):
        others = [sites.index(place) for place in places if sites.index(place) != site]
        share[others, site] = 0.5 / len(others)

alone = el.solve(problem, tol=1e-8)
drifts = problem.replace(regions={"carbon": share, "water": share})
mapped = el.solve(drifts, tol=1e-8)
print(f"{'plan':<24}{'energy, USD':>14}{'water, m3':>12}{'carbon, t':>12}{'with equity, USD':>18}")
for name, plan in (("made without the map", alone), ("made with it", mapped)):
    worst = {
        key: (share @ (values * plan.site_load).sum(axis=0)).max()
        for key, values in problem.footprints.items()
    }
    cost = plan.breakdown["energy"]
    total = cost + sum(problem.equity[key].weight * worst[key] for key in worst)
    burdens = f"{worst['water']:>12,.2f}{worst['carbon']:>12,.3f}"
    print(f"{name:<24}{cost:>14,.2f}{burdens}{total:>18,.2f}")
print(f"certified: {mapped.objective:,.2f}, at least {mapped.lower_bound:,.2f}")
