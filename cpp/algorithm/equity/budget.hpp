#pragma once

#include "algorithm/equity.hpp"

namespace equiload {

class BudgetEquity final : public EquityFunction {
 public:
    using EquityFunction::EquityFunction;
    double value(std::span<const double> z) const override;
    double conjugate(std::span<const double> pi) const override;
    void project(std::span<double> pi) const override;
    void start(std::span<double> pi) const override;

 private:
    double limit(std::size_t g) const { return rule_.sensitivity[g] * rule_.limit[g]; }  // of z
};

}  // namespace equiload
