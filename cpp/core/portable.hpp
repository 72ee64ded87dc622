// Functions that are compiled for the host and for devices alike.
#pragma once

#if defined(__CUDACC__)
#define EQUILOAD_HD __host__ __device__ __forceinline__
#else
#define EQUILOAD_HD inline __attribute__((always_inline))
#endif

namespace equiload {

// A number that nobody writes while a launch runs: a device may then load it ahead of what it stores.
template <class T>
EQUILOAD_HD T read_only(const T* p) {
#if defined(__CUDA_ARCH__)
    return __ldg(p);
#else
    return *p;
#endif
}

}  // namespace equiload
