// Minimax: mu max_g z_g. Dual set: mu times the unit simplex (arXiv 2412.16539, 2307.05494).
#include "algorithm/equity/max.hpp"

#include <algorithm>

namespace equiload {

double MaxEquity::value(std::span<const double> z) const {
    return rule_.weight * *std::max_element(z.begin(), z.end());
}

void MaxEquity::start(std::span<double> pi) const {
    std::fill(pi.begin(), pi.end(), rule_.weight / static_cast<double>(pi.size()));
}

}  // namespace equiload
