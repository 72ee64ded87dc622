// Waiting work as queues: their form, what is served first in, first out, and the chain along time.
#include "barrier/queues.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "barrier/chain_steps.hpp"
#include "support.hpp"

namespace equiload::test {
namespace {

// Two gateways with two sites each; work of the second may wait up to `longest` slots at `cost` a slot.
World waiting(std::size_t slots, Index longest, double cost) {
    World w = blank(slots, 2, 3);
    w.arc(0, 0), w.arc(0, 1);
    for (Index s = 0; s <= longest; ++s)
        w.arc(1, 1, 2.0, 1.0 + cost * s, s), w.arc(1, 2, 0.5, 3.0 + cost * s, s);
    Random random(3);
    w.demand = uniforms(random, slots * 2, 0.0, 4.0);
    return w;
}

TEST_CASE("arcs that are the same at every delay are a queue") {
    World w = waiting(6, 2, 0.25);
    {
        const Problem p = w.view();
        const Queues found(p);
        CHECK(found.fit());
        REQUIRE(found.queues().size() == 1);
        CHECK(found.queues()[0].gateway == 1);
        CHECK(found.queues()[0].longest == 2);
        CHECK(found.queues()[0].cost == 0.25);
        CHECK(found.queues()[0].most[0] == w.demand[1]);
        CHECK(found.queues()[0].most[3] == doctest::Approx(w.demand[7] + w.demand[5]));
        CHECK(found.queues()[0].most[5] == 0);  // nothing is left in the end
        CHECK(found.base().arcs == 4);
        CHECK(found.base().max_delay() == 0);
    }
    const World good = w;
    w.cost[5] += 0.01;
    CHECK_FALSE(Queues(w.view()).fit());
    w = good, w.energy[4] = 1.0;
    CHECK_FALSE(Queues(w.view()).fit());
    w = good, w.site[7] = 0;
    CHECK_FALSE(Queues(w.view()).fit());
    w = good, w.arc(1, 0);  // at delay 0 alone, where it may matter when
    w.price[4] = 1;
    CHECK(Queues(w.view()).fit());
    w.price[0] = 1;
    CHECK_FALSE(Queues(w.view()).fit());
    w = waiting(6, 2, -0.25), w.arc(1, 0);  // waiting that pays until it is shed
    CHECK_FALSE(Queues(w.view()).fit());
}

TEST_CASE("serving first in, first out keeps loads, rows and deadlines") {
    World w = waiting(9, 2, 0.0);
    w.arc(1, 0);  // shed
    w.demand[7] = 0;
    const Problem p = w.view();
    const Queues found(p);
    REQUIRE(found.fit());
    REQUIRE(found.base().arcs == 5);
    Random random(4);
    std::vector<double> served = uniforms(random, 9 * 5, 0.0, 3.0);
    const std::vector<double> work = found.settle(served);
    Team team(1);
    std::vector<double> x(9 * p.arcs, -1.0);
    found.split(served, x, team);
    for (std::size_t t = 0; t < 9; ++t) {
        double released = 0, all = 0;
        for (std::size_t a = 2; a < p.arcs; ++a) released += x[t * p.arcs + a];
        for (std::size_t a = 2; a < 5; ++a) all += served[t * 5 + a];
        CHECK(released == doctest::Approx(w.demand[t * 2 + 1]));
        CHECK(all == doctest::Approx(work[t * 2 + 1]));
        for (Index site = 1; site < 3; ++site) {
            double load = 0;
            for (std::size_t a = 2; a < p.arcs; ++a)
                if (const auto s = static_cast<std::size_t>(w.delay[a]); w.site[a] == site && s <= t)
                    load += x[(t - s) * p.arcs + a];
            CHECK(load == doctest::Approx(served[t * 5 + 1 + static_cast<std::size_t>(site)]));
        }
    }
    CHECK(*std::min_element(x.begin(), x.end()) >= 0);
}

// Two slots of n gateways, a Laplacian each and ties between them, against products with the whole matrix.
double chain_error(int n, double smallest) {
    const auto size = static_cast<std::size_t>(n), whole = 2 * size;
    Random random(7);
    std::vector<double> weight(whole * whole, 0.0), excess(whole), tie = uniforms(random, size, 0.0, 3.0);
    std::vector<double> columns[2], rest(size * (size + 1)), none(size);
    for (double& value : excess) value = smallest * uniform(random, 1.0, 2.0);
    for (std::size_t slot = 0; slot < 2; ++slot) {
        columns[slot].assign(size * (size + 1), 0.0);
        for (std::size_t k = 0; k < size; ++k)
            for (std::size_t j = k + 1; j < size; ++j) {
                const double meet = uniform(random, 0.0, 2.0);
                columns[slot][k * (size + 1) + j + 1] = meet;
                const std::size_t a = slot * size + j, b = slot * size + k;
                weight[a * whole + b] = weight[b * whole + a] = meet;
            }
    }
    for (std::size_t k = 0; k < size; ++k) {
        columns[0][k * (size + 1) + k] = tie[k];
        weight[k * whole + size + k] = weight[(size + k) * whole + k] = tie[k];
    }
    const std::vector<double> expected = uniforms(random, whole, -1.0, 1.0);
    std::vector<double> value(whole);
    for (std::size_t i = 0; i < whole; ++i) {
        value[i] = excess[i] * expected[i];
        for (std::size_t k = 0; k < whole; ++k)
            value[i] += weight[i * whole + k] * (expected[i] - expected[k]);
    }
    double *const first = value.data(), *const second = first + n;
    std::vector<double> all(size * 2), handed(size * 2);  // the first slot's, twice
    for (std::size_t k = 0; k < whole; ++k) all[k] = first[k / 2];
    chain_factor<Scalar>(n, columns[0].data(), excess.data(), columns[1].data(), excess.data() + n);
    chain_factor<Scalar>(n, columns[1].data(), excess.data() + n, rest.data(), none.data());
    chain_forward_all<Scalar>(n, 2, columns[0].data(), all.data(), handed.data());
    std::vector<double> before(second, second + n);
    chain_forward<Scalar>(n, columns[0].data(), first, second);
    double worst = 0;
    for (std::size_t k = 0; k < size; ++k)
        for (std::size_t c = 0; c < 2; ++c) {
            worst = std::max(worst, std::abs(all[2 * k + c] - first[k]));
            worst = std::max(worst, std::abs(before[k] + handed[2 * k + c] - second[k]));
        }
    std::fill(none.begin(), none.end(), 0.0);
    chain_forward<Scalar>(n, columns[1].data(), second, none.data());
    std::fill(none.begin(), none.end(), 0.0);
    chain_backward<Scalar>(n, columns[1].data(), second, none.data());
    chain_backward<Scalar>(n, columns[0].data(), first, second);
    for (std::size_t k = 0; k < whole; ++k) worst = std::max(worst, std::abs(value[k] - expected[k]));
    return worst;
}

TEST_CASE("a chain is solved, for one right-hand side and for many") {
    for (int n : {1, 2, 3, 4, 7, 13}) {
        CAPTURE(n);
        CHECK(chain_error(n, 0.1) < 1e-12);
    }
}

TEST_CASE("products of the rows of a chain") {
    Random random(8);
    const std::vector<double> values = uniforms(random, 3 * 8, -1.0, 1.0);
    std::vector<double> matrix(64, 1.0);
    chain_products<Scalar>(3, 8, values.data(), matrix.data());
    for (std::size_t a = 0; a < 8; ++a)
        for (std::size_t b = 0; b <= a; ++b) {
            double sum = 1.0;
            for (std::size_t k = 0; k < 3; ++k) sum -= values[k * 8 + a] * values[k * 8 + b];
            CHECK(matrix[a * 8 + b] == doctest::Approx(sum));
        }
}

}  // namespace
}  // namespace equiload::test
