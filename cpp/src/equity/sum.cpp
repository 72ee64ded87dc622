#include "sum.hpp"

#include <algorithm>
#include <numeric>

namespace equiload {

double SumEquity::value(std::span<const double> z) const {
    return weight_ * std::accumulate(z.begin(), z.end(), 0.0);
}

void SumEquity::start(std::span<double> pi) const { std::fill(pi.begin(), pi.end(), weight_); }

void SumEquity::maximise(std::span<const double>, std::span<const double>, std::span<const double>,
                         std::span<double> pi) const {
    start(pi);
}

}  // namespace equiload
