// Equity functions against brute force, and the prox that maximises over them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

#include "algorithm/equity.hpp"
#include "algorithm/equity_prox.hpp"
#include "fibers.hpp"
#include "grid/grid_steps.hpp"
#include "support.hpp"

namespace equiload::test {
namespace {

using Values = std::vector<double>;

EquityFunction function(EquityKind kind, double weight, double parameter = 0) {
    Footprint footprint;
    footprint.kind = kind, footprint.weight = weight, footprint.parameter = parameter;
    return EquityFunction(footprint);
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
    const auto max = function(equity_kind_of<MaxEquity>, 3.0);
    const Values z{1.0, 7.0, -2.0};
    CHECK(max.value(z) == 21.0);
    Values pi(3);
    max.start(pi);
    CHECK(sum(pi) == doctest::Approx(3.0));
    CHECK(std::inner_product(z.begin(), z.end(), pi.begin(), 0.0) <= 21.0);
}

TEST_CASE("max: maximise against bisection, and against every other point that was tried") {
    Random random(3);
    const double weight = 12.0;
    const auto max = function(equity_kind_of<MaxEquity>, weight);
    for (std::size_t regions : {1, 2, 3, 10, 200})
        for (int trial = 0; trial < 30; ++trial) {
            const double spread = trial % 3 == 0 ? 1e4 : 1.0;  // one region takes all, or many share
            const Values z = uniforms(random, regions, -spread, spread);
            const Values curvature = uniforms(random, regions, 1e-3, 2.0);
            const Values centre = uniforms(random, regions, 0.0, 24.0 / static_cast<double>(regions));
            Values pi(regions);
            max.maximise(z, curvature, centre, pi);
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
    const auto max = function(equity_kind_of<MaxEquity>, 6.0);
    Values pi(3);
    max.maximise(Values(3, 5.0), Values(3, 1.0), Values(3, 1.0), pi);
    for (double p : pi) CHECK(p == doctest::Approx(2.0));
}

TEST_CASE("sum: its dual set is one point") {
    const auto total = function(equity_kind_of<SumEquity>, 2.0);
    CHECK(total.value(Values{1.0, 2.0, 4.0}) == 14.0);
    Values pi(3, 9.0);
    total.maximise(Values{1.0, 2.0, 4.0}, Values(3, 1.0), Values(3, 1.0), pi);
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
    Values history = Values(regions, 0.0), sensitivity = Values(regions, 1.0);

    Footprint footprint() const {
        Footprint all;
        all.kind = kind, all.weight = weight, all.parameter = parameter;
        all.limit = limit, all.history = history, all.sensitivity = sensitivity;
        return all;
    }

    EquityFunction make() const { return EquityFunction(footprint()); }

    double chosen() const { return std::min(parameter, static_cast<double>(regions)); }  // of the k largest

    double value(Values z) const {
        if (kind == equity_kind_of<NormEquity>) return weight * norm(z, parameter);
        if (kind == equity_kind_of<BudgetEquity>) {
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
        if (kind == equity_kind_of<NormEquity>) {
            const double share = uniform(random, 0.0, 1.0) * weight / norm(pi, parameter / (parameter - 1));
            for (double& p : pi) p *= share;
        }
        if (kind != equity_kind_of<TopMeanEquity>) return pi;
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
        if (kind == equity_kind_of<NormEquity>) return norm(pi, parameter / (parameter - 1)) <= most;
        if (kind == equity_kind_of<BudgetEquity>) return true;
        return sum(pi) <= most && *std::max_element(pi.begin(), pi.end()) <= most / chosen();
    }
};

Subject budget(const Values& limit) {
    return {.kind = equity_kind_of<BudgetEquity>, .parameter = 0.0, .regions = limit.size(), .limit = limit};
}

std::vector<Subject> subjects(Random& random, std::initializer_list<std::size_t> sizes = {1, 2, 5, 40}) {
    std::vector<Subject> all;
    for (std::size_t regions : sizes) {
        for (double k : {1.0, 2.0, 3.0, 7.0}) all.push_back({equity_kind_of<TopMeanEquity>, k, regions});
        for (double q : {1.1, 1.5, 2.0, 3.0, 16.0}) all.push_back({equity_kind_of<NormEquity>, q, regions});
        Values limit = uniforms(random, regions, 0.5, 2.0);
        limit.back() = infinity;
        all.push_back(budget(limit));
    }
    return all;
}

TEST_CASE("topmean, norm, budget: values by definition") {
    CHECK(function(equity_kind_of<TopMeanEquity>, 2.0, 3.0).value(Values{1, 9, 4, 2}) ==
          doctest::Approx(10.0));
    CHECK(function(equity_kind_of<TopMeanEquity>, 2.0, 9.0).value(Values{1, 2, 3}) == doctest::Approx(4.0));
    CHECK(function(equity_kind_of<NormEquity>, 2.0, 2.0).value(Values{3, 0, 4}) == doctest::Approx(10.0));
    CHECK(function(equity_kind_of<NormEquity>, 2.0, 300.0).value(Values{1e300, 1e300}) < 2.01e300);
    CHECK(function(equity_kind_of<NormEquity>, 2.0, 2.0).value(Values{0, 0}) == 0.0);
    const Subject limited = budget({1.0, infinity});
    CHECK(limited.make().value(Values{1.0, 1e30}) == 0.0);
    CHECK(limited.make().value(Values{1.1, 0.0}) == infinity);
    CHECK(limited.make().conjugate(Values{3.0, 0.0}) == 3.0);
    Random random(11);
    for (const Subject& subject : subjects(random))
        for (int trial = 0; trial < 20; ++trial) {
            const Values z = uniforms(random, subject.regions, 0.0, 2.0);
            const double expected = subject.value(z), found = subject.make().value(z);
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
        equity.start(pi);
        CHECK(subject.has(pi));
        for (int trial = 0; trial < 20; ++trial) {
            Values z = uniforms(random, subject.regions, 0.0, 2.0);
            if (subject.kind == equity_kind_of<BudgetEquity>)  // a burden within its budget
                for (std::size_t g = 0; g < z.size(); ++g) z[g] *= std::min(0.5, subject.limit[g] / 2);
            const double value = equity.value(z);
            pi = subject.any(random);
            REQUIRE(subject.has(pi));
            CHECK(dot(pi, z) <= value + equity.conjugate(pi) + 1e-9);
            // With hardly any curvature the maximiser is a subgradient.
            equity.maximise(z, Values(z.size(), 1e-9), Values(z.size(), 0.0), pi);
            CHECK(subject.has(pi));
            CHECK(dot(pi, z) - equity.conjugate(pi) == doctest::Approx(value).epsilon(1e-6));
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
            equity.maximise(z, curvature, centre, pi);
            REQUIRE(subject.has(pi));
            const auto aim = [&](const Values& at) {
                return model(z, curvature, centre, at) - equity.conjugate(at);
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
            equity.project(nearest);
            REQUIRE(subject.has(nearest));
            for (int other = 0; other < 20; ++other) {  // <from - nearest, point - nearest> <= 0
                const Values point = subject.any(random);
                double angle = 0;
                for (std::size_t g = 0; g < from.size(); ++g)
                    angle += (from[g] - nearest[g]) * (point[g] - nearest[g]);
                CHECK(angle <= 1e-8);
            }
            Values again(nearest);
            equity.project(again);
            for (std::size_t g = 0; g < from.size(); ++g)
                CHECK(again[g] == doctest::Approx(nearest[g]).epsilon(1e-9).scale(subject.weight));
        }
    }
}

TEST_CASE("a budget keeps a reserve of its room when it is aimed at") {
    Subject limited = budget({4.0, infinity, 2.0});
    limited.history = {0.0, 0.0, 1.0}, limited.sensitivity = {1.0, 1.0, 2.0};
    const Footprint footprint = limited.footprint();
    EquityRule rule = EquityFunction(footprint).rule();
    const Values z{4.0, 9.0, 4.0}, one(3, 1.0), zero(3, 0.0);
    Values pi(3);
    maximise(Solo{}, rule, {z.data(), one.data(), zero.data()}, pi.data());
    CHECK(pi == Values{0.0, 0.0, 0.0});
    rule.reserve = 0.25;  // aims at 3, and at 2 (2 - 1/4)
    maximise(Solo{}, rule, {z.data(), one.data(), zero.data()}, pi.data());
    CHECK(pi == Values{1.0, 0.0, 0.5});
}

TEST_CASE("a footprint without equity has no function") {
    CHECK_THROWS_AS(function(EquityKind::none, 1.0), std::invalid_argument);
}

// ------------------------------------------------------------------ several members

// A state elsewhere, as a device would hold it.
class Copy {
 public:
    explicit Copy(const EquityState& from) : state(from), terms_(from.terms, from.terms + from.count) {
        const auto move = [this](auto*& array, std::size_t count) { array = copied(array, count); };
        for (EquityTerm& term : terms_) each_array(term, state.sites, move);
        each_array(state, move);
        state.terms = terms_.data();
    }
    Copy(const Copy&) = delete;

    EquityState state;

 private:
    double* copied(const double* from, std::size_t count) {
        return numbers_.emplace_back(from, from + count).data();
    }
    const Index* copied(const Index* from, std::size_t count) {
        return indices_.emplace_back(from, from + count).data();
    }

    std::vector<EquityTerm> terms_;
    std::deque<Values> numbers_;
    std::deque<std::vector<Index>> indices_;
};

TEST_CASE("every kind: several members find the maximiser of one alone") {
    Random random(15);
    std::vector<Subject> all = subjects(random, {1, 4, 70});
    for (std::size_t regions : {1, 4, 70})
        for (EquityKind kind : {equity_kind_of<MaxEquity>, equity_kind_of<SumEquity>})
            all.push_back({kind, 0.0, regions});
    for (const Subject& subject : all) {
        CAPTURE(subject.kind);
        CAPTURE(subject.parameter);
        CAPTURE(subject.regions);
        const Footprint footprint = subject.footprint();
        EquityRule rule = EquityFunction(footprint).rule();
        rule.reserve = 1e-3;
        for (int trial = 0; trial < 6; ++trial) {
            const Values z = uniforms(random, subject.regions, 0.0, trial % 3 == 0 ? 1e3 : 1.0);
            const Values curvature = uniforms(random, subject.regions, 1e-2, 2.0);
            const Values centre = uniforms(random, subject.regions, 0.0, trial % 2 == 0 ? 12.0 : 0.1);
            const PriceModel model{z.data(), curvature.data(), centre.data()};
            Values alone(subject.regions), shared(subject.regions);
            maximise(Solo{}, rule, model, alone.data());
            run_group(3 + trial % 3, [&](FiberGroup group) { maximise(group, rule, model, shared.data()); });
            for (std::size_t g = 0; g < subject.regions; ++g)
                CHECK(shared[g] == doctest::Approx(alone[g]).epsilon(1e-12).scale(subject.weight));
        }
    }
}

// Footprints of different kinds over the same sites, some of their regions without any, and what a back end
// might tell of them.
struct Horizon {
    World world;
    std::vector<Values> limits;
    Problem problem;
    Values totals;

    Horizon(Random& random, std::size_t footprints, std::size_t regions, std::size_t first_kind)
        : world(blank(1, 1, 60)) {
        constexpr EquityKind kinds[] = {equity_kind_of<MaxEquity>, equity_kind_of<BudgetEquity>,
                                        equity_kind_of<NormEquity>, equity_kind_of<TopMeanEquity>,
                                        equity_kind_of<SumEquity>};
        world.arc(0, 0);
        for (std::size_t r = 0; r < footprints; ++r) {
            World::Burden& burden = world.burden(r == 0 ? 300.0 : 20.0);
            burden.kind = kinds[(first_kind + r) % std::size(kinds)];
            for (Index& g : burden.region) g = static_cast<Index>(below(random, regions));
            burden.history = uniforms(random, regions, 0.0, 10.0);
            burden.sensitivity = uniforms(random, regions, 0.5, 2.0);
            limits.push_back(uniforms(random, regions, 20.0, 60.0));
            if (regions > 1) limits.back()[0] = infinity;
        }
        problem = world.view();
        for (std::size_t r = 0; r < footprints; ++r) {
            Footprint& footprint = problem.footprints[r];
            footprint.parameter = 3.0;
            if (footprint.kind == equity_kind_of<BudgetEquity>) footprint.limit = limits[r];
        }
        move(random);
    }
    Horizon(const Horizon&) = delete;

    void move(Random& random) {
        const std::size_t footprints = world.burdens.size(), sites = world.sites;
        totals = uniforms(random, footprints * sites, 0.0, 60.0);
        for (std::size_t r = 0; r < footprints; ++r)
            for (std::size_t s = 0; s <= r; ++s) {  // cross terms are smaller: the model stays concave
                const Values more = uniforms(random, sites, 0.0, r == s ? 1.0 : 0.1);
                totals.insert(totals.end(), more.begin(), more.end());
            }
    }
};

TEST_CASE("steps of several members lead to the prices of one alone") {
    Random random(16);
    for (std::size_t footprints : {1, 2, 3})
        for (std::size_t regions : {1, 4, 70})
            for (std::size_t first_kind = 0; first_kind < 5; ++first_kind) {
                CAPTURE(footprints);
                CAPTURE(regions);
                CAPTURE(first_kind);
                Horizon horizon(random, footprints, regions, first_kind);
                EquityProx alone(horizon.problem);
                Copy shared(alone.state());
                const int members = 3 + static_cast<int>(first_kind % 3);
                for (int step = 0; step < 4; ++step) {
                    const double worth = uniform(random, 0.0, 1.0);
                    alone.keep_reserve(worth);
                    const double change = alone.step(horizon.totals);
                    Values changes(static_cast<std::size_t>(members));
                    run_group(members, [&](FiberGroup group) {
                        keep_reserve(group, shared.state, worth);
                        group.sync();
                        changes[static_cast<std::size_t>(group.rank())] =
                            equity_step(group, shared.state, horizon.totals.data());
                    });
                    CHECK(changes == Values(changes.size(), changes[0]));
                    CHECK(changes[0] == doctest::Approx(change).epsilon(1e-9));
                    const Values& prices = alone.site_prices();
                    const double scale = *std::max_element(prices.begin(), prices.end());
                    for (std::size_t n = 0; n < prices.size(); ++n)
                        CHECK(shared.state.site_prices[n] ==
                              doctest::Approx(prices[n]).epsilon(1e-12).scale(scale));
                    horizon.move(random);
                }
            }
}

TEST_CASE("the step as a launch: each scenario from its own totals") {
    Random random(17);
    Horizon horizon(random, 2, 4, 0);
    EquityProx first(horizon.problem), second(horizon.problem);
    const Copy states[] = {Copy(first.state()), Copy(second.state())};
    const EquityState pair[] = {states[0].state, states[1].state};
    Values totals = horizon.totals;
    totals.resize(totals.size() + 5);
    const long stride = static_cast<long>(totals.size());
    first.step(horizon.totals);
    horizon.move(random);
    second.step(horizon.totals);
    totals.insert(totals.end(), horizon.totals.begin(), horizon.totals.end());

    const int list[] = {1, 0};
    const grid::EquityStep step{list, pair, totals.data(), stride};
    for (long n : {0, 1}) step(n, Solo{}, 0);
    const std::size_t prices = first.site_prices().size();
    CHECK(Values(pair[0].site_prices, pair[0].site_prices + prices) == first.site_prices());
    CHECK(Values(pair[1].site_prices, pair[1].site_prices + prices) == second.site_prices());
    CHECK(first.site_prices() != second.site_prices());
}

// ------------------------------------------------------------------ the prox

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

TEST_CASE("the reserve costs what it may, and stays while the aim moves little") {
    World world = blank(1, 1, 2);
    world.arc(0, 0);
    world.burden(1.0).kind = equity_kind_of<BudgetEquity>;
    world.burdens[0].history = {1.0, 0.0}, world.burdens[0].sensitivity = {1.0, 2.0};
    const Values limit{5.0, infinity};
    Problem problem = world.view();
    problem.footprints[0].limit = limit;
    EquityProx prox(problem);
    const double& reserve = prox.state().terms[0].reserve;
    prox.keep_reserve(8.0);
    CHECK(reserve == 1e-3);  // no prices yet
    prox.set_region_prices({{2000.0, 0.0}});
    for (const auto& [worth, share] : {std::pair{2.0, 2.5e-4}, {1.1, 2.5e-4}, {3.9, 2.5e-4}, {0.8, 1e-4}}) {
        prox.keep_reserve(worth);
        CHECK(reserve == share);
    }
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
