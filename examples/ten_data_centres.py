"""The ten-data-centre study from end to end: both connectivities, offline and every policy.

Run it with ``python examples/ten_data_centres.py [FOLDER]``, where FOLDER is ``data`` of a clone of
https://github.com/Ren-Research/Environmentally-Equitable-AI (arXiv 2307.05494).  With matplotlib
installed it also draws the policies.
"""

import sys
from pathlib import Path

import equiload as el
from equiload.online import (
    PRESETS,
    Greedy,
    MirrorDescent,
    Nearest,
    Noisy,
    Perfect,
    RecedingHorizon,
    Resolve,
    Robust,
)

beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "eglb-10dc"
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else beside

for connectivity in ("full", "partial"):
    problem = el.data.read_eglb(folder, connectivity)
    static = problem.static()
    guess = Noisy(problem, sigma=0.3, seed=0)
    policies = {name: Greedy(static, name) for name in PRESETS}
    policies |= {
        "Nearest": Nearest(static),
        "eGLB, step 1e-5": MirrorDescent(static, step=1e-5),
        "eGLB, step auto": MirrorDescent(static),
        "solving again": Resolve(static),
        "yesterday, 24 h": RecedingHorizon(static, window=24),
        "noisy, 24 h": RecedingHorizon(static, guess, window=24),
        "perfect, 24 h": RecedingHorizon(static, Perfect(problem), window=24),
        "robust (noisy)": Robust(RecedingHorizon(static, guess, window=24), trust=0.05),
    }
    table = el.compare(problem, policies, offline=True)
    print(f"\n{connectivity} connectivity, {problem.slots} hours\n{table}")
    try:
        from equiload.plot import cost_against_burden, cumulative_burden, price_paths

        run = table.runs["eGLB, step auto"]
        for name, figure in {
            "policies": cost_against_burden(table),
            "prices": price_paths(run),
            "burdens": cumulative_burden(run),
        }.items():
            figure.savefig(f"{connectivity}-{name}.png")
    except el.InputError as missing:
        print(missing)
