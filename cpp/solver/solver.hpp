// The door: one call, one solve, no global state.
#pragma once

#include "algorithm/steps.hpp"
#include "core/problem.hpp"
#include "core/settings.hpp"
#include "core/solution.hpp"

namespace equiload {

// Where to start from: any part may be null.
struct WarmStart {
    const double* allocation = nullptr;       // (T, A)
    const double* shed = nullptr;             // (T, J)
    const double* energy = nullptr;           // (T, I) energy prices
    std::vector<std::vector<double>> equity;  // (G_r,) lambda_r
};

// Where a solution's large arrays shall be written instead, in the memory of the problem's device; those of
// the Solution then stay empty. `shed` is null where no work may be shed.
struct DeviceOutput {
    double *allocation = nullptr, *shed = nullptr;                                      // (T, A), (T, J)
    double *site_load = nullptr, *energy_prices = nullptr, *capacity_prices = nullptr;  // (T, I)
};

// What may stop a solve from outside; any part may be empty.
struct Control {
    Callback watch;                   // called at every check, returns true to stop
    std::function<bool()> interrupt;  // polled a few times a second, returns true to stop
};

// Throws std::invalid_argument on misuse. A problem on a device is solved there, and needs `output`.
Solution solve(const Problem& problem, const Settings& settings, const WarmStart& warm_start = {},
               const Control& control = {}, const Tuning& tuning = {}, const DeviceOutput& output = {});

struct Scenario {
    const Problem* problem;
    WarmStart start;
    DeviceOutput output = {};  // for a problem on a device
};

// Solves every scenario by itself, one thread each at a time, or several where there are fewer scenarios; on
// a device side by side in the same launches. The answers have the same bits as those of single solves, for
// any number of threads. `time_limit` is for all of them; a scenario that it leaves no time for returns its
// first plan. `control.watch` is called after every scenario with the number of those done. On a device all
// scenarios must have one network, and as many slots.
std::vector<Solution> solve_batch(const std::vector<Scenario>& scenarios, const Settings& settings,
                                  const Control& control = {}, const Tuning& tuning = {});

}  // namespace equiload
