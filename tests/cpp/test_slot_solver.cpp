// One slot as a transport problem: answers worked out by hand.
#include <doctest/doctest.h>

#include <vector>

#include "core/error.hpp"
#include "online/slot_solver.hpp"

namespace equiload::test {
namespace {

using Values = std::vector<double>;
using Indices = std::vector<Index>;

constexpr double none = std::numeric_limits<double>::infinity();

// Gateway 0 reaches sites 0 and 1, gateway 1 site 0 alone.
const Indices gateway{0, 0, 1}, site{0, 1, 0};
const Values ones{1, 1, 1}, free_of_charge{0, 0, 0};

TEST_CASE("work makes way for work that has nowhere else to go") {
    SlotSolver solver(2, 2, gateway, site, ones, free_of_charge);
    const Values demand{2, 3}, capacity{4, 5}, price{1, 7};
    const SlotAnswer answer = solver.decide(demand.data(), capacity.data(), price.data());
    CHECK(answer.feasible);
    CHECK(answer.allocation == Values{1, 1, 3});
    CHECK(answer.load == Values{4, 1});
    CHECK(answer.capacity_price == Values{6, 0});  // one more unit at site 0 saves 7 - 1
    CHECK(answer.objective == 11);
    CHECK(answer.lower_bound == 11);
}

TEST_CASE("energies of gateways and sites scale work and capacity") {
    // k = alpha beta with alpha = (1, 2), beta = (3, 1).
    const Values energy{3, 1, 6};
    SlotSolver solver(2, 2, gateway, site, energy, free_of_charge);
    const Values demand{2, 1}, capacity{9, 5}, price{1, 7};
    const SlotAnswer answer = solver.decide(demand.data(), capacity.data(), price.data());
    CHECK(answer.allocation == Values{1, 1, 1});
    CHECK(answer.load == Values{9, 1});
    CHECK(answer.objective == doctest::Approx(16));
    CHECK(answer.lower_bound == doctest::Approx(16));
}

TEST_CASE("work is shed where serving it costs more") {
    SlotSolver solver(2, 2, gateway, site, ones, free_of_charge, 5);
    const Values demand{2, 3}, capacity{4, 5}, price{1, 7};
    const SlotAnswer answer = solver.decide(demand.data(), capacity.data(), price.data());
    CHECK(answer.shed[0] + answer.shed[1] == 1);
    CHECK(answer.load == Values{4, 0});
    CHECK(answer.objective == 9);
    CHECK(answer.lower_bound == 9);
}

TEST_CASE("what does not fit is said, and the next slot does not suffer from it") {
    SlotSolver solver(2, 2, gateway, site, ones, free_of_charge);
    const Values demand{2, 3}, small{2, none}, large{4, none}, price{1, 7};
    CHECK_FALSE(solver.decide(demand.data(), small.data(), price.data()).feasible);
    const SlotAnswer after = solver.decide(demand.data(), large.data(), price.data());
    SlotSolver fresh(2, 2, gateway, site, ones, free_of_charge);
    CHECK(after.feasible);
    CHECK(after.allocation == fresh.decide(demand.data(), large.data(), price.data()).allocation);
}

TEST_CASE("a cycle that gains energy is no transport problem") {
    const Indices two_gateways{0, 0, 1, 1}, two_sites{0, 1, 0, 1};
    const Values gaining{1, 1, 1, 2}, cost{0, 0, 0, 0};
    CHECK_FALSE(factor_energies(2, 2, two_gateways, two_sites, gaining).has_value());
    CHECK_THROWS_AS(SlotSolver(2, 2, two_gateways, two_sites, gaining, cost), InputError);
}

}  // namespace
}  // namespace equiload::test
