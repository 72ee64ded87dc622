"""Arrays of other libraries, on the host and on devices.

No test here needs a GPU: see `fake_devices`.
"""

from __future__ import annotations

import pickle
import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from fake_devices import LARGE, LOG, Cuda, Foreign, cupy_library, jax_library, memory, torch_library

import equiload as el
from equiload import _core


class HostArray:
    """An array of some library on the CPU, which speaks DLPack and nothing else."""

    def __init__(self, values: object) -> None:
        self.values = np.asarray(values)

    def __dlpack__(self, **options: object) -> object:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.values.__dlpack_device__()


@pytest.fixture(params=["cupy", "torch", "jax", "jax and cupy"])
def library(request, monkeypatch) -> ModuleType:
    name = request.param.partition(" ")[0]
    library = {"cupy": cupy_library, "torch": torch_library, "jax": jax_library}[name]()
    monkeypatch.setitem(sys.modules, "cupy", cupy_library() if "cupy" in request.param else None)
    monkeypatch.setitem(sys.modules, name, library)
    if name == "jax":
        monkeypatch.setitem(sys.modules, "jax.dlpack", library.dlpack)
    library.works = request.param != "jax"  # where the arrays lie
    LOG.__init__()
    return library


@pytest.fixture
def cupy(monkeypatch) -> ModuleType:
    library = cupy_library()
    monkeypatch.setitem(sys.modules, "cupy", library)
    LOG.__init__()
    return library


@pytest.fixture
def cuda(monkeypatch) -> Cuda:
    return Cuda(monkeypatch.setattr)


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


def tables_of(problem: el.Problem) -> list[np.ndarray]:
    return [problem.demand, problem.capacity, problem.price, *problem.footprints.values()]


def test_a_problem_stays_where_its_arrays_are(library, problem):
    there = on_device(library, problem)
    sizes = sorted(table.size for table in tables_of(problem))
    assert LOG.up == [] and LOG.sizes() == ([] if library.works else sizes)
    assert LOG.scalars == (5 if library.works else 0)
    assert (there.slots, there.gateways, there.sites) == (24, 6, 12)
    assert repr(there) == repr(problem)
    changed = there.replace(equity={"carbon": el.Max(1.0)})
    assert len(LOG.down) == (0 if library.works else 5)
    assert there.demand is there.demand is changed.demand  # comes down now, once
    assert there == problem and there == pickle.loads(pickle.dumps(there))
    assert LOG.sizes() == sizes and LOG.up == []
    with pytest.raises(AttributeError, match="immutable"):
        there.price = problem.price


def test_what_was_made_on_the_host_goes_up_once(library, problem, solution):
    there = on_device(library, problem)
    found = el.solve(there, device="cpu", threads=1)
    assert LOG.sizes() == sorted(table.size for table in tables_of(problem))
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


def large_arrays(found: el.Solution) -> dict[str, object]:
    prices = {"energy_prices": found.prices.energy, "capacity_prices": found.prices.capacity}
    rest = {"allocation": found.allocation, "shed": found.shed, "site_load": found.site_load}
    return {name: array for name, array in (rest | prices).items() if array is not None}


def address(array: object) -> int:
    return array._values.ctypes.data


@pytest.mark.parametrize("shed_cost", [None, 1e5])
@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:1"])
def test_a_solve_on_the_device_copies_nothing_over_the_bus(
    library, cuda, problem, device, shed_cost
):
    if not library.works:
        pytest.skip("JAX alone hands out no memory to write to")
    expected = el.solve(problem.replace(shed_cost=shed_cost), threads=1)
    there = on_device(library, problem.replace(shed_cost=shed_cost), index=1)
    LOG.__init__()
    found = el.solve(there, device=device)
    (_, record) = cuda.solves
    assert (record.device, record.stream) == ("cuda:1", 71)
    arrays = large_arrays(found)
    assert LOG.up == [(12,), (12,)]  # prices of the regions
    assert arrays.keys() == record.output.keys()
    for name, lent in record.output.items():
        assert lent.device == 1 and address(arrays[name]) == lent.pointer
        assert type(arrays[name]) is type(library.make(0))
        assert arrays[name].__dlpack_device__() == (2, 1)
    assert LOG.down == []
    host = found.on_host()
    assert sorted(LOG.down) == sorted(array.shape for array in arrays.values())
    assert found.on_host() is host and repr(found) == repr(host)
    for name, array in large_arrays(expected).items():
        np.testing.assert_array_equal(large_arrays(host)[name], array)
    assert el.certify(there, found) == el.certify(expected.problem, expected)
    assert pickle.loads(pickle.dumps(found)).objective == expected.objective


def test_small_questions_leave_the_large_arrays_where_they_are(cupy, cuda, problem, solution):
    there = on_device(cupy, problem)
    found = el.solve(there)
    front = el.frontier(there, {"carbon": [10.0]})
    assert str(found.audit()) == str(solution.audit())
    assert repr(found).startswith("Solution(optimal")
    assert front.burden["carbon"].shape == front.cost.shape == (1,)
    assert found.footprints["carbon"].__dlpack_device__() == (2, 0)
    assert LOG.down == [] and LOG.up == [(12,), (12,)]


def test_the_library_of_the_answer_is_that_of_the_data(library, problem):
    there = on_device(library, problem, index=1)
    found = el.solve(there)
    assert found.site_load.__dlpack_device__() == (2, 1)
    dense = found.dense_allocation()
    assert dense.shape == (24, 6, 12) and dense.__dlpack_device__() == (2, 1)


@pytest.mark.parametrize(
    ("device", "index", "runs_on", "there"),
    [
        ("auto", 0, "cuda:0", True),
        ("auto", 1, "cuda:1", True),
        ("cpu", 1, "cpu", False),
        ("cuda", 1, "cuda:1", True),
        ("cuda:1", 1, "cuda:1", True),
        ("cuda:0", 1, "cuda:0", False),
    ],
)
def test_a_solve_follows_the_arrays(library, cuda, problem, device, index, runs_on, there):
    el.solve(on_device(library, problem, index), device=device)
    (record,) = cuda.solves
    if not library.works:
        runs_on, there = {"auto": "auto"}.get(device, runs_on), False
    assert record.device == runs_on
    assert record.stream == (70 + index if there else 0)
    assert (record.output is not None) == there


def test_a_solve_that_cannot_follow_stays_on_the_host(library, problem, solution):
    found = el.solve(on_device(library, problem), method="barrier")  # a build without CUDA
    assert found.objective == pytest.approx(solution.objective, rel=1e-6)


def test_a_method_of_the_host_stays_there(cupy, cuda, problem):
    el.solve(on_device(cupy, problem), method="barrier")
    assert cuda.solves[0].device == "auto" and cuda.solves[0].output is None


def test_a_device_that_the_core_does_not_find_is_named(library, cuda, problem):
    there = on_device(library, problem, index=7)
    with pytest.raises(el.InputError, match="device: there is no cuda:7 among 2 CUDA devices"):
        el.solve(there, device="cuda")


def test_scenarios_are_solved_where_they_lie(library, cuda, fleet):
    problems = [fleet(seed=0), fleet(seed=0).replace(price=fleet(seed=1).price)]
    found = el.solve_batch([on_device(library, problem) for problem in problems])
    assert [record.output is not None for record in cuda.solves] == [library.works] * 2
    for problem, answer in zip(problems, found, strict=True):
        assert type(answer.allocation) is type(library.make(0))
        expected = el.solve(problem, threads=1)
        np.testing.assert_array_equal(answer.allocation._values, expected.allocation)


def test_scenarios_in_several_places_are_solved_on_the_host(cupy, cuda, problem):
    mixed = [problem, on_device(cupy, problem, 0), on_device(cupy, problem, 1)]
    found = el.solve_batch(mixed)
    assert [record.output for record in cuda.solves] == [None] * 3
    assert type(found[0].allocation) is np.ndarray
    assert [s.allocation.__dlpack_device__() for s in found[1:]] == [(2, 0), (2, 1)]


def test_where_there_is_no_answer_there_are_zeros(library, cuda, arguments):
    crowded = library.make(arguments["demand"] * 10)
    found = el.solve(el.Problem(**arguments | {"demand": crowded}))
    assert found.status == "infeasible"
    assert all(not array._values.any() for array in large_arrays(found).values())
    assert found.infeasibility.prices._values.any()


def test_a_problem_does_not_change_with_its_arrays(cupy, arguments):
    demand = cupy.make(arguments["demand"])
    problem = el.Problem(**arguments | {"demand": demand})
    demand._values[:] = np.nan
    assert LOG.down == [] and (problem.demand == 2.0).all()


@pytest.mark.parametrize("speaks", ["jax", "cuda"])
def test_what_cannot_change_is_not_copied_at_all(cupy, monkeypatch, arguments, speaks):
    make = jax_library().make if speaks == "jax" else lambda v: Foreign(v, "cuda", read_only=True)
    demand = make(arguments["demand"])
    problem = el.Problem(**arguments | {"demand": demand})
    assert address(problem._table("demand").there(problem._worker)) == address(demand)


def test_a_row_for_every_slot_stays_a_row(cupy, cuda, arguments):
    rows = {name: cupy.make(np.full(3, value)) for name, value in (("capacity", 5), ("price", 40))}
    carbon = {"carbon": cupy.make(np.full(3, 0.4))}
    problem = el.Problem(**arguments | rows | {"footprints": carbon}, quadratic=0.1)
    expected = el.Problem(**arguments, quadratic=0.1)
    made = cuda.arguments(problem._core(problem._worker))
    for name in ("capacity", "price", "quadratic"):
        assert made[name].shape == [1, 3]
    assert LOG.down == [] and sorted(LOG.up) == [(1, 3), (4, 2)]  # quadratic and demand
    assert problem == expected
    assert el.solve(problem).objective == el.solve(expected, threads=1).objective


@pytest.mark.parametrize("rows", [(), ("price",), ("price", "carbon", "idle_power")])
def test_idle_power_is_added_up_on_the_device(library, arguments, rows):
    rng = np.random.default_rng(0)
    tables = {name: rng.uniform(0, 9, (4, 3)) for name in ("price", "carbon", "idle_power")}
    tables |= {name: tables[name][0] for name in rows}
    there = {name: library.make(values) for name, values in tables.items()}
    LOG.__init__()
    problems = []
    for given in (there, tables):
        footprints = {"footprints": {"carbon": given.pop("carbon")}}
        problems.append(el.Problem(**arguments | given | footprints))
    assert not library.works or LOG.down == [(3,), (3,)]
    found, expected = problems
    assert found.idle_cost == pytest.approx(expected.idle_cost, rel=1e-14)
    np.testing.assert_allclose(found.carried["carbon"], expected.carried["carbon"], rtol=1e-14)
    assert found == expected


NAN = [[2.0, 2.0], [2.0, np.nan], [2.0, 2.0], [2.0, 2.0]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("demand", NAN),
        ("demand", np.full((4, 2), -1.0)),
        ("demand", np.ones(4)),
        ("demand", np.zeros((0, 2))),
        ("capacity", [5.0, -5.0, 5.0]),
        ("capacity", np.array(np.nan)),
        ("capacity", np.ones((3, 3))),
        ("price", [[1.0, 2.0, np.inf]] * 4),
        ("price", np.array(3.0)),
        ("price", [1.0, np.nan, 2.0]),
        ("price", np.ones((4, 3)) * 1j),
        ("quadratic", np.full((4, 3), -1.0)),
        ("idle_power", [0.0, np.inf, 0.0]),
        ("carbon", [[1.0, 1.0, 1.0]] * 3 + [[1.0, -1.0, 1.0]]),
        ("carbon", np.ones(2)),
    ],
)
def test_mistakes_on_a_device_are_named_as_on_the_host(library, arguments, field, value):
    texts = []
    for make in (np.array, library.make):
        with pytest.raises(el.InputError) as caught:
            el.Problem(**spoil(arguments, field, make(value)))
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


def test_work_that_cannot_leave_is_named_on_a_device(library, arguments):
    arguments["network"] = el.Network.from_arcs([1, 1], [0, 1], gateways=2, sites=3)
    arguments["demand"] = np.array([[0.0, 2.0]] * 3 + [[3.0, 2.0]])
    message = r"demand\[slot 3, gateway 0\] is 3; the gateway has no arc"
    for make in (np.array, library.make):
        with pytest.raises(el.InputError, match=message):
            el.Problem(**arguments | {"demand": make(arguments["demand"])})
    arguments["demand"][3, 0] = 0.0
    LOG.__init__()
    el.Problem(**arguments | {"demand": library.make(arguments["demand"])})
    assert not library.works or LOG.down == []


def lent(array: np.ndarray, device: int = 0) -> el._core.DeviceArray:
    return el._core.DeviceArray(array.ctypes.data, array.shape, device, array)


def test_the_core_takes_tables_from_one_place(arguments):
    network = el.Network.complete(2, 3)
    arcs = {name: getattr(network, name) for name in ("gateway", "site", "delay", "energy", "cost")}
    rest = arcs | {"quadratic": None, "footprints": []}
    tables = {name: np.atleast_2d(arguments[name]) for name in ("demand", "capacity", "price")}
    there = {name: lent(table) for name, table in tables.items()}
    problem = el._core.Problem(**there, **rest)
    np.testing.assert_array_equal(memory(there["price"]), tables["price"])
    for name, table in tables.items():
        for other in (table, lent(table, 1)):
            with pytest.raises(ValueError, match="all tables of a problem lie on one device"):
                el._core.Problem(**there | {name: other}, **rest)
    with pytest.raises(ValueError, match="price has the wrong shape"):
        el._core.Problem(**there | {"price": lent(np.ones((3, 3)))}, **rest)
    with pytest.raises(ValueError, match="the number of a CUDA device"):
        lent(tables["price"], -1)
    settings = el._core.Settings()
    room = {name: np.zeros((4, 3)) for name in LARGE[2:]} | {"allocation": np.zeros((4, 6))}
    output = el._core.DeviceOutput(**{name: lent(array) for name, array in room.items()})
    with pytest.raises(ValueError, match="a problem on a device needs an output there"):
        el._core.solve(problem, settings)
    with pytest.raises(ValueError, match="no other takes one"):
        el._core.solve(el._core.Problem(**tables, **rest), settings, output=output)
    for name, array, message in (
        ("allocation", lent(np.zeros((4, 5))), "allocation has the wrong shape"),
        ("site_load", lent(np.zeros((4, 3)), 1), "site_load is not on the problem's device"),
        ("shed", lent(np.zeros((4, 2))), "shed goes with a problem that may shed"),
    ):
        given = {key: lent(table) for key, table in room.items()} | {name: array}
        with pytest.raises(ValueError, match=message):
            el._core.solve(problem, settings, output=el._core.DeviceOutput(**given))
        with pytest.raises(ValueError, match=message):
            output = el._core.DeviceOutput(**given)
            el._core.solve_batch([problem], settings, [None], outputs=[output])


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
    problem = el.Problem(**arguments | {"price": price})
    price._values[:] = np.nan
    assert LOG.down == [] and (problem.price == arguments["price"]).all()
    assert type(el.solve(problem).site_load) is cupy.ndarray


def test_an_array_with_cudas_interface_alone(cupy, arguments):
    class Bare:
        __cuda_array_interface__ = {"version": 3}  # noqa: RUF012

    def asarray(array: object) -> object:
        return cupy.make(arguments["price"], 1) if isinstance(array, Bare) else known(array)

    known, cupy.asarray = cupy.asarray, asarray
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
@pytest.mark.parametrize("device", ["cpu", "auto"])
@pytest.mark.parametrize("name", ["cupy", "torch", "jax"])
def test_real_devices(problem, solution, name, device):
    library = pytest.importorskip(name, reason=f"{name} is not installed")
    if not (el.build_info()["cuda"] or {}).get("devices"):
        pytest.skip("build_info() lists no CUDA device")
    make = {
        "cupy": lambda values: library.asarray(values),
        "torch": lambda values: library.tensor(values, device="cuda"),
        "jax": lambda values: library.device_put(values, library.devices("cuda")[0]),
    }[name]
    arguments = {key: make(getattr(problem, key)) for key in ("demand", "price")}
    found = el.solve(problem.replace(**arguments), device=device)
    assert type(found.allocation) is type(make(problem.price))
    assert int(found.allocation.__dlpack_device__()[0]) == 2
    assert found.objective == pytest.approx(solution.objective, rel=1e-5)
    np.testing.assert_allclose(
        found.on_host().allocation.sum(axis=1), problem.demand.sum(axis=1), rtol=1e-6
    )


def test_a_device_without_room_gets_what_cupy_keeps_unused(monkeypatch, problem, solution):
    freed, solve = [], _core.solve
    pool = SimpleNamespace(free_all_blocks=lambda: freed.append("blocks"))
    library = SimpleNamespace(get_default_memory_pool=lambda: pool)

    def full(*arguments: object, **output: object) -> object:
        if not freed:
            raise MemoryError("CUDA: the problem needs 9 bytes")
        return solve(*arguments, **output)

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(_core, "solve", full)
    monkeypatch.setitem(sys.modules, "cupy", library)
    assert el.solve(problem).objective == solution.objective and freed == ["blocks"]


def test_a_device_that_jax_has_filled_is_explained(monkeypatch, problem):
    def full(*arguments: object, **output: object) -> object:
        raise MemoryError("CUDA: the problem needs 9 bytes")

    for library in ("cupy", "torch"):
        monkeypatch.delitem(sys.modules, library, raising=False)
    monkeypatch.setattr(_core, "solve", full)
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace())
    with pytest.raises(MemoryError, match="needs 9 bytes; XLA_PYTHON_CLIENT_PREALLOCATE=false"):
        el.solve(problem)
