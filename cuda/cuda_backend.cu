// The grid back end on a CUDA device.
#include "cuda_backend.hpp"

#include "cuda_machine.cuh"
#include "grid_backend.hpp"

namespace equiload {

std::unique_ptr<DeviceBackend> make_cuda_backend(std::span<const DeviceScenario> scenarios, Team& team,
                                                 const Tuning& tuning, const Settings& settings,
                                                 int ordinal) {
    if (settings.precision == "mixed")
        return std::make_unique<GridBackend<CudaMachine, float>>(scenarios, team, tuning, ordinal,
                                                                 settings.stream);
    return std::make_unique<GridBackend<CudaMachine, double>>(scenarios, team, tuning, ordinal,
                                                              settings.stream);
}

}  // namespace equiload
