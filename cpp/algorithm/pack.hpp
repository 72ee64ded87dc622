// The numbers that the algorithm's steps are written in. A step is a template over V:
// `Scalar` (the reference back end), `Pack` (eight slots side by side in vector registers) or `Lane` (a
// thread that works on one slot of thirty-two). Arrays are [block][item][lane]: `width` slots make a block,
// of which a V holds `lanes`. Storage may be float; arithmetic is double.
#pragma once

#include "core/portable.hpp"

namespace equiload {

template <int Width>
struct Single {
    using Real = double;
    using Mask = bool;
    static constexpr int lanes = 1, width = Width;
    double v;

    Single() = default;
    EQUILOAD_HD Single(double value) : v(value) {}
    template <class Stored>
    EQUILOAD_HD static Single load(const Stored* p) {
        return static_cast<double>(*p);
    }
    template <class Stored>
    EQUILOAD_HD void store(Stored* p) const {
        *p = static_cast<Stored>(v);
    }

    friend EQUILOAD_HD Single operator+(Single a, Single b) { return a.v + b.v; }
    friend EQUILOAD_HD Single operator-(Single a, Single b) { return a.v - b.v; }
    friend EQUILOAD_HD Single operator*(Single a, Single b) { return a.v * b.v; }
    friend EQUILOAD_HD Single operator/(Single a, Single b) { return a.v / b.v; }
    friend EQUILOAD_HD Mask operator<(Single a, Single b) { return a.v < b.v; }
    friend EQUILOAD_HD Single select(Mask m, Single a, Single b) { return m ? a : b; }
    friend EQUILOAD_HD Single abs(Single a) { return a.v < 0 ? -a.v : a.v; }
};
using Scalar = Single<1>;
using Lane = Single<32>;  // a warp works on a block: its threads' loads are neighbours
EQUILOAD_HD bool any(bool m) { return m; }

#if !defined(__CUDACC__)
// `Isa` only tags the type: kernels compiled for several instruction sets must not share symbols, or the
// linker could hand AVX-512 code to a machine without it. For the same reason kernels call nothing from std.
template <class Isa>
struct Pack {
    using Real = double;
    // One AVX-512 register, two of AVX2, four of SSE2: the same bits on each.
    static constexpr int lanes = 8, width = lanes;
    typedef double Vec __attribute__((vector_size(64)));
    typedef double Unaligned __attribute__((vector_size(64), aligned(8), may_alias));
    typedef float Floats __attribute__((vector_size(32)));
    typedef float UnalignedFloats __attribute__((vector_size(32), aligned(4), may_alias));
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
    EQUILOAD_HD static Pack load(const float* p) {
        return __builtin_convertvector(Floats(*reinterpret_cast<const UnalignedFloats*>(p)), Vec);
    }
    EQUILOAD_HD void store(double* p) const { *reinterpret_cast<Unaligned*>(p) = v; }
    EQUILOAD_HD void store(float* p) const {
        *reinterpret_cast<UnalignedFloats*>(p) = __builtin_convertvector(v, Floats);
    }

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

}  // namespace equiload
