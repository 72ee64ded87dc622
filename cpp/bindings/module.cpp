#include "registers.hpp"

PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
    module.doc() = "The compiled core of equiload.";
    equiload::python::register_problem(module);
    equiload::python::register_settings(module);
    equiload::python::register_result(module);
    equiload::python::register_solve(module);
    equiload::python::register_slot(module);
}
