// Equity functions: what unequal burden costs, as a function of its dual.
//
// An equity function mu phi(z) of the weighted burdens z_g = w_g E_g is known to the solver by its dual set
// P: mu phi(z) = max over pi in P of <pi, z> - conjugate(pi). The price of region g's burden is lambda_g =
// w_g pi_g.
#pragma once

#include <memory>
#include <span>

#include "algorithm/equity_steps.hpp"
#include "core/problem.hpp"

namespace equiload {

inline constexpr double budget_tolerance = 1e-9;  // relative excess over a budget that is accepted

class EquityFunction {
 public:
    explicit EquityFunction(const EquityRule& rule) : rule_(rule) {}
    virtual ~EquityFunction() = default;
    EquityFunction(const EquityFunction&) = delete;
    EquityFunction& operator=(const EquityFunction&) = delete;

    // mu phi(z); infinite where z is not allowed.
    virtual double value(std::span<const double> z) const = 0;

    // What the bound loses at a point of the dual set; 0 for everything positively homogeneous.
    virtual double conjugate(std::span<const double>) const { return 0; }

    // The nearest point of the dual set.
    virtual void project(std::span<double> pi) const;

    // A first point of the dual set.
    virtual void start(std::span<double> pi) const = 0;

    // pi <- argmax over the dual set of  <z, pi> - conjugate(pi) - sum_g curvature_g (pi_g - centre_g)^2 / 2,
    // curvature > 0.
    void maximise(std::span<const double> z, std::span<const double> curvature,
                  std::span<const double> centre, std::span<double> pi) const;

 protected:
    EquityRule rule_;
};

// What an equity function needs to know of a footprint, whose arrays it points to.
EquityRule equity_rule(const Footprint& footprint);

// Reads the footprint's arrays for as long as it lives. Throws std::invalid_argument for a kind without
// equity; sensitivities are the caller's business.
std::unique_ptr<EquityFunction> make_equity(const Footprint& footprint);

}  // namespace equiload
