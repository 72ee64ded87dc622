// The threshold that projects a point on a scaled simplex, against sorting.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "algorithm/steps.hpp"
#include "support.hpp"

namespace equiload::test {
namespace {

double by_sorting(std::vector<double> g, double demand) {
    std::sort(g.begin(), g.end(), std::greater<>());
    double sum = 0, theta = 0;
    for (std::size_t k = 0; k < g.size(); ++k) {
        sum += g[k];
        const double candidate = (sum - demand) / static_cast<double>(k + 1);
        if (k == 0 || candidate < g[k]) theta = candidate;
    }
    return theta;
}

double by_newton(const std::vector<double>& g, double demand, double start) {
    const std::vector<Scalar> values(g.begin(), g.end());
    double total = 0;
    for (double value : g) total += value;
    return simplex_threshold<Scalar>(values.data(), static_cast<int>(g.size()), demand, start, total).v;
}

void check(const std::vector<double>& g, double demand) {
    const double expected = by_sorting(g, demand);
    const double scale = 1 + demand + std::abs(*std::max_element(g.begin(), g.end())) +
                         std::abs(*std::min_element(g.begin(), g.end()));
    for (double start : {expected, expected - 1e-9, expected - 1.0, expected + 1.0, 0.0, -1e9, 1e9, 1e100}) {
        CAPTURE(start);
        const double theta = by_newton(g, demand, start);
        CHECK(std::abs(theta - expected) <= 1e-14 * scale * static_cast<double>(g.size()));
        double served = 0;
        for (double value : g) served += std::max(0.0, value - theta);
        CHECK(std::abs(served - demand) <= 1e-13 * scale * static_cast<double>(g.size()));
    }
}

TEST_CASE("random points") {
    Random random(1);
    for (std::size_t count : {1, 2, 3, 8, 17, 100})
        for (double demand : {0.0, 1e-6, 0.3, 5.0, 1e3})
            for (int trial = 0; trial < 20; ++trial) {
                CAPTURE(count);
                CAPTURE(demand);
                check(uniforms(random, count, -3.0, 3.0), demand);
            }
}

TEST_CASE("equal values share equally") {
    for (std::size_t count : {1, 2, 5, 64}) {
        const std::vector<double> g(count, 2.5);
        check(g, 0.0);
        check(g, 3.0);
        CHECK(by_newton(g, 3.0, 0.0) == doctest::Approx(2.5 - 3.0 / static_cast<double>(count)));
    }
}

TEST_CASE("ties at the threshold") {
    check({1.0, 1.0, 0.0, 0.0}, 2.0);  // the lower pair sits exactly on it
    check({1.0, 0.5, 0.5, -4.0}, 0.5);
}

TEST_CASE("no demand takes nothing") {
    Random random(2);
    for (int trial = 0; trial < 50; ++trial) {
        const std::vector<double> g = uniforms(random, 9, -1e6, 1e6);
        const double theta = by_newton(g, 0.0, uniform(random, -1e7, 1e7));
        CHECK(theta == doctest::Approx(*std::max_element(g.begin(), g.end())).epsilon(1e-14));
    }
}

TEST_CASE("values that an arc past the horizon leaves do not disturb the others") {
    const double barred = -unreachable_price;
    CHECK(by_newton({1.0, barred, 3.0, barred, barred}, 1.0, 0.0) == doctest::Approx(2.0));
    CHECK(by_newton({1.0, barred, 3.0}, 4.0, 1e9) == doctest::Approx(0.0).epsilon(1e-12));
}

}  // namespace
}  // namespace equiload::test
