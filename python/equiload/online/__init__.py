"""Deciding slot by slot, where the future is unknown.

A policy is made from the part of a problem that does not change with time, and decides one slot
after the other:

>>> policy = el.online.MirrorDescent(problem.static())
>>> decision = policy.step(problem.slot(0))
"""

from ..slots import Slot, Static
from .baselines import PRESETS, Greedy, Nearest
from .fairobd import FairOBD
from .forecast import Fading, Forecast, Noisy, Perfect, Persistence, scenarios
from .horizon import RecedingHorizon
from .mirror import MirrorDescent, decaying
from .policy import Decision, Policy
from .resolve import Resolve
from .robust import Robust
from .running import Comparison, Run, compare, simulate, standard_policies

__all__ = [
    "PRESETS",
    "Comparison",
    "Decision",
    "Fading",
    "FairOBD",
    "Forecast",
    "Greedy",
    "MirrorDescent",
    "Nearest",
    "Noisy",
    "Perfect",
    "Persistence",
    "Policy",
    "RecedingHorizon",
    "Resolve",
    "Robust",
    "Run",
    "Slot",
    "Static",
    "compare",
    "decaying",
    "scenarios",
    "simulate",
    "standard_policies",
]
