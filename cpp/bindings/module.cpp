#include <pybind11/pybind11.h>

#include <exception>

#include "core/error.hpp"
#include "registers.hpp"

namespace {

// Misuse is what the package calls it, wherever it is found.
void translate(std::exception_ptr thrown) {
    namespace py = pybind11;
    try {
        std::rethrow_exception(thrown);
    } catch (const equiload::InputError& error) {
        py::set_error(py::module_::import("equiload.errors").attr("InputError"), error.what());
    } catch (const equiload::OutOfDeviceMemory& error) {
        py::set_error(PyExc_MemoryError, error.what());
    }
}

}  // namespace

PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
    module.doc() = "The compiled core of equiload.";
    pybind11::register_local_exception_translator(translate);
    equiload::python::register_settings(module);  // with what numbers may be
    equiload::python::register_problem(module);
    equiload::python::register_result(module);
    equiload::python::register_solve(module);
    equiload::python::register_slot(module);
}
