#pragma once

#include "algorithm/equity.hpp"

namespace equiload {

// The equity-oblivious total: mu sum_g z_g. Its dual set is one point.
class SumEquity final : public EquityFunction {
 public:
    using EquityFunction::EquityFunction;
    double value(std::span<const double> z) const override;
    void start(std::span<double> pi) const override;
};

}  // namespace equiload
