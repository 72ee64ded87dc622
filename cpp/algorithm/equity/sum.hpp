#pragma once

#include <numeric>

#include "algorithm/equity/rule.hpp"

namespace equiload {

// The equity-oblivious total: mu sum_g z_g. Its dual set is one point.
struct SumEquity : EquityDefaults<SumEquity> {
    static constexpr const char* name = "sum";

    static double value(const EquityRule& rule, std::span<const double> z) {
        return rule.weight * std::accumulate(z.begin(), z.end(), 0.0);
    }

    static void start(const EquityRule& rule, std::span<double> pi) {
        std::fill(pi.begin(), pi.end(), rule.weight);
    }

    static DualSet dual_set(const EquityRule& rule) { return {DualSet::Shape::point, rule.weight}; }

    template <class G>
    EQUILOAD_HD static void maximise(G group, const EquityRule& rule, const PriceModel&, double* pi) {
        for (int g = group.rank(); g < rule.regions; g += group.size()) pi[g] = rule.weight;
    }
};

}  // namespace equiload
