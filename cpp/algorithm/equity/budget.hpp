#pragma once

#include "algorithm/equity/rule.hpp"

namespace equiload {

inline constexpr double budget_tolerance = 1e-9;  // relative excess over a budget that is accepted

// A hard limit on each region: 0 where z <= limit, infinite elsewhere. Dual set: pi >= 0, conjugate <pi,
// limit>.
struct BudgetEquity : EquityDefaults<BudgetEquity> {
    static constexpr const char* name = "budget";

    static void check(const Footprint& f) {
        if (f.limit.size() != f.regions()) throw InputError("a budget needs its limit");
    }

    static double limit(const EquityRule& rule, std::size_t g) {  // of z
        return rule.sensitivity[g] * rule.limit[g];
    }

    static double value(const EquityRule& rule, std::span<const double> z) {
        for (std::size_t g = 0; g < z.size(); ++g)
            if (z[g] > limit(rule, g) * (1 + budget_tolerance))
                return std::numeric_limits<double>::infinity();
        return 0;
    }

    static double conjugate(const EquityRule& rule, std::span<const double> pi) {
        double sum = 0;
        for (std::size_t g = 0; g < pi.size(); ++g)
            if (pi[g] > 0) sum += pi[g] * limit(rule, g);
        return sum;
    }

    static void project(const EquityRule&, std::span<double> pi) {
        for (double& value : pi) value = std::max(0.0, value);
    }

    static void start(const EquityRule&, std::span<double> pi) { std::fill(pi.begin(), pi.end(), 0.0); }

    static DualSet dual_set(const EquityRule&) { return {DualSet::Shape::orthant}; }

    // each region by itself.
    template <class G>
    EQUILOAD_HD static void maximise(G group, const EquityRule& rule, const PriceModel& m, double* pi) {
        for (int g = group.rank(); g < rule.regions; g += group.size()) {
            const double w = rule.sensitivity[g], limit = w * rule.limit[g];
            const bool keeps =
                rule.reserve > 0 && limit - limit == 0;  // there is no room to speak of below inf
            const double aim =
                keeps ? limit - rule.reserve * larger(0.0, limit - w * rule.history[g]) : limit;
            pi[g] = larger(0.0, m.centre[g] + (m.z[g] - aim) / m.curvature[g]);
        }
    }
};

}  // namespace equiload
