// One scenario on the host.
#pragma once

#include "algorithm/steps.hpp"
#include "core/scenario.hpp"
#include "core/settings.hpp"

namespace equiload {

int available_threads(const Settings& settings);

Solution solve_on_host(const Scenario& scenario, const Settings& settings, const Control& control,
                       const Tuning& tuning);

}  // namespace equiload
