// The grid back end on a machine of the host, pass by pass against the reference back end, and in whole
// solves: all that a CUDA device runs but its launches and copies.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "course.hpp"
#include "equiload/algorithm/solve.hpp"
#include "grid_backend.hpp"
#include "host_machine.hpp"

namespace equiload::test {
namespace {

using Host = GridBackend<HostMachine, double>;
using MixedHost = GridBackend<HostMachine, float>;

void agrees(World world, int iterations = 17) {
    Setting setting(std::move(world));
    const Problem& p = setting.problem;
    BlockBackend<double> serial(p, setting.equity, reference().full, setting.team, eager());
    const Course expected = setting.play(serial, iterations);
    Host grid(p, setting.equity, setting.team, eager());
    const Course found = setting.play(grid, iterations, expected.lambdas);
    CHECK(found.far_from(expected) <= 1e-9);
    CHECK(found.restarts == expected.restarts);
    CHECK(expected.restarts > 0);

    BlockBackend<float> serial_mixed(p, setting.equity, reference().mixed, setting.team, eager());
    const Course expected_mixed = setting.play(serial_mixed, iterations, expected.lambdas);
    MixedHost mixed(p, setting.equity, setting.team, eager());
    const Course found_mixed = setting.play(mixed, iterations, expected.lambdas);
    // Here the energy of every arc is rounded on its way, there only that of delayed ones.
    CHECK(found_mixed.far_from(expected_mixed) <= 1e-4);
}

TEST_CASE("grid: any number of slots") {
    each_kind({1, 31, 32, 33, 100}, [](World world) { agrees(std::move(world)); });
}

TEST_CASE("grid: one gateway and many, one site and many") {
    for (std::size_t gateways : {1, 2, 70})
        for (std::size_t sites : {2, 3, 80}) {
            CAPTURE(gateways);
            CAPTURE(sites);
            Shape shape;
            shape.slots = 33, shape.gateways = gateways, shape.sites = sites, shape.arcs_each = 5;
            shape.delays = gateways == 70;
            agrees(random_world(shape, 11 * gateways + sites), 9);
        }
}

TEST_CASE("grid: no demand, closed sites, gateways without arcs, slots past the horizon") {
    Shape shape;
    shape.slots = 40, shape.gateways = 6, shape.delays = true;
    World w = random_world(shape, 3);
    for (std::size_t t = 0; t < w.slots; ++t) {
        w.capacity[t * w.sites + 2] = 0.0;
        w.demand[t * w.gateways + 3] = 0.0;
        if (t % 3 == 0) std::fill_n(w.demand.begin() + static_cast<long>(t * w.gateways), w.gateways, 0.0);
    }
    World bare = blank(w.slots, w.gateways + 2, w.sites);  // the first and the last gateway have no arcs
    bare.capacity = w.capacity, bare.price = w.price, bare.burdens = w.burdens;
    for (std::size_t t = 0; t < w.slots; ++t)
        std::copy_n(w.demand.begin() + static_cast<long>(t * w.gateways), w.gateways,
                    bare.demand.begin() + static_cast<long>(t * bare.gateways + 1));
    for (std::size_t a = 0; a < w.gateway.size(); ++a)
        bare.arc(w.gateway[a] + 1, w.site[a], w.energy[a], w.cost[a], a == 5 ? 1000 : w.delay[a]);
    agrees(std::move(bare));
}

TEST_CASE("grid: an iteration waits for the machine once, and records its kinds of passes once") {
    Setting setting(random_world({}, 5));
    struct Counting : HostMachine {
        explicit Counting(Counting** at) { *at = this; }
    };
    Counting* machine = nullptr;
    GridBackend<Counting, double> grid(setting.problem, setting.equity, setting.team, {}, &machine);
    const Values lambda = setting.equity.site_prices();
    grid.start(setting.x.data(), setting.v.data(), lambda);
    grid.begin(lambda);
    const int before = machine->synchronised;
    for (int k = 1; k <= 20; ++k) grid.iterate(lambda, {k % 4 == 0, k % 4 == 3, k % 10 == 0, 1.0 * k});
    CHECK(machine->synchronised - before == 20);
    CHECK(machine->replays == 20 - 5);  // each kind runs plainly once
}

TEST_CASE("grid: what does not fit is said before anything is allocated") {
    Setting setting(random_world({}, 5));
    CHECK_THROWS_AS(Host(setting.problem, setting.equity, setting.team, Tuning{}, std::size_t{1000}),
                    std::runtime_error);
}

template <class B>
void solves(const World& world, double tol) {
    const Problem problem = world.view();
    Team team(1);
    EquityProx equity(problem);
    const Repair repair(problem);
    Examiner examiner(problem, repair, 0.0, team);
    Values v(problem.slots * problem.sites), x(problem.slots * problem.arcs);
    for (std::size_t t = 0; t < problem.slots; ++t)
        std::copy_n(problem.price.row(t), problem.sites, v.data() + t * problem.sites);
    REQUIRE(repair.plan(x.data(), v.data(), team).feasible);
    B backend(problem, equity, team, Tuning{});
    backend.start(x.data(), v.data(), equity.site_prices());
    examiner.consider_allocation(x);
    Statistics now;
    const Criteria criteria{tol, 3000, infinity};
    const auto watch = [](const Statistics&, bool) { return false; };
    const Status status =
        iterate_to_tolerance(backend, equity, examiner, criteria, Tuning{}, problem, watch, now);
    CHECK(status == Status::optimal);
    CHECK(relative_gap(now.objective, now.lower_bound) <= tol);
}

TEST_CASE_TEMPLATE("grid: whole solves", B, Host, MixedHost) {
    for (bool delays : {false, true}) {
        CAPTURE(delays);
        Shape shape;
        shape.slots = 35, shape.delays = delays;
        solves<B>(random_world(shape, 21), 1e-5);
        shape.slots = 4, shape.quadratic = true;
        solves<B>(random_world(shape, 22), 1e-6);
    }
}

}  // namespace
}  // namespace equiload::test
