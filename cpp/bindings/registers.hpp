#pragma once

#include <pybind11/pybind11.h>

namespace equiload::python {

void register_problem(pybind11::module_& module);
void register_settings(pybind11::module_& module);
void register_result(pybind11::module_& module);
void register_solve(pybind11::module_& module);
void register_slot(pybind11::module_& module);

}  // namespace equiload::python
