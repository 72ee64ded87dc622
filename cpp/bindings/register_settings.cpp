#include "core/settings.hpp"

#include <pybind11/stl.h>

#include "algorithm/steps.hpp"
#include "registers.hpp"

namespace equiload::python {

namespace py = pybind11;

namespace {

// Keyword arguments set attributes of the same name: the defaults stand in C++ alone.
template <class T>
T from_keywords(const py::kwargs& keywords) {
    py::object made = py::cast(T{});
    for (const auto& [name, value] : keywords) py::setattr(made, name, value);
    return made.cast<T>();
}

}  // namespace

void register_settings(py::module_& module) {
    py::class_<Range>(module, "Range")
        .def_readonly("least", &Range::least)
        .def_readonly("most", &Range::most)
        .def_readonly("rule", &Range::rule);
    module.attr("DEVICES") = py::tuple(py::cast(devices));
    module.attr("METHODS") = py::tuple(py::cast(methods));
    module.attr("PRECISIONS") = py::tuple(py::cast(precisions));
    py::class_<Settings>(module, "Settings")
        .def_readonly_static("TOLS", &Settings::tols)
        .def_readonly_static("ITERATION_COUNTS", &Settings::iteration_counts)
        .def_readonly_static("TIME_LIMITS", &Settings::time_limits)
        .def_readonly_static("THREAD_COUNTS", &Settings::thread_counts)
        .def(py::init(&from_keywords<Settings>))
        .def_readwrite("tol", &Settings::tol)
        .def_readwrite("max_iterations", &Settings::max_iterations)
        .def_readwrite("time_limit", &Settings::time_limit)
        .def_readwrite("threads", &Settings::threads)
        .def_readwrite("device", &Settings::device)
        .def_readwrite("method", &Settings::method)
        .def_readwrite("precision", &Settings::precision)
        .def_readwrite("instructions", &Settings::instructions)
        .def_readwrite("stream", &Settings::stream)
        .def("validate", &Settings::validate);
    py::class_<Tuning>(module, "Tuning")
        .def(py::init(&from_keywords<Tuning>))
        .def_readwrite("sufficient", &Tuning::sufficient)
        .def_readwrite("necessary", &Tuning::necessary)
        .def_readwrite("artificial", &Tuning::artificial)
        .def_readwrite("money_exponent", &Tuning::money_exponent)
        .def_readwrite("distance_exponent", &Tuning::distance_exponent)
        .def_readwrite("clip", &Tuning::clip)
        .def_readwrite("curvature_floor", &Tuning::curvature_floor)
        .def_readwrite("decide_every", &Tuning::decide_every)
        .def_readwrite("inner_steps", &Tuning::inner_steps);
}

}  // namespace equiload::python
