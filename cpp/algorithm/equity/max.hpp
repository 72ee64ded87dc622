#pragma once

#include "algorithm/equity.hpp"

namespace equiload {

class MaxEquity final : public EquityFunction {
 public:
    using EquityFunction::EquityFunction;
    double value(std::span<const double> z) const override;
    void start(std::span<double> pi) const override;
};

}  // namespace equiload
