// The equity function of a footprint on the host, whatever its kind; see equity/rule.hpp.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "algorithm/equity/rule.hpp"

namespace equiload {

// How a function's dual set looks, from its kind, weight, parameter and number of regions.
DualSet dual_set(const EquityRule& rule);

const char* to_string(DualSet::Shape shape);

class EquityFunction {
 public:
    // Reads the footprint's arrays for as long as it lives. Throws InputError for a footprint
    // without equity, and for a parameter that is none of the function's.
    explicit EquityFunction(const Footprint& footprint);

    const EquityRule& rule() const { return rule_; }
    DualSet dual_set() const { return equiload::dual_set(rule_); }

    // mu phi(z); infinite where z is not allowed.
    double value(std::span<const double> z) const;

    // What the bound loses at a point of the dual set.
    double conjugate(std::span<const double> pi) const;

    // The nearest point of the dual set.
    void project(std::span<double> pi) const;

    // A first point of the dual set.
    void start(std::span<double> pi) const;

    // pi <- argmax over the dual set of  <z, pi> - conjugate(pi) - sum_g curvature_g (pi_g - centre_g)^2 / 2,
    // curvature > 0.
    void maximise(std::span<const double> z, std::span<const double> curvature,
                  std::span<const double> centre, std::span<double> pi) const;

 private:
    EquityRule sized(std::size_t regions) const;

    EquityRule rule_;
};

// The names of all functions, in the order of their kinds.
std::vector<std::string> equity_names();

// What the parameter of a function may be.
Range equity_parameters(EquityKind kind);

// Throws InputError for a name that no function has; "none" is a kind.
EquityKind equity_kind(const std::string& name);

}  // namespace equiload
