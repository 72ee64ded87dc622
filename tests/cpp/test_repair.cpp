// Repair: tight cases made by hand, random ones, and cuts where nothing fits.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "algorithm/repair_steps.hpp"
#include "core/certificate.hpp"
#include "core/most_work.hpp"
#include "core/repair.hpp"
#include "fibers.hpp"
#include "support.hpp"

namespace equiload::test {
namespace {

using Values = std::vector<double>;
using Cells = std::vector<std::size_t>;

void near(const Values& found, const Values& expected) {
    REQUIRE(found.size() == expected.size());
    for (std::size_t k = 0; k < found.size(); ++k) {
        CAPTURE(k);
        CHECK(found[k] == doctest::Approx(expected[k]).epsilon(1e-9));
    }
}

RepairOutcome repaired(const World& world, Values& x) {
    const Problem p = world.view();
    const Values v(p.slots * p.sites, 0.0);
    Team team(1);
    return Repair(p).run(x.data(), v.data(), team);
}

RepairOutcome planned(const World& world, Values& x) {
    const Problem p = world.view();
    const Values v(p.slots * p.sites, 0.0);
    x.assign(p.slots * p.arcs, 0.0);
    Team team(1);
    return Repair(p).plan(x.data(), v.data(), team);
}

// Serves all demand within every capacity, from the data.
void check_feasible(const World& world, const Values& x) {
    const Problem p = world.view();
    Team team(1);
    const Evaluation e = evaluate(p, x.data(), nullptr, team);
    for (std::size_t k = 0; k < world.capacity.size(); ++k) {
        CAPTURE(k);
        CHECK(e.site_load[k] <= world.capacity[k] * (1 + 1e-9));
    }
    for (std::size_t t = 0; t < p.slots; ++t) {
        Values served(p.gateways);
        for (std::size_t a = 0; a < p.arcs; ++a) {
            const double work = x[t * p.arcs + a];
            CHECK(work >= 0);
            if (work > 0) CHECK(t + static_cast<std::size_t>(p.arc_delay[a]) < p.slots);
            served[static_cast<std::size_t>(p.arc_gateway[a])] += work;
        }
        for (std::size_t j = 0; j < p.gateways; ++j)
            CHECK(std::abs(served[j] - p.demand.row(t)[j]) <= 1e-13 * (1 + p.demand.row(t)[j]));
    }
}

TEST_CASE("a feasible set of one point") {
    World w = blank(1, 2, 2);
    w.demand = {4, 3}, w.capacity = {3, 4};
    w.arc(0, 0), w.arc(0, 1), w.arc(1, 0);
    Values x{4, 0, 3};
    CHECK(repaired(w, x).feasible);
    near(x, {0, 4, 3});
    CHECK(planned(w, x).feasible);
    near(x, {0, 4, 3});
}

TEST_CASE("a path over two gateways") {
    // Room is left at the third site alone, which only the second gateway reaches.
    World w = blank(1, 2, 3);
    w.demand = {2, 1}, w.capacity = {1, 1, 1};
    w.arc(0, 0), w.arc(0, 1), w.arc(1, 1), w.arc(1, 2);
    Values x{2, 0, 1, 0};
    CHECK(repaired(w, x).feasible);
    near(x, {1, 1, 0, 1});
}

TEST_CASE("a path over many gateways") {
    constexpr std::size_t length = 30;
    World w = blank(1, length, length + 1);
    w.demand.assign(length, 1.0), w.capacity.assign(length + 1, 1.0);
    w.demand[0] = 2.0;
    Values x;
    for (std::size_t j = 0; j < length; ++j) {
        w.arc(static_cast<Index>(j), static_cast<Index>(j));
        w.arc(static_cast<Index>(j), static_cast<Index>(j) + 1);
        x.push_back(w.demand[j]), x.push_back(0);
    }
    CHECK(repaired(w, x).feasible);
    check_feasible(w, x);
    CHECK(x.back() == doctest::Approx(1.0));
}

TEST_CASE("energies that differ between arcs") {
    // Work that leaves the first site frees 2 MWh a unit and needs 0.5 at the second.
    World w = blank(1, 1, 2);
    w.demand = {3}, w.capacity = {4, 0.5};
    w.arc(0, 0, 2.0), w.arc(0, 1, 0.5);
    Values x{3, 0};
    CHECK(repaired(w, x).feasible);
    near(x, {2, 1});
    w.capacity = {4, 0.49};
    x = {3, 0};
    CHECK_FALSE(repaired(w, x).feasible);
}

TEST_CASE("delays make room in a later slot, and push its work on in turn") {
    World w = blank(3, 1, 1);
    w.demand = {3, 1, 0}, w.capacity = {2, 1, 1};
    w.arc(0, 0), w.arc(0, 0, 1.0, 0.0, 1);
    Values x{3, 0, 1, 0, 0, 0};
    CHECK(repaired(w, x).feasible);
    near(x, {2, 1, 0, 1, 0, 0});
    check_feasible(w, x);
}

TEST_CASE("the cheapest of the paths is taken") {
    World w = blank(1, 1, 3);
    w.demand = {4}, w.capacity = {2, 9, 9};
    w.arc(0, 0), w.arc(0, 1, 1.0, 7.0), w.arc(0, 2, 1.0, 5.0);
    Values x{4, 0, 0};
    CHECK(repaired(w, x).feasible);
    near(x, {2, 0, 2});
}

TEST_CASE("what fits already is left alone") {
    World w = blank(1, 2, 2);
    w.demand = {4, 3}, w.capacity = {5, 5};
    w.arc(0, 0), w.arc(0, 1), w.arc(1, 0);
    Values x{1, 3, 3};
    CHECK(repaired(w, x).feasible);
    CHECK(x == Values{1, 3, 3});
}

TEST_CASE("what cannot fit is cut off, by the cells that its work cannot leave") {
    // The first two sites are short of 1 MWh; the third has room, but nothing leads there.
    World w = blank(2, 2, 3);
    w.demand = {1, 1, 5, 2}, w.capacity = {3, 3, 9, 3, 3, 9};
    w.arc(0, 0), w.arc(0, 1), w.arc(1, 1);
    Values x;
    const RepairOutcome outcome = planned(w, x);
    CHECK_FALSE(outcome.feasible);
    CHECK(outcome.cut == Cells{3, 4});  // slot 1, sites 0 and 1
    Values u(6, 0.0);
    for (std::size_t cell : outcome.cut) u[cell] = 1;
    Team team(1);
    CHECK_FALSE(infeasibility_ray(w.view(), u, team).empty());
}

TEST_CASE("a site without capacity is emptied") {
    World w = blank(1, 1, 2);
    w.demand = {4}, w.capacity = {0, 4};
    w.arc(0, 0), w.arc(0, 1);
    Values x{4, 0};
    CHECK(repaired(w, x).feasible);
    near(x, {0, 4});
}

TEST_CASE("random allocations are repaired, with the same bits for any team") {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        CAPTURE(seed);
        Shape shape;
        shape.slots = 10, shape.delays = seed % 2 == 0, shape.gateways = 8, shape.arcs_each = 3;
        World w = random_world(shape, seed);
        for (std::size_t k = 0; k < w.capacity.size(); ++k)
            if (k % w.sites == 0) w.capacity[k] = 40;  // the site for everything becomes tight
        const Problem p = w.view();
        Random random(seed);
        const Values v = uniforms(random, p.slots * p.sites, 0.0, 50.0);
        Values one = uniforms(random, p.slots * p.arcs, -2.0, 6.0);
        Team team(1), three(3);
        const Repair repair(p);
        repair.serve(one.data(), team);
        Values many = one;
        const bool fits = repair.run(one.data(), v.data(), team).feasible;
        CHECK(repair.run(many.data(), v.data(), three).feasible == fits);
        CHECK(one == many);
        Values plan(one.size());
        CHECK(repair.plan(plan.data(), v.data(), team).feasible == fits);
        if (fits) check_feasible(w, one), check_feasible(w, plan);
    }
}

// What Repair::run or plan does, window by window, by a group.
RepairOutcome repaired_by(int members, const SlotProblem& m, Values& x, const Values& v, bool fill) {
    const auto cells = static_cast<std::size_t>(m.slots * m.sites);
    std::vector<std::byte> memory(static_cast<std::size_t>(RepairScratch::bytes(m, members)),
                                  std::byte{0xff});
    const RepairScratch scratch = RepairScratch::on(memory.data(), m, members);
    std::vector<RepairOutcome> seen(static_cast<std::size_t>(members));
    const auto serve = [&](const FiberGroup& g) {
        for (int t = 0; t < m.slots; ++t) serve_slot(g, m, x.data() + t * m.arcs, t);
    };
    run_group(members, [&](const FiberGroup& g) {
        RepairOutcome& outcome = seen[static_cast<std::size_t>(g.rank())];
        if (!fill) serve(g);
        for (int first = 0; first < m.slots; first += m.horizon) {
            const int last = first + m.horizon;
            if (repair_window(g, m, x.data(), v.data(), scratch, first, last, fill)) continue;
            if (outcome.feasible)
                for (int c = 0; c < m.horizon * m.sites; ++c)
                    if (scratch.reached[c])
                        outcome.cut.push_back(static_cast<std::size_t>(first * m.sites + c));
            outcome.feasible = false;
            g.sync();  // the next window needs the memory
        }
        serve(g);
    });
    for (const RepairOutcome& other : seen) {
        CHECK(other.feasible == seen[0].feasible);
        CHECK(other.cut == seen[0].cut);
    }
    for (std::size_t cell : seen[0].cut) CHECK(cell < cells);
    return seen[0];
}

TEST_CASE("a group repairs as one thread does, to the bit") {
    for (std::uint64_t seed = 0; seed < 24; ++seed) {
        CAPTURE(seed);
        Shape shape;
        shape.slots = 6, shape.delays = seed % 2 == 0, shape.gateways = 9, shape.arcs_each = 6;
        World w = random_world(shape, seed);
        Random random(seed);
        const double scarcity = uniform(random, 0.05, 0.3);
        for (std::size_t k = 0; k < w.capacity.size(); ++k)
            w.capacity[k] = k % w.sites == 0 ? uniform(random, 5.0, 30.0) : w.capacity[k] * scarcity;
        if (seed % 4 == 0) w.cost.assign(w.cost.size(), 0.0);
        const Problem p = w.view();
        const Values v = seed % 4 < 2 ? Values(p.slots * p.sites, 0.0)  // many paths cost the same
                                      : uniforms(random, p.slots * p.sites, 0.0, 50.0);
        const Values start = uniforms(random, p.slots * p.arcs, -2.0, 6.0);
        const Repair repair(p);
        Team team(1);
        for (bool fill : {false, true}) {
            CAPTURE(fill);
            Values alone = start, together = start;
            const RepairOutcome expected =
                fill ? repair.plan(alone.data(), v.data(), team) : repair.run(alone.data(), v.data(), team);
            const int members = 3 + static_cast<int>(seed % 3);
            const RepairOutcome found = repaired_by(members, repair.by_slot(), together, v, fill);
            if (fill &&
                !found.feasible) {  // a plan that repairs do not find, others may, or prove that none is
                if (expected.feasible) check_feasible(w, alone);
                CHECK(expected.feasible == expected.prices.empty());
                continue;
            }
            CHECK(found.feasible == expected.feasible);
            CHECK(found.cut == expected.cut);
            CHECK(together == alone);
            if (found.feasible) check_feasible(w, together);
        }
    }
}

TEST_CASE("nothing is left in cells that are closed") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        CAPTURE(seed);
        Shape shape;
        shape.slots = 3, shape.delays = seed % 2 == 0;
        World w = random_world(shape, seed);
        Random random(seed);
        for (std::size_t k = 0; k < w.capacity.size(); ++k)  // the first site stays open for all
            if (k % w.sites > 0 && below(random, 2) == 0) w.capacity[k] = 0;
        for (std::size_t k = 0; k < w.demand.size(); ++k) w.demand[k] *= k % 3 == 0 ? 1e-9 : 1.0;
        const Problem p = w.view();
        Values x = uniforms(random, p.slots * p.arcs, -2.0, 6.0);
        CHECK(repaired(w, x).feasible);
        check_feasible(w, x);
        for (std::size_t t = 0; t < p.slots; ++t)
            for (std::size_t a = 0; a < p.arcs; ++a) {
                const std::size_t at = t + static_cast<std::size_t>(p.arc_delay[a]);
                if (at < p.slots && p.capacity.row(at)[p.arc_site[a]] == 0) CHECK(x[t * p.arcs + a] == 0);
            }
    }
}

TEST_CASE("serve: no negative work, nothing past the horizon, every row sums to its demand") {
    World w = blank(2, 2, 1);
    w.demand = {3, 0, 2, 1};
    w.arc(0, 0), w.arc(0, 0, 1.0, 0.0, 1), w.arc(1, 0), w.arc(1, 0);
    Values x{2.5, -1.0, 0.25, -0.25, 0.5, 1.5, 0.5, 0.5};
    Team team(1);
    const Problem p = w.view();
    Repair(p).serve(x.data(), team);
    CHECK(x == Values{3, 0, 0, 0, 2, 0, 0.5, 0.5});
}

TEST_CASE("serve: a plan for much more work keeps its proportions") {
    World w = blank(1, 1, 3);
    w.demand = {2};
    w.arc(0, 0), w.arc(0, 1), w.arc(0, 2);
    Values x{8, 8, 4};
    Team team(1);
    const Problem p = w.view();
    Repair(p).serve(x.data(), team);
    near(x, {0.8, 0.8, 0.4});
    CHECK(x[0] + x[1] + x[2] == 2);
    x = {1e-300, 1e308, 1e308};
    w.demand[0] = 0;
    Repair(p).serve(x.data(), team);
    CHECK(x == Values{0, 0, 0});
}

TEST_CASE("work without an arc that ends in time is stranded") {
    World w = blank(3, 3, 1);
    w.demand = {1, 1, 0, 1, 1, 0, 1, 0, 1};  // the third gateway has no arcs
    w.arc(0, 0), w.arc(0, 0, 1.0, 0.0, 2), w.arc(1, 0, 1.0, 0.0, 2);
    CHECK(Repair(w.view()).stranded() == Cells{4, 8});  // slot 1 gateway 1, slot 2 gateway 2
    w.demand[4] = w.demand[8] = 0;
    CHECK(Repair(w.view()).stranded().empty());
}

TEST_CASE("work that draws unlike energies at its sites fits, or prices prove that it does not") {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        CAPTURE(seed);
        Shape shape;
        shape.slots = 1, shape.delays = false, shape.gateways = 5, shape.arcs_each = 3;
        World w = random_world(shape, seed);
        for (std::size_t a = 0; a < w.energy.size(); ++a)
            w.energy[a] = 0.5 + 0.1 * static_cast<double>((7 * a + seed) % 13);
        for (std::size_t k = 0; k < w.capacity.size(); ++k)
            w.capacity[k] = 3 + static_cast<double>((k + seed) % 4);
        Values x(w.view().arcs);
        // How much of the work fits, by bisection; then a little less, and a little more.
        double low = 0, high = 1;
        const Values demand = w.demand;
        const auto fits = [&](double share) {
            for (std::size_t k = 0; k < demand.size(); ++k) w.demand[k] = share * demand[k];
            return serve_most(w.view(), 0, 1, x.data()).all;
        };
        while (fits(high)) high *= 2;
        for (int n = 0; n < 60; ++n) (fits((low + high) / 2) ? low : high) = (low + high) / 2;
        REQUIRE(fits(low * (1 - 1e-9)));
        check_feasible(w, x);
        REQUIRE_FALSE(fits(low * (1 + 1e-9)));
        Team team(1);
        CHECK_FALSE(infeasibility_ray(w.view(), serve_most(w.view(), 0, 1, x.data()).prices, team).empty());
    }
}

}  // namespace
}  // namespace equiload::test
