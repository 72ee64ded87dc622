// The grid back end on a machine of the host, pass by pass against the reference back end, and in whole
// solves: all that a CUDA device runs but its launches and copies.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "algorithm/solve.hpp"
#include "core/error.hpp"
#include "course.hpp"
#include "grid/grid_backend.hpp"
#include "host_machine.hpp"
#include "solver/solver.hpp"

namespace equiload::test {
namespace {

using Host = GridBackend<HostMachine, double>;
using MixedHost = GridBackend<HostMachine, float>;

template <class Grid>
auto on_host(Team& team, std::size_t most_bytes = std::numeric_limits<std::size_t>::max()) {
    return [&team, most_bytes](Runs runs) { return std::make_unique<Grid>(runs, team, eager(), most_bytes); };
}

void agrees(World world, int iterations = 17) {
    Setting setting(std::move(world));
    const Problem& p = setting.problem;
    BlockBackend<double> serial(p, setting.equity, reference().full, setting.team, eager());
    const Course expected = setting.play(serial, iterations);
    Passes grid(setting, on_host<Host>(setting.team));
    const Course found = setting.play(grid, iterations, expected.lambdas);
    CHECK(found.far_from(expected) <= 1e-9);
    CHECK(found.restarts == expected.restarts);
    CHECK(expected.restarts > 0);

    BlockBackend<float> serial_mixed(p, setting.equity, reference().mixed, setting.team, eager());
    const Course expected_mixed = setting.play(serial_mixed, iterations, expected.lambdas);
    Passes mixed(setting, on_host<MixedHost>(setting.team));
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

TEST_CASE("grid: rows of similar length are launched together, and all come to the same") {
    const auto check = [](const std::vector<int>& lengths, const std::vector<std::array<int, 3>>& expected) {
        const std::vector<RowClass> found = classes_of_rows(lengths, 2);
        REQUIRE(found.size() == expected.size());
        for (std::size_t k = 0; k < found.size(); ++k)
            CHECK(std::array{found[k].first, found[k].count, found[k].longest} == expected[k]);
    };
    check({0}, {{0, 1, 1}});
    check({1, 30, 32}, {{0, 3, 32}});
    check({1, 30, 33, 60, 65, 200, 200}, {{0, 2, 30}, {2, 2, 60}, {4, 3, 200}});
    check({5, 33, 70, 129, 129}, {{0, 2, 33}, {2, 3, 129}});

    Shape shape;
    shape.slots = 33, shape.gateways = 140, shape.sites = 60, shape.arcs_each = 2;
    for (bool delays : {false, true}) {
        shape.delays = delays;
        World world = random_world(shape, 7);
        for (Index j = 0; j < 140; j += 2)
            for (Index i = 0; i < (j < 70 ? 33 : 50); ++i) world.arc(j, i, 0.5 + 0.01 * i, 0.1 * i);
        agrees(std::move(world), 9);
    }
}

TEST_CASE("grid: a restart leaves a number for every slot that is summed, due or not") {
    const int scenario = 0, row[] = {0, 0};
    const Values due(Lane::width, 0.0);
    Values parts(4 * Lane::width, std::nan(""));
    BlockProblem one;
    one.slots = Lane::width, one.blocks = 1, one.gateways = 1, one.row = row;
    const grid::Restart<double> restart{{{&scenario, 1}, one, {}, {}}, due.data(), parts.data()};
    for (long n = 0; n < Lane::width; ++n) restart(n);
    CHECK(parts == Values(parts.size(), 0.0));
}

TEST_CASE("grid: iterations wait for nothing, and their kinds of passes are recorded once") {
    Setting setting(random_world({}, 5));
    struct Counting : HostMachine {
        explicit Counting(Counting** at) { *at = this; }
    };
    Counting* machine = nullptr;
    Run* const run = &setting.run;
    GridBackend<Counting, double> grid(Runs(&run, 1), setting.team, {}, &machine);
    const std::vector<int> only{0};
    grid.candidates().set_allocation(0, setting.x), grid.candidates().set_prices(0, setting.v);
    grid.iteration().start(only), grid.iteration().work_on(only, {});
    const int before = machine->synchronised;
    const auto iterate = [&](int k) {
        grid.iteration().iterate({k % 4 == 0, k % 4 == 3, k % 10 == 0, 1.0 * k});
    };
    for (int k = 1; k <= 15; ++k) iterate(k);
    CHECK(machine->synchronised == before);
    CHECK(machine->replays == 15 - 4);  // each kind runs plainly once
    iterate(16);
    CHECK(machine->synchronised == before + 1);  // never further ahead
}

struct Forgetful : HostMachine {
    template <class Body>
    std::optional<Sequence> record(Body) {
        return std::nullopt;
    }
};

TEST_CASE("grid: iterations that a machine cannot record run as they come") {
    Setting setting(random_world({}, 5));
    Run* const run = &setting.run;
    Values found[2];
    const auto iterate = [&](auto grid, Values& x) {
        const std::vector<int> only{0};
        grid.candidates().set_allocation(0, setting.x), grid.candidates().set_prices(0, setting.v);
        Iteration& iteration = grid.iteration();
        iteration.start(only), iteration.work_on(only, {});
        for (int k = 1; k <= 9; ++k) iteration.iterate({k % 4 == 0, k % 4 == 3, k == 9, 1.0 * k});
        iteration.candidate(only);
        x.resize(setting.x.size());
        grid.read_candidate(0, x.data(), Values(setting.v.size()).data());
    };
    iterate(GridBackend<HostMachine, double>(Runs(&run, 1), setting.team, {}), found[0]);
    iterate(GridBackend<Forgetful, double>(Runs(&run, 1), setting.team, {}), found[1]);
    CHECK(found[0] == found[1]);
}

TEST_CASE("grid: arrays travel piece by piece, rows that stand for every slot as well") {
    HostMachine machine;
    machine.reserve(1 << 12, 0);
    Team team(2);
    GridPort<HostMachine> port(machine, team);
    port.open(7);
    const auto there = machine.make<double>(33);
    Values sent(33);
    std::iota(sent.begin(), sent.end(), 1.0);
    port.upload(sent.data(), sent.size(), there.data());
    CHECK(port.read(there.data(), sent.size()) == sent);
    port.upload(Field{sent.data(), 0}, 11, 3, there.data());
    const Values rows = port.read(there.data(), 33);
    for (std::size_t k = 0; k < rows.size(); ++k) CHECK(rows[k] == static_cast<double>(1 + k % 3));
}

TEST_CASE("grid: what does not fit is said before anything is allocated") {
    Setting setting(random_world({}, 5));
    CHECK_THROWS_AS(Passes(setting, on_host<Host>(setting.team, 1000)), OutOfDeviceMemory);
}

struct Wide : HostMachine {
    using HostMachine::HostMachine;
    template <int, class>
    int places() const {
        return 1 << 20;
    }
};

TEST_CASE("grid: repairs have memory for the slots that there are, however many a machine could do at once") {
    Setting setting(random_world({}, 5));
    Run* const run = &setting.run;
    Team team(1);
    const std::size_t most_bytes = std::size_t{1} << 24;
    CHECK_NOTHROW(GridBackend<Wide, double>(Runs(&run, 1), team, {}, most_bytes));
}

// Solves on a grid; no scenario may need the host.
template <class B>
std::vector<Solution> solve_all(const std::vector<Scenario>& scenarios, double tol,
                                std::size_t most_bytes = std::numeric_limits<std::size_t>::max(),
                                const Control& control = {}, std::int64_t most = 3000) {
    Settings settings;
    settings.tol = tol, settings.max_iterations = most;
    const DeviceMeans means{
        "grid", [&](Runs runs, Team& team) { return std::make_unique<B>(runs, team, Tuning{}, most_bytes); },
        [](const Scenario&, const Control&, double) -> Solution {
            throw std::logic_error("sent to the host");
        }};
    return solve_on_device(scenarios, settings, control, Tuning{}, 1, means);
}

void certified(const Problem& problem, const Solution& s, double tol) {
    CHECK(s.status == Status::optimal);
    CHECK(s.gap <= tol);
    Settings settings;
    settings.tol = tol;
    const Solution expected = solve(problem, settings);
    CHECK(std::abs(s.objective - expected.objective) <= 2 * tol * std::abs(expected.objective));
}

TEST_CASE_TEMPLATE("grid: whole solves", B, Host, MixedHost) {
    for (bool delays : {false, true}) {
        CAPTURE(delays);
        Shape shape;
        shape.slots = 35, shape.delays = delays;
        World world = random_world(shape, 21);
        const auto check = [&](double tol) {
            const Problem problem = world.view();
            certified(problem, solve_all<B>({{&problem, {}}}, tol).front(), tol);
        };
        check(1e-5);
        world.shed_cost = 40.0;
        check(1e-5);
        shape.slots = 4, shape.quadratic = true;
        world = random_world(shape, 22);
        check(1e-6);
        world.burdens.clear();
        check(1e-6);
    }
}

// Worlds of one network that differ in everything that may differ.
std::vector<World> family(std::size_t count) {
    Shape shape;
    shape.slots = 9;
    std::vector<World> worlds(count, random_world(shape, 31));
    Random random(8);
    for (World& world : worlds) {
        for (double& d : world.demand) d *= uniform(random, 0.5, 1.0);
        for (double& p : world.price) p *= uniform(random, 0.5, 2.0);
        for (World::Burden& burden : world.burdens) burden.weight *= uniform(random, 0.1, 3.0);
    }
    return worlds;
}

TEST_CASE("grid: a batch has the bits of its scenarios solved alone, in any company") {
    const std::vector<World> worlds = family(5);
    std::vector<Problem> problems;
    for (const World& world : worlds) problems.push_back(world.view());
    problems[3].footprints[0].kind = equity_kind_of<SumEquity>;
    problems[4].footprints.pop_back();  // another kind: in launches of its own
    std::vector<Scenario> scenarios;
    for (const Problem& problem : problems) scenarios.push_back({&problem, {}});
    const std::vector<Solution> together = solve_all<Host>(scenarios, 1e-5);
    std::size_t fewest = 1000000, most = 0;
    for (std::size_t k = 0; k < scenarios.size(); ++k) {
        CAPTURE(k);
        certified(problems[k], together[k], 1e-5);
        const Solution alone = solve_all<Host>({scenarios[k]}, 1e-5).front();
        CHECK(alone.allocation == together[k].allocation);
        CHECK(alone.prices.energy == together[k].prices.energy);
        CHECK(alone.iterations == together[k].iterations);
        fewest = std::min(fewest, static_cast<std::size_t>(alone.iterations));
        most = std::max(most, static_cast<std::size_t>(alone.iterations));
    }
    CHECK(fewest < most);                      // some went on when others were done
    std::size_t bytes = std::size_t{1} << 24;  // as little memory as one scenario needs
    for (;; bytes = bytes * 9 / 10) try {
            solve_all<Host>({scenarios[0]}, 1e-5, bytes);
        } catch (const OutOfDeviceMemory&) {
            break;
        }
    const std::vector<Solution> apart = solve_all<Host>(scenarios, 1e-5, bytes * 10 / 9);
    for (std::size_t k = 0; k < scenarios.size(); ++k) CHECK(apart[k].allocation == together[k].allocation);
}

TEST_CASE("grid: scenarios of two networks are refused") {
    std::vector<World> worlds = family(2);
    worlds[1].cost[0] += 1;
    const Problem one = worlds[0].view(), other = worlds[1].view();
    CHECK_THROWS_AS(solve_all<Host>({{&one, {}}, {&other, {}}}, 1e-5), InputError);
}

TEST_CASE("grid: budgets, met by blends, and budgets that cannot be met") {
    Shape shape;
    shape.slots = 12, shape.footprints = 1;
    World world = random_world(shape, 5);
    Problem problem = world.view();
    const Solution free = solve_all<Host>({{&problem, {}}}, 1e-6).front();
    Values limit(free.totals[0]);
    for (double& l : limit) l *= 1.05;
    const auto heaviest = std::max_element(limit.begin(), limit.end());
    *heaviest *= 0.95;
    problem.footprints[0].kind = equity_kind_of<BudgetEquity>, problem.footprints[0].weight = 1.0;
    problem.footprints[0].limit = limit;
    const Solution limited = solve_all<Host>({{&problem, {}}}, 1e-5, 1u << 30, {}, 30000).front();
    certified(problem, limited, 1e-5);
    for (std::size_t g = 0; g < limit.size(); ++g) CHECK(limited.totals[0][g] <= limit[g] * (1 + 2e-9));
    for (double& l : limit) l *= 0.2;
    for (std::size_t g = 0; g < limit.size(); ++g)
        limit[g] = std::max(limit[g], 1.01 * world.burdens[0].history[g]);
    const Solution none = solve_all<Host>({{&problem, {}}}, 1e-5, 1u << 30, {}, 30000).front();
    CHECK(none.status == Status::infeasible);
    CHECK(none.infeasibility.energy_needed > none.infeasibility.energy_available);
    CHECK_FALSE(none.infeasibility.budget.empty());
}

TEST_CASE("grid: a warm start is taken, an interrupt and a limit leave a certified answer") {
    const World world = family(1).front();
    const Problem problem = world.view();
    const Solution cold = solve_all<Host>({{&problem, {}}}, 1e-6).front();
    const WarmStart start{cold.allocation.data(), nullptr, cold.prices.energy.data(), cold.prices.equity};
    const Solution warm = solve_all<Host>({{&problem, start}}, 1e-5).front();
    CHECK(warm.status == Status::optimal);
    CHECK(warm.iterations == 0);
    const Scenario both[] = {{&problem, start}, {&problem, {}}};
    const std::vector<Solution> mixed = solve_all<Host>({both[0], both[1]}, 1e-5);
    CHECK(mixed[0].iterations == 0);
    CHECK(mixed[0].restarts == 0);
    CHECK(mixed[1].iterations > 0);
    int checks = 0;
    const Control control{[&](const Progress& now) { return now.iterations > 0 && ++checks == 2; }, {}};
    const Solution stopped = solve_all<Host>({{&problem, {}}}, 1e-9, 1u << 30, control).front();
    CHECK(stopped.status == Status::interrupted);
    CHECK(std::isfinite(stopped.gap));
    CHECK(checks == 2);
    const Solution limited = solve_all<Host>({{&problem, {}}}, 1e-9, 1u << 30, {}, 7).front();
    CHECK(limited.status == Status::feasible);
    CHECK(limited.iterations == 7);
    CHECK(std::isfinite(limited.gap));
}

// An answer in memory that is the machine's, poisoned.
struct Answer {
    Values allocation, shed, site_load, energy, capacity;

    explicit Answer(const Problem& p)
        : allocation(p.slots * p.arcs, std::nan("")),
          shed(p.may_shed() ? p.slots * p.gateways : 0, std::nan("")),
          site_load(p.slots * p.sites, std::nan("")),
          energy(site_load),
          capacity(site_load) {}
    DeviceOutput output() {
        return {allocation.data(), shed.empty() ? nullptr : shed.data(), site_load.data(), energy.data(),
                capacity.data()};
    }
};

// A problem of the machine's own memory has the answer of the same problem on the host.
void answers_there(Problem problem, double tol) {
    Team team(1);
    Answer answer(problem);
    const Solution expected = solve_all<Host>({{&problem, {}}}, tol).front();
    const Problem here = problem;
    problem.device = 0;
    const Solution found = solve_all<Host>({{&problem, {}, answer.output()}}, tol).front();
    CHECK(found.status == Status::optimal);
    CHECK(found.allocation.empty());
    CHECK(std::ranges::equal(answer.allocation, expected.allocation));
    CHECK(answer.shed == expected.shed);
    CHECK(distance(answer.site_load, expected.site_load) <= 1e-14);
    CHECK(distance(answer.energy, expected.prices.energy) <= 1e-14);
    CHECK(distance(answer.capacity, expected.prices.capacity) <= 1e-12);
    CHECK(found.prices.equity == expected.prices.equity);
    const Evaluation checked =
        evaluate(here, answer.allocation.data(), problem.may_shed() ? answer.shed.data() : nullptr, team);
    CHECK(found.objective == doctest::Approx(checked.breakdown.total()).epsilon(1e-12));
    CHECK(found.breakdown.shed == doctest::Approx(checked.breakdown.shed).epsilon(1e-12));
    for (std::size_t r = 0; r < here.footprints.size(); ++r)
        CHECK(distance(found.totals[r], checked.totals[r]) <= 1e-12);
    CHECK(found.lower_bound == doctest::Approx(expected.lower_bound).epsilon(1e-12));
    CHECK(found.gap <= tol);
}

TEST_CASE("grid: a problem in the machine's memory is reduced, answered and certified there") {
    Shape shape;
    shape.slots = 34;
    World world = random_world(shape, 51);
    Problem problem = world.view();
    answers_there(problem, 1e-5);
    problem.footprints[1].kind = EquityKind::none;  // reported all the same
    problem.shed_cost = 30.0;
    problem.fixed_cost = 1234.5;
    answers_there(problem, 1e-5);
    shape.slots = 5, shape.quadratic = true;
    answers_there(random_world(shape, 52).view(), 1e-6);
}

TEST_CASE("grid: gateways that are pooled, rows that stand for every slot") {
    Shape shape;
    shape.slots = 34;
    World world = random_world(shape, 53);
    // Two more gateways with the arcs of the first, one a little dearer throughout.
    const auto arcs = static_cast<std::size_t>(std::count(world.gateway.begin(), world.gateway.end(), 0));
    World more = blank(world.slots, world.gateways + 2, world.sites);
    more.capacity = world.capacity, more.price = world.price, more.burdens = world.burdens;
    for (std::size_t t = 0; t < world.slots; ++t)
        for (std::size_t j = 0; j < more.gateways; ++j)
            more.demand[t * more.gateways + j] =
                world.demand[t * world.gateways + j % world.gateways] / (j >= 5 || j < 2 ? 2 : 1);
    for (std::size_t a = 0; a < world.gateway.size(); ++a)
        more.arc(world.gateway[a], world.site[a], world.energy[a], world.cost[a]);
    for (std::size_t a = 0; a < arcs; ++a) more.arc(5, world.site[a], world.energy[a], world.cost[a]);
    for (std::size_t a = 0; a < arcs; ++a) more.arc(6, world.site[a], world.energy[a], world.cost[a] + 2.0);
    Problem problem = more.view();
    CHECK(Presolved(problem).problem().gateways == 5);
    problem.capacity.stride = 0;
    answers_there(problem, 1e-5);
    problem.demand.stride = 0;
    answers_there(problem, 1e-5);
}

TEST_CASE("grid: what has no first plan is sent to the host, in the time that is left, and can be stopped") {
    World world = family(1).front();
    for (double& c : world.capacity) c = 0.01;
    const Problem problem = world.view();
    Settings settings;
    settings.time_limit = 1000;
    int heard = 0, sent = 0, scenarios_done = 0;
    const DeviceMeans means{
        "grid", [](Runs runs, Team& team) { return std::make_unique<Host>(runs, team, Tuning{}); },
        [&](const Scenario& scenario, const Control& control, double time_limit) {
            ++sent;
            CHECK(scenario.problem == &problem);
            CHECK(time_limit < settings.time_limit);
            CHECK(control.interrupt());  // heard once, it holds for all that follow
            CHECK_FALSE(control.watch);  // that of a batch counts scenarios
            return Solution{};
        }};
    const Control control{
        [&](const Progress& now) { return scenarios_done = static_cast<int>(now.iterations), false; },
        [&] { return ++heard == 1; }};
    solve_on_device({{&problem, {}}, {&problem, {}}}, settings, control, Tuning{}, 1, means);
    CHECK(sent == 2);
    CHECK(scenarios_done == 2);
}

}  // namespace
}  // namespace equiload::test
