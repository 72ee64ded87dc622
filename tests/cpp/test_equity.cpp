// Equity functions against brute force, and the prox that maximises over them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "equiload/algorithm/equity_prox.hpp"
#include "equiload/equity.hpp"
#include "support.hpp"

namespace equiload::test {
namespace {

using Values = std::vector<double>;

std::unique_ptr<EquityFunction> function(EquityKind kind, double weight, double parameter = 0) {
    Footprint footprint;
    footprint.kind = kind, footprint.weight = weight, footprint.parameter = parameter;
    return make_equity(footprint);
}

Footprint limits(const Values& limit, const Values& ones) {
    Footprint footprint;
    footprint.kind = EquityKind::budget;
    footprint.limit = limit, footprint.history = ones, footprint.sensitivity = ones;
    return footprint;
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

double dot(const Values& a, const Values& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double norm(const Values& z, double q) {
    double total = 0;
    for (double value : z) total += std::pow(value, q);
    return std::pow(total, 1 / q);
}

// An equity function with everything that a test needs to know of its dual set.
struct Subject {
    EquityKind kind;
    double parameter;
    std::size_t regions;
    double weight = 12.0;
    Values limit = {};

    std::unique_ptr<EquityFunction> make() const {
        return kind == EquityKind::budget ? budget(limit) : function(kind, weight, parameter);
    }

    double chosen() const { return std::min(parameter, static_cast<double>(regions)); }  // of the k largest

    double value(Values z) const {
        if (kind == EquityKind::norm) return weight * norm(z, parameter);
        if (kind == EquityKind::budget) {
            for (std::size_t g = 0; g < regions; ++g)
                if (z[g] > limit[g]) return infinity;
            return 0;
        }
        std::sort(z.begin(), z.end(), std::greater<>());
        z.resize(static_cast<std::size_t>(chosen()));
        return weight * sum(z) / chosen();
    }

    // Any point of the dual set: a mean of a few corners, or a direction of any length that fits.
    Values any(Random& random) const {
        Values pi = uniforms(random, regions, 0.0, weight);
        if (kind == EquityKind::norm) {
            const double share = uniform(random, 0.0, 1.0) * weight / norm(pi, parameter / (parameter - 1));
            for (double& p : pi) p *= share;
        }
        if (kind != EquityKind::topmean) return pi;
        std::fill(pi.begin(), pi.end(), 0.0);
        std::vector<std::size_t> order(regions);
        std::iota(order.begin(), order.end(), std::size_t{0});
        for (int corner = 0; corner < 4; ++corner) {
            std::shuffle(order.begin(), order.end(), random);
            for (std::size_t n = 0; n < static_cast<std::size_t>(chosen()); ++n)
                pi[order[n]] += weight / chosen() / 4;
        }
        return pi;
    }

    bool has(const Values& pi) const {
        const double most = weight * (1 + 1e-12);
        if (*std::min_element(pi.begin(), pi.end()) < 0) return false;
        if (kind == EquityKind::norm) return norm(pi, parameter / (parameter - 1)) <= most;
        if (kind == EquityKind::budget) return true;
        return sum(pi) <= most && *std::max_element(pi.begin(), pi.end()) <= most / chosen();
    }
};

std::vector<Subject> subjects(Random& random) {
    std::vector<Subject> all;
    for (std::size_t regions : {1, 2, 5, 40}) {
        for (double k : {1.0, 2.0, 3.0, 7.0}) all.push_back({EquityKind::topmean, k, regions});
        for (double q : {1.1, 1.5, 2.0, 3.0, 16.0}) all.push_back({EquityKind::norm, q, regions});
        Subject limited{EquityKind::budget, 0.0, regions};
        limited.limit = uniforms(random, regions, 0.5, 2.0);
        limited.limit.back() = infinity;
        all.push_back(limited);
    }
    return all;
}

TEST_CASE("topmean, norm, budget: values by definition") {
    CHECK(function(EquityKind::topmean, 2.0, 3.0)->value(Values{1, 9, 4, 2}) == doctest::Approx(10.0));
    CHECK(function(EquityKind::topmean, 2.0, 9.0)->value(Values{1, 2, 3}) == doctest::Approx(4.0));
    CHECK(function(EquityKind::norm, 2.0, 2.0)->value(Values{3, 0, 4}) == doctest::Approx(10.0));
    CHECK(function(EquityKind::norm, 2.0, 300.0)->value(Values{1e300, 1e300}) < 2.01e300);
    CHECK(function(EquityKind::norm, 2.0, 2.0)->value(Values{0, 0}) == 0.0);
    CHECK(budget({1.0, infinity})->value(Values{1.0, 1e30}) == 0.0);
    CHECK(budget({1.0, infinity})->value(Values{1.1, 0.0}) == infinity);
    CHECK(budget({1.0, infinity})->conjugate(Values{3.0, 0.0}) == 3.0);
    Random random(11);
    for (const Subject& subject : subjects(random))
        for (int trial = 0; trial < 20; ++trial) {
            const Values z = uniforms(random, subject.regions, 0.0, 2.0);
            const double expected = subject.value(z), found = subject.make()->value(z);
            if (expected == infinity)
                CHECK(found == infinity);
            else
                CHECK(found == doctest::Approx(expected).epsilon(1e-12));
        }
}

TEST_CASE("topmean, norm, budget: <pi, z> <= value + conjugate, and equal at the maximiser") {
    Random random(12);
    for (const Subject& subject : subjects(random)) {
        CAPTURE(subject.kind);
        CAPTURE(subject.parameter);
        CAPTURE(subject.regions);
        const auto equity = subject.make();
        Values pi(subject.regions);
        equity->start(pi);
        CHECK(subject.has(pi));
        for (int trial = 0; trial < 20; ++trial) {
            Values z = uniforms(random, subject.regions, 0.0, 2.0);
            if (subject.kind == EquityKind::budget)  // a burden within its budget
                for (std::size_t g = 0; g < z.size(); ++g) z[g] *= std::min(0.5, subject.limit[g] / 2);
            const double value = equity->value(z);
            pi = subject.any(random);
            REQUIRE(subject.has(pi));
            CHECK(dot(pi, z) <= value + equity->conjugate(pi) + 1e-9);
            // With hardly any curvature the maximiser is a subgradient.
            equity->maximise(z, Values(z.size(), 1e-9), Values(z.size(), 0.0), pi);
            CHECK(subject.has(pi));
            CHECK(dot(pi, z) - equity->conjugate(pi) == doctest::Approx(value).epsilon(1e-6));
        }
    }
}

TEST_CASE("topmean, norm, budget: no way leads up from the maximiser within the dual set") {
    Random random(13);
    for (const Subject& subject : subjects(random)) {
        CAPTURE(subject.kind);
        CAPTURE(subject.parameter);
        CAPTURE(subject.regions);
        const auto equity = subject.make();
        for (int trial = 0; trial < 10; ++trial) {
            const double spread = trial % 3 == 0 ? 1e3 : 1.0;
            const Values z = uniforms(random, subject.regions, 0.0, spread);
            const Values curvature = uniforms(random, subject.regions, 1e-2, 2.0);
            const Values centre = uniforms(random, subject.regions, 0.0, subject.weight);
            Values pi(subject.regions);
            equity->maximise(z, curvature, centre, pi);
            REQUIRE(subject.has(pi));
            const auto aim = [&](const Values& at) {
                return model(z, curvature, centre, at) - equity->conjugate(at);
            };
            const double best = aim(pi);
            for (int other = 0; other < 20; ++other) {
                const Values point = subject.any(random);
                for (double share : {1.0, 0.1, 1e-3}) {
                    Values between(pi);
                    for (std::size_t g = 0; g < pi.size(); ++g) between[g] += share * (point[g] - pi[g]);
                    CHECK(aim(between) <= best + 1e-9 * (1 + std::abs(best)));
                }
            }
        }
    }
}

TEST_CASE("topmean, norm, budget: the projection is the nearest point of the dual set") {
    Random random(14);
    for (const Subject& subject : subjects(random)) {
        CAPTURE(subject.kind);
        CAPTURE(subject.parameter);
        CAPTURE(subject.regions);
        const auto equity = subject.make();
        for (int trial = 0; trial < 10; ++trial) {
            const Values from = uniforms(random, subject.regions, -subject.weight, 2 * subject.weight);
            Values nearest(from);
            equity->project(nearest);
            REQUIRE(subject.has(nearest));
            for (int other = 0; other < 20; ++other) {  // <from - nearest, point - nearest> <= 0
                const Values point = subject.any(random);
                double angle = 0;
                for (std::size_t g = 0; g < from.size(); ++g)
                    angle += (from[g] - nearest[g]) * (point[g] - nearest[g]);
                CHECK(angle <= 1e-8);
            }
            Values again(nearest);
            equity->project(again);
            for (std::size_t g = 0; g < from.size(); ++g)
                CHECK(again[g] == doctest::Approx(nearest[g]).epsilon(1e-9).scale(subject.weight));
        }
    }
}

TEST_CASE("a budget keeps a reserve of its room when it is aimed at") {
    const auto limited = budget({4.0, infinity});
    Values pi(2);
    limited->maximise(Values{4.0, 9.0}, Values(2, 1.0), Values(2, 0.0), pi);
    CHECK(pi == Values{0.0, 0.0});
    limited->keep_reserve(0.25);  // aims at 3
    limited->maximise(Values{4.0, 9.0}, Values(2, 1.0), Values(2, 0.0), pi);
    CHECK(pi == Values{1.0, 0.0});
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
