#include <optional>

#include "arrays.hpp"
#include "online/slot_solver.hpp"
#include "registers.hpp"

namespace equiload::python {

namespace {

SlotSolver make(std::size_t gateways, std::size_t sites, const Ints& gateway, const Ints& site,
                const Doubles& energy, const Doubles& cost, std::optional<double> shed_cost) {
    for (const py::array* array : std::initializer_list<const py::array*>{&site, &energy, &cost})
        require_shape(*array, {gateway.size()}, "an arc array");
    require_arcs(gateways, sites, span_of(gateway), span_of(site));
    return SlotSolver(gateways, sites, span_of(gateway), span_of(site), span_of(energy), span_of(cost),
                      shed_cost.value_or(std::numeric_limits<double>::infinity()));
}

py::tuple decide(SlotSolver& solver, const Doubles& demand, const Doubles& capacity, const Doubles& price) {
    const auto sites = static_cast<py::ssize_t>(solver.sites());
    require_shape(demand, {static_cast<py::ssize_t>(solver.gateways())}, "demand");
    require_shape(capacity, {sites}, "capacity");
    require_shape(price, {sites}, "price");
    SlotAnswer answer = solver.decide(demand.data(), capacity.data(), price.data());
    const auto hand_out = [](std::vector<double>&& values) {
        const auto size = static_cast<py::ssize_t>(values.size());
        return own(std::move(values), {size});
    };
    const py::object shed =
        answer.shed.empty() ? py::object(py::none()) : py::object(hand_out(std::move(answer.shed)));
    return py::make_tuple(answer.feasible, hand_out(std::move(answer.allocation)),
                          hand_out(std::move(answer.load)), shed, answer.objective, answer.lower_bound,
                          hand_out(std::move(answer.capacity_price)));
}

}  // namespace

void register_slot(py::module_& module) {
    py::class_<SlotSolver>(module, "SlotSolver")
        .def(py::init(&make), py::arg("gateways"), py::arg("sites"), py::arg("gateway"), py::arg("site"),
             py::arg("energy"), py::arg("cost"), py::arg("shed_cost") = py::none())
        .def("decide", &decide, py::arg("demand"), py::arg("capacity"), py::arg("price"));
    module.def("energies_factor", [](std::size_t gateways, std::size_t sites, const Ints& gateway,
                                     const Ints& site, const Doubles& energy) {
        require_arcs(gateways, sites, span_of(gateway), span_of(site));
        return factor_energies(gateways, sites, span_of(gateway), span_of(site), span_of(energy)).has_value();
    });
}

}  // namespace equiload::python
