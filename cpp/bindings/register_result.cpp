#include "bound_result.hpp"
#include "registers.hpp"

namespace equiload::python {

namespace {

std::vector<Doubles> own_each(std::vector<std::vector<double>>&& lists) {
    std::vector<Doubles> arrays;
    for (auto& list : lists) {
        const auto size = static_cast<py::ssize_t>(list.size());
        arrays.push_back(own(std::move(list), {size}));
    }
    return arrays;
}

}  // namespace

BoundResult bind_result(Solution&& s, const Problem& p, bool elsewhere, bool interrupted) {
    const auto slots = static_cast<py::ssize_t>(p.slots), sites = static_cast<py::ssize_t>(p.sites);
    const auto arcs = static_cast<py::ssize_t>(p.arcs), gateways = static_cast<py::ssize_t>(p.gateways);
    BoundResult r{};
    r.interrupted = interrupted;
    const auto field = [&](auto& values, py::ssize_t items) {
        const auto count = static_cast<std::size_t>(slots * items);
        if (values.size() != count) values.assign(count, 0.0);  // zeros where there is no answer
        return own(std::move(values), {slots, items});
    };
    if (!elsewhere) {
        r.allocation = field(s.allocation, arcs);
        if (p.may_shed()) r.shed = field(s.shed, gateways);
        r.site_load = field(s.site_load, sites);
        r.capacity_prices = field(s.prices.capacity, sites);
        r.energy_prices = field(s.prices.energy, sites);
    }
    if (!s.infeasibility.prices.empty()) r.infeasible_prices = field(s.infeasibility.prices, sites);
    s.prices.equity.resize(p.footprints.size());
    s.totals.resize(p.footprints.size());
    s.breakdown.equity.resize(p.footprints.size());
    for (std::size_t f = 0; f < p.footprints.size(); ++f) {
        s.prices.equity[f].resize(p.footprints[f].regions());
        s.totals[f].resize(p.footprints[f].regions());
    }
    if (!s.infeasibility.budget.empty()) {
        for (std::size_t f = 0; f < p.footprints.size(); ++f)
            s.infeasibility.budget[f].resize(p.footprints[f].regions());
        r.infeasible_budget = own_each(std::move(s.infeasibility.budget));
    }
    r.equity_prices = own_each(std::move(s.prices.equity));
    r.totals = own_each(std::move(s.totals));
    r.rest = std::move(s);
    return r;
}

void register_result(py::module_& module) {
    py::class_<Progress>(module, "Progress")
        .def_readonly("iterations", &Progress::iterations)
        .def_readonly("seconds", &Progress::seconds)
        .def_readonly("objective", &Progress::objective)
        .def_readonly("lower_bound", &Progress::lower_bound)
        .def_readonly("gap", &Progress::gap);
    using R = BoundResult;
    py::class_<R>(module, "Result")
        .def_property_readonly("status", [](const R& r) { return to_string(r.rest.status); })
        .def_property_readonly("objective", [](const R& r) { return r.rest.objective; })
        .def_property_readonly("lower_bound", [](const R& r) { return r.rest.lower_bound; })
        .def_property_readonly("gap", [](const R& r) { return r.rest.gap; })
        .def_readonly("interrupted", &R::interrupted)
        .def_readonly("allocation", &R::allocation)
        .def_readonly("shed", &R::shed)
        .def_readonly("site_load", &R::site_load)
        .def_readonly("capacity_prices", &R::capacity_prices)
        .def_readonly("energy_prices", &R::energy_prices)
        .def_readonly("equity_prices", &R::equity_prices)
        .def_readonly("totals", &R::totals)
        .def_property_readonly("energy_cost", [](const R& r) { return r.rest.breakdown.energy; })
        .def_property_readonly("arc_cost", [](const R& r) { return r.rest.breakdown.arc; })
        .def_property_readonly("quadratic_cost", [](const R& r) { return r.rest.breakdown.quadratic; })
        .def_property_readonly("shed_cost", [](const R& r) { return r.rest.breakdown.shed; })
        .def_property_readonly("fixed_cost", [](const R& r) { return r.rest.breakdown.fixed; })
        .def_property_readonly("equity_costs", [](const R& r) { return r.rest.breakdown.equity; })
        .def_property_readonly("iterations", [](const R& r) { return r.rest.iterations; })
        .def_property_readonly("restarts", [](const R& r) { return r.rest.restarts; })
        .def_property_readonly("seconds", [](const R& r) { return r.rest.seconds; })
        .def_property_readonly("setup_seconds", [](const R& r) { return r.rest.setup_seconds; })
        .def_property_readonly("device", [](const R& r) { return r.rest.device; })
        .def_property_readonly("method", [](const R& r) { return r.rest.method; })
        .def_property_readonly("threads", [](const R& r) { return r.rest.threads; })
        .def_property_readonly("infeasible_slot", [](const R& r) { return r.rest.infeasibility.slot; })
        .def_property_readonly("infeasible_sites", [](const R& r) { return r.rest.infeasibility.sites; })
        .def_property_readonly("infeasible_gateways",
                               [](const R& r) { return r.rest.infeasibility.gateways; })
        .def_readonly("infeasible_prices", &R::infeasible_prices)
        .def_readonly("infeasible_budget", &R::infeasible_budget)
        .def_property_readonly("infeasible_demand",
                               [](const R& r) { return r.rest.infeasibility.energy_needed; })
        .def_property_readonly("infeasible_capacity",
                               [](const R& r) { return r.rest.infeasibility.energy_available; });
}

}  // namespace equiload::python
