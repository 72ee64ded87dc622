// A problem slot by slot as plain pointers: what the steps that work row by row read, on the host or on a
// device.
#pragma once

#include "core/problem.hpp"

namespace equiload {

// Arcs grouped by an end, as Grouping makes them: those of group g are order[start[g]] .. order[start[g + 1]
// - 1]. In those of a gateway, arcs to the same site with the same delay stand side by side.
struct ArcGroups {
    const Index *start = nullptr, *order = nullptr;
};

struct SlotProblem {
    int slots = 0, gateways = 0, sites = 0, arcs = 0, footprints = 0;
    int horizon = 1;                           // slots that delayed arcs couple: one, or all
    Field demand, capacity, price, quadratic;  // (T, ..); quadratic may be absent
    const Field* footprint = nullptr;          // [footprint] (T, I), those that the steps are to see
    const Index *gateway = nullptr, *site = nullptr, *delay = nullptr;  // [arc]
    const double *energy = nullptr, *cost = nullptr;                    // [arc]
    ArcGroups by_gateway, by_site;
    double shed_cost = std::numeric_limits<double>::infinity();
};

// A problem of the host but for its footprints and groups of arcs.
inline SlotProblem slot_problem(const Problem& p) {
    SlotProblem m;
    m.slots = static_cast<int>(p.slots), m.gateways = static_cast<int>(p.gateways);
    m.sites = static_cast<int>(p.sites), m.arcs = static_cast<int>(p.arcs);
    m.horizon = p.max_delay() > 0 ? m.slots : 1;
    m.demand = p.demand, m.capacity = p.capacity, m.price = p.price, m.quadratic = p.quadratic;
    m.gateway = p.arc_gateway.data(), m.site = p.arc_site.data(), m.delay = p.arc_delay.data();
    m.energy = p.arc_energy.data(), m.cost = p.arc_cost.data();
    m.shed_cost = p.shed_cost;
    return m;
}

// An infinite capacity has no price.
EQUILOAD_HD bool is_finite(double value) {
    constexpr double most = std::numeric_limits<double>::max();
    return value <= most && value >= -most;
}

}  // namespace equiload
