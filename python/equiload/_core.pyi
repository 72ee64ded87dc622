from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int32]

DEVICES: tuple[str, ...]
METHODS: tuple[str, ...]
PRECISIONS: tuple[str, ...]
EQUITY_WEIGHTS: Range

class Range:
    @property
    def least(self) -> float: ...
    @property
    def most(self) -> float: ...
    @property
    def rule(self) -> str: ...

class DeviceArray:
    def __init__(self, pointer: int, shape: Sequence[int], device: int, owner: object) -> None: ...
    @property
    def pointer(self) -> int: ...
    @property
    def shape(self) -> list[int]: ...
    @property
    def device(self) -> int: ...

class DeviceOutput:
    def __init__(
        self,
        allocation: DeviceArray,
        site_load: DeviceArray,
        energy_prices: DeviceArray,
        capacity_prices: DeviceArray,
        shed: DeviceArray | None = None,
    ) -> None: ...

class Footprint:
    def __init__(
        self,
        values: _Floats | DeviceArray,
        region: _Ints,
        history: _Floats,
        sensitivity: _Floats,
        kind: str,
        weight: float,
        parameter: float = 0.0,
        limit: _Floats | None = None,
        share_start: _Ints | None = None,
        share: _Floats | None = None,
    ) -> None: ...

class Problem:
    def __init__(
        self,
        demand: _Floats | DeviceArray,
        capacity: _Floats | DeviceArray,
        price: _Floats | DeviceArray,
        quadratic: _Floats | DeviceArray | None,
        gateway: _Ints,
        site: _Ints,
        delay: _Ints,
        energy: _Floats,
        cost: _Floats,
        footprints: Sequence[Footprint],
        shed_cost: float | None = None,
        fixed_cost: float = 0.0,
    ) -> None: ...

class Settings:
    TOLS: ClassVar[Range]
    ITERATION_COUNTS: ClassVar[Range]
    TIME_LIMITS: ClassVar[Range]
    THREAD_COUNTS: ClassVar[Range]
    tol: float
    max_iterations: int
    time_limit: float
    threads: int
    device: str
    method: str
    precision: str
    instructions: str
    stream: int
    def __init__(
        self,
        *,
        tol: float = ...,
        max_iterations: int = ...,
        time_limit: float = ...,
        threads: int = ...,
        device: str = ...,
        method: str = ...,
        precision: str = ...,
        instructions: str = ...,
        stream: int = ...,
    ) -> None: ...
    def validate(self) -> None: ...

class Progress:
    @property
    def iterations(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def objective(self) -> float: ...
    @property
    def lower_bound(self) -> float: ...
    @property
    def gap(self) -> float: ...

class WarmStart(Protocol):
    @property
    def allocation(self) -> _Floats: ...
    @property
    def shed(self) -> _Floats | None: ...
    @property
    def energy_prices(self) -> _Floats: ...
    @property
    def equity_prices(self) -> Sequence[_Floats]: ...

class Result:
    # Over slots: None where they were written to an output.
    @property
    def status(self) -> str: ...
    @property
    def interrupted(self) -> bool: ...
    @property
    def objective(self) -> float: ...
    @property
    def lower_bound(self) -> float: ...
    @property
    def gap(self) -> float: ...
    @property
    def allocation(self) -> _Floats | None: ...
    @property
    def shed(self) -> _Floats | None: ...
    @property
    def site_load(self) -> _Floats | None: ...
    @property
    def capacity_prices(self) -> _Floats | None: ...
    @property
    def energy_prices(self) -> _Floats | None: ...
    @property
    def equity_prices(self) -> list[_Floats]: ...
    @property
    def totals(self) -> list[_Floats]: ...
    @property
    def energy_cost(self) -> float: ...
    @property
    def arc_cost(self) -> float: ...
    @property
    def quadratic_cost(self) -> float: ...
    @property
    def shed_cost(self) -> float: ...
    @property
    def fixed_cost(self) -> float: ...
    @property
    def equity_costs(self) -> list[float]: ...
    @property
    def iterations(self) -> int: ...
    @property
    def restarts(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def setup_seconds(self) -> float: ...
    @property
    def device(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def threads(self) -> int: ...
    @property
    def infeasible_slot(self) -> int: ...
    @property
    def infeasible_sites(self) -> list[int]: ...
    @property
    def infeasible_gateways(self) -> list[int]: ...
    @property
    def infeasible_prices(self) -> _Floats | None: ...
    @property
    def infeasible_budget(self) -> list[_Floats]: ...
    @property
    def infeasible_demand(self) -> float: ...
    @property
    def infeasible_capacity(self) -> float: ...

class Tuning:
    sufficient: float
    necessary: float
    artificial: float
    money_exponent: float
    distance_exponent: float
    clip: float
    curvature_floor: float
    decide_every: int
    inner_steps: int
    def __init__(self, **changes: float) -> None: ...

class SlotSolver:
    def __init__(
        self,
        gateways: int,
        sites: int,
        gateway: _Ints,
        site: _Ints,
        energy: _Floats,
        cost: _Floats,
        shed_cost: float | None = None,
    ) -> None: ...
    def decide(
        self, demand: _Floats, capacity: _Floats, price: _Floats
    ) -> tuple[bool, _Floats, _Floats, _Floats | None, float, float, _Floats]: ...

def energies_factor(
    gateways: int, sites: int, gateway: _Ints, site: _Ints, energy: _Floats
) -> bool: ...
def solve(
    problem: Problem,
    settings: Settings,
    warm_start: WarmStart | None = None,
    callback: Callable[[Progress], bool] | None = None,
    tuning: Tuning = ...,
    output: DeviceOutput | None = None,
) -> Result: ...
def solve_batch(
    problems: Sequence[Problem],
    settings: Settings,
    warm_starts: Sequence[WarmStart | None],
    tuning: Tuning = ...,
    outputs: Sequence[DeviceOutput | None] = ...,
) -> list[Result]: ...
def build_info() -> dict[str, Any]: ...
def equity_parameters(kind: str) -> Range: ...
def equity_functions() -> list[str]: ...
def equity_dual_set(kind: str, parameter: float, regions: int) -> tuple[str, float]: ...
