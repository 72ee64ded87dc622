// The door: one call, one solve, no global state.
#pragma once

#include "algorithm/steps.hpp"
#include "problem.hpp"
#include "settings.hpp"
#include "solution.hpp"

namespace equiload {

// Where to start from: any part may be null.
struct WarmStart {
    const double* allocation = nullptr;       // (T, A)
    const double* shed = nullptr;             // (T, J)
    const double* energy = nullptr;           // (T, I) energy prices
    std::vector<std::vector<double>> equity;  // (G_r,) lambda_r
};

// What may stop a solve from outside; any part may be empty.
struct Control {
    Callback watch;                   // called at every check, returns true to stop
    std::function<bool()> interrupt;  // polled a few times a second, returns true to stop
};

// Throws std::invalid_argument on misuse.
Solution solve(const Problem& problem, const Settings& settings, const WarmStart& warm_start = {},
               const Control& control = {}, const Tuning& tuning = {});

}  // namespace equiload
