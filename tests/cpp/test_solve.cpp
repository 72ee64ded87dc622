// Whole solves: certified answers, the same bits for any team, outcomes as statuses, misuse by name.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/build_info.hpp"
#include "core/error.hpp"
#include "host/dispatch.hpp"
#include "solver/solver.hpp"
#include "support.hpp"

namespace equiload::test {
namespace {

using Values = std::vector<double>;

Solution solved(const World& world, const Settings& settings = {}, const WarmStart& start = {},
                const Control& control = {}) {
    return solve(world.view(), settings, start, control);
}

World wide(bool delays) {  // enough work for a team of several
    Shape shape;
    shape.slots = 60, shape.gateways = 20, shape.sites = 30, shape.arcs_each = 25, shape.delays = delays;
    return random_world(shape, 77);
}

TEST_CASE("a problem solved by hand") {
    // 10 y + 20 (10 - y) + 30 max(y, 10 - y): least at y = 5, where it is 300.
    World w = blank(1, 1, 2);
    w.demand = {10}, w.price = {10, 20};
    w.arc(0, 0), w.arc(0, 1);
    w.burden(30.0);
    const Solution s = solved(w);
    CHECK(s.status == Status::optimal);
    CHECK(s.objective == doctest::Approx(300).epsilon(2e-6));
    CHECK(s.lower_bound <= s.objective);
    CHECK(s.gap <= 1e-6);
    CHECK(s.prices.equity[0][0] == doctest::Approx(20).epsilon(1e-3));
    CHECK(s.totals[0][0] == doctest::Approx(5).epsilon(1e-4));
}

void same_bits_for_any_team(const World& w, const std::string& method,
                            const std::string& precision = "double") {
    Settings settings;
    settings.precision = precision;
    settings.tol = 1e-300, settings.max_iterations = 70, settings.threads = 1, settings.method = method;
    const Solution one = solved(w, settings);
    REQUIRE(one.status == Status::feasible);
    const auto same = [&](const Solution& other) {
        CHECK(other.objective == one.objective);
        CHECK(other.lower_bound == one.lower_bound);
        CHECK(other.allocation == one.allocation);
        CHECK(other.prices.energy == one.prices.energy);
        CHECK(other.prices.equity == one.prices.equity);
        CHECK(other.restarts == one.restarts);
    };
    for (int threads : {2, 3, 5}) {
        settings.threads = threads;
        const Solution other = solved(w, settings);
        CHECK(other.threads == threads);
        same(other);
    }
    for (const std::string& instructions : built_instructions()) {
        settings.instructions = instructions;
        try {
            choose_kernels(settings);
        } catch (const InputError&) {
            continue;  // not on this machine
        }
        same(solved(w, settings));
    }
}

TEST_CASE("the same bits for any number of threads and any instruction set") {
    for (const bool delays : {false, true}) {
        CAPTURE(delays);
        same_bits_for_any_team(wide(delays), "first-order");
        same_bits_for_any_team(wide(delays), "first-order", "mixed");
    }
}

TEST_CASE("the same bits from the interior point method") { same_bits_for_any_team(wide(false), "barrier"); }

TEST_CASE("reference and cpu agree within their certificates") {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
        CAPTURE(seed);
        Shape shape;
        shape.slots = 11, shape.delays = seed % 2 == 0, shape.quadratic = seed % 3 == 0;
        const World w = random_world(shape, seed);
        Settings settings;
        settings.tol = 1e-5;
        if (seed % 2 == 1) settings.method = "barrier";
        const Solution cpu = solved(w, settings);
        settings.device = "reference";
        const Solution reference = solved(w, settings);
        for (const Solution* s : {&cpu, &reference}) {
            CHECK(s->status == Status::optimal);
            CHECK(s->gap <= 1e-5);
        }
        CHECK(cpu.device == "cpu");
        CHECK(reference.device == "reference");
        CHECK(cpu.objective >= reference.lower_bound);
        CHECK(reference.objective >= cpu.lower_bound);
    }
}

TEST_CASE("what cannot fit is proven so, and named") {
    World w = blank(2, 2, 2);
    w.demand = {1, 1, 5, 1}, w.capacity = {3, 3, 3, 3};
    w.arc(0, 0), w.arc(1, 1);
    const Solution s = solved(w);
    CHECK(s.status == Status::infeasible);
    CHECK(s.infeasibility.slot == 1);
    CHECK(s.infeasibility.sites == std::vector<int>{0});
    CHECK(s.infeasibility.gateways == std::vector<int>{0});
    CHECK(s.infeasibility.energy_needed == doctest::Approx(5));
    CHECK(s.infeasibility.energy_available == doctest::Approx(3));
    CHECK(std::isinf(s.objective));
    CHECK(std::isnan(s.gap));
}

TEST_CASE("work without an arc is infeasible without prices") {
    World w = blank(2, 2, 1);
    w.demand = {0, 0, 1, 2};
    w.arc(0, 0);
    const Solution s = solved(w);
    CHECK(s.status == Status::infeasible);
    CHECK(s.infeasibility.slot == 1);
    CHECK(s.infeasibility.gateways == std::vector<int>{1});
    CHECK(s.infeasibility.prices.empty());
}

TEST_CASE("an arc that never arrives is no arc") {
    World w = random_world({}, 4);
    const Solution without = solved(w);
    for (Index j = 0; j < static_cast<Index>(w.gateways); ++j)  // slot + delay would overflow
        w.arc(j, 1, 1e-3, 0.0, std::numeric_limits<Index>::max() - j);
    const Solution with = solved(w);
    CHECK(with.status == Status::optimal);
    CHECK(with.objective == doctest::Approx(without.objective).epsilon(3e-6));
}

TEST_CASE("a warm start from the optimum is the optimum") {
    const World w = random_world({}, 9);
    const Solution first = solved(w);
    REQUIRE(first.status == Status::optimal);
    WarmStart start;
    start.allocation = first.allocation.data(), start.energy = first.prices.energy.data();
    start.equity = first.prices.equity;
    const Solution second = solved(w, {}, start);
    CHECK(second.status == Status::optimal);
    CHECK(second.iterations <= 32);
    CHECK(second.objective <= first.objective * (1 + 1e-9));
}

TEST_CASE("a warm start from another problem misleads nobody") {
    World before = random_world({}, 9), now = before;
    for (double& d : now.demand) d *= 0.2;                  // its plan serves five times too much
    for (double& p : now.price) p -= 200;                   // and would earn money with that
    for (World::Burden& b : now.burdens) b.weight *= 0.01;  // its burdens cost far too much
    const Solution first = solved(before), cold = solved(now);
    WarmStart start;
    start.allocation = first.allocation.data(), start.energy = first.prices.energy.data();
    start.equity = first.prices.equity;
    const Solution warm = solved(now, {}, start);
    CHECK(warm.status == Status::optimal);
    CHECK(warm.lower_bound <= warm.objective + 1e-9 * std::abs(warm.objective));
    CHECK(warm.objective == doctest::Approx(cold.objective).epsilon(3e-6));
}

TEST_CASE("limits and callbacks stop with the answer so far") {
    const World w = wide(false);
    Settings settings;
    settings.tol = 1e-300, settings.max_iterations = 40;
    const Solution limited = solved(w, settings);
    CHECK(limited.status == Status::feasible);
    CHECK(limited.iterations == 40);
    CHECK(limited.gap > 0);

    settings = {};
    settings.tol = 1e-300, settings.time_limit = 1e-9;
    CHECK(solved(w, settings).status == Status::feasible);

    settings = {};
    settings.tol = 1e-300, settings.method = "first-order";
    int calls = 0;
    const Solution watched =
        solved(w, settings, {}, {[&](const Progress& now) { return ++calls, now.iterations >= 48; }, {}});
    CHECK(watched.status == Status::interrupted);
    CHECK(watched.iterations == 48);
    CHECK(calls == 2);
    CHECK(solved(w, settings, {}, {{}, [] { return true; }}).status == Status::interrupted);
}

TEST_CASE("an exception in a callback reaches the caller") {
    const auto fail = [](const Progress&) -> bool { throw std::runtime_error("mine"); };
    Settings settings;
    settings.threads = 3;
    CHECK_THROWS_WITH_AS(solved(wide(false), settings, {}, {fail, {}}), "mine", std::runtime_error);
}

TEST_CASE("several solves at once do not meet") {
    const World w = wide(false);
    Settings settings;
    settings.tol = 1e-300, settings.max_iterations = 40, settings.threads = 2;
    const Solution alone = solved(w, settings);
    std::vector<Solution> together(3);
    std::vector<std::thread> callers;
    for (Solution& s : together) callers.emplace_back([&] { s = solved(w, settings); });
    for (std::thread& caller : callers) caller.join();
    for (const Solution& s : together) CHECK(s.allocation == alone.allocation);
}

TEST_CASE("a bad setting is named") {
    const World w = random_world({}, 1);
    const auto message = [&](auto change) {
        Settings settings;
        change(settings);
        try {
            solved(w, settings);
        } catch (const InputError& error) {
            return std::string(error.what()).substr(0, std::string(error.what()).find_first_of(" :"));
        }
        return std::string("accepted");
    };
    CHECK(message([](Settings& s) { s.tol = -1; }) == "tol");
    CHECK(message([](Settings& s) { s.tol = std::nan(""); }) == "tol");
    CHECK(message([](Settings& s) { s.max_iterations = 0; }) == "max_iterations");
    CHECK(message([](Settings& s) { s.time_limit = 0; }) == "time_limit");
    CHECK(message([](Settings& s) { s.time_limit = std::nan(""); }) == "time_limit");
    CHECK(message([](Settings& s) { s.threads = -1; }) == "threads");
    CHECK(message([](Settings& s) { s.device = "abacus"; }) == "device");
    CHECK(message([](Settings& s) { s.device = "cuda:9"; }) == "device");
    CHECK(message([](Settings& s) { s.instructions = "mmx"; }) == "instructions");
    CHECK(message([](Settings& s) { s.method = "guess"; }) == "method");
}

TEST_CASE("the build describes itself") {
    const BuildInfo info = build_info();
    CHECK(std::count(info.backends.begin(), info.backends.end(), "reference") == 1);
    CHECK(std::count(info.vectors.begin(), info.vectors.end(), info.vector) == 1);
    CHECK(info.lanes == 8);
    CHECK_FALSE(info.version.empty());
}

}  // namespace
}  // namespace equiload::test
