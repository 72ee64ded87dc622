// Equity functions against brute force, and the prox that maximises over them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "equiload/algorithm/equity_prox.hpp"
#include "equiload/equity.hpp"
#include "support.hpp"

namespace equiload::test {
namespace {

using Values = std::vector<double>;

std::unique_ptr<EquityFunction> function(EquityKind kind, double weight) {
    Footprint footprint;
    footprint.kind = kind, footprint.weight = weight;
    return make_equity(footprint);
}

double sum(const Values& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

double model(const Values& z, const Values& curvature, const Values& centre, const Values& pi) {
    double value = 0;
    for (std::size_t g = 0; g < z.size(); ++g)
        value += z[g] * pi[g] - 0.5 * curvature[g] * (pi[g] - centre[g]) * (pi[g] - centre[g]);
    return value;
}

// The water level by bisection: slow, and nothing to get wrong.
Values by_bisection(const Values& z, const Values& curvature, const Values& centre, double weight) {
    Values pi(z.size());
    double low = -1e12, high = 1e12;
    for (int k = 0; k < 200; ++k) {
        const double level = 0.5 * (low + high);
        for (std::size_t g = 0; g < z.size(); ++g)
            pi[g] = std::max(0.0, centre[g] + (z[g] - level) / curvature[g]);
        (sum(pi) > weight ? low : high) = level;
    }
    return pi;
}

TEST_CASE("max: the largest burden, and a dual set whose points bound it from below") {
    const auto max = function(EquityKind::max, 3.0);
    const Values z{1.0, 7.0, -2.0};
    CHECK(max->value(z) == 21.0);
    Values pi(3);
    max->start(pi);
    CHECK(sum(pi) == doctest::Approx(3.0));
    CHECK(std::inner_product(z.begin(), z.end(), pi.begin(), 0.0) <= 21.0);
}

TEST_CASE("max: maximise against bisection, and against every other point that was tried") {
    Random random(3);
    const double weight = 12.0;
    const auto max = function(EquityKind::max, weight);
    for (std::size_t regions : {1, 2, 3, 10, 200})
        for (int trial = 0; trial < 30; ++trial) {
            const double spread = trial % 3 == 0 ? 1e4 : 1.0;  // one region takes all, or many share
            const Values z = uniforms(random, regions, -spread, spread);
            const Values curvature = uniforms(random, regions, 1e-3, 2.0);
            const Values centre = uniforms(random, regions, 0.0, 24.0 / static_cast<double>(regions));
            Values pi(regions);
            max->maximise(z, curvature, centre, pi);
            CHECK(sum(pi) == doctest::Approx(weight).epsilon(1e-12));
            CHECK(*std::min_element(pi.begin(), pi.end()) >= 0.0);
            const Values expected = by_bisection(z, curvature, centre, weight);
            for (std::size_t g = 0; g < regions; ++g)
                CHECK(pi[g] == doctest::Approx(expected[g]).epsilon(1e-6).scale(weight));
            const double best = model(z, curvature, centre, pi);
            for (int other = 0; other < 20; ++other) {
                Values point = uniforms(random, regions, 0.0, 1.0);
                const double share = weight / sum(point);
                for (double& p : point) p *= share;
                CHECK(model(z, curvature, centre, point) <= best + 1e-9 * (1 + std::abs(best)));
            }
        }
}

TEST_CASE("max: equal regions share the price equally") {
    const auto max = function(EquityKind::max, 6.0);
    Values pi(3);
    max->maximise(Values(3, 5.0), Values(3, 1.0), Values(3, 1.0), pi);
    for (double p : pi) CHECK(p == doctest::Approx(2.0));
}

TEST_CASE("sum: its dual set is one point") {
    const auto total = function(EquityKind::sum, 2.0);
    CHECK(total->value(Values{1.0, 2.0, 4.0}) == 14.0);
    Values pi(3, 9.0);
    total->maximise(Values{1.0, 2.0, 4.0}, Values(3, 1.0), Values(3, 1.0), pi);
    CHECK(pi == Values(3, 2.0));
}

TEST_CASE("a footprint without equity has no function") {
    CHECK_THROWS_AS(function(EquityKind::none, 1.0), std::invalid_argument);
}

// Cells whose energy answers to the equity prices: y = clip((a - sum_r lambda_r f_r) c, 0, capacity).
struct Cells {
    const World& world;
    Values attraction, compliance;  // (T, I)

    Values totals(std::span<const double> lambda) const {
        const std::size_t sites = world.sites, footprints = world.burdens.size();
        Values out((footprints + footprints * (footprints + 1) / 2) * sites);
        for (std::size_t k = 0; k < attraction.size(); ++k) {
            const std::size_t i = k % sites;
            double cost = 0;
            for (std::size_t r = 0; r < footprints; ++r)
                cost += lambda[r * sites + i] * world.burdens[r].values[k];
            const double free = (attraction[k] - cost) * compliance[k];
            const double y = std::clamp(free, 0.0, world.capacity[k]);
            const double bent = (y == free ? 1.0 : 0.1) * compliance[k];
            std::size_t quantity = footprints;
            for (std::size_t r = 0; r < footprints; ++r) {
                const double f = world.burdens[r].values[k];
                out[r * sites + i] += f * y;
                for (std::size_t s = 0; s <= r; ++s, ++quantity)
                    out[quantity * sites + i] += f * world.burdens[s].values[k] * bent;
            }
        }
        return out;
    }
};

// At the maximiser of the dual every region with a price carries the largest weighted burden.
TEST_CASE("Newton steps of the prox reach the maximiser") {
    for (std::size_t footprints : {1, 2, 3})
        for (std::uint64_t seed = 0; seed < 10; ++seed) {
            CAPTURE(footprints);
            CAPTURE(seed);
            Shape shape;
            shape.slots = 12, shape.footprints = footprints;
            World world = random_world(shape, seed);
            Random random(seed + 50);
            std::fill(world.capacity.begin(), world.capacity.end(), 20.0);
            const Cells cells{world, uniforms(random, world.price.size(), 50.0, 400.0),
                              uniforms(random, world.price.size(), 0.01, 0.1)};
            const Problem problem = world.view();
            EquityProx prox(problem);
            double change = 1;
            for (int step = 0; step < 200 && change > 1e-13; ++step)
                change = prox.step(cells.totals(prox.site_prices()));
            CHECK(change <= 1e-12);

            const Values totals = cells.totals(prox.site_prices());
            const auto prices = prox.region_prices();
            for (std::size_t r = 0; r < footprints; ++r) {
                const World::Burden& b = world.burdens[r];
                Values z = b.history;
                for (std::size_t i = 0; i < world.sites; ++i)
                    z[static_cast<std::size_t>(b.region[i])] += totals[r * world.sites + i];
                double largest = 0, spent = 0;
                for (std::size_t g = 0; g < z.size(); ++g)
                    largest = std::max(largest, z[g] *= b.sensitivity[g]);
                for (std::size_t g = 0; g < z.size(); ++g) {
                    spent += prices[r][g] / b.sensitivity[g];
                    if (prices[r][g] > 1e-6 * b.weight) CHECK(z[g] == doctest::Approx(largest).epsilon(1e-6));
                }
                CHECK(spent == doctest::Approx(b.weight));
            }
        }
}

TEST_CASE("prices of regions go in and come out, footprints without equity have none") {
    World world = blank(1, 1, 3);
    world.arc(0, 0);
    world.burden(0.0);  // weight 0: reported, not priced
    world.burden(4.0).sensitivity = {1.0, 2.0, 4.0};
    world.burden(4.0).kind = EquityKind::none;
    const Problem problem = world.view();
    EquityProx prox(problem);
    REQUIRE(prox.footprints() == 1);
    CHECK(prox.footprint(0) == 1);
    prox.set_region_prices({{0, 0, 0}, {1.0, 4.0, 4.0}, {0, 0, 0}});
    CHECK(prox.region_prices().at(1) == Values{1.0, 4.0, 4.0});
    CHECK(prox.site_prices() == Values{1.0, 4.0, 4.0});
}

TEST_CASE("prices of another weight are moved into the dual set") {
    World world = blank(1, 1, 3);
    world.arc(0, 0);
    world.burden(6.0).sensitivity = {1.0, 2.0, 1.0};
    const Problem problem = world.view();
    EquityProx prox(problem);
    prox.set_region_prices({{10.0, 10.0, 0.0}});  // pi = (10, 5, 0): 4.5 too much for each that has any
    CHECK(prox.region_prices().at(0)[0] == doctest::Approx(5.5));
    CHECK(prox.region_prices().at(0)[1] == doctest::Approx(1.0));
    CHECK(prox.region_prices().at(0)[2] == 0.0);
    prox.set_region_prices({{0.0, 0.0, 0.0}});
    CHECK(prox.site_prices() == Values{2.0, 4.0, 2.0});
}

}  // namespace
}  // namespace equiload::test
