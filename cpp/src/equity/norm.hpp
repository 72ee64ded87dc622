#pragma once

#include "equiload/equity.hpp"

namespace equiload {

class NormEquity final : public EquityFunction {
 public:
    // q in (1, inf).
    NormEquity(double weight, double q) : weight_(weight), q_(q), p_(q / (q - 1)) {}
    double value(std::span<const double> z) const override;
    void start(std::span<double> pi) const override;
    void maximise(std::span<const double> z, std::span<const double> curvature,
                  std::span<const double> centre, std::span<double> pi) const override;

 private:
    double share(double pull, double curvature, double nu) const;

    double weight_, q_, p_;
};

}  // namespace equiload
