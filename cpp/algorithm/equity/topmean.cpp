// mu times the mean of the k largest z_g (conditional value at risk), of all where there are fewer. Dual set:
// 0 <= pi <= mu / k, sum pi = mu.
#include "algorithm/equity/topmean.hpp"

#include <algorithm>
#include <functional>
#include <vector>

namespace equiload {

double TopMeanEquity::value(std::span<const double> z) const {
    std::vector<double> sorted(z.begin(), z.end());
    const auto largest = static_cast<std::ptrdiff_t>(chosen(rule_.parameter, static_cast<int>(z.size())));
    std::nth_element(sorted.begin(), sorted.begin() + (largest - 1), sorted.end(), std::greater<>());
    double sum = 0;
    for (std::ptrdiff_t g = 0; g < largest; ++g) sum += sorted[static_cast<std::size_t>(g)];
    return rule_.weight * sum / static_cast<double>(largest);
}

void TopMeanEquity::start(std::span<double> pi) const {
    std::fill(pi.begin(), pi.end(), rule_.weight / static_cast<double>(pi.size()));
}

}  // namespace equiload
