// Whether the work of some slots fits the capacities at all, whatever it costs.
#pragma once

#include <cstddef>
#include <vector>

#include "core/problem.hpp"

namespace equiload {

// The relative excess over a capacity that is accepted where nothing fits; `RepairOutcome` tells of more.
inline constexpr double accepted_excess = 4e-10;

struct MostWork {
    bool all = false;  // all work of the slots is served
    std::vector<double>
        prices;  // otherwise (T, I) u >= 0 with sum d min_a k u > sum u capacity; empty: given up
};

// Serves as much work of the slots [first, last) as their cells hold; its arcs lead nowhere else. The
// allocation (T, A) of these slots is written anew, work of others stays.
MostWork serve_most(const Problem& problem, std::size_t first, std::size_t last, double* allocation);

}  // namespace equiload
