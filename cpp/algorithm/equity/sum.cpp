#include "algorithm/equity/sum.hpp"

#include <algorithm>
#include <numeric>

namespace equiload {

double SumEquity::value(std::span<const double> z) const {
    return rule_.weight * std::accumulate(z.begin(), z.end(), 0.0);
}

void SumEquity::start(std::span<double> pi) const { std::fill(pi.begin(), pi.end(), rule_.weight); }

}  // namespace equiload
