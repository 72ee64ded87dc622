#pragma once

#include "equiload/equity.hpp"

namespace equiload {

class MaxEquity final : public EquityFunction {
 public:
    explicit MaxEquity(double weight) : weight_(weight) {}
    double value(std::span<const double> z) const override;
    void start(std::span<double> pi) const override;
    void maximise(std::span<const double> z, std::span<const double> curvature,
                  std::span<const double> centre, std::span<double> pi) const override;

 private:
    double weight_;
};

}  // namespace equiload
