// Scenarios of one network on a CUDA device.
#pragma once

#include <vector>

#include "algorithm/steps.hpp"
#include "core/scenario.hpp"
#include "core/settings.hpp"

namespace equiload {

std::vector<Solution> solve_on_cuda(const std::vector<Scenario>& scenarios, const Settings& settings,
                                    const Control& control, const Tuning& tuning, int ordinal);

}  // namespace equiload
