"""Arrays of other libraries, on the host and on devices.

No test here needs a GPU: three fake libraries have what the package uses of CuPy, PyTorch and JAX.
Their memory is NumPy's, out of NumPy's reach, and they write down every copy.
"""

from __future__ import annotations

import contextlib
import pickle
import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import equiload as el


class HostArray:
    """An array of some library on the CPU, which speaks DLPack and nothing else."""

    def __init__(self, values: object) -> None:
        self.values = np.asarray(values)

    def __dlpack__(self, **options: object) -> object:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.values.__dlpack_device__()


class Log:
    """The copies over the bus: shapes that went down and up, in their order."""

    def __init__(self) -> None:
        self.down: list[tuple[int, ...]] = []
        self.up: list[tuple[int, ...]] = []


LOG = Log()


class DeviceArray:
    """What the fake libraries' arrays share."""

    def __init__(self, values: object, device: object, index: int) -> None:
        self._values, self.device, self._index = np.array(values), device, index

    @property
    def shape(self) -> tuple[int, ...]:
        return self._values.shape

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self._index

    def __dlpack__(self, **options: object) -> object:
        raise BufferError("the memory of a device")

    def __array__(self, *options: object, **more: object) -> np.ndarray:
        raise TypeError("implicit conversion to a host array")

    def _fetch(self) -> np.ndarray:
        LOG.down.append(self.shape)
        return self._values.copy()


def cupy_library() -> ModuleType:
    cupy = ModuleType("cupy")
    current = [0]

    class ndarray(DeviceArray):
        __module__ = "cupy"
        __cuda_array_interface__ = {"version": 3}  # noqa: RUF012

        def __init__(self, values: object, index: int = 0) -> None:
            super().__init__(values, SimpleNamespace(id=index), index)

        def get(self) -> np.ndarray:
            assert current[-1] == self._index, "reads another device than the current one"
            return self._fetch()

    @contextlib.contextmanager
    def device(index: int):
        current.append(index)
        yield
        current.pop()

    def asarray(array: object) -> ndarray:
        if isinstance(array, ndarray):
            return array
        if isinstance(array, Foreign):
            return ndarray(array._values, array._index)
        LOG.up.append(np.asarray(array).shape)
        return ndarray(array, current[-1])

    cupy.ndarray, cupy.asarray = ndarray, asarray
    cupy.from_dlpack = lambda array: ndarray(array._values, array._index)
    stream = lambda: SimpleNamespace(ptr=70 + current[-1])  # noqa: E731
    cupy.cuda = SimpleNamespace(Device=device, get_current_stream=stream)
    cupy.make = lambda values, index=0: ndarray(values, index)
    return cupy


def torch_library() -> ModuleType:
    torch = ModuleType("torch")

    class Tensor(DeviceArray):
        __module__ = "torch"

        def cpu(self) -> SimpleNamespace:
            return SimpleNamespace(numpy=self._fetch)

    def tensor(values: np.ndarray, device: str) -> Tensor:
        LOG.up.append(values.shape)
        return Tensor(values, device, int(device[-1]))

    streams = {f"cuda:{k}": SimpleNamespace(cuda_stream=70 + k) for k in range(2)}
    torch.cuda = SimpleNamespace(current_stream=streams.__getitem__)
    torch.tensor = tensor
    torch.make = lambda values, index=0: Tensor(values, f"cuda:{index}", index)
    return torch


def jax_library() -> ModuleType:
    jax = ModuleType("jax")

    class ArrayImpl(DeviceArray):
        __module__ = "jaxlib._jax"

        def __array__(self, *options: object, **more: object) -> np.ndarray:
            return self._fetch()

    def device_put(values: np.ndarray, device: str) -> ArrayImpl:
        LOG.up.append(values.shape)
        return ArrayImpl(values, device, int(device[-1]))

    jax.device_put = device_put
    jax.make = lambda values, index=0: ArrayImpl(values, f"cuda:{index}", index)
    return jax


class Foreign(DeviceArray):
    """A device array of a library that the package does not know; DLPack or CUDA's interface."""

    def __init__(self, values: object, speaks: str) -> None:
        super().__init__(values, None, 0)
        if speaks == "cuda":
            self.__cuda_array_interface__ = {"version": 3}


@pytest.fixture(params=["cupy", "torch", "jax"])
def library(request, monkeypatch) -> ModuleType:
    library = {"cupy": cupy_library, "torch": torch_library, "jax": jax_library}[request.param]()
    monkeypatch.setitem(sys.modules, request.param, library)
    LOG.__init__()
    return library


@pytest.fixture
def cupy(monkeypatch) -> ModuleType:
    library = cupy_library()
    monkeypatch.setitem(sys.modules, "cupy", library)
    LOG.__init__()
    return library


def on_device(library: ModuleType, problem: el.Problem, index: int = 0) -> el.Problem:
    """Make a problem again, with every table on a device."""
    arguments = problem._arguments()
    for name in ("demand", "capacity", "price"):
        arguments[name] = library.make(arguments[name], index)
    burdens = arguments["footprints"]
    arguments["footprints"] = {name: library.make(f, index) for name, f in burdens.items()}
    return el.Problem(**arguments)


def test_every_input_reads_dlpack_on_the_host():
    rng = np.random.default_rng(0)
    demand, price = rng.uniform(1, 2, (4, 2)), rng.uniform(10, 90, (4, 3)).astype(np.float32)
    network = el.Network.from_arcs(
        HostArray(np.arange(6) // 3), HostArray(np.arange(6) % 3), cost=HostArray(np.ones(6))
    )
    problem = el.Problem(
        demand=HostArray(demand),
        capacity=HostArray(np.full(3, 5.0)),
        price=HostArray(price),
        footprints={"carbon": HostArray(price / 100)},
        equity={"carbon": el.Budget(HostArray(np.full(2, 1e3)))},
        network=network,
        regions={"carbon": HostArray(np.array([0, 1, 1]))},
        history={"carbon": HostArray(np.ones(2))},
        sensitivity={"carbon": HostArray(np.full(2, 2.0))},
        quadratic=HostArray(np.full(3, 0.1)),
        idle_power=HostArray(np.full(3, 0.2)),
    )
    assert problem == el.Problem(
        demand=demand,
        capacity=np.full(3, 5.0),
        price=price,
        footprints={"carbon": price / 100},
        equity={"carbon": el.Budget(np.full(2, 1e3))},
        network=el.Network.from_arcs(np.arange(6) // 3, np.arange(6) % 3, cost=1.0),
        regions={"carbon": [0, 1, 1]},
        history={"carbon": [1, 1]},
        sensitivity={"carbon": [2, 2]},
        quadratic=0.1,
        idle_power=0.2,
    )
    solution = el.solve(problem)
    assert type(solution.allocation) is np.ndarray and solution.on_host() is solution
    slot = problem.static().slot(
        HostArray(demand[0]), HostArray(price[0]), {"carbon": HostArray(price[0])}
    )
    assert slot.demand.tolist() == demand[0].tolist()
    distance = el.Network.nearest(HostArray(np.ones((2, 3))), k=1)
    assert distance == el.Network.nearest(np.ones((2, 3)), k=1)


def test_what_the_host_reads_is_copied_where_it_could_still_change(arguments):
    demand = arguments["demand"]
    problem = el.Problem(**arguments | {"demand": HostArray(demand)})
    demand[0, 0] = np.nan
    assert np.isfinite(problem.demand).all()


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_arrays_of_real_libraries_on_the_host(arguments, name):
    library = pytest.importorskip(name)
    make = library.tensor if name == "torch" else library.numpy.asarray
    tables = {key: make(arguments[key]) for key in ("demand", "capacity", "price")}
    problem = el.Problem(**arguments | tables)
    assert problem == el.Problem(**arguments)
    assert type(el.solve(problem).allocation) is np.ndarray


def test_each_array_comes_down_once_and_goes_up_once(library, problem, solution):
    there = on_device(library, problem)
    assert there == problem  # the same data, on the host
    tables = [problem.demand, problem.capacity, problem.price, *problem.footprints.values()]
    assert sorted(LOG.down) == sorted(table.shape for table in tables)
    found = el.solve(there, device="cpu", threads=1)
    assert LOG.up == []  # nobody has asked for anything yet
    expected = [(24, 36)]
    assert found.allocation is found.allocation
    assert LOG.up == expected
    assert found.prices is found.prices and found.footprints is found.footprints
    expected += [(24, 12)] * 2 + [(12,)] * 2 + [(12,)] * 2
    assert sorted(LOG.up) == sorted(expected)
    for array in (found.allocation, found.prices.capacity, found.footprints["carbon"]):
        assert type(array) is type(library.make(0)) and array.__dlpack_device__() == (2, 0)
    np.testing.assert_array_equal(found.allocation._values, solution.allocation)
    assert found.shed is None and found.infeasibility is None
    assert found.objective == solution.objective and repr(found).startswith("Solution(optimal")


def test_the_answer_lives_on_the_device_of_the_inputs(library, problem):
    there = on_device(library, problem, index=1)
    found = el.solve(there)
    assert found.site_load.__dlpack_device__() == (2, 1)
    dense = found.dense_allocation()
    assert dense.shape == (24, 6, 12) and dense.__dlpack_device__() == (2, 1)


@pytest.mark.parametrize(
    ("device", "index", "runs_on", "shared"),
    [
        ("auto", 0, "auto", True),  # a device chosen by itself is the first
        ("auto", 1, "auto", False),
        ("cpu", 1, "cpu", False),
        ("cuda", 1, "cuda:1", True),
        ("cuda:1", 1, "cuda:1", True),
        ("cuda:0", 1, "cuda:0", False),
    ],
)
def test_a_solve_follows_the_stream_of_the_library(
    library, problem, device, index, runs_on, shared
):
    settings = el._core.Settings(device=device)
    el.solver._follow(settings, on_device(library, problem, index))
    tells = library.__name__ != "jax"
    assert settings.device == runs_on
    assert settings.stream == (70 + index if shared and tells else 0)


def test_one_array_on_a_device_is_enough(library, problem):
    weights = {"carbon": library.make(np.full(12, 2.0))}
    found = el.solve(problem.replace(sensitivity=weights))
    assert type(found.allocation) is type(library.make(0))
    again = el.solve(found.problem.replace(price=problem.price * 2))  # stays where it was
    assert type(again.allocation) is type(library.make(0))


def test_a_network_on_a_device_does_not_decide(library, arguments):
    network = el.Network.from_mask(library.make(np.ones((2, 3))))
    assert network == el.Network.complete(2, 3)
    found = el.solve(el.Problem(**arguments, network=network))
    assert type(found.allocation) is np.ndarray


def test_policies_read_a_device_and_decide_on_the_host(library, problem):
    policy = el.online.MirrorDescent(problem.static())
    tables = problem.demand[0], problem.price[0]
    burdens = {name: values[0] for name, values in problem.footprints.items()}
    slot = policy.static.slot(
        *map(library.make, tables), {name: library.make(row) for name, row in burdens.items()}
    )
    decision = policy.step(slot)
    other = el.online.MirrorDescent(problem.static()).step(problem.slot(0))
    assert type(decision.allocation) is np.ndarray and len(LOG.down) == 4 and LOG.up == []
    np.testing.assert_array_equal(decision.allocation, other.allocation)


def test_whatever_takes_a_solution_takes_one_on_a_device(library, problem, solution, tmp_path):
    found = el.solve(on_device(library, problem), device="cpu")
    LOG.__init__()
    assert el.certify(problem, found) == el.certify(problem, solution)
    assert str(found.audit()) == str(solution.audit())
    assert el.solve(found.problem, warm_start=found).status == "optimal"
    found.save(tmp_path / "out.npz")
    loaded = el.Solution.load(tmp_path / "out.npz")
    unpickled = pickle.loads(pickle.dumps(found))
    for other in (loaded, unpickled, found.on_host()):
        np.testing.assert_array_equal(other.allocation, solution.allocation)
    front = el.frontier(found.problem, {"carbon": [10.0, 20.0]}, tol=1e-3)
    assert front.burden["carbon"].shape == (2,)
    assert type(front[0].allocation) is type(library.make(0))
    run = el.simulate(el.online.Greedy(problem.static()), found.problem)
    assert type(run.allocation) is np.ndarray and run.regret(found) > 0
    assert LOG.up == [front[0].allocation.shape]  # nothing but what this test looked at
    with pytest.raises(AttributeError, match="a solution has no load"):
        found.load_factor  # noqa: B018


def test_a_proof_goes_up_as_well(library, arguments):
    crowded = library.make(arguments["demand"] * 10)
    found = el.solve(el.Problem(**arguments | {"demand": crowded}))
    assert found.status == "infeasible" and "slot 0" in repr(found)
    assert not el.check(found.problem).ok
    assert LOG.up == []
    assert type(found.infeasibility.prices) is type(library.make(0))
    assert str(found.infeasibility) == str(found.on_host().infeasibility)
    assert el.certify(found.problem, found).lower_bound == np.inf


@pytest.mark.parametrize("speaks", ["dlpack", "cuda"])
def test_other_libraries_go_through_cupy(cupy, arguments, speaks):
    price = Foreign(arguments["price"], speaks)
    found = el.solve(el.Problem(**arguments | {"price": price}))
    assert LOG.down == [(4, 3)]
    assert type(found.site_load) is cupy.ndarray


def test_an_array_with_cudas_interface_alone(cupy, arguments):
    class Bare:
        __cuda_array_interface__ = {"version": 3}  # noqa: RUF012

    def asarray(array: object) -> object:
        return cupy.make(arguments["price"], 1) if isinstance(array, Bare) else cupy.make(array, 1)

    cupy.asarray = asarray
    found = el.solve(el.Problem(**arguments | {"price": Bare()}))
    assert found.site_load.__dlpack_device__() == (2, 1)


def spoil(arguments: dict, field: str, value: object) -> dict:
    if field == "carbon":
        return arguments | {"footprints": {"carbon": value}}
    return arguments | {field: value}


@pytest.mark.parametrize("field", ["demand", "capacity", "carbon"])
def test_mixed_devices_are_named(cupy, arguments, field):
    arguments["price"] = cupy.make(arguments["price"], 0)
    name = "footprints['carbon']" if field == "carbon" else field
    array = arguments["footprints"]["carbon"] if field == "carbon" else arguments[field]
    with pytest.raises(el.InputError) as caught:
        el.Problem(**spoil(arguments, field, cupy.make(array, 1)))
    found = str(caught.value)
    assert f"{name} " in found and "on cuda:1 (CuPy)" in found and "on cuda:0 (CuPy)" in found
    assert "must share one device and one library" in found


def test_mixed_libraries_are_named(cupy, monkeypatch, arguments):
    torch = torch_library()
    monkeypatch.setitem(sys.modules, "torch", torch)
    arguments["price"] = torch.make(arguments["price"])
    arguments["demand"] = cupy.make(arguments["demand"])
    message = "price is on cuda:0 (PyTorch), but demand on cuda:0 (CuPy); a problem's arrays must"
    with pytest.raises(el.InputError, match=re.escape(message)):
        el.Problem(**arguments)


def test_a_change_from_another_device_is_named(cupy, problem):
    there = on_device(cupy, problem)
    message = "price is on cuda:1 (CuPy), but the problem on cuda:0 (CuPy)"
    with pytest.raises(el.InputError, match=re.escape(message)):
        there.replace(price=cupy.make(problem.price, 1))


def test_unsupported_types_are_named(library, arguments):
    for values, message in (
        (arguments["price"] * 1j, "price must hold real numbers, not complex128"),
        (np.full((4, 3), "much"), "price must hold real numbers, not <U4"),
    ):
        with pytest.raises(el.InputError, match=re.escape(message)):
            el.Problem(**arguments | {"price": library.make(values)})


def test_single_precision_and_whole_numbers_come_down_as_doubles(library, arguments):
    price = library.make(np.full((4, 3), 40, dtype=np.int32))
    demand = library.make(arguments["demand"].astype(np.float32))
    problem = el.Problem(**arguments | {"price": price, "demand": demand})
    assert problem == el.Problem(**arguments)
    assert problem.price.dtype == problem.demand.dtype == np.float64


def test_what_a_library_refuses_is_named(cupy, arguments):
    class Refusing(Foreign):
        def __dlpack_device__(self) -> tuple[int, int]:
            raise BufferError("spread over several devices")

    message = "price cannot be read as an array: spread over several devices"
    with pytest.raises(el.InputError, match=message):
        el.Problem(**arguments | {"price": Refusing(arguments["price"], "dlpack")})


def test_a_device_that_is_not_cudas_is_named(arguments):
    class Metal(Foreign):
        def __dlpack_device__(self) -> tuple[int, int]:
            return 8, 0

    message = "price lies on a device that DLPack numbers 8; only the host's and CUDA's memory"
    with pytest.raises(el.InputError, match=message):
        el.Problem(**arguments | {"price": Metal(arguments["price"], "dlpack")})


@pytest.mark.parametrize("speaks", ["dlpack", "cuda"])
def test_a_missing_cupy_is_named(monkeypatch, arguments, speaks):
    monkeypatch.setitem(sys.modules, "cupy", None)
    message = "price lies on a CUDA device, which takes CuPy to read: pip install"
    with pytest.raises(el.InputError, match=message):
        el.Problem(**arguments | {"price": Foreign(arguments["price"], speaks)})


def test_a_library_without_any_protocol_is_named(arguments):
    with pytest.raises(el.InputError, match="price must hold real numbers: "):
        el.Problem(**arguments | {"price": object()})


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["cupy", "torch", "jax"])
def test_real_devices(problem, solution, name):
    library = pytest.importorskip(name, reason=f"{name} is not installed")
    if not (el.build_info()["cuda"] or {}).get("devices"):
        pytest.skip("build_info() lists no CUDA device")
    make = {
        "cupy": lambda values: library.asarray(values),
        "torch": lambda values: library.tensor(values, device="cuda"),
        "jax": lambda values: library.device_put(values, library.devices("cuda")[0]),
    }[name]
    arguments = {key: make(getattr(problem, key)) for key in ("demand", "price")}
    found = el.solve(problem.replace(**arguments), device="cpu")
    assert type(found.allocation) is type(make(problem.price))
    assert int(found.allocation.__dlpack_device__()[0]) == 2
    assert found.objective == pytest.approx(solution.objective, rel=1e-5)
    np.testing.assert_allclose(
        found.on_host().allocation.sum(axis=1), problem.demand.sum(axis=1), rtol=1e-6
    )
