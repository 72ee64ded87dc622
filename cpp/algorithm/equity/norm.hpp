#pragma once

#include <cmath>

#include "algorithm/equity/rule.hpp"

namespace equiload {

// |z|_q
template <class G>
EQUILOAD_HD double norm(G group, const double* z, int regions, double q) {
    double largest = 0, sum = 0;
    for (int g = group.rank(); g < regions; g += group.size()) largest = larger(largest, magnitude(z[g]));
    largest = group.most(largest);
    if (largest == 0) return 0;
    for (int g = group.rank(); g < regions; g += group.size())
        sum += __builtin_pow(magnitude(z[g]) / largest, q);  // no overflow for any q
    return largest * __builtin_pow(group.sum(sum), 1 / q);
}

// The root s of  curvature s + nu s^(p-1) = pull  with 1/p + 1/q = 1.  In s where p >= 2, in r = s^(p-1)
// where p < 2, the left side is convex and increasing: Newton falls monotonically to the root from a start
// above it, here at most twice as far.
EQUILOAD_HD double norm_share(double pull, double curvature, double nu, double p, double q) {
    if (pull <= 0) return 0;
    const bool direct = p >= 2;
    const double power = direct ? p - 1 : q - 1;  // >= 1
    const double linear = direct ? curvature : nu, bent = direct ? nu : curvature;
    double r = smaller(pull / linear, bent > 0 ? __builtin_pow(pull / bent, 1 / power) : pull / linear);
    for (int step = 0; step < 60; ++step) {
        const double bend = bent * __builtin_pow(r, power);
        const double next = r - (linear * r + bend - pull) / (linear + power * bend / r);
        if (!(next < r * (1 - 1e-15)) || next <= 0) break;
        r = next;
    }
    return direct ? r : __builtin_pow(r, power);
}

// mu |z|_q for 1 < q < inf, the parameter. Dual set: the part pi >= 0 of the ball |pi|_p <= mu with 1/p + 1/q
// = 1.
struct NormEquity : EquityDefaults<NormEquity> {
    static constexpr const char* name = "norm";

    static constexpr Range parameters{Range::above_one, Range::finite, "it must be finite and above 1"};

    static double value(const EquityRule& rule, std::span<const double> z) {
        return rule.weight * norm(Solo{}, z.data(), static_cast<int>(z.size()), rule.parameter);
    }

    static void start(const EquityRule& rule, std::span<double> pi) {
        const double q = rule.parameter, p = q / (q - 1);
        std::fill(pi.begin(), pi.end(), rule.weight * std::pow(static_cast<double>(pi.size()), -1 / p));
    }

    static DualSet dual_set(const EquityRule&) { return {DualSet::Shape::ball}; }

    // with pi = mu s, s_g(nu) solves  mu curvature s + nu s^(p-1) = z + curvature centre,  and nu >= 0 is
    // the root of |s(nu)|_p = 1, or 0 where s(0) lies in the ball. |s(nu)|_p^(1-p) is linear in nu where the
    // curvature vanishes: Newton on it, within a bracket.
    template <class G>
    EQUILOAD_HD static void maximise(G group, const EquityRule& rule, const PriceModel& m, double* pi) {
        const double q = rule.parameter, p = q / (q - 1);
        double scale = 0, inside = 0;
        for (int g = group.rank(); g < rule.regions; g += group.size()) {
            const double pull = m.z[g] + m.curvature[g] * m.centre[g];
            scale = larger(scale, pull);
            pi[g] = larger(0.0, pull / m.curvature[g]) / rule.weight;
            inside = larger(inside, pi[g]);
        }
        const Two most = group.most(Two{scale, inside});
        scale = most.first, inside = most.second;
        if (inside < 1 && norm(group, pi, rule.regions, p) <= 1) {
            for (int g = group.rank(); g < rule.regions; g += group.size()) pi[g] *= rule.weight;
            return;
        }
        double high = 0;  // without curvature the root is |pull|_q, with it less
        for (int g = group.rank(); g < rule.regions; g += group.size())
            high += __builtin_pow(larger(0.0, m.z[g] + m.curvature[g] * m.centre[g]) / scale, q);
        high = scale * __builtin_pow(group.sum(high), 1 / q) * (1 + 1e-12);
        double low = 0, nu = high;
        for (int step = 0; step < 200; ++step) {
            double sum = 0, slope = 0;
            for (int g = group.rank(); g < rule.regions; g += group.size()) {
                const double bent = rule.weight * m.curvature[g];
                const double s = pi[g] = norm_share(m.z[g] + m.curvature[g] * m.centre[g], bent, nu, p, q);
                if (s <= 0) continue;
                const double own =
                    __builtin_pow(s, p);  // ds/dnu = -s^p / (mu curvature s + (p - 1) nu s^(p-1))
                if (own <= 0) continue;
                sum += own;
                slope -= p * own * own / (bent * s * s + (p - 1) * nu * own);
            }
            const Two all = group.sum(Two{sum, slope});
            sum = all.first, slope = all.second;
            if (magnitude(sum - 1) <= 4e-15) break;
            (sum > 1 ? low : high) = nu;
            const double value = __builtin_pow(sum, -1 / q);
            double next = nu + (1 - value) / (-value * slope / (q * sum));
            if (!(next > low && next < high)) next = 0.5 * (low + high);
            if (!(high - low > 1e-15 * high) || next == nu) break;
            nu = next;
        }
        // Rounding must not leave the dual set: the bound is valid only on it.
        const double length = norm(group, pi, rule.regions, p);
        for (int g = group.rank(); g < rule.regions; g += group.size())
            pi[g] = length > 0 ? pi[g] * (rule.weight / length) : 0;
    }
};

}  // namespace equiload
