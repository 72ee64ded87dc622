// mu |z|_q for 1 < q < inf. Dual set: the part pi >= 0 of the ball |pi|_p <= mu with 1/p + 1/q = 1.
#include "algorithm/equity/norm.hpp"

#include <algorithm>
#include <cmath>

namespace equiload {

double NormEquity::value(std::span<const double> z) const {
    return rule_.weight * norm(Solo{}, z.data(), static_cast<int>(z.size()), rule_.parameter);
}

void NormEquity::start(std::span<double> pi) const {
    const double q = rule_.parameter, p = q / (q - 1);
    std::fill(pi.begin(), pi.end(), rule_.weight * std::pow(static_cast<double>(pi.size()), -1 / p));
}

}  // namespace equiload
