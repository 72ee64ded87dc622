// The numbers that the algorithm's steps are written in. A step is a template over V:
// `Scalar` (the reference back end, a CUDA thread) or `Pack` (eight slots side by side in vector registers).
#pragma once

#if defined(__CUDACC__)
#define EQUILOAD_HD __host__ __device__ __forceinline__
#else
#define EQUILOAD_HD inline __attribute__((always_inline))
#endif

namespace equiload {

struct Scalar {
    using Real = double;
    using Mask = bool;
    static constexpr int lanes = 1;
    double v;

    Scalar() = default;
    EQUILOAD_HD Scalar(double value) : v(value) {}
    EQUILOAD_HD static Scalar load(const double* p) { return *p; }
    EQUILOAD_HD void store(double* p) const { *p = v; }

    friend EQUILOAD_HD Scalar operator+(Scalar a, Scalar b) { return a.v + b.v; }
    friend EQUILOAD_HD Scalar operator-(Scalar a, Scalar b) { return a.v - b.v; }
    friend EQUILOAD_HD Scalar operator*(Scalar a, Scalar b) { return a.v * b.v; }
    friend EQUILOAD_HD Scalar operator/(Scalar a, Scalar b) { return a.v / b.v; }
    friend EQUILOAD_HD Mask operator<(Scalar a, Scalar b) { return a.v < b.v; }
    friend EQUILOAD_HD Scalar select(Mask m, Scalar a, Scalar b) { return m ? a : b; }
    friend EQUILOAD_HD Scalar abs(Scalar a) { return a.v < 0 ? -a.v : a.v; }
};
EQUILOAD_HD bool any(bool m) { return m; }

#if !defined(__CUDACC__)
// `Isa` only tags the type: kernels compiled for several instruction sets must not share symbols, or the
// linker could hand AVX-512 code to a machine without it. For the same reason kernels call nothing from std.
template <class Isa>
struct Pack {
    using Real = double;
    static constexpr int lanes = 8;  // one AVX-512 register, two of AVX2, four of SSE2: the same bits on each
    typedef double Vec __attribute__((vector_size(64)));
    typedef double Unaligned __attribute__((vector_size(64), aligned(8), may_alias));
    typedef long long Bits __attribute__((vector_size(64)));
    struct Mask {
        Bits m;
        friend EQUILOAD_HD Mask operator|(Mask a, Mask b) { return {a.m | b.m}; }
        friend EQUILOAD_HD Mask operator&(Mask a, Mask b) { return {a.m & b.m}; }
    };
    Vec v;

    Pack() = default;
    EQUILOAD_HD Pack(Vec value) : v(value) {}
    EQUILOAD_HD Pack(double value) : v(value - Vec{}) {}
    EQUILOAD_HD static Pack load(const double* p) { return Vec(*reinterpret_cast<const Unaligned*>(p)); }
    EQUILOAD_HD void store(double* p) const { *reinterpret_cast<Unaligned*>(p) = v; }

    friend EQUILOAD_HD Pack operator+(Pack a, Pack b) { return a.v + b.v; }
    friend EQUILOAD_HD Pack operator-(Pack a, Pack b) { return a.v - b.v; }
    friend EQUILOAD_HD Pack operator*(Pack a, Pack b) { return a.v * b.v; }
    friend EQUILOAD_HD Pack operator/(Pack a, Pack b) { return a.v / b.v; }
    friend EQUILOAD_HD Mask operator<(Pack a, Pack b) { return {a.v < b.v}; }
    friend EQUILOAD_HD Pack select(Mask m, Pack a, Pack b) { return Vec(m.m ? a.v : b.v); }
    friend EQUILOAD_HD Pack abs(Pack a) { return Vec(a.v < Vec{} ? -a.v : a.v); }
    friend EQUILOAD_HD bool any(Mask m) {
        long long joined = 0;
        for (int w = 0; w < lanes; ++w) joined |= m.m[w];
        return joined != 0;
    }
};
#endif

template <class V>
EQUILOAD_HD V max(V a, V b) {
    return select(b < a, a, b);
}
template <class V>
EQUILOAD_HD V min(V a, V b) {
    return select(a < b, a, b);
}
template <class V>
EQUILOAD_HD V broadcast(double value) {
    return V(value);
}

}  // namespace equiload
