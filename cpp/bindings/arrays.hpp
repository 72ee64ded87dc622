// NumPy arrays in and out, without copies.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "equiload/problem.hpp"

namespace equiload::python {

namespace py = pybind11;
using Doubles = py::array_t<double, py::array::c_style>;
using Ints = py::array_t<Index, py::array::c_style>;

// An array that owns the vector it was made from.
inline Doubles own(std::vector<double>&& values, std::vector<py::ssize_t> shape) {
    auto* held = new std::vector<double>(std::move(values));
    const py::capsule owner(held, [](void* p) { delete static_cast<std::vector<double>*>(p); });
    return Doubles(std::move(shape), held->data(), owner);
}

inline void require_shape(const py::array& array, std::initializer_list<py::ssize_t> shape,
                          const char* name) {
    bool right = array.ndim() == static_cast<py::ssize_t>(shape.size());
    py::ssize_t axis = 0;
    for (py::ssize_t size : shape) right = right && array.shape(axis++) == size;
    if (!right) throw std::invalid_argument(std::string(name) + " has the wrong shape");
}

}  // namespace equiload::python
