#pragma once

#include <optional>

#include "arrays.hpp"
#include "core/solution.hpp"

namespace equiload::python {

// A solution whose arrays are NumPy's; those over slots are absent where they were written elsewhere.
struct BoundResult {
    std::optional<Doubles> allocation, shed, site_load, capacity_prices, energy_prices, infeasible_prices;
    std::vector<Doubles> equity_prices, totals, infeasible_budget;
    Solution rest;
    bool interrupted;  // by Ctrl-C, whatever the status: the answer may have been good enough already
};

BoundResult bind_result(Solution&& solution, const Problem& problem, bool elsewhere, bool interrupted);

}  // namespace equiload::python
