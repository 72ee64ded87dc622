#pragma once

#include "algorithm/equity/rule.hpp"

namespace equiload {

// Minimax: mu max_g z_g. Dual set: mu times the unit simplex (arXiv 2412.16539, 2307.05494).
struct MaxEquity : EquityDefaults<MaxEquity> {
    static constexpr const char* name = "max";

    static double value(const EquityRule& rule, std::span<const double> z) {
        return rule.weight * *std::max_element(z.begin(), z.end());
    }

    static void start(const EquityRule& rule, std::span<double> pi) {
        std::fill(pi.begin(), pi.end(), rule.weight / static_cast<double>(pi.size()));
    }

    static DualSet dual_set(const EquityRule&) { return {DualSet::Shape::simplex}; }

    // pi_g(m) = max(0, centre_g + (z_g - m) / curvature_g) with the water level m at which they sum to mu:
    // Newton from the left on a convex decreasing piecewise linear function, at most one sweep a region.
    template <class G>
    EQUILOAD_HD static void maximise(G group, const EquityRule& rule, const PriceModel& m, double* pi) {
        double sum = 0, slope = 0;
        for (int g = group.rank(); g < rule.regions; g += group.size()) {
            sum += m.centre[g] + m.z[g] / m.curvature[g];
            slope += 1 / m.curvature[g];
        }
        sum = group.sum(sum), slope = group.sum(slope);
        double level = (sum - rule.weight) / slope;
        for (int sweep = 0; sweep <= rule.regions; ++sweep) {
            sum = slope = 0;
            for (int g = group.rank(); g < rule.regions; g += group.size()) {
                if (m.centre[g] + (m.z[g] - level) / m.curvature[g] <= 0) continue;
                sum += m.centre[g] + m.z[g] / m.curvature[g];
                slope += 1 / m.curvature[g];
            }
            sum = group.sum(sum), slope = group.sum(slope);
            const double next = slope > 0 ? (sum - rule.weight) / slope : level;
            if (next <= level) break;
            level = next;
        }
        sum = 0;
        for (int g = group.rank(); g < rule.regions; g += group.size()) {
            pi[g] = larger(0.0, m.centre[g] + (m.z[g] - level) / m.curvature[g]);
            sum += pi[g];
        }
        sum = group.sum(sum);
        // Rounding must not leave the dual set: the bound is valid only on it.
        for (int g = group.rank(); g < rule.regions; g += group.size())
            pi[g] = sum > 0 ? pi[g] * (rule.weight / sum) : rule.weight / static_cast<double>(rule.regions);
    }
};

}  // namespace equiload
