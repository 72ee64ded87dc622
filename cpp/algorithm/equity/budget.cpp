// A hard limit on each region: 0 where z <= limit, infinite elsewhere. Dual set: pi >= 0, conjugate <pi,
// limit>.
#include "algorithm/equity/budget.hpp"

#include <algorithm>
#include <limits>

namespace equiload {

double BudgetEquity::value(std::span<const double> z) const {
    for (std::size_t g = 0; g < z.size(); ++g)
        if (z[g] > limit(g) * (1 + budget_tolerance)) return std::numeric_limits<double>::infinity();
    return 0;
}

double BudgetEquity::conjugate(std::span<const double> pi) const {
    double sum = 0;
    for (std::size_t g = 0; g < pi.size(); ++g)
        if (pi[g] > 0) sum += pi[g] * limit(g);
    return sum;
}

void BudgetEquity::project(std::span<double> pi) const {
    for (double& value : pi) value = std::max(0.0, value);
}

void BudgetEquity::start(std::span<double> pi) const { std::fill(pi.begin(), pi.end(), 0.0); }

}  // namespace equiload
