// What every equity function is given, and what it says of itself.
//
// An equity function mu phi(z) of the weighted burdens z_g = w_g E_g is known to the solver by its dual set
// P: mu phi(z) = max over pi in P of <pi, z> - conjugate(pi). The price of region g's burden is lambda_g =
// w_g pi_g. One header a function holds all that is known of it; functions.hpp lists them, with_equity.hpp
// picks one.
#pragma once

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "algorithm/group.hpp"
#include "core/problem.hpp"
#include "core/range.hpp"

namespace equiload {

// What an equity function knows of its regions. Without budgets there is no limit.
struct EquityRule {
    EquityKind kind = EquityKind::none;
    int regions = 0;
    double weight = 0.0, parameter = 0.0;
    double reserve = 0.0;  // of a budget: the share of the room limit - history that is not aimed at
    // [region]; history and limit of the burdens E, sensitivity for z = w E
    const double *sensitivity = nullptr, *history = nullptr, *limit = nullptr;
};

// <z, pi> - sum_g curvature_g (pi_g - centre_g)^2 / 2 with curvature > 0.
struct PriceModel {
    const double *z, *curvature, *centre;  // [region]
};

// The shape of a dual set, for whoever takes more than steps towards it: the interior point, online learning.
struct DualSet {
    enum class Shape {
        point,    // pi = most
        simplex,  // 0 <= pi <= most, sum pi = weight
        ball,     // pi >= 0, |pi|_p <= weight with 1/p + 1/parameter = 1
        orthant,  // pi >= 0: limits
        other,    // none of these: the first-order method alone
    };
    Shape shape = Shape::other;
    double most = std::numeric_limits<double>::infinity();
};

// What is the same for most. Each function has, beside what it replaces of this,
//     static constexpr const char* name                   as the bindings and Python call it
//     static double value(rule, z)                        mu phi(z); infinite where z is not allowed
//     static void start(rule, pi)                         a first point of the dual set
//     static void maximise(group, rule, model, pi)        pi <- argmax of model - conjugate over the dual set
// all but the last on the host alone.
template <class Function>
struct EquityDefaults {
    // What the parameter may be, and beside it what a footprint must have: throws InputError where it has
    // not.
    static constexpr Range parameters{};
    static void check(const Footprint&) {}

    // What the bound loses at a point of the dual set; 0 for everything positively homogeneous.
    static double conjugate(const EquityRule&, std::span<const double>) { return 0; }

    // The nearest point of the dual set.
    static void project(const EquityRule& rule, std::span<double> pi) {
        const std::vector<double> zero(pi.size(), 0.0), one(pi.size(), 1.0), centre(pi.begin(), pi.end());
        Function::maximise(Solo{}, rule, PriceModel{zero.data(), one.data(), centre.data()}, pi.data());
    }

    static DualSet dual_set(const EquityRule&) { return {}; }
};

template <class... Functions>
struct EquityList {};

// What a unit of equity burden may be worth, USD.
inline constexpr Range equity_weights{0, Range::finite, "it must be finite and not negative"};

EQUILOAD_HD double larger(double a, double b) { return a < b ? b : a; }
EQUILOAD_HD double smaller(double a, double b) { return b < a ? b : a; }
EQUILOAD_HD double magnitude(double a) { return a < 0 ? -a : a; }

}  // namespace equiload
