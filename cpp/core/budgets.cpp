#include "core/budgets.hpp"

#include <algorithm>
#include <cmath>

#include "algorithm/equity/budget.hpp"

namespace equiload {

Problem close_spent_cells(const Problem& problem, std::vector<double>& capacity) {
    Problem closed = problem;
    for (const Footprint& f : problem.footprints) {
        if (!f.limited()) continue;
        for (std::size_t i = 0; i < problem.sites; ++i) {
            bool spent = false;
            f.each_region(i, [&](std::size_t g, double share) { spent |= share > 0 && is_spent(f, g); });
            if (!spent) continue;
            if (capacity.empty())
                for (std::size_t t = 0; t < problem.slots; ++t)
                    capacity.insert(capacity.end(), problem.capacity.row(t),
                                    problem.capacity.row(t) + problem.sites);
            for (std::size_t t = 0; t < problem.slots; ++t)
                if (f.values.row(t)[i] > 0) capacity[t * problem.sites + i] = 0;
        }
    }
    if (!capacity.empty()) closed.capacity = {capacity.data(), problem.sites};
    return closed;
}

Budgets::Budgets(const Problem& problem) : problem_(problem) {
    for (std::size_t r = 0; r < problem.footprints.size(); ++r)
        if (problem.footprints[r].limited()) budgeted_.push_back(r);
}

double Budgets::excess(const Totals& totals, const Totals& prices) const {
    double sum = 0;
    for (std::size_t r : budgeted_)
        for (std::size_t g = 0; g < totals[r].size(); ++g)
            sum += prices[r][g] * std::max(0.0, totals[r][g] - problem_.footprints[r].limit[g]);
    return sum;
}

bool Budgets::exceeded(const Totals& totals, double tolerance) const {
    for (std::size_t r : budgeted_)
        for (std::size_t g = 0; g < totals[r].size(); ++g)
            if (totals[r][g] > problem_.footprints[r].limit[g] * (1 + tolerance)) return true;
    return false;
}

double Budgets::room(const Totals& totals, const Totals& prices) const {
    double sum = 0;
    for (std::size_t r : budgeted_)
        for (std::size_t g = 0; g < totals[r].size(); ++g)
            if (prices[r][g] > 0) sum += prices[r][g] * (problem_.footprints[r].limit[g] - totals[r][g]);
    return sum;
}

std::optional<double> Budgets::share(const Totals& totals) const {
    if (totals_.empty()) return std::nullopt;
    double share = 0;
    for (std::size_t r : budgeted_)
        for (std::size_t g = 0; g < totals[r].size(); ++g) {
            const double over = totals[r][g] - problem_.footprints[r].limit[g];
            if (over > 0) share = std::max(share, over / std::max(0.0, totals[r][g] - totals_[r][g]));
        }
    if (!(share < 1)) return std::nullopt;
    return share;
}

bool Budgets::offer(const Totals& totals, double objective, double lower_bound, const Totals& prices) {
    const auto value = [&](const Totals& at, double cost) {
        return room(at, prices) / std::max(cost - lower_bound, 1e-12 * std::abs(cost));
    };
    if (!totals_.empty() && !(value(totals, objective) > value(totals_, objective_))) return false;
    totals_ = totals, objective_ = objective;
    return true;
}

}  // namespace equiload
