// The small rules: when to stop, when to restart, how weights answer.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "algorithm/restart.hpp"
#include "algorithm/run.hpp"
#include "algorithm/termination.hpp"
#include "core/range.hpp"
#include "support.hpp"

namespace equiload::test {
namespace {

const Criteria criteria{1e-3, 100, 60.0};

Statistics with(std::int64_t iterations, double seconds, double objective, double bound, bool asked = false) {
    return {iterations, seconds, objective, bound, asked};
}

TEST_CASE("ranges: ends that belong to them, ends that do not, and no NaN") {
    constexpr Range shares{Range::above_zero, Range::below_one, "it must be above 0 and below 1"};
    for (double inside : {Range::above_zero, 0.5, std::nextafter(1.0, 0.0)}) CHECK(shares.holds(inside));
    for (double outside : {0.0, -1.0, 1.0, infinity, std::nan("")}) CHECK_FALSE(shares.holds(outside));
    constexpr Range any;
    CHECK(any.holds(-1e300));
    CHECK_FALSE(any.holds(infinity));
    CHECK_NOTHROW(shares.require("share", 0.5));
    CHECK_THROWS_WITH_AS(shares.require("share", 1.0), "share is 1.000000; it must be above 0 and below 1",
                         InputError);
}

TEST_CASE("termination: the gap decides before every limit") {
    CHECK(termination(criteria, with(5, 1, 1000, 999)) == Status::optimal);
    CHECK(termination(criteria, with(100, 99, 1000, 999, true)) == Status::optimal);
    CHECK_FALSE(termination(criteria, with(5, 1, 1000, 998.9)));
    CHECK(termination({0.0, 100, 60.0}, with(5, 1, 7, 7)) == Status::optimal);
}

TEST_CASE("termination: limits return the answer that there is") {
    CHECK_FALSE(termination(criteria, with(99, 59, 1000, 0)));
    CHECK(termination(criteria, with(100, 1, 1000, 0)) == Status::feasible);
    CHECK(termination(criteria, with(5, 60, 1000, 0)) == Status::feasible);
    CHECK(termination(criteria, with(5, 1, 1000, 0, true)) == Status::interrupted);
    CHECK(termination(criteria, with(100, 60, 1000, 0, true)) == Status::interrupted);
}

TEST_CASE("termination: without an allocation nothing is solved") {
    const Statistics none;
    CHECK_FALSE(termination(criteria, none));
    CHECK(termination(criteria, with(100, 1, infinity, 5)) == Status::unsolved);
    CHECK(termination(criteria, with(5, 99, infinity, 5)) == Status::unsolved);
    CHECK(termination(criteria, with(5, 1, infinity, 5, true)) == Status::unsolved);
}

TEST_CASE("the gap is relative to the objective, never to less than one") {
    CHECK(relative_gap(1000, 999) == doctest::Approx(1e-3));
    CHECK(relative_gap(-1000, -1001) == doctest::Approx(1e-3));
    CHECK(relative_gap(1e-6, 0) == doctest::Approx(1e-6));
}

// The iteration of the next check.
std::int64_t next(const CheckSchedule& checks, std::int64_t from) {
    while (!checks.due(from)) ++from;
    return from;
}

TEST_CASE("the next check is where the gap's decay points to, an eighth to a quarter further on") {
    CheckSchedule checks(1e-6);
    CHECK(next(checks, 1) == 32);
    checks.checked(32, infinity);  // nothing usable yet
    CHECK(next(checks, 32) == 48);
    checks.checked(800, 1.6e-3);
    CHECK(next(checks, 800) == 900);  // one gap says nothing of decay
    checks.checked(1000, 1e-3);       // far from the tolerance
    CHECK(next(checks, 1000) == 1250);
    checks.checked(2000, 1.25e-6);  // order 10: 2.3 per cent further on
    CHECK(next(checks, 2000) == 2250);
    checks.checked(2250, 1.25e-6);  // stalled
    CHECK(next(checks, 2250) == 2531);
    CheckSchedule steady(1e-6);
    steady.checked(1000, 1.6e-6);
    steady.checked(2000, 1.44e-6);
    steady.checked(4000, 1.2e-6);  // order 0.263, twice as many iterations: as far as it may
    CHECK(next(steady, 4000) == 5000);
    CheckSchedule second(1e-6);
    second.checked(1000, 6e-6);
    second.checked(2000, 1.5e-6);  // order 2: sqrt(1.5) times as many
    CHECK(next(second, 2000) == 2449);
}

struct Epoch {
    double at_start = -1, last = -1;
    bool due(double residual, double steps, double iteration = 1000) {
        return restart_due(residual, steps, iteration, at_start, last, Tuning{});
    }
};

TEST_CASE("a slot restarts when its residual has fallen enough") {
    Epoch e;
    CHECK_FALSE(e.due(100, 1));  // the first measure only sets the scale
    CHECK(e.at_start == 100);
    CHECK_FALSE(e.due(4.1, 5));  // the residual is squared: 0.2^2
    CHECK(e.due(4.0, 9));
}

TEST_CASE("a slot restarts when its residual stops falling, if it has fallen at all") {
    Epoch e;
    e.due(100, 1);
    CHECK_FALSE(e.due(90, 5));
    CHECK_FALSE(e.due(95, 9));  // rising, but above 0.8^2 of the first
    CHECK_FALSE(e.due(50, 13));
    CHECK(e.last == 50);
    CHECK(e.due(51, 17));
}

TEST_CASE("a slot restarts when its epoch has grown long") {
    Epoch e;
    e.due(100, 4, 100);
    CHECK_FALSE(e.due(99, 35, 100));
    CHECK(e.due(98, 36, 100));
}

TEST_CASE("weights follow money and distance") {
    Tuning t;
    t.money_exponent = 0.5, t.distance_exponent = 0.5, t.clip = 10;
    CHECK(weight_change(4, 1, 1, 1, 1, t) == doctest::Approx(2));  // loads disagree: trust the dual less
    CHECK(weight_change(1, 4, 1, 1, 1, t) == doctest::Approx(0.5));
    CHECK(weight_change(1, 1, 1, 16, 1, t) == doctest::Approx(2));    // DY / DX = 4
    CHECK(weight_change(1, 1, 0, 16, 1, t) == doctest::Approx(1));    // nothing moved: money alone
    CHECK(weight_change(1e6, 1, 1, 1, 1, t) == doctest::Approx(10));  // clipped
    CHECK(weight_change(1, 1e6, 1, 1, 1, t) == doctest::Approx(0.1));
    CHECK(weight_change(1, 0, 1, 1, 1, t) == doctest::Approx(10));
    CHECK(weight_change(0, 1, 1, 1, 1, t) == doctest::Approx(0.1));
}

TEST_CASE("a converged slot keeps its weight, and so does one with nothing to measure") {
    CHECK(weight_change(1e-10, 1e-11, 1, 5, 1, Tuning{}) == 1.0);
    CHECK(weight_change(0, 0, 1, 5, 0, Tuning{}) == 1.0);
    CHECK(weight_change(std::nan(""), 1, 1, 1, 1, Tuning{}) == 1.0);
}

TEST_CASE("weights stay within a range of where they started") {
    CHECK(bounded_weight(5, 1) == 5);
    CHECK(bounded_weight(1e9, 2) == 2e6);
    CHECK(bounded_weight(1e-9, 2) == 2e-6);
}

}  // namespace
}  // namespace equiload::test
