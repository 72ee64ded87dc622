// Presolve is exact: what is pooled, dropped or shed comes back with the same costs, bounds and work.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/certificate.hpp"
#include "core/presolve.hpp"
#include "core/repair.hpp"
#include "support.hpp"

namespace equiload::test {
namespace {

using Values = std::vector<double>;

// Gateways 0 and 2 have the same arcs, in another order and for 4 USD more; site 1 is out of reach.
World poolable() {
    World w = blank(2, 3, 3);
    w.demand = {3, 5, 1, 0, 2, 0};
    w.price = {10, -90, 20, 30, -90, 40};
    w.arc(0, 0, 1.0, 1.0), w.arc(0, 2, 0.5, 2.0);
    w.arc(1, 0, 1.0, 1.0);
    w.arc(2, 2, 0.5, 6.0), w.arc(2, 0, 1.0, 5.0);
    w.burden(8.0).history = {0, 3, 0};
    return w;
}

TEST_CASE("gateways with the same arcs become one, sites out of reach go") {
    const World w = poolable();
    const Problem original = w.view();
    const Presolved presolved(original);
    const Problem& p = presolved.problem();
    CHECK(p.gateways == 2);
    CHECK(p.sites == 2);
    CHECK(p.arcs == 3);
    CHECK(presolved.constant() == 4.0);  // 1 unit of gateway 2, at 4 USD over its pool
    CHECK(presolved.pool(0) == std::vector<std::size_t>{0, 2});
    CHECK(presolved.original_site(1) == 2);
    CHECK(p.demand.row(0)[0] == 4.0);
    CHECK(p.demand.row(1)[0] == 0.0);
}

TEST_CASE("work of a pool is shared in proportion, and costs the same") {
    const World w = poolable();
    const Problem original = w.view();
    const Presolved presolved(original);
    const Problem& p = presolved.problem();
    Team team(1);
    Values reduced(p.slots * p.arcs), shed;
    LargeTable allocation;
    for (std::size_t a = 0; a < p.arcs; ++a)  // 1 of 4 units on the arc to site 0
        reduced[a] = p.arc_gateway[a] == 1 ? 5.0 : p.arc_site[a] == 0 ? 1.0 : 3.0;
    for (std::size_t a = 0; a < p.arcs; ++a) reduced[p.arcs + a] = p.arc_gateway[a] == 1 ? 2.0 : 0.0;
    presolved.expand(reduced, allocation, shed, team);
    CHECK(allocation == LargeTable{0.75, 2.25, 5, 0.75, 0.25, 0, 0, 2, 0, 0});
    CHECK(shed.empty());
    CHECK(presolved.restrict(allocation.data(), nullptr, team) == reduced);

    const Evaluation small = evaluate(p, reduced.data(), nullptr, team);
    const Evaluation whole = evaluate(original, allocation.data(), nullptr, team);
    CHECK(small.breakdown.total() + presolved.constant() == doctest::Approx(whole.breakdown.total()));
    CHECK(small.totals == whole.totals);
}

TEST_CASE("random problems: costs and bounds survive the way there and back") {
    Team team(2);
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        CAPTURE(seed);
        Shape shape;
        shape.delays = seed % 2 == 1, shape.quadratic = seed % 3 == 0;
        World w = random_world(shape, seed);
        for (double& cost : w.cost) cost = std::round(4 * cost) / 4;  // sums and differences are exact
        // Two gateways become twins of the first.
        for (std::size_t j : {2, 4})
            for (std::size_t k = 0; k < shape.arcs_each; ++k) {
                const std::size_t from = k, to = j * shape.arcs_each + (k + j) % shape.arcs_each;
                w.site[to] = w.site[from], w.delay[to] = w.delay[from], w.energy[to] = w.energy[from];
                w.cost[to] = w.cost[from] + 0.25 * static_cast<double>(j);
            }
        if (seed % 5 == 4) w.shed_cost = 200.0;
        const Problem original = w.view();
        const Presolved presolved(original);
        const Problem& p = presolved.problem();
        CHECK(p.gateways == (original.may_shed() ? 5 : 3));  // shedding fixes the level of the costs

        Random random(seed);
        Values x = uniforms(random, p.slots * p.arcs, 0.0, 3.0), shed;
        LargeTable allocation;
        Repair(p).serve(x.data(), team);
        presolved.expand(x, allocation, shed, team);
        const double cost = evaluate(original, allocation.data(), shed.empty() ? nullptr : shed.data(), team)
                                .breakdown.total();
        CHECK(evaluate(p, x.data(), nullptr, team).breakdown.total() + presolved.constant() ==
              doctest::Approx(cost).epsilon(1e-12));
        const Values back = presolved.restrict(allocation.data(), shed.data(), team);
        for (std::size_t k = 0; k < x.size(); ++k) CHECK(back[k] == doctest::Approx(x[k]).epsilon(1e-12));

        Prices small{uniforms(random, p.slots * p.sites, 0.0, 200.0), {}, {}}, whole;
        if (original.may_shed())  // the price of the site for dropped work is fixed at nothing
            for (std::size_t t = 0; t < p.slots; ++t) small.energy[(t + 1) * p.sites - 1] = 0.0;
        presolved.expand_prices(small.energy, whole.energy);
        const Values again = presolved.restrict_prices(whole.energy);
        CHECK(again == small.energy);
        complete_prices(p, small, team), complete_prices(original, whole, team);
        CHECK(lower_bound(p, small, team) + presolved.constant() ==
              doctest::Approx(lower_bound(original, whole, team)).epsilon(1e-12));
        for (double v : whole.energy) CHECK(std::isfinite(v));
    }
}

TEST_CASE("shedding is an arc to a site of its own") {
    World w = blank(1, 2, 1);
    w.demand = {3, 2}, w.capacity = {4};
    w.arc(0, 0), w.arc(1, 0);
    w.shed_cost = 50;
    w.burden(1.0);
    const Problem original = w.view();
    const Presolved presolved(original);
    const Problem& p = presolved.problem();
    CHECK_FALSE(p.may_shed());
    CHECK(p.sites == 2);
    CHECK(presolved.original_site(1) == original.sites);
    CHECK(p.capacity.row(0)[1] == infinity);
    Team team(1);
    Values x(p.arcs), shed;
    LargeTable allocation;
    REQUIRE(Repair(p).plan(x.data(), Values(2, 0.0).data(), team).feasible);
    presolved.expand(x, allocation, shed, team);
    CHECK(allocation[0] + allocation[1] == doctest::Approx(4));
    CHECK(shed[0] + shed[1] == doctest::Approx(1));
    const Evaluation e = evaluate(original, allocation.data(), shed.data(), team);
    CHECK(e.breakdown.shed == doctest::Approx(50));
    CHECK(e.totals[0][0] == doctest::Approx(4));
}

}  // namespace
}  // namespace equiload::test
