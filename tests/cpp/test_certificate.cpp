// Costs and bounds on problems solved by hand, weak duality on random ones, and proofs that nothing fits.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "core/certificate.hpp"
#include "core/repair.hpp"
#include "support.hpp"

namespace equiload::test {
namespace {

using Values = std::vector<double>;

struct Certificate {
    double cost, bound;
    Prices prices;
};

Certificate certificate(const World& world, const Values& allocation, const Values& v,
                        std::vector<Values> lambda = {}) {
    const Problem p = world.view();
    Team team(1);
    Prices prices{v, {}, std::move(lambda)};
    complete_prices(p, prices, team);
    return {evaluate(p, allocation.data(), nullptr, team).breakdown.total(), lower_bound(p, prices, team),
            prices};
}

World two_sites(double demand, double first, double second) {
    World w = blank(1, 1, 2);
    w.demand = {demand};
    w.price = {first, second};
    w.arc(0, 0), w.arc(0, 1);
    return w;
}

TEST_CASE("a full site is worth what the next one costs more") {
    World w = two_sites(10, 10, 20);
    w.capacity[0] = 6;
    const auto [cost, bound, prices] = certificate(w, {6, 4}, {20, 20});
    CHECK(cost == 140);
    CHECK(bound == 140);
    CHECK(prices.capacity == Values{10, 0});
}

TEST_CASE("energy per unit of work and arc costs count") {
    World w = two_sites(10, 10, 20);
    w.energy = {2.0, 0.5}, w.cost = {1.0, 3.0};  // 21 against 13 a unit
    const auto [cost, bound, prices] = certificate(w, {0, 10}, {10, 20});
    CHECK(cost == 130);
    CHECK(bound == 130);
}

TEST_CASE("the worst-off site is relieved until moving work costs what it saves") {
    // 10 y + 20 (10 - y) + 30 max(y, 10 - y): least at y = 5.
    World w = two_sites(10, 10, 20);
    w.burden(30.0);
    const auto [cost, bound, prices] = certificate(w, {5, 5}, {30, 30}, {{20, 10}});
    CHECK(cost == 300);
    CHECK(bound == 300);
}

TEST_CASE("history is paid for in the bound as in the cost") {
    World w = two_sites(10, 10, 20);
    w.burden(30.0).history = {4, 4};
    const auto [cost, bound, prices] = certificate(w, {5, 5}, {30, 30}, {{20, 10}});
    CHECK(cost == 420);
    CHECK(bound == 420);
}

TEST_CASE("sensitivity weighs the burden of a region") {
    // Both sites in one region of sensitivity 2: 2 * 3 USD more a MWh, wherever it is served.
    World w = two_sites(10, 10, 20);
    World::Burden& b = w.burden(3.0);
    b.region = {0, 0}, b.history = {0}, b.sensitivity = {2};
    const auto [cost, bound, prices] = certificate(w, {10, 0}, {16, 26}, {{6}});
    CHECK(cost == 160);
    CHECK(bound == 160);
}

TEST_CASE("a quadratic cost, free and at its capacity") {
    World w = blank(1, 1, 1);
    w.demand = {3}, w.quadratic = {2};
    w.arc(0, 0);
    CHECK(certificate(w, {3}, {6}).cost == 9);  // 2 * 3^2 / 2
    CHECK(certificate(w, {3}, {6}).bound == 9);
    CHECK(certificate(w, {3}, {5}).bound < 9);
    CHECK(certificate(w, {3}, {7}).bound < 9);
    w.capacity = {3};
    const auto [cost, bound, prices] = certificate(w, {3}, {10});
    CHECK(prices.capacity == Values{4});
    CHECK(bound == 9);  // capacity takes up what the price exceeds the marginal cost by
}

TEST_CASE("dropped work costs what dropping costs") {
    World w = two_sites(10, 10, 90);
    w.capacity[0] = 6, w.shed_cost = 50;
    const Problem p = w.view();
    Team team(1);
    const Values allocation{6, 0}, shed{4};
    Prices prices{{50, 90}, {}, {}};
    complete_prices(p, prices, team);
    CHECK(evaluate(p, allocation.data(), shed.data(), team).breakdown.total() == 260);
    CHECK(lower_bound(p, prices, team) == 260);
}

TEST_CASE("a delayed arc loads, and pays in, the later slot") {
    World w = blank(3, 1, 1);
    w.demand = {2, 0, 0}, w.price = {30, 20, 10};
    w.arc(0, 0), w.arc(0, 0, 1.0, 1.0, 1), w.arc(0, 0, 1.0, 1.0, 3);  // the last never arrives
    const Values allocation{0, 2, 0, 0, 0, 0, 0, 0, 0};
    const auto [cost, bound, prices] = certificate(w, allocation, {30, 20, 10});
    CHECK(cost == 42);
    CHECK(bound == 42);
    Team team(1);
    CHECK(evaluate(w.view(), allocation.data(), nullptr, team).site_load == Values{0, 2, 0});
}

TEST_CASE("every price bounds every allocation") {
    Random random(11);
    Team team(1);
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        CAPTURE(seed);
        Shape shape;
        shape.slots = 6, shape.delays = seed % 2 == 0, shape.quadratic = seed % 3 == 0;
        const World w = random_world(shape, seed);
        const Problem p = w.view();
        Values x(p.slots * p.arcs), v = uniforms(random, p.slots * p.sites, -50.0, 500.0);
        REQUIRE(Repair(p).plan(x.data(), v.data(), team).feasible);
        Prices prices{v, {}, {}};
        for (const World::Burden& b : w.burdens) {  // a point of each dual set
            Values pi = uniforms(random, b.history.size(), 0.0, 1.0);
            double sum = 0;
            for (double share : pi) sum += share;
            for (std::size_t g = 0; g < pi.size(); ++g) pi[g] *= b.weight / sum * b.sensitivity[g];
            prices.equity.push_back(pi);
        }
        complete_prices(p, prices, team);
        for (double u : prices.capacity) CHECK(u >= 0);
        const double cost = evaluate(p, x.data(), nullptr, team).breakdown.total();
        CHECK(lower_bound(p, prices, team) <= cost);
    }
}

TEST_CASE("threads change no bit of a certificate") {
    Shape shape;
    shape.slots = 150;
    const World w = random_world(shape, 5);
    const Problem p = w.view();
    Random random(6);
    const Values x = uniforms(random, p.slots * p.arcs, 0.0, 3.0);
    Prices first{uniforms(random, p.slots * p.sites, 0.0, 100.0), {}, {}}, second = first;
    Team one(1), three(3);
    const Evaluation a = evaluate(p, x.data(), nullptr, one), b = evaluate(p, x.data(), nullptr, three);
    CHECK(a.breakdown.total() == b.breakdown.total());
    CHECK(a.totals == b.totals);
    complete_prices(p, first, one), complete_prices(p, second, three);
    CHECK(lower_bound(p, first, one) == lower_bound(p, second, three));
}

TEST_CASE("prices of capacity prove that work cannot fit, in the slot where it does not") {
    World w = blank(3, 2, 2);
    w.demand = {1, 1, 3, 2, 1, 1};
    w.arc(0, 0), w.arc(1, 1, 0.5);
    w.arc(0, 1);
    w.capacity = {2, 2, 2, 1, 2, 2};  // slot 1: at least 3 + 0.5 * 2 MWh for 3
    const Problem p = w.view();
    Team team(1);
    const Values everywhere(6, 1.0);
    const auto by_slot = shortfalls(p, everywhere.data(), team);
    CHECK(by_slot[1].needed == 4.0);
    CHECK(by_slot[1].available == 3.0);
    CHECK(by_slot[1].proven());
    CHECK_FALSE(by_slot[0].proven());
    CHECK(infeasibility_ray(p, everywhere, team) == Values{0, 0, 1, 1, 0, 0});
    w.capacity[2] = 3.1;
    CHECK(infeasibility_ray(w.view(), everywhere, team).empty());
}

TEST_CASE("with delays the proof spans the horizon") {
    World w = blank(2, 1, 1);
    w.demand = {5, 2}, w.capacity = {3, 3};
    w.arc(0, 0), w.arc(0, 0, 1.0, 0.0, 1);
    Team team(1);
    CHECK(infeasibility_ray(w.view(), {1, 1}, team) == Values{1, 1});
    CHECK(infeasibility_ray(w.view(), {1, 0}, team).empty());  // the first slot alone can send work on
    w.capacity = {5, 3};
    CHECK(infeasibility_ray(w.view(), {1, 1}, team).empty());
}

}  // namespace

TEST_CASE("a burden map spreads burdens over regions, and prices back over sites") {
    const std::vector<Index> region{0, 1, 1}, start{0, 2, 3};
    const std::vector<double> share{0.25, 0.5, 2}, history{1, 0}, burden{4, 3}, price{10, 1};
    Footprint footprint;
    footprint.region = region, footprint.share_start = start, footprint.share = share;
    footprint.history = history, footprint.sensitivity = history;
    CHECK(region_totals(footprint, burden) == std::vector<double>{1 + 1, 2 + 6});
    CHECK(footprint.at_site(price, 0) == 3.0);
    CHECK(footprint.at_site(price, 1) == 2.0);
}

}  // namespace equiload::test
