// Hard budgets on the primal side: an allocation that exceeds one by a little is blended with one that has
// room. Both serve all demand and keep every capacity, hence so does the blend. Where the allocations lie is
// the caller's business.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "algorithm/equity/budget.hpp"
#include "core/problem.hpp"

namespace equiload {

// Has the history of a region used its budget up?
inline bool is_spent(const Footprint& budget, std::size_t region) {
    return !(budget.limit[region] > budget.history[region] * (1 + budget_tolerance));
}

// The problem with the cells closed whose region's budget is spent by its history: no blend can leave them,
// a repair can. `capacity` holds what the result then points to.
Problem close_spent_cells(const Problem& problem, std::vector<double>& capacity);

class Budgets {
 public:
    using Totals = std::vector<std::vector<double>>;  // (G_r,) burdens E_r, or prices of them

    explicit Budgets(const Problem& problem);

    bool empty() const { return budgeted_.empty(); }

    // sum lambda max(0, E - B): what the excess costs at prices lambda. Regions without a budget do not
    // count.
    double excess(const Totals& totals, const Totals& prices) const;
    bool exceeded(const Totals& totals, double tolerance = budget_tolerance) const;

    // The share of the allocation with room that a blend needs to exceed no budget; nothing where there is
    // none with room enough.
    std::optional<double> share(const Totals& totals) const;

    // Is an allocation that exceeds no budget to be the one with room from now on? If it buys more of it, at
    // prices lambda, for what it costs above the bound.
    bool offer(const Totals& totals, double objective, double lower_bound, const Totals& prices);

 private:
    double room(const Totals& totals, const Totals& prices) const;

    const Problem& problem_;
    std::vector<std::size_t> budgeted_;  // footprints with budgets
    Totals totals_;                      // of the allocation with room, and what it costs
    double objective_ = 0;
};

}  // namespace equiload
