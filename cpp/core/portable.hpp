// Functions that are compiled for the host and for devices alike.
#pragma once

#if defined(__CUDACC__)
#define EQUILOAD_HD __host__ __device__ __forceinline__
#else
#define EQUILOAD_HD inline __attribute__((always_inline))
#endif
