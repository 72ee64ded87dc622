// The grid back end on a CUDA device.
#include "grid/cuda_backend.hpp"

#include "cuda_machine.cuh"
#include "grid/grid_backend.hpp"

namespace equiload {

std::unique_ptr<DeviceBackend> make_cuda_backend(Runs runs, Team& team, const Tuning& tuning,
                                                 const Settings& settings, int ordinal) {
    if (settings.precision == "mixed")
        return std::make_unique<GridBackend<CudaMachine, float>>(runs, team, tuning, ordinal,
                                                                 settings.stream);
    return std::make_unique<GridBackend<CudaMachine, double>>(runs, team, tuning, ordinal, settings.stream);
}

void copy_cuda(double* to, const double* from, std::size_t count, const Settings& settings, int ordinal) {
    const CurrentDevice device(ordinal);
    const auto stream = reinterpret_cast<cudaStream_t>(settings.stream);
    check(cudaMemcpyAsync(to, from, count * sizeof(double), cudaMemcpyDefault, stream), "copying a problem");
    check(cudaStreamSynchronize(stream), "copying a problem");
}

}  // namespace equiload
