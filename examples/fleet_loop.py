"""Drive a large fleet from a simulator's loop: one ``policy.step`` an hour.

Run it with ``python examples/fleet_loop.py [SITES]``.  With SimPy installed a SimPy process keeps
the clock, otherwise a plain loop does; the policy does not know the difference.  Half-way the
policy's state is saved and a new policy goes on from it, as after a restart of the controller.
"""

import sys
import time
from collections.abc import Iterator

import numpy as np

import equiload as el

sites = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
world = el.data.world(sites, gateways=max(1, sites // 5), slots=168, arcs_per_gateway=24)
static = world.static()
rng = np.random.default_rng(1)


def measure(hour: int) -> el.online.Slot:
    """Read the meters: here the built-in world, with demand off by a few per cent."""
    off = rng.uniform(0.92, 1.0, world.gateways)
    burdens = {name: values[hour] for name, values in world.footprints.items()}
    return static.slot(demand=off * world.demand[hour], price=world.price[hour], footprints=burdens)


def controller() -> Iterator[int]:
    """Decide hour after hour; yields how long to wait."""
    policy, spent = el.online.MirrorDescent(static), []
    for hour in range(world.slots):
        slot = measure(hour)
        if hour == world.slots // 2:
            saved = policy.state_dict()
            policy = el.online.MirrorDescent(static)
            policy.load_state_dict(saved)
        began = time.perf_counter()
        decision = policy.step(slot)
        spent.append(time.perf_counter() - began)
        if hour % 24 == 0:
            load = decision.load[0]
            worst = max(policy.burdens["carbon"])
            print(f"hour {hour:3}: {load.sum():10,.0f} MWh, worst region {worst:10,.1f} t", end="")
            print(f", step {1e3 * spent[-1]:6.2f} ms")
        yield 1
    print(f"median step {1e3 * np.median(spent):.2f} ms, {len(static.network)} arcs")


try:
    import simpy
except ImportError:
    for _ in controller():
        pass
else:
    environment = simpy.Environment()

    def process() -> Iterator[object]:
        """Pass the controller's waits on to the simulator's clock."""
        for hours in controller():
            yield environment.timeout(hours)

    environment.process(process())
    environment.run()
