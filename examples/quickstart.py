"""Find a fair split between two sites with cheap, dirty power and one with clean power.

Run it with ``python examples/quickstart.py``; it needs NumPy and equiload alone.
"""

import numpy as np

import equiload as el

hours, gateways = 24, 2
clock = np.arange(hours)

problem = el.Problem(
    demand=np.outer(10 + 4 * np.sin(clock / 24 * 2 * np.pi), np.ones(gateways)),  # MWh
    capacity=[20.0, 20.0, 20.0],  # MWh per hour
    price=np.tile([40.0, 45.0, 70.0], (hours, 1)),  # USD/MWh
    footprints={"carbon": np.tile([0.8, 0.7, 0.1], (hours, 1))},  # t/MWh
    equity={"carbon": el.Max(200.0)},  # USD per t of the most burdened site
    network=el.Network.complete(gateways=gateways, sites=3),
    site_names=["Coal Hill", "Gas Valley", "Windy Point"],
)

fair = el.solve(problem)
cheap = el.solve(problem.replace(equity={}))

for name, solution in {"cost only": cheap, "equity-aware": fair}.items():
    carbon = solution.footprints["carbon"]
    print(f"{name:<13} energy {solution.breakdown['energy']:9,.0f} USD   carbon by site", end="")
    print("".join(f"{total:8.1f} t" for total in carbon), f"  (certified gap {solution.gap:.0e})")
