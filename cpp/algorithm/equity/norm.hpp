#pragma once

#include "algorithm/equity.hpp"

namespace equiload {

class NormEquity final : public EquityFunction {
 public:
    using EquityFunction::EquityFunction;  // q, the parameter, in (1, inf)
    double value(std::span<const double> z) const override;
    void start(std::span<double> pi) const override;
};

}  // namespace equiload
