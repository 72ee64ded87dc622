"""Arrays that pose as CuPy's, and solves of them on a stand-in for a CUDA device."""

from __future__ import annotations

import ctypes
import sys

import numpy as np
import pytest
import standin_cupy

import equiload as el


def test_arrays_stay_on_their_device():
    array = standin_cupy.asarray(np.arange(6.0).reshape(2, 3))
    for implicit in (np.asarray, np.from_dlpack, lambda a: a + np.ones(3), float):
        with pytest.raises((BufferError, RuntimeError, TypeError)):
            implicit(array)
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        standin_cupy.cuda.Device(1)
    assert array.__dlpack_device__() == (2, 0)
    assert array.get().tolist() == [[0, 1, 2], [3, 4, 5]]


def test_arrays_are_where_they_say():
    array = standin_cupy.empty((2, 3))
    assert not bool(standin_cupy.isfinite(array).any())
    array[:] = 2 * standin_cupy.asarray(np.arange(3.0))
    memory = (ctypes.c_double * 6).from_address(array.data.ptr)
    assert list(memory) == [0, 2, 4] * 2
    assert array.__cuda_array_interface__["data"] == (array.data.ptr, False)
    assert bool((array >= 0).all()) and float(array.sum()) == 12


@pytest.mark.cuda
def test_a_solve_of_such_arrays(monkeypatch, problem):
    if (el.build_info()["cuda"] or {}).get("toolkit") != "stand-in":
        pytest.skip("this build has no stand-in for a CUDA device")
    monkeypatch.setitem(sys.modules, "cupy", standin_cupy)
    tables = {name: standin_cupy.asarray(getattr(problem, name)) for name in ("demand", "price")}
    found = el.solve(problem.replace(**tables), device="cuda")
    assert found.device == "cuda" and found.status == "optimal"
    assert type(found.allocation) is standin_cupy.ndarray
    expected = el.solve(problem, device="cuda")
    np.testing.assert_array_equal(found.allocation.get(), expected.allocation)
