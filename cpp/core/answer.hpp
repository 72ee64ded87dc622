// What a solve has found, in the caller's terms.
#pragma once

#include <span>
#include <vector>

#include "core/presolve.hpp"
#include "core/problem.hpp"
#include "core/solution.hpp"
#include "host/team.hpp"

namespace equiload {

// A proof that there is no allocation. `stranded`: work without any arc, which needs no prices.
Infeasibility describe(const Presolved& presolved, const Problem& original, const std::vector<double>& ray,
                       const std::vector<std::size_t>& stranded, Team& team);

// A proof that the budgets cannot all be kept.
Infeasibility describe_budgets(const Presolved& presolved, const std::vector<double>& ray,
                               const std::vector<std::vector<double>>& budget_ray, Team& team);

// The answer from the reduced problem's, recomputed from the caller's data; uses up the equity prices.
void certify(const Problem& problem, const Presolved& presolved, std::span<const double> allocation,
             Prices& prices, Team& team, Solution& s);

}  // namespace equiload
