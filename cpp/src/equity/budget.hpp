#pragma once

#include <vector>

#include "equiload/equity.hpp"

namespace equiload {

class BudgetEquity final : public EquityFunction {
 public:
    // Limits on the weighted burdens z = w E, so w times those on E; `history` likewise.
    BudgetEquity(std::vector<double> limit, std::vector<double> history)
        : limit_(std::move(limit)), history_(std::move(history)) {}
    double value(std::span<const double> z) const override;
    double conjugate(std::span<const double> pi) const override;
    void keep_reserve(double share) override { reserve_ = share; }
    void project(std::span<double> pi) const override;
    void start(std::span<double> pi) const override;
    void maximise(std::span<const double> z, std::span<const double> curvature,
                  std::span<const double> centre, std::span<double> pi) const override;

 private:
    std::vector<double> limit_, history_;
    double reserve_ = 0;
};

}  // namespace equiload
