// The chain that backlogs make of the slots: what is left of Z in each slot, among the gateways with a queue,
// coupled along time by the backlogs' diagonal weights (chain.hpp).
//
// A slot's factor is one column a gateway,  [C_0k .. C_kk][1/L_kk, L_k+1,k .. L_n-1,k]:  L of the slot, and C
// what it hands to the next slot, whose row i knows columns i and up: the weights are diagonal, and fill
// comes from earlier columns alone. Elimination carries row sums, as in factor_steps.hpp.
#pragma once

#include "algorithm/pack.hpp"

namespace equiload {

// y[0..count) += factor x
template <class V>
inline void add_multiple(double* y, const double* x, double factor, int count) {
    int i = 0;
    for (; i + V::lanes <= count; i += V::lanes) (V::load(y + i) + V(factor) * V::load(x + i)).store(y + i);
    for (; i < count; ++i) y[i] += factor * x[i];
}

template <class V>
inline double add_lanes(V sum) {
    double lane[V::lanes];
    sum.store(lane);
    for (int half = V::lanes / 2; half > 0; half /= 2)
        for (int w = 0; w < half; ++w) lane[w] += lane[w + half];
    return lane[0];
}

template <class V>
inline double sum_of(const double* x, int count) {
    V sum(0.0);
    int i = 0;
    for (; i + V::lanes <= count; i += V::lanes) sum = sum + V::load(x + i);
    double rest = 0;
    for (; i < count; ++i) rest += x[i];
    return add_lanes(sum) + rest;
}

template <class V>
inline double product_of(const double* x, const double* y, int count) {
    V sum(0.0);
    int i = 0;
    for (; i + V::lanes <= count; i += V::lanes) sum = sum + V::load(x + i) * V::load(y + i);
    double rest = 0;
    for (; i < count; ++i) rest += x[i] * y[i];
    return add_lanes(sum) + rest;
}

// In: -Z below the diagonal in the places of L, the sums of its rows in `excess`, the weights that couple
// with the next slot in C_kk, and zeros. Out: the factor. What is left to the next slot is added to its own.
template <class V>
inline void chain_factor(int n, double* columns, double* excess, double* next_columns, double* next_excess) {
    const int size = n + 1;
    for (int k = 0; k < n; ++k) {
        double* const column = columns + static_cast<long>(k) * size;
        const double pivot = excess[k] + sum_of<V>(column, k + 1) + sum_of<V>(column + k + 2, n - k - 1);
        const double inverse = pivot > 1e-280 ? 1 / __builtin_sqrt(pivot) : 0.0;
        const double share = excess[k] * inverse * inverse;
        add_multiple<V>(next_excess, column, share, k + 1);
        add_multiple<V>(excess + k + 1, column + k + 2, share, n - k - 1);
        for (int i = 0; i < size; ++i) column[i] *= -inverse;
        column[k + 1] = inverse;
        for (int q = k + 1; q < n; ++q) {
            double* const other = columns + static_cast<long>(q) * size;
            const double l = column[q + 1];
            add_multiple<V>(other, column, l, k + 1);
            add_multiple<V>(other + q + 2, column + q + 2, l, n - q - 1);
        }
        for (int i = 0; i < k; ++i)
            add_multiple<V>(next_columns + static_cast<long>(i) * size + i + 2, column + i + 1, column[i],
                            k - i);
    }
}

// value <- L^-1 value;  next -= C value
template <class V>
inline void chain_forward(int n, const double* columns, double* value, double* next) {
    for (int k = 0; k < n; ++k) {
        const double* const column = columns + static_cast<long>(k) * (n + 1);
        value[k] *= column[k + 1];
        add_multiple<V>(value + k + 1, column + k + 2, -value[k], n - k - 1);
        add_multiple<V>(next, column, -value[k], k + 1);
    }
}

// value <- L^-T (value - C' next)
template <class V>
inline void chain_backward(int n, const double* columns, double* value, const double* next) {
    for (int k = n - 1; k >= 0; --k) {
        const double* const column = columns + static_cast<long>(k) * (n + 1);
        const double known =
            product_of<V>(column, next, k + 1) + product_of<V>(column + k + 2, value + k + 1, n - k - 1);
        value[k] = (value[k] - known) * column[k + 1];
    }
}

// The rows of a tile of right-hand sides, side by side.
inline constexpr int chain_rows = 4, chain_packs = 1;

template <class V>
struct ChainTile {
    V sum[chain_rows][chain_packs];

    // sum[r] -= factor[r] row,  for r < count
    void subtract(const double* factor, const double* row, int count) {
        for (int c = 0; c < chain_packs; ++c) {
            const V known = V::load(row + c * V::lanes);
            for (int r = 0; r < count; ++r) sum[r][c] = sum[r][c] - V(factor[r]) * known;
        }
    }
    void subtract(const double* factor, const double* row) {  // all, for the compiler to unroll
        for (int c = 0; c < chain_packs; ++c) {
            const V known = V::load(row + c * V::lanes);
            for (int r = 0; r < chain_rows; ++r) sum[r][c] = sum[r][c] - V(factor[r]) * known;
        }
    }
};

// The same as chain_forward for `width` right-hand sides, a multiple of the lanes:  values and next
// [n][width], next <- -C values.
template <class V>
inline void chain_forward_all(int n, int width, const double* columns, double* values, double* next) {
    const int size = n + 1;
    for (int first = 0; first < width; first += chain_packs * V::lanes) {
        double *const value = values + first, *const handed = next + first;
        for (int j = 0; j < n; j += chain_rows) {
            const int count = n - j < chain_rows ? n - j : chain_rows;
            ChainTile<V> tile;
            for (int r = 0; r < count; ++r)
                for (int c = 0; c < chain_packs; ++c)
                    tile.sum[r][c] = V::load(value + static_cast<long>(j + r) * width + c * V::lanes);
            for (int k = 0; k < j; ++k) {
                const double* const l = columns + static_cast<long>(k) * size + j + 1;
                if (count == chain_rows)
                    tile.subtract(l, value + static_cast<long>(k) * width);
                else
                    tile.subtract(l, value + static_cast<long>(k) * width, count);
            }
            for (int r = 0; r < count; ++r) {
                double* const row = value + static_cast<long>(j + r) * width;
                for (int c = 0; c < chain_packs; ++c) {
                    for (int h = 0; h < r; ++h)
                        tile.sum[r][c] =
                            tile.sum[r][c] -
                            V(columns[static_cast<long>(j + h) * size + j + r + 1]) * tile.sum[h][c];
                    tile.sum[r][c] = tile.sum[r][c] * V(columns[static_cast<long>(j + r) * size + j + r + 1]);
                    tile.sum[r][c].store(row + c * V::lanes);
                }
            }
        }
        for (int i = 0; i < n; i += chain_rows) {
            const int count = n - i < chain_rows ? n - i : chain_rows;
            ChainTile<V> tile;
            for (int r = 0; r < chain_rows; ++r)
                for (int c = 0; c < chain_packs; ++c) tile.sum[r][c] = V(0.0);
            for (int k = i; k < n; ++k) {
                const double* const handing = columns + static_cast<long>(k) * size + i;
                if (k >= i + chain_rows - 1)
                    tile.subtract(handing, value + static_cast<long>(k) * width);
                else
                    tile.subtract(handing, value + static_cast<long>(k) * width, k - i + 1);
            }
            for (int r = 0; r < count; ++r)
                for (int c = 0; c < chain_packs; ++c)
                    tile.sum[r][c].store(handed + static_cast<long>(i + r) * width + c * V::lanes);
        }
    }
}

// matrix -= values' values,  below the diagonal and what its tiles reach beyond; values [n][width], matrix
// [width][width].
template <class V>
inline void chain_products(int n, int width, const double* values, double* matrix) {
    for (int a = 0; a < width; a += chain_rows)
        for (int b = 0; b < a + chain_rows; b += chain_packs * V::lanes) {
            ChainTile<V> tile;
            for (int r = 0; r < chain_rows; ++r)
                for (int c = 0; c < chain_packs; ++c)
                    tile.sum[r][c] = V::load(matrix + static_cast<long>(a + r) * width + b + c * V::lanes);
            for (int k = 0; k < n; ++k) {
                const double* const row = values + static_cast<long>(k) * width;
                tile.subtract(row + a, row + b);
            }
            for (int r = 0; r < chain_rows; ++r)
                for (int c = 0; c < chain_packs; ++c)
                    tile.sum[r][c].store(matrix + static_cast<long>(a + r) * width + b + c * V::lanes);
        }
}

}  // namespace equiload
