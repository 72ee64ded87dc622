#pragma once

#include <algorithm>

#include "equiload/equity.hpp"

namespace equiload {

class TopMeanEquity final : public EquityFunction {
 public:
    // k >= 1; the mean of all where there are fewer regions.
    TopMeanEquity(double weight, double k) : weight_(weight), k_(k) {}
    double value(std::span<const double> z) const override;
    void start(std::span<double> pi) const override;
    void maximise(std::span<const double> z, std::span<const double> curvature,
                  std::span<const double> centre, std::span<double> pi) const override;

 private:
    double count(std::size_t regions) const { return std::min(k_, static_cast<double>(regions)); }

    double weight_, k_;
};

}  // namespace equiload
