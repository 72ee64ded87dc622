#pragma once

#include "algorithm/equity.hpp"

namespace equiload {

class TopMeanEquity final : public EquityFunction {
 public:
    using EquityFunction::EquityFunction;  // k, the parameter, >= 1
    double value(std::span<const double> z) const override;
    void start(std::span<double> pi) const override;
};

}  // namespace equiload
