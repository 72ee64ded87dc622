// mu times the mean of the k largest z_g (conditional value at risk). Dual set: 0 <= pi <= mu / k, sum pi =
// mu.
#include "topmean.hpp"

#include <cmath>
#include <functional>
#include <vector>

namespace equiload {

double TopMeanEquity::value(std::span<const double> z) const {
    std::vector<double> sorted(z.begin(), z.end());
    const auto largest = static_cast<std::ptrdiff_t>(count(z.size()));
    std::nth_element(sorted.begin(), sorted.begin() + (largest - 1), sorted.end(), std::greater<>());
    double sum = 0;
    for (std::ptrdiff_t g = 0; g < largest; ++g) sum += sorted[static_cast<std::size_t>(g)];
    return weight_ * sum / static_cast<double>(largest);
}

void TopMeanEquity::start(std::span<double> pi) const {
    std::fill(pi.begin(), pi.end(), weight_ / static_cast<double>(pi.size()));
}

// pi_g(m) = clip(centre_g + (z_g - m) / curvature_g, 0, mu / k) with the water level m at which they sum to
// mu: Newton on a decreasing piecewise linear function, within a bracket.
void TopMeanEquity::maximise(std::span<const double> z, std::span<const double> curvature,
                             std::span<const double> centre, std::span<double> pi) const {
    const std::size_t regions = z.size();
    const double most = weight_ / count(regions);
    double low = 0, high = 0;  // all at their most, all at 0
    for (std::size_t g = 0; g < regions; ++g) {
        const double none = z[g] + curvature[g] * centre[g], full = none - curvature[g] * most;
        low = g == 0 ? full : std::min(low, full);
        high = g == 0 ? none : std::max(high, none);
    }
    double level = 0.5 * (low + high);
    for (int step = 0; step < 200; ++step) {
        double sum = 0, slope = 0;
        for (std::size_t g = 0; g < regions; ++g) {
            const double free = centre[g] + (z[g] - level) / curvature[g];
            pi[g] = std::clamp(free, 0.0, most);
            sum += pi[g];
            if (free > 0 && free < most) slope += 1 / curvature[g];
        }
        if (std::abs(sum - weight_) <= 1e-15 * weight_) break;
        (sum > weight_ ? low : high) = level;
        double next = slope > 0 ? level + (sum - weight_) / slope : low;
        if (!(next > low && next < high)) next = 0.5 * (low + high);
        if (next == level || !(next > low && next < high)) break;
        level = next;
    }
    // Rounding must not leave the dual set: the bound is valid only on it. Burdens are never negative, so
    // that a sum below mu is admissible as well.
    double sum = 0;
    for (double value : pi) sum += value;
    if (sum > weight_)
        for (double& value : pi) value *= weight_ / sum;
}

}  // namespace equiload
