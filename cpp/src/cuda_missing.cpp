// A build without CUDA says so by name.
#include "equiload/build_info.hpp"

namespace equiload {

CudaInfo cuda_info() {
    CudaInfo info;
    info.reason = "this build has no CUDA";
    return info;
}

}  // namespace equiload
