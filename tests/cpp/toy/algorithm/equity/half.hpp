// A function that the solver does not bring: mu (max z + mean z) / 2. Dual set: pi_g >= mu / (2 G), sum pi =
// mu.
#pragma once

#include "algorithm/equity/max.hpp"

namespace equiload {

struct HalfEquity : EquityDefaults<HalfEquity> {
    static constexpr const char* name = "half";

    static double value(const EquityRule& rule, std::span<const double> z) {
        double sum = 0;
        for (double each : z) sum += each;
        return (MaxEquity::value(rule, z) + rule.weight * sum / static_cast<double>(z.size())) / 2;
    }

    static void start(const EquityRule& rule, std::span<double> pi) { MaxEquity::start(rule, pi); }

    // The water level by bisection.
    template <class G>
    EQUILOAD_HD static void maximise(G group, const EquityRule& rule, const PriceModel& m, double* pi) {
        const double least = rule.weight / (2 * static_cast<double>(rule.regions));
        double low = 1e300, high = -1e300;  // all above their least, all at it
        for (int g = group.rank(); g < rule.regions; g += group.size()) {
            low = smaller(low, m.z[g] + m.curvature[g] * (m.centre[g] - rule.weight));
            high = larger(high, m.z[g] + m.curvature[g] * m.centre[g]);
        }
        low = group.least(low), high = group.most(high);
        double sum = 0;
        for (int step = 0; step < 100; ++step) {
            const double level = 0.5 * (low + high);
            sum = 0;
            for (int g = group.rank(); g < rule.regions; g += group.size())
                sum += pi[g] = larger(least, m.centre[g] + (m.z[g] - level) / m.curvature[g]);
            sum = group.sum(sum);
            (sum > rule.weight ? low : high) = level;
        }
        for (int g = group.rank(); g < rule.regions; g += group.size()) pi[g] *= rule.weight / sum;
    }
};

}  // namespace equiload
