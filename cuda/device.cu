// What CUDA devices this process can use.
#include <cuda_runtime.h>

#include <string>

#include "core/build_info.hpp"

namespace equiload {

CudaInfo cuda_info() {
    CudaInfo info;
    info.built = true;
    info.toolkit = EQUILOAD_CUDA_VERSION;
    info.targets = EQUILOAD_CUDA_TARGETS;
    int devices = 0;
    const cudaError_t status = cudaGetDeviceCount(&devices);
    if (status != cudaSuccess) {
        info.reason = cudaGetErrorString(status);  // no driver, a driver that is too old, no device
        return info;
    }
    for (int device = 0; device < devices; ++device) {
        cudaDeviceProp properties;
        if (cudaGetDeviceProperties(&properties, device) == cudaSuccess)
            info.devices.emplace_back(properties.name);
    }
    return info;
}

}  // namespace equiload
