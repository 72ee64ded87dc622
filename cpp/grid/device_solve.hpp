// Solves that happen on a device.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "algorithm/run.hpp"
#include "core/settings.hpp"
#include "core/team.hpp"
#include "grid/device_backend.hpp"

namespace equiload {

// What a device solve is given from outside.
struct DeviceMeans {
    std::string name;  // of the device, as a solution tells it
    // Makes the back end for runs of one network; throws OutOfDeviceMemory where they do not fit together.
    std::function<std::unique_ptr<DeviceBackend>(Runs, Team&)> make;
    // Solves one scenario on the host in so many seconds: one that has no first plan, to prove that it has
    // none.
    std::function<Solution(const Scenario&, const Control&, double time_limit)> on_host;
};

// Solves scenarios of one network side by side, each to its own certificate and its own end. Those that do
// not fit into the device's memory together, or differ in kind, are solved one group after the other.
std::vector<Solution> solve_on_device(const std::vector<Scenario>& scenarios, const Settings& settings,
                                      const Control& control, const Tuning& tuning, int threads,
                                      const DeviceMeans& means);

}  // namespace equiload
