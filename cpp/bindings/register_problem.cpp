#include "algorithm/equity.hpp"
#include "bound_problem.hpp"
#include "core/error.hpp"
#include "registers.hpp"

namespace equiload::python {

namespace {

std::vector<py::ssize_t> shape_of(const Table& table) {
    if (const auto* there = std::get_if<DeviceArray>(&table)) return there->shape;
    return python::shape_of(std::get<Doubles>(table));
}

const double* data_of(const Table& table) {
    if (const auto* there = std::get_if<DeviceArray>(&table)) return there->data();
    return std::get<Doubles>(table).data();
}

// (T, N), or (1, N) for every slot.
Field field_of(const Table& table, std::size_t slots, std::size_t items, const char* name) {
    const auto shape = shape_of(table);
    const bool constant = shape.size() == 2 && shape[0] == 1;
    require_shape(shape, {constant ? 1 : static_cast<py::ssize_t>(slots), static_cast<py::ssize_t>(items)},
                  name);
    return {data_of(table), constant ? 0 : items};
}

// The device that all tables lie on, -1 for the host.
int shared_device(const BoundProblem& bound) {
    std::vector<const Table*> tables{&bound.demand, &bound.capacity, &bound.price};
    if (bound.quadratic) tables.push_back(&*bound.quadratic);
    for (const BoundFootprint& footprint : bound.footprints) tables.push_back(&footprint.values);
    const auto device_of = [](const Table* table) {
        const auto* there = std::get_if<DeviceArray>(table);
        return there ? there->device : -1;
    };
    const int first = device_of(tables.front());
    for (const Table* table : tables)
        if (device_of(table) != first)
            throw InputError("all tables of a problem lie on one device, or all on the host");
    return first;
}

DeviceArray lend(std::uintptr_t pointer, std::vector<py::ssize_t> shape, int device, py::object owner) {
    if (device < 0) throw InputError("device must be the number of a CUDA device");
    return {pointer, std::move(shape), device, std::move(owner)};
}

BoundProblem make(const Table& demand, const Table& capacity, const Table& price,
                  const std::optional<Table>& quadratic, const Ints& gateway, const Ints& site,
                  const Ints& delay, const Doubles& energy, const Doubles& cost,
                  const std::vector<BoundFootprint>& footprints, std::optional<double> shed_cost,
                  double fixed_cost) {
    BoundProblem bound{demand, capacity, price, quadratic,  gateway, site,
                       delay,  energy,   cost,  footprints, {}};
    const auto released = shape_of(demand), held = shape_of(capacity);
    if (released.size() != 2 || held.size() != 2) throw InputError("demand and capacity need two axes");
    Problem& p = bound.view;
    p.slots = static_cast<std::size_t>(released[0]);
    p.gateways = static_cast<std::size_t>(released[1]);
    p.sites = static_cast<std::size_t>(held[1]);
    p.arcs = static_cast<std::size_t>(gateway.size());
    for (const py::array* array :
         std::initializer_list<const py::array*>{&gateway, &site, &delay, &energy, &cost})
        require_shape(*array, {static_cast<py::ssize_t>(p.arcs)}, "an arc array");
    p.demand = field_of(demand, p.slots, p.gateways, "demand");
    p.demand.stride = p.gateways;
    p.capacity = field_of(capacity, p.slots, p.sites, "capacity");
    p.price = field_of(price, p.slots, p.sites, "price");
    if (quadratic) p.quadratic = field_of(*quadratic, p.slots, p.sites, "quadratic");
    p.arc_gateway = span_of(gateway), p.arc_site = span_of(site), p.arc_delay = span_of(delay);
    p.arc_energy = span_of(energy), p.arc_cost = span_of(cost);
    for (const BoundFootprint& footprint : bound.footprints)
        p.footprints.push_back(footprint.view(p.slots, p.sites));
    if (shed_cost) p.shed_cost = *shed_cost;
    p.fixed_cost = fixed_cost;
    p.device = shared_device(bound);
    p.validate();
    return bound;
}

}  // namespace

Footprint BoundFootprint::view(std::size_t slots, std::size_t sites) const {
    require_shape(region, {share ? share->size() : static_cast<py::ssize_t>(sites)}, "region");
    if (share_start) require_shape(*share_start, {static_cast<py::ssize_t>(sites + 1)}, "share_start");
    if (share_start.has_value() != share.has_value()) throw InputError("a burden map needs both its arrays");
    require_shape(sensitivity, {history.size()}, "sensitivity");
    if (limit) require_shape(*limit, {history.size()}, "limit");
    return {field_of(values, slots, sites, "footprint"),
            span_of(region),
            span_of(history),
            span_of(sensitivity),
            kind,
            weight,
            parameter,
            limit ? span_of(*limit) : std::span<const double>(),
            share_start ? span_of(*share_start) : std::span<const Index>(),
            share ? span_of(*share) : std::span<const double>()};
}

void register_problem(py::module_& module) {
    py::class_<DeviceArray>(module, "DeviceArray")
        .def(py::init(&lend), py::arg("pointer"), py::arg("shape"), py::arg("device"), py::arg("owner"))
        .def_readonly("pointer", &DeviceArray::pointer)
        .def_readonly("shape", &DeviceArray::shape)
        .def_readonly("device", &DeviceArray::device);
    py::class_<BoundFootprint>(module, "Footprint")
        .def(py::init([](const Table& values, const Ints& region, const Doubles& history,
                         const Doubles& sensitivity, const std::string& kind, double weight, double parameter,
                         const std::optional<Doubles>& limit, const std::optional<Ints>& share_start,
                         const std::optional<Doubles>& share) {
                 return BoundFootprint{values,      history, sensitivity,       limit,  region,
                                       share_start, share,   equity_kind(kind), weight, parameter};
             }),
             py::arg("values"), py::arg("region"), py::arg("history"), py::arg("sensitivity"),
             py::arg("kind"), py::arg("weight"), py::arg("parameter") = 0.0, py::arg("limit") = py::none(),
             py::arg("share_start") = py::none(), py::arg("share") = py::none());
    module.def("equity_functions", &equity_names);
    module.def("equity_parameters",
               [](const std::string& kind) { return equity_parameters(equity_kind(kind)); });
    module.attr("EQUITY_WEIGHTS") = equity_weights;
    module.def(
        "equity_dual_set",
        [](const std::string& kind, double parameter, int regions) {
            EquityRule rule;
            rule.kind = equity_kind(kind), rule.regions = regions;
            rule.weight = 1.0, rule.parameter = parameter;
            const DualSet set = dual_set(rule);
            return std::pair(to_string(set.shape), set.most);
        },
        py::arg("kind"), py::arg("parameter"), py::arg("regions"));
    py::class_<BoundProblem>(module, "Problem")
        .def(py::init(&make), py::arg("demand"), py::arg("capacity"), py::arg("price"), py::arg("quadratic"),
             py::arg("gateway"), py::arg("site"), py::arg("delay"), py::arg("energy"), py::arg("cost"),
             py::arg("footprints"), py::arg("shed_cost") = py::none(), py::arg("fixed_cost") = 0.0);
}

}  // namespace equiload::python
