// A problem row by row as plain pointers: what the steps that work slot by slot read, on the host or on a
// device.
#pragma once

#include "../problem.hpp"

namespace equiload {

// Arcs grouped by an end, as Grouping makes them: those of group g are order[start[g]] .. order[start[g + 1]
// - 1]. In those of a gateway, arcs to the same site with the same delay stand side by side.
struct ArcGroups {
    const Index *start = nullptr, *order = nullptr;
};

struct RowModel {
    int slots = 0, gateways = 0, sites = 0, arcs = 0, footprints = 0;
    int horizon = 1;                           // slots that delayed arcs couple: one, or all
    Field demand, capacity, price, quadratic;  // (T, ..); quadratic may be absent
    const Field* footprint = nullptr;          // [footprint] (T, I), those that the steps are to see
    const Index *gateway = nullptr, *site = nullptr, *delay = nullptr;  // [arc]
    const double *energy = nullptr, *cost = nullptr;                    // [arc]
    ArcGroups by_gateway, by_site;
    double shed_cost = std::numeric_limits<double>::infinity();
};

// An infinite capacity has no price.
EQUILOAD_HD bool is_finite(double value) {
    constexpr double most = std::numeric_limits<double>::max();
    return value <= most && value >= -most;
}

}  // namespace equiload
