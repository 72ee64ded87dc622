// What a solve has found, in the caller's terms.
#pragma once

#include <span>
#include <vector>

#include "core/presolve.hpp"
#include "core/problem.hpp"
#include "core/solution.hpp"
#include "core/team.hpp"

namespace equiload {

// Prices that prove that no allocation exists: of capacity, and of the budgets where it needs them.
struct Proof {
    std::vector<double> capacity;  // (T, I)
    std::vector<std::vector<double>> budget;
};

// `stranded`: work without any arc, which needs no prices.
Infeasibility describe(const Presolved& presolved, const Problem& original, const Proof& proof,
                       const std::vector<std::size_t>& stranded, Team& team);

// The answer from the reduced problem's, recomputed from the caller's data; uses up the equity prices.
void certify(const Problem& problem, const Presolved& presolved, std::span<const double> allocation,
             Prices& prices, Team& team, Solution& s);

}  // namespace equiload
