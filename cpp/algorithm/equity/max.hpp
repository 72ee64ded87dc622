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
    // Newton from the left on a convex decreasing piecewise linear function, at most one sweep a region. Any
    // choice of regions has its level left of the root: those that have a price now are nearly the right
    // ones.
    template <class G>
    EQUILOAD_HD static void maximise(G group, const EquityRule& rule, const PriceModel& m, double* pi) {
        // The level at which these regions alone would sum to mu.
        const auto level_of = [&](auto chosen, double otherwise) {
            Two own{0, 0};  // their sum at level 0, and by how much a unit lowers it
            for (int g = group.rank(); g < rule.regions; g += group.size()) {
                if (!chosen(g)) continue;
                own.first += m.centre[g] + m.z[g] / m.curvature[g];
                own.second += 1 / m.curvature[g];
            }
            const Two all = group.sum(own);
            return all.second > 0 ? (all.first - rule.weight) / all.second : otherwise;
        };
        double level = level_of([&](int g) { return m.centre[g] > 0; }, -1e300);
        for (int sweep = 0; sweep <= rule.regions; ++sweep) {
            const double next =
                level_of([&](int g) { return m.centre[g] + (m.z[g] - level) / m.curvature[g] > 0; }, level);
            if (next <= level) break;
            level = next;
        }
        double sum = 0;
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
