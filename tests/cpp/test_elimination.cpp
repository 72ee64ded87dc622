// The order of elimination and the factor in it, against a dense one.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "barrier/factor_steps.hpp"
#include "support.hpp"

namespace equiload::test {
namespace {

// Gateways in a ring, each of which shares `reach` sites with its neighbours: sparse for a large ring.
World ring(std::size_t gateways, std::size_t reach) {
    World w = blank(1, gateways, gateways);
    for (std::size_t j = 0; j < gateways; ++j)
        for (std::size_t k = 0; k < reach; ++k)
            w.arc(static_cast<Index>(j), static_cast<Index>((j * 7 + k) % gateways));
    return w;
}

// Weights of the pairs that share a site, by place, and what each row sums to.
struct Laplacian {
    std::size_t size;
    std::vector<double> weight, excess;  // [place][place], [place]

    Laplacian(const World& w, const Elimination& order, double smallest)
        : size(w.gateways), weight(size * size, 0.0), excess(size) {
        Random random(5);
        for (std::size_t i = 0; i < w.sites; ++i)
            for (int e = order.in_start[i]; e < order.in_start[i + 1]; ++e)
                for (int f = order.in_start[i]; f < e; ++f) {
                    const auto row = static_cast<std::size_t>(order.in_place[e]),
                               column = static_cast<std::size_t>(order.in_place[f]);
                    if (row == column) continue;
                    const double meet = uniform(random, 0.1, 2.0);
                    weight[row * size + column] += meet, weight[column * size + row] += meet;
                }
        for (double& value : excess) value = smallest * uniform(random, 1.0, 2.0);
    }

    std::vector<double> times(const std::vector<double>& x) const {
        std::vector<double> y(size);
        for (std::size_t i = 0; i < size; ++i) {
            y[i] = excess[i] * x[i];
            for (std::size_t k = 0; k < size; ++k) y[i] += weight[i * size + k] * (x[i] - x[k]);
        }
        return y;
    }

    // Laid out as the steps want it: by the order's own lists.
    std::vector<double> laid_out(const Elimination& order) const {
        std::vector<double> factor(static_cast<std::size_t>(order.factor_size()), 0.0);
        for (int k = 0; k < order.size; ++k) {
            const auto column = static_cast<std::size_t>(k);
            factor[static_cast<std::size_t>(order.diagonal[k])] = excess[column];
            if (k < order.head)
                for (int e = order.start[k]; e < order.start[k + 1]; ++e)
                    factor[static_cast<std::size_t>(order.head + e)] =
                        weight[static_cast<std::size_t>(order.row[e]) * size + column];
            for (int row = k + 1; k >= order.head && row < order.size; ++row)
                factor[static_cast<std::size_t>(order.tail_at() + triangle(row - order.head) + k -
                                                order.head)] =
                    weight[static_cast<std::size_t>(row) * size + column];
        }
        return factor;
    }
};

double solve_error(const World& w, double smallest) {
    const EliminationOrder found(w.view());
    const Elimination& order = found.view();
    const Laplacian z(w, order, smallest);
    std::vector<double> factor = z.laid_out(order), expected(z.size);
    Random random(9);
    for (double& value : expected) value = uniform(random, -1.0, 1.0);
    std::vector<double> value = z.times(expected);
    factor_head<Scalar>(order, factor.data());
    factor_tail<Scalar>(factor.data() + order.tail_at(), order.tail(), order.tail());
    forward_head<Scalar>(order, factor.data(), value.data());
    solve_tail<Scalar>(order, factor.data(), value.data());
    backward_head<Scalar>(order, factor.data(), value.data());
    double worst = 0;
    for (std::size_t j = 0; j < z.size; ++j) worst = std::max(worst, std::abs(value[j] - expected[j]));
    return worst;
}

TEST_CASE("a sparse, a dense and an unconnected network are factored") {
    CHECK(solve_error(ring(60, 3), 0.1) < 1e-12);
    CHECK(solve_error(ring(12, 12), 0.1) < 1e-12);
    CHECK(solve_error(ring(9, 1), 0.1) < 1e-12);
    CHECK(solve_error(ring(1, 1), 0.1) < 1e-12);
}

TEST_CASE("row sums that nearly vanish lose no digits of the differences") {
    // The rows sum to 1e-13 of their entries: a factor that subtracts on its diagonal knows three digits of
    // that.
    const World w = ring(60, 3);
    const EliminationOrder found(w.view());
    const Elimination& order = found.view();
    const Laplacian z(w, order, 1e-13);
    std::vector<double> factor = z.laid_out(order), value = z.excess;  // Z ones = excess
    factor_head<Scalar>(order, factor.data());
    factor_tail<Scalar>(factor.data() + order.tail_at(), order.tail(), order.tail());
    forward_head<Scalar>(order, factor.data(), value.data());
    solve_tail<Scalar>(order, factor.data(), value.data());
    backward_head<Scalar>(order, factor.data(), value.data());
    for (double one : value) CHECK(one == doctest::Approx(1.0).epsilon(1e-12));
}

TEST_CASE("a sparse network keeps its factor sparse, a complete one is all tail") {
    const EliminationOrder sparse(ring(200, 2).view()), dense(ring(20, 20).view());
    CHECK(sparse.view().tail() < 10);
    CHECK(sparse.view().entries() < 1000);  // of 19,900
    CHECK(dense.view().head == 0);
    CHECK(dense.view().tail() == 20);
}

TEST_CASE("columns of the head lead upwards, to the parent first") {
    const EliminationOrder found(ring(60, 3).view());
    const Elimination& order = found.view();
    for (int k = 0; k < order.head; ++k) {
        const int *const from = order.row + order.start[k], *const to = order.row + order.start[k + 1];
        CHECK(std::is_sorted(from, to));
        if (from < to) {
            CHECK(from[0] > k);
            CHECK(found.parent()[static_cast<std::size_t>(k)] == from[0]);
        }
    }
}

}  // namespace
}  // namespace equiload::test
