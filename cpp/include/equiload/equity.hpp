// Equity functions: what unequal burden costs, as a function of its dual.
//
// An equity function mu phi(z) of the weighted burdens z_g = w_g E_g is known to the solver by its dual set
// P: mu phi(z) = max over pi in P of <pi, z>. The price of region g's burden is lambda_g = w_g pi_g.
#pragma once

#include <memory>
#include <span>

#include "problem.hpp"

namespace equiload {

class EquityFunction {
 public:
    virtual ~EquityFunction() = default;

    // mu phi(z)
    virtual double value(std::span<const double> z) const = 0;

    // A first point of the dual set.
    virtual void start(std::span<double> pi) const = 0;

    // pi <- argmax over the dual set of  <z, pi> - sum_g curvature_g (pi_g - centre_g)^2 / 2,  curvature > 0.
    virtual void maximise(std::span<const double> z, std::span<const double> curvature,
                          std::span<const double> centre, std::span<double> pi) const = 0;
};

// Throws std::invalid_argument for a kind without equity; sensitivities are the caller's business.
std::unique_ptr<EquityFunction> make_equity(const Footprint& footprint);

}  // namespace equiload
