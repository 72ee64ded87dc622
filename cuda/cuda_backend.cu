// The grid back end on a CUDA device.
#include "cuda_backend.hpp"

#include "cuda_machine.cuh"
#include "grid_backend.hpp"

namespace equiload {

std::unique_ptr<AnyBackend> make_cuda_backend(const Problem& problem, const EquityProx& equity, Team& team,
                                              const Tuning& tuning, const Settings& settings, int ordinal) {
    if (settings.precision == "mixed")
        return std::make_unique<Boxed<GridBackend<CudaMachine, float>>>(problem, equity, team, tuning,
                                                                        ordinal, settings.stream);
    return std::make_unique<Boxed<GridBackend<CudaMachine, double>>>(problem, equity, team, tuning, ordinal,
                                                                     settings.stream);
}

}  // namespace equiload
