// A build without CUDA says so by name.
#include <stdexcept>

#include "core/build_info.hpp"
#include "grid/cuda_backend.hpp"

namespace equiload {

CudaInfo cuda_info() {
    CudaInfo info;
    info.reason = "this build has no CUDA";
    return info;
}

std::unique_ptr<DeviceBackend> make_cuda_backend(Runs, Team&, const Tuning&, const Settings&, int) {
    throw std::logic_error("device: this build has no CUDA back end");  // settings are checked first
}

void copy_cuda(double*, const double*, std::size_t, const Settings&, int) {
    throw std::logic_error("device: this build has no CUDA back end");
}

}  // namespace equiload
