"""A fleet in Vessim's co-simulation: a policy sets the power that every data centre draws.

Run it with ``python examples/vessim_fleet.py``, after ``pip install vessim``.  Each site is a
microgrid with one consumer. Once a simulated hour a controller reads the meters, lets the policy
decide where the work goes, and sets the consumers; Vessim does the rest (storage, producers, grid).
"""

from __future__ import annotations

from datetime import datetime

import vessim

import equiload as el

HOUR = 3600


class Dispatcher(vessim.Controller):
    """Spreads the work of every hour over the sites."""

    def __init__(self, problem: el.Problem, power: list[vessim.StaticSignal]) -> None:
        self.problem, self.power = problem, power
        self.policy = el.online.MirrorDescent(problem.static())
        self.decisions: list[el.online.Decision] = []

    def step(self, now: datetime, microgrid_states: dict[str, vessim.MicrogridState]) -> None:
        """Decide for the hour that begins."""
        decision = self.policy.step(self.problem.slot(len(self.decisions)))
        self.decisions.append(decision)
        for signal, energy in zip(self.power, decision.load[0], strict=True):
            signal.set_value(1e6 * float(energy))  # MWh in an hour, as W


def simulate(problem: el.Problem) -> Dispatcher:
    """Run the whole horizon and return what was decided."""
    environment = vessim.Environment(sim_start="2026-01-01", step_size=HOUR)
    power = [vessim.StaticSignal(0.0) for _ in range(problem.sites)]
    for site, signal in enumerate(power):
        environment.add_microgrid(
            actors=[vessim.Consumer("load", signal)],
            dispatchables=[vessim.GridConnection("grid")],
            name=f"site {site}",
        )
    dispatcher = environment.add_controller(Dispatcher(problem, power))
    environment.run(until=problem.slots * HOUR)
    return dispatcher


if __name__ == "__main__":
    world = el.data.world(sites=12, gateways=6, slots=48)
    made = simulate(world)
    print(f"{len(made.decisions)} hours decided; now drawn:")
    for site, signal in enumerate(made.power):
        print(f"  site {site:2}: {float(signal.at(None)) / 1e6:6.2f} MW")
