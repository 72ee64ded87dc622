// What a caller asks for: a problem, where to start from, where the answer goes, and what may stop the solve.
#pragma once

#include <functional>
#include <vector>

#include "core/problem.hpp"
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

struct Scenario {
    const Problem* problem;
    WarmStart start;
    DeviceOutput output = {};  // for a problem on a device
};

// What may stop a solve from outside; any part may be empty.
struct Control {
    Callback watch;                   // called at every check, returns true to stop
    std::function<bool()> interrupt;  // polled a few times a second, returns true to stop
};

}  // namespace equiload
