#pragma once

#include <functional>

#include "algorithm/equity/rule.hpp"

namespace equiload {

// How many are the k largest: all of them where there are fewer.
EQUILOAD_HD double chosen(double k, int regions) { return smaller(k, static_cast<double>(regions)); }

// mu times the mean of the k largest z_g (conditional value at risk), of all where there are fewer; k >= 1 is
// the parameter. Dual set: 0 <= pi <= mu / k, sum pi = mu.
struct TopMeanEquity : EquityDefaults<TopMeanEquity> {
    static constexpr const char* name = "topmean";

    static constexpr Range parameters{1, Range::finite, "it must be a whole number of at least 1"};

    static double value(const EquityRule& rule, std::span<const double> z) {
        std::vector<double> sorted(z.begin(), z.end());
        const auto largest = static_cast<std::ptrdiff_t>(chosen(rule.parameter, static_cast<int>(z.size())));
        std::nth_element(sorted.begin(), sorted.begin() + (largest - 1), sorted.end(), std::greater<>());
        double sum = 0;
        for (std::ptrdiff_t g = 0; g < largest; ++g) sum += sorted[static_cast<std::size_t>(g)];
        return rule.weight * sum / static_cast<double>(largest);
    }

    static void start(const EquityRule& rule, std::span<double> pi) {
        std::fill(pi.begin(), pi.end(), rule.weight / static_cast<double>(pi.size()));
    }

    // Of the mean of all regions it is one point.
    static DualSet dual_set(const EquityRule& rule) {
        const double most = rule.weight / chosen(rule.parameter, rule.regions);
        return {rule.parameter >= rule.regions ? DualSet::Shape::point : DualSet::Shape::simplex, most};
    }

    // pi_g(m) = clip(centre_g + (z_g - m) / curvature_g, 0, mu / k) with the water level m at which they
    // sum to mu: Newton on a decreasing piecewise linear function, within a bracket.
    template <class G>
    EQUILOAD_HD static void maximise(G group, const EquityRule& rule, const PriceModel& m, double* pi) {
        const double weight = rule.weight, most = weight / chosen(rule.parameter, rule.regions);
        double low = 1e300, high = -1e300;  // all at their most, all at 0
        for (int g = group.rank(); g < rule.regions; g += group.size()) {
            const double none = m.z[g] + m.curvature[g] * m.centre[g];
            low = smaller(low, none - m.curvature[g] * most), high = larger(high, none);
        }
        const Two ends = group.most(Two{-low, high});
        low = -ends.first, high = ends.second;
        double level = 0.5 * (low + high);
        for (int step = 0; step < 200; ++step) {
            double sum = 0, slope = 0;
            for (int g = group.rank(); g < rule.regions; g += group.size()) {
                const double free = m.centre[g] + (m.z[g] - level) / m.curvature[g];
                pi[g] = smaller(larger(free, 0.0), most);
                sum += pi[g];
                if (free > 0 && free < most) slope += 1 / m.curvature[g];
            }
            const Two all = group.sum(Two{sum, slope});
            sum = all.first, slope = all.second;
            if (magnitude(sum - weight) <= 1e-15 * weight) break;
            (sum > weight ? low : high) = level;
            double next = slope > 0 ? level + (sum - weight) / slope : low;
            if (!(next > low && next < high)) next = 0.5 * (low + high);
            if (next == level || !(next > low && next < high)) break;
            level = next;
        }
        // Rounding must not leave the dual set: the bound is valid only on it. Burdens are never negative, so
        // that a sum below mu is admissible as well.
        double sum = 0;
        for (int g = group.rank(); g < rule.regions; g += group.size()) sum += pi[g];
        sum = group.sum(sum);
        if (!(sum > weight)) return;
        for (int g = group.rank(); g < rule.regions; g += group.size()) pi[g] *= weight / sum;
    }
};

}  // namespace equiload
