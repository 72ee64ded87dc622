#pragma once

#include "equiload/equity.hpp"

namespace equiload {

// The equity-oblivious total: mu sum_g z_g. Its dual set is one point.
class SumEquity final : public EquityFunction {
 public:
    explicit SumEquity(double weight) : weight_(weight) {}
    double value(std::span<const double> z) const override;
    void start(std::span<double> pi) const override;
    void maximise(std::span<const double> z, std::span<const double> curvature,
                  std::span<const double> centre, std::span<double> pi) const override;

 private:
    double weight_;
};

}  // namespace equiload
