"""Draw demo.svg, the picture of the README: `python docs/images/demo.py`.

The figure of `equiload demo` as text: no dates, no random identifiers, fonts left to the reader, so
that the same solution gives the same file.
"""

from pathlib import Path

import matplotlib

import equiload as el
from equiload.plot import burden_bars

matplotlib.rcParams["svg.hashsalt"] = "equiload"
matplotlib.rcParams["svg.fonttype"] = "none"
matplotlib.rcParams["font.family"] = "sans-serif"

fair = el.data.world(sites=50, gateways=30, slots=168, seed=0)
solutions = {
    "cost only": el.solve(fair.replace(equity={}), tol=1e-4),
    "equity-aware": el.solve(fair, tol=1e-4),
}
figure = burden_bars(solutions)
figure.patch.set_facecolor("white")
figure.savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None})
