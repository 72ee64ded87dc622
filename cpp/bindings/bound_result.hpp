#pragma once

#include <optional>

#include "arrays.hpp"
#include "equiload/solution.hpp"

namespace equiload::python {

// A solution whose arrays are NumPy's.
struct BoundResult {
    Doubles allocation, site_load, capacity_prices, energy_prices;
    std::optional<Doubles> shed, infeasible_prices;
    std::vector<Doubles> equity_prices, totals, infeasible_budget;
    Solution rest;
};

BoundResult bind_result(Solution&& solution, const Problem& problem);

}  // namespace equiload::python
