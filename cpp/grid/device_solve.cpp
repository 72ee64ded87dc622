#include "grid/device_solve.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <tuple>
#include <utility>

#include "algorithm/first_order.hpp"
#include "algorithm/solve.hpp"
#include "core/error.hpp"
#include "core/repair.hpp"
#include "grid/machine.hpp"

namespace equiload {

namespace {

// Scenarios of one kind can be solved by the same launches: where they lie, quadratic costs or not, what
// shedding costs, how many footprints there are, those with a price, which of these are budgets, and their
// regions.
using Kind = std::tuple<int, bool, double, std::vector<std::size_t>>;

Kind kind_of(const Run& run) {
    std::vector<std::size_t> priced{run.reduced.footprints.size()};
    for (std::size_t r = 0; r < run.equity.footprints(); ++r) {
        const Footprint& footprint = run.reduced.footprints[run.equity.footprint(r)];
        priced.push_back(run.equity.footprint(r));
        priced.push_back(footprint.limited());
        priced.push_back(footprint.regions());
    }
    const Problem& original = *run.scenario.problem;
    return {original.device, static_cast<bool>(run.reduced.quadratic), original.shed_cost, priced};
}

// What the host would have read in the fields of a problem on a device.
void read_work(Run& run, const std::vector<double>& work) {
    const Problem& original = *run.scenario.problem;
    run.constant = run.presolved.constant(work);
    std::vector<bool> served(work.size(), original.may_shed());
    for (Index j : original.arc_gateway) served[static_cast<std::size_t>(j)] = true;
    for (std::size_t j = 0; j < work.size(); ++j)
        if (work[j] > 0 && !served[j]) run.stranded.push_back(j);
}

// Solves runs of one kind, as many at a time as fit into the device's memory. Those without a first plan are
// left without a status.
void solve_together(std::span<Run* const> runs, const Settings& settings, const Tuning& tuning, Team& team,
                    const DeviceMeans& means, Watch& watch, const std::function<void()>& finished) {
    std::unique_ptr<DeviceBackend> backend;
    try {
        backend = means.make(runs, team);
    } catch (const OutOfDeviceMemory&) {
        if (runs.size() == 1) throw;
        const std::size_t half = runs.size() / 2;
        for (const auto part : {runs.first(half), runs.subspan(half)})
            solve_together(part, settings, tuning, team, means, watch, finished);
        return;
    }
    const int count = static_cast<int>(runs.size());
    const auto run = [&](int s) -> Run& { return *runs[static_cast<std::size_t>(s)]; };
    for (int s = 0; s < count; ++s)
        if (run(s).scenario.problem->device >= 0) read_work(run(s), backend->work(s));
    const Criteria criteria{settings.tol, settings.max_iterations, settings.time_limit};
    Solve solve(runs, backend->candidates(), criteria, watch, team, finished);
    solve.begin();
    FirstOrder method(runs, backend->iteration(), tuning, settings.tol);
    std::vector<int> open;
    for (int s = 0; s < count; ++s) {
        if (!run(s).planned || !run(s).stranded.empty()) continue;
        run(s).now.seconds = watch.seconds();
        if (run(s).settle(criteria))
            finished();  // a warm start may be good enough
        else
            open.push_back(s);
    }
    solve.iterate(method, open);
    for (int s = 0; s < count; ++s) {
        if (!run(s).status) continue;
        solve.answer(s, team);
        if (run(s).now.iterations > 0)
            run(s).solution.restarts = static_cast<std::int64_t>(backend->iteration().restarts(s));
    }
}

bool one_network(const Problem& a, const Problem& b) {
    return a.slots == b.slots && a.gateways == b.gateways && a.sites == b.sites &&
           std::ranges::equal(a.arc_gateway, b.arc_gateway) && std::ranges::equal(a.arc_site, b.arc_site) &&
           std::ranges::equal(a.arc_delay, b.arc_delay) && std::ranges::equal(a.arc_energy, b.arc_energy) &&
           std::ranges::equal(a.arc_cost, b.arc_cost);
}

}  // namespace

std::vector<Solution> solve_on_device(const std::vector<Scenario>& scenarios, const Settings& settings,
                                      const Control& control, const Tuning& tuning, int threads,
                                      const DeviceMeans& means) {
    const auto start = Clock::now();
    const bool single = scenarios.size() == 1;
    bool stop = false;
    const Control own{single ? control.watch : Callback(),
                      [&] { return stop = stop || (control.interrupt && control.interrupt()); }};
    Watch watch(own, start, settings.time_limit);
    std::int64_t done = 0;
    const auto finished = [&] {
        ++done;
        if (!single && control.watch && control.watch({done, watch.seconds(), 0, 0, 0})) stop = true;
    };
    Team team(threads);
    std::deque<Run> runs;
    std::map<Kind, std::vector<Run*>> by_kind;
    for (const Scenario& scenario : scenarios) {
        if (!one_network(*scenario.problem, *scenarios.front().problem))
            throw InputError("scenarios on a device must have one network");
        Run& run = runs.emplace_back(scenario);
        const bool there = scenario.problem->device >= 0;
        const bool served = there || Repair(run.reduced).stranded().empty();
        if (served && !has_burden_map(*scenario.problem)) by_kind[kind_of(run)].push_back(&run);
    }
    for (const auto& [kind, alike] : by_kind)
        solve_together(alike, settings, tuning, team, means, watch, finished);

    std::vector<Solution> solutions;
    for (Run& run : runs) {
        if (!run.status) {
            const double left = std::max(1e-9, settings.time_limit - watch.seconds());
            run.solution = means.on_host(run.scenario, own, left);
            finished();
        } else {
            run.solution.device = means.name, run.solution.method = "first-order";
            run.solution.threads = team.size();
            run.solution.seconds = watch.seconds();
        }
        solutions.push_back(std::move(run.solution));
    }
    return solutions;
}

}  // namespace equiload
