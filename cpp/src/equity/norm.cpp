// mu |z|_q for 1 < q < inf. Dual set: the part pi >= 0 of the ball |pi|_p <= mu with 1/p + 1/q = 1.
#include "norm.hpp"

#include <algorithm>
#include <cmath>

namespace equiload {

namespace {

double norm(std::span<const double> z, double q) {
    double largest = 0, sum = 0;
    for (double value : z) largest = std::max(largest, std::abs(value));
    if (largest == 0) return 0;
    for (double value : z) sum += std::pow(std::abs(value) / largest, q);  // no overflow for any q
    return largest * std::pow(sum, 1 / q);
}

}  // namespace

double NormEquity::value(std::span<const double> z) const { return weight_ * norm(z, q_); }

void NormEquity::start(std::span<double> pi) const {
    std::fill(pi.begin(), pi.end(), weight_ * std::pow(static_cast<double>(pi.size()), -1 / p_));
}

// The root s of  curvature s + nu s^(p-1) = pull.  In s where p >= 2, in r = s^(p-1) where p < 2, the left
// side is convex and increasing: Newton falls monotonically to the root from a start above it, here at most
// twice as far.
double NormEquity::share(double pull, double curvature, double nu) const {
    if (pull <= 0) return 0;
    const bool direct = p_ >= 2;
    const double power = direct ? p_ - 1 : q_ - 1;  // >= 1
    const double linear = direct ? curvature : nu, bent = direct ? nu : curvature;
    double r = std::min(pull / linear, bent > 0 ? std::pow(pull / bent, 1 / power) : pull / linear);
    for (int step = 0; step < 60; ++step) {
        const double bend = bent * std::pow(r, power);
        const double next = r - (linear * r + bend - pull) / (linear + power * bend / r);
        if (!(next < r * (1 - 1e-15)) || next <= 0) break;
        r = next;
    }
    return direct ? r : std::pow(r, power);
}

// With pi = mu s: s_g(nu) solves  mu curvature s + nu s^(p-1) = z + curvature centre,  and nu >= 0 is the
// root of |s(nu)|_p = 1, or 0 where s(0) lies in the ball. |s(nu)|_p^(1-p) is linear in nu where the
// curvature vanishes: Newton on it, within a bracket.
void NormEquity::maximise(std::span<const double> z, std::span<const double> curvature,
                          std::span<const double> centre, std::span<double> pi) const {
    const std::size_t regions = z.size();
    const auto pull = [&](std::size_t g) { return z[g] + curvature[g] * centre[g]; };
    double scale = 0, inside = 0;
    for (std::size_t g = 0; g < regions; ++g) {
        scale = std::max(scale, pull(g));
        pi[g] = std::max(0.0, pull(g) / curvature[g]) / weight_;
        inside = std::max(inside, pi[g]);
    }
    if (inside < 1 && norm(pi, p_) <= 1) {
        for (double& value : pi) value *= weight_;
        return;
    }
    double high = 0;  // without curvature the root is |pull|_q, with it less
    for (std::size_t g = 0; g < regions; ++g) high += std::pow(std::max(0.0, pull(g)) / scale, q_);
    high = scale * std::pow(high, 1 / q_) * (1 + 1e-12);
    double low = 0, nu = high;
    for (int step = 0; step < 200; ++step) {
        double sum = 0, slope = 0;
        for (std::size_t g = 0; g < regions; ++g) {
            const double bent = weight_ * curvature[g];
            const double s = pi[g] = share(pull(g), bent, nu);
            if (s <= 0) continue;
            const double own = std::pow(s, p_);  // ds/dnu = -s^p / (mu curvature s + (p - 1) nu s^(p-1))
            if (own <= 0) continue;
            sum += own;
            slope -= p_ * own * own / (bent * s * s + (p_ - 1) * nu * own);
        }
        if (std::abs(sum - 1) <= 4e-15) break;
        (sum > 1 ? low : high) = nu;
        const double value = std::pow(sum, -1 / q_);
        double next = nu + (1 - value) / (-value * slope / (q_ * sum));
        if (!(next > low && next < high)) next = 0.5 * (low + high);
        if (!(high - low > 1e-15 * high) || next == nu) break;
        nu = next;
    }
    // Rounding must not leave the dual set: the bound is valid only on it.
    const double length = norm(pi, p_);
    for (double& value : pi) value = length > 0 ? value * (weight_ / length) : 0;
}

}  // namespace equiload
