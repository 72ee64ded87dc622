// The back end for a CUDA device, or for builds without CUDA the error that says so.
#pragma once

#include <memory>

#include "algorithm/run.hpp"
#include "core/settings.hpp"
#include "core/team.hpp"
#include "grid/device_backend.hpp"

namespace equiload {

// Throws OutOfDeviceMemory, or std::runtime_error naming what the device could not do. The team moves data to
// and from it.
std::unique_ptr<DeviceBackend> make_cuda_backend(Runs runs, Team& team, const Tuning& tuning,
                                                 const Settings& settings, int ordinal);

// Copies numbers to or from the memory of a device, in order with what is under way in the settings' stream,
// and waits for them.
void copy_cuda(double* to, const double* from, std::size_t count, const Settings& settings, int ordinal);

}  // namespace equiload
