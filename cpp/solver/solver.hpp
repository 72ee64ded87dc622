// The door: one call, one solve, no global state.
#pragma once

#include "algorithm/steps.hpp"
#include "core/scenario.hpp"
#include "core/settings.hpp"
#include "core/solution.hpp"

namespace equiload {

// Throws InputError on misuse. A problem on a device is solved there, and needs `output`.
Solution solve(const Problem& problem, const Settings& settings, const WarmStart& warm_start = {},
               const Control& control = {}, const Tuning& tuning = {}, const DeviceOutput& output = {});

// Solves every scenario by itself, one thread each at a time, or several where there are fewer scenarios; on
// a device side by side in the same launches. The answers have the same bits as those of single solves, for
// any number of threads. `time_limit` is for all of them; a scenario that it leaves no time for returns its
// first plan. `control.watch` is called after every scenario with the number of those done. On a device all
// scenarios must have one network, and as many slots.
std::vector<Solution> solve_batch(const std::vector<Scenario>& scenarios, const Settings& settings,
                                  const Control& control = {}, const Tuning& tuning = {});

}  // namespace equiload
