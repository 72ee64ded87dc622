// The factor L L' = Z of a slot, in the order of elimination.hpp: a sparse head and a dense tail.
//
// Z is diagonally dominant with negative entries off the diagonal, and nearly singular when the sites of a
// slot are full (theta and u may shift together). Elimination that carries row sums only ever adds numbers of
// one sign, and so loses no digits there (Grassmann, Taksar, Heyman). Fill keeps the signs. A pivot without
// any digits left freezes its row.
#pragma once

#include "algorithm/pack.hpp"
#include "barrier/elimination.hpp"

namespace equiload {

template <class V>
EQUILOAD_HD V sqrt_lanes(V value) {
    double lane[V::lanes];
    value.store(lane);
    for (int w = 0; w < V::lanes; ++w) lane[w] = __builtin_sqrt(lane[w]);
    return V::load(lane);
}

EQUILOAD_HD long triangle(int row) { return static_cast<long>(row) * (row + 1) / 2; }

template <class V>
EQUILOAD_HD V inverse_root(V pivot) {
    return select(V(1e-280) < pivot, V(1.0) / sqrt_lanes(max(pivot, V(1e-280))), V(0.0));
}

// The first `done` columns of the tail, in place. In: -Z below the diagonal (>= 0) and the sum of Z's row on
// it. Out: L, 1/L_jj on the diagonal, and of the rows and columns from `done` on what is left, as it came in.
template <class V>
inline void factor_tail(double* z, int size, int done) {
    constexpr int n = V::lanes;
    for (int k = 0; k < size; ++k) {
        double* const row_k = z + triangle(k) * n;
        const int known = k < done ? k : done;
        V excess = V::load(row_k + k * n);
        for (int h = 0; h < known; ++h) {  // the diagonal of row h holds (row sum / pivot)_h until the end
            excess = excess - V::load(row_k + h * n) * V::load(z + (triangle(h) + h) * n);
        }
        V pivot = excess;
        int j = k + 1;
        for (; j + 3 < size; j += 4) {  // four rows share each load of row k
            double *r0 = z + triangle(j) * n, *r1 = z + triangle(j + 1) * n, *r2 = z + triangle(j + 2) * n,
                   *r3 = z + triangle(j + 3) * n;
            V s0 = V::load(r0 + k * n), s1 = V::load(r1 + k * n), s2 = V::load(r2 + k * n),
              s3 = V::load(r3 + k * n);
            for (int h = 0; h < known; ++h) {
                const V l = V::load(row_k + h * n);
                s0 = s0 + l * V::load(r0 + h * n);
                s1 = s1 + l * V::load(r1 + h * n);
                s2 = s2 + l * V::load(r2 + h * n);
                s3 = s3 + l * V::load(r3 + h * n);
            }
            s0.store(r0 + k * n), s1.store(r1 + k * n), s2.store(r2 + k * n), s3.store(r3 + k * n);
            pivot = pivot + ((s0 + s1) + (s2 + s3));
        }
        for (; j < size; ++j) {
            double* const row_j = z + triangle(j) * n;
            V sum = V::load(row_j + k * n);
            for (int h = 0; h < known; ++h) sum = sum + V::load(row_k + h * n) * V::load(row_j + h * n);
            sum.store(row_j + k * n);
            pivot = pivot + sum;
        }
        if (k >= done) {
            excess.store(row_k + k * n);
            continue;
        }
        const V inverse = inverse_root(pivot);
        (excess * inverse).store(row_k + k * n);
        for (j = k + 1; j < size; ++j) {
            double* const entry = z + (triangle(j) + k) * n;
            (V(-1.0) * V::load(entry) * inverse).store(entry);
        }
        // Later rows still need the row sums on the diagonal: 1/L_kk waits in the row behind the last.
        inverse.store(z + (triangle(size) + k) * n);
    }
    for (int k = 0; k < done; ++k) V::load(z + (triangle(size) + k) * n).store(z + (triangle(k) + k) * n);
}

// value <- L^-1 value of the tail, and what the first `done` columns leave of the other rows
template <class V>
inline void forward_tail(const double* l, int size, int done, double* value) {
    constexpr int n = V::lanes;
    for (int j = 0; j < size; ++j) {
        const double* const row = l + triangle(j) * n;
        V sum0 = V::load(value + j * n), sum1(0.0);
        const int known = j < done ? j : done;
        int h = 0;
        for (; h + 1 < known; h += 2) {
            sum0 = sum0 - V::load(row + h * n) * V::load(value + h * n);
            sum1 = sum1 - V::load(row + (h + 1) * n) * V::load(value + (h + 1) * n);
        }
        if (h < known) sum0 = sum0 - V::load(row + h * n) * V::load(value + h * n);
        const V sum = sum0 + sum1;
        (j < done ? sum * V::load(row + j * n) : sum).store(value + j * n);
    }
}

// value <- L^-T value of the tail, where the rows from `done` on are solved already
template <class V>
inline void backward_tail(const double* l, int size, int done, double* value) {
    constexpr int n = V::lanes;
    for (int j = size - 1; j >= 0; --j) {
        const double* const row = l + triangle(j) * n;
        V solved = V::load(value + j * n);
        if (j < done) solved = solved * V::load(row + j * n);
        solved.store(value + j * n);
        for (int h = 0; h < (j < done ? j : done); ++h)
            (V::load(value + h * n) - V::load(row + h * n) * solved).store(value + h * n);
    }
}

// The head, in place, and what it leaves of the tail. In and out as of the tail.
template <class V>
inline void factor_head(const Elimination& order, double* factor) {
    constexpr int n = V::lanes;
    const int* update = order.update;
    for (int k = 0; k < order.head; ++k) {
        const int from = order.start[k], to = order.start[k + 1];
        double* const column = factor + static_cast<long>(order.head) * n;
        const V excess = V::load(factor + k * n);
        V pivot = excess;
        for (int e = from; e < to; ++e) pivot = pivot + V::load(column + static_cast<long>(e) * n);
        const V inverse = inverse_root(pivot), share = excess * inverse * inverse;
        for (int e = from; e < to; ++e) {
            double* const entry = column + static_cast<long>(e) * n;
            const V weight = V::load(entry);
            double* const diagonal = factor + static_cast<long>(order.diagonal[order.row[e]]) * n;
            (V::load(diagonal) + weight * share).store(diagonal);
            (V(-1.0) * weight * inverse).store(entry);
        }
        for (int e = from; e < to; ++e) {
            const V l = V::load(column + static_cast<long>(e) * n);
            for (int f = e + 1; f < to; ++f, ++update) {
                double* const entry = factor + static_cast<long>(*update) * n;
                (V::load(entry) + l * V::load(column + static_cast<long>(f) * n)).store(entry);
            }
        }
        inverse.store(factor + k * n);
    }
}

// value[place] <- L^-1 value of the head, and what it leaves of the tail's
template <class V>
inline void forward_head(const Elimination& order, const double* factor, double* value) {
    constexpr int n = V::lanes;
    const double* const entries = factor + static_cast<long>(order.head) * n;
    for (int k = 0; k < order.head; ++k) {
        const V solved = V::load(value + k * n) * V::load(factor + k * n);
        solved.store(value + k * n);
        for (int e = order.start[k]; e < order.start[k + 1]; ++e) {
            double* const other = value + order.row[e] * n;
            (V::load(other) - V::load(entries + static_cast<long>(e) * n) * solved).store(other);
        }
    }
}

// value[place] <- L^-T value of the head, once the tail's is known
template <class V>
inline void backward_head(const Elimination& order, const double* factor, double* value) {
    constexpr int n = V::lanes;
    const double* const entries = factor + static_cast<long>(order.head) * n;
    for (int k = order.head - 1; k >= 0; --k) {
        V sum = V::load(value + k * n);
        for (int e = order.start[k]; e < order.start[k + 1]; ++e)
            sum = sum - V::load(entries + static_cast<long>(e) * n) * V::load(value + order.row[e] * n);
        (sum * V::load(factor + k * n)).store(value + k * n);
    }
}

template <class V>
inline void solve_tail(const Elimination& order, const double* factor, double* value) {
    const double* const tail = factor + order.tail_at() * V::lanes;
    forward_tail<V>(tail, order.tail(), order.tail(), value + order.head * V::lanes);
    backward_tail<V>(tail, order.tail(), order.tail(), value + order.head * V::lanes);
}

}  // namespace equiload
