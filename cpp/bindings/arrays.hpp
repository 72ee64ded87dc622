// NumPy arrays and arrays of a device in and out, without copies.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/error.hpp"
#include "core/problem.hpp"

namespace equiload::python {

namespace py = pybind11;
using Doubles = py::array_t<double, py::array::c_style>;
using Ints = py::array_t<Index, py::array::c_style>;

// C-ordered doubles in the memory of a CUDA device, which only the solver touches; `owner` keeps them alive.
struct DeviceArray {
    std::uintptr_t pointer;
    std::vector<py::ssize_t> shape;
    int device;
    py::object owner;

    double* data() const { return reinterpret_cast<double*>(pointer); }
};

// A table of a problem, wherever it lies.
using Table = std::variant<DeviceArray, Doubles>;

// An array that owns the vector it was made from.
template <class Vector>
    requires(!std::is_lvalue_reference_v<Vector>)
Doubles own(Vector&& values, std::vector<py::ssize_t> shape) {
    auto* held = new Vector(std::move(values));
    const py::capsule owner(held, [](void* p) { delete static_cast<Vector*>(p); });
    return Doubles(std::move(shape), held->data(), owner);
}

template <class Array>
auto span_of(const Array& array) {
    return std::span(array.data(), static_cast<std::size_t>(array.size()));
}

inline std::vector<py::ssize_t> shape_of(const py::array& array) {
    return {array.shape(), array.shape() + array.ndim()};
}

inline void require_shape(const std::vector<py::ssize_t>& found, std::initializer_list<py::ssize_t> shape,
                          const char* name) {
    if (found != std::vector<py::ssize_t>(shape))
        throw InputError(std::string(name) + " has the wrong shape");
}

inline void require_shape(const py::array& array, std::initializer_list<py::ssize_t> shape,
                          const char* name) {
    require_shape(shape_of(array), shape, name);
}

}  // namespace equiload::python
