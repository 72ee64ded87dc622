// Minimax: mu max_g z_g. Dual set: mu times the unit simplex (arXiv 2412.16539, 2307.05494).
#include "max.hpp"

#include <algorithm>

namespace equiload {

double MaxEquity::value(std::span<const double> z) const {
    return weight_ * *std::max_element(z.begin(), z.end());
}

void MaxEquity::start(std::span<double> pi) const {
    std::fill(pi.begin(), pi.end(), weight_ / static_cast<double>(pi.size()));
}

// pi_g(m) = max(0, centre_g + (z_g - m) / curvature_g) with the water level m at which they sum to mu: Newton
// from the left on a convex decreasing piecewise linear function, at most one sweep a region.
void MaxEquity::maximise(std::span<const double> z, std::span<const double> curvature,
                         std::span<const double> centre, std::span<double> pi) const {
    const std::size_t regions = z.size();
    double sum = 0, slope = 0;
    for (std::size_t g = 0; g < regions; ++g) {
        sum += centre[g] + z[g] / curvature[g];
        slope += 1 / curvature[g];
    }
    double level = (sum - weight_) / slope;
    for (std::size_t sweep = 0; sweep <= regions; ++sweep) {
        sum = slope = 0;
        for (std::size_t g = 0; g < regions; ++g) {
            if (centre[g] + (z[g] - level) / curvature[g] <= 0) continue;
            sum += centre[g] + z[g] / curvature[g];
            slope += 1 / curvature[g];
        }
        const double next = slope > 0 ? (sum - weight_) / slope : level;
        if (next <= level) break;
        level = next;
    }
    sum = 0;
    for (std::size_t g = 0; g < regions; ++g) {
        pi[g] = std::max(0.0, centre[g] + (z[g] - level) / curvature[g]);
        sum += pi[g];
    }
    // Rounding must not leave the dual set: the bound is valid only on it.
    for (double& p : pi) p = sum > 0 ? p * (weight_ / sum) : weight_ / static_cast<double>(regions);
}

}  // namespace equiload
