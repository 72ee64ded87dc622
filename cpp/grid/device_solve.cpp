#include "grid/device_solve.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "algorithm/solve.hpp"
#include "core/answer.hpp"

namespace equiload {

namespace {

// A scenario on its way.
struct Run {
    const Scenario& scenario;
    const Presolved presolved;
    const Problem& reduced;
    EquityProx equity;
    Budgets budgets;
    CheckSchedule checks;
    Stall stall;
    bool careful;  // takes many inner steps
    Standing best;
    std::vector<std::vector<double>> best_equity;  // prices of the best bound, [footprint][region]
    Statistics now;
    std::optional<Status> status;
    bool stranded = false;    // work that no arc serves
    std::vector<double> ray;  // a proof that the budgets cannot all be kept, and its prices of them
    std::vector<std::vector<double>> budget_ray;
    double setup_seconds = 0;
    double constant = 0;  // cost that presolve took out of the problem
    Solution solution;

    Run(const Scenario& from, double tol)
        : scenario(from),
          presolved(*from.problem),
          reduced(presolved.problem()),
          equity(reduced),
          budgets(reduced),
          checks(tol),
          careful(!equity.bounded()),
          constant(presolved.constant()) {
        if (!from.start.equity.empty()) equity.set_region_prices(from.start.equity);
    }

    // Scenarios of one kind can be solved by the same launches: where they lie, quadratic costs or not, what
    // shedding costs, how many footprints there are, those with a price, which of these are budgets, and
    // their regions.
    using Kind = std::tuple<int, bool, double, std::vector<std::size_t>>;
    Kind kind() const {
        std::vector<std::size_t> priced{reduced.footprints.size()};
        for (std::size_t r = 0; r < equity.footprints(); ++r) {
            const Footprint& footprint = reduced.footprints[equity.footprint(r)];
            priced.push_back(equity.footprint(r));
            priced.push_back(footprint.kind == EquityKind::budget);
            priced.push_back(footprint.regions());
        }
        return {scenario.problem->device, static_cast<bool>(reduced.quadratic), scenario.problem->shed_cost,
                priced};
    }

    std::vector<std::vector<double>> equity_prices(const Report& report) const {
        std::vector<std::vector<double>> prices;
        for (std::size_t r = 0; r < report.pi.size(); ++r) {
            prices.resize(equity.footprint(r));
            prices.push_back(report.pi[r]);
            const Footprint& footprint = reduced.footprints[equity.footprint(r)];
            for (std::size_t g = 0; g < prices.back().size(); ++g)
                prices.back()[g] *= footprint.sensitivity[g];
        }
        return prices;
    }

    Budgets::Totals totals(const Report& report) const {
        Budgets::Totals totals;
        for (const Footprint& footprint : reduced.footprints)
            totals.emplace_back(footprint.history.begin(), footprint.history.end());
        for (std::size_t r = 0; r < equity.footprints(); ++r)
            totals[equity.footprint(r)] = region_totals(reduced.footprints[equity.footprint(r)],
                                                        report.burden.data() + r * reduced.sites);
        return totals;
    }

    // Of a budget that is exceeded the cost is infinite, or left out.
    double cost(const Report& report, const Budgets::Totals& totals, bool exceeded = true) const {
        Breakdown sum;
        sum.energy = report.energy, sum.arc = report.arc, sum.quadratic = report.quadratic;
        sum.fixed = reduced.fixed_cost;
        equity_cost(reduced, totals, sum.equity);
        for (double& term : sum.equity)
            if (!exceeded && std::isinf(term)) term = 0;
        return sum.total() + constant;
    }
};

// Scenarios that are solved by the same launches.
class Fleet {
 public:
    using List = std::vector<int>;

    Fleet(std::span<Run* const> runs, const Settings& settings, const Tuning& tuning, Team& team,
          const DeviceMeans& means)
        : runs_(runs.begin(), runs.end()), settings_(settings), tuning_(tuning), team_(team) {
        std::vector<DeviceScenario> scenarios;
        for (const Run* run : runs_)
            scenarios.push_back({run->scenario.problem, &run->presolved, &run->equity});
        backend_ = means.make(scenarios, team);
        for (std::size_t s = 0; s < runs_.size(); ++s)
            if (runs_[s]->scenario.problem->device >= 0) read_work(*runs_[s], static_cast<int>(s));
    }

    // Scenarios without a first plan are left without a status. `finished` is called as each gets one.
    void solve(Watch& watch, const Criteria& criteria, const std::function<void()>& finished) {
        List active = begin();
        for (int s : active) {
            run(s).setup_seconds = run(s).now.seconds = watch.seconds();
            if (settle(s, criteria)) finished();  // a warm start may be good enough
        }
        active = list(active, [&](int s) { return !run(s).status; });
        if (active.empty()) return;
        for (int s : active) keep_reserve(s);
        backend_->start(active);
        backend_->begin(active);
        work_on(active);
        Statistics clock;
        while (!active.empty()) {
            const std::int64_t k = ++clock.iterations;
            const bool last = k >= criteria.max_iterations || watch(clock, false);
            const List due = list(active, [&](int s) { return last || run(s).checks.due(k); });
            Pass pass;
            pass.decide = k % tuning_.decide_every == 0;
            pass.measure = (k + 1) % tuning_.decide_every == 0;
            pass.keep = !due.empty();
            backend_->iterate(pass);
            for (int s : active) run(s).now.iterations = k;
            if (due.empty()) {
                if (k % most_queued == 0) backend_->wait();  // or the clock would run ahead of the device
                continue;
            }
            backend_->candidate(due);
            examine(due);
            for (int s : due) {
                checked(s, clock, watch, criteria, last);
                if (run(s).status) finished();
            }
            const bool changed = start_over(due) | drop_finished(active);
            if (changed && !active.empty()) work_on(active);
        }
    }

    // The answer of a scenario that has a status.
    void answer(int s, Solution& solution) {
        Run& own = run(s);
        solution.status = *own.status;
        solution.iterations = own.now.iterations;
        solution.setup_seconds = own.setup_seconds;
        if (own.now.iterations > 0) solution.restarts = static_cast<std::int64_t>(backend_->restarts(s));
        if (solution.status == Status::infeasible) {
            solution.infeasibility = describe_budgets(own.presolved, own.ray, own.budget_ray, team_);
            solution.objective = solution.lower_bound = std::numeric_limits<double>::infinity();
            solution.gap = std::numeric_limits<double>::quiet_NaN();
        } else if (solution.status != Status::unsolved) {
            if (own.scenario.problem->device >= 0) return answer_there(s, solution);
            const std::size_t numbers = own.reduced.slots * own.reduced.arcs;
            const auto allocation = std::make_unique_for_overwrite<double[]>(numbers);
            Prices prices;
            prices.energy.resize(own.reduced.slots * own.reduced.sites);
            prices.equity = own.best_equity;
            backend_->read_allocation(s, allocation.get());
            backend_->read_prices(s, true, prices.energy.data());
            certify(*own.scenario.problem, own.presolved, {allocation.get(), numbers}, prices, team_,
                    solution);
            check_status(solution);
        }
    }

 private:
    static constexpr std::int64_t most_queued = 16;

    static std::size_t at(int s) { return static_cast<std::size_t>(s); }
    Run& run(int s) const { return *runs_[at(s)]; }

    template <class Choose>
    static List list(const List& among, Choose choose) {
        List chosen;
        std::copy_if(among.begin(), among.end(), std::back_inserter(chosen), choose);
        return chosen;
    }

    // The tolerance holds for the certificate in the caller's terms.
    void check_status(Solution& solution) const {
        if (solution.status == Status::optimal && !(solution.gap <= settings_.tol))
            solution.status = Status::feasible;
    }

    // What the host would have read in the fields of a problem on a device.
    void read_work(Run& run, int s) {
        const std::vector<double> work = backend_->work(s);
        run.constant = run.presolved.constant(work);
        std::vector<bool> served(work.size(), run.scenario.problem->may_shed());
        for (Index j : run.scenario.problem->arc_gateway) served[at(j)] = true;
        for (std::size_t j = 0; j < work.size(); ++j) run.stranded |= work[j] > 0 && !served[j];
    }

    void answer_there(int s, Solution& solution) {
        const Run& own = run(s);
        const Problem& problem = *own.scenario.problem;
        const Report report = backend_->answer(s, own.best_equity, own.scenario.output);
        for (std::size_t r = 0; r < problem.footprints.size(); ++r)
            solution.totals.push_back(
                region_totals(problem.footprints[r], report.burden.data() + r * problem.sites));
        Breakdown& costs = solution.breakdown;
        costs.arc = report.arc, costs.energy = report.energy, costs.quadratic = report.quadratic;
        costs.shed = problem.may_shed() ? problem.shed_cost * report.shed : 0.0;
        costs.fixed = problem.fixed_cost;
        equity_cost(problem, solution.totals, costs.equity);
        solution.prices.equity = own.best_equity;
        solution.objective = costs.total();
        solution.lower_bound = report.bound + bound_apart(problem, own.best_equity);
        solution.gap = relative_gap(solution.objective, solution.lower_bound);
        check_status(solution);
    }

    // First prices and first plans. The scenarios that have one.
    List begin() {
        List all(runs_.size()), cold, warm;
        for (int s = 0; s < static_cast<int>(all.size()); ++s) {
            all[at(s)] = s;
            const Run& own = run(s);
            const WarmStart& start = own.scenario.start;
            const std::size_t cells = own.scenario.problem->slots * own.scenario.problem->sites;
            if (start.energy)
                backend_->set_prices(
                    s, own.presolved.restrict_prices({start.energy, start.energy + cells}).data());
            else
                cold.push_back(s);
            if (!start.allocation) continue;
            backend_->set_allocation(s, own.presolved.restrict(start.allocation, start.shed, team_).data());
            warm.push_back(s);
        }
        backend_->price_at_cost(cold);
        backend_->bound(all);
        backend_->wait();
        consider_prices(all);
        backend_->repair(warm);
        offer(warm);
        const List without = list(all, [&](int s) { return std::isinf(run(s).best.objective); });
        backend_->plan(without);
        offer(without);
        return list(all, [&](int s) { return backend_->report(s).failed == 0 && !run(s).stranded; });
    }

    void work_on(const List& active) {
        backend_->work_on(active, list(active, [&](int s) { return run(s).careful; }));
    }

    bool drop_finished(List& active) const {
        return std::erase_if(active, [&](int s) { return run(s).status.has_value(); }) > 0;
    }

    // Those that have stalled, with many inner steps from now on.
    bool start_over(const List& due) {
        bool any = false;
        for (int s : due) {
            Run& own = run(s);
            if (own.status || own.careful || !own.stall.found(own.now.iterations, own.best.gap())) continue;
            own.careful = any = true;
            own.equity.set_region_prices(own.best_equity);
            backend_->start_over(s, own.equity);
        }
        return any;
    }

    // Is this scenario done?
    bool settle(int s, const Criteria& criteria) {
        Run& own = run(s);
        own.now.objective = own.best.objective, own.now.lower_bound = own.best.lower_bound;
        own.status = termination(criteria, own.now);
        return own.status.has_value();
    }

    void checked(int s, const Statistics& clock, Watch& watch, const Criteria& criteria, bool last) {
        Run& own = run(s);
        if (own.status) return;  // infeasible
        own.now.objective = own.best.objective, own.now.lower_bound = own.best.lower_bound;
        own.now.asked_to_stop = clock.asked_to_stop;
        own.checks.checked(own.now.iterations, own.best.gap());
        watch(own.now, true);
        if (!settle(s, criteria) && last)
            own.status = std::isfinite(own.best.objective) ? Status::feasible : Status::unsolved;
        if (!own.status) keep_reserve(s);
    }

    // Budgets may cost a tenth of the gap.
    void keep_reserve(int s) {
        Run& own = run(s);
        if (own.equity.bounded()) return;
        own.equity.set_region_prices(own.equity_prices(backend_->report(s)));
        own.equity.keep_reserve(0.1 * settings_.tol * std::max(1.0, std::abs(own.best.lower_bound)));
        backend_->set_reserve(s, own.equity);
    }

    // Bounds and costs of the candidates, repairs where they are worth it.
    void examine(const List& due) {
        backend_->bound(due);
        backend_->evaluate(due);
        backend_->wait();
        consider_prices(due);
        List repairs;
        for (int s : due) {
            Run& own = run(s);
            if (std::isinf(own.best.objective) && prove_infeasible(s)) continue;
            const Report& report = backend_->report(s);
            const Budgets::Totals totals = own.totals(report);
            const double excess = own.budgets.excess(totals, own.equity_prices(report));
            if (own.best.worth_repairing(own.cost(report, totals, false), report.overload + excess,
                                         settings_.tol))
                repairs.push_back(s);
        }
        backend_->repair(repairs);
        offer(repairs);
    }

    void consider_prices(const List& candidates) {
        List better;
        for (int s : candidates) {
            Run& own = run(s);
            auto prices = own.equity_prices(backend_->report(s));
            const double bound = backend_->report(s).bound + bound_apart(own.reduced, prices) + own.constant;
            if (!(bound > own.best.lower_bound)) continue;
            own.best.lower_bound = bound;
            own.best_equity = std::move(prices);
            better.push_back(s);
        }
        backend_->keep_prices(better);
    }

    // Allocations that have just been repaired or planned: the better ones are kept.
    void offer(const List& candidates) {
        backend_->evaluate(candidates);
        backend_->wait();
        List fits, blends, rooms, better;
        std::vector<double> shares(runs_.size(), 0.0);
        for (int s : candidates) {
            Run& own = run(s);
            if (backend_->report(s).failed > 0) continue;
            const Budgets::Totals totals = own.totals(backend_->report(s));
            if (own.budgets.exceeded(totals)) {
                const std::optional<double> share = own.budgets.share(totals);
                if (!share) continue;
                shares[at(s)] = *share;
                blends.push_back(s);
            }
            fits.push_back(s);
        }
        if (!blends.empty()) {
            backend_->blend(blends, shares);
            backend_->evaluate(blends);
            backend_->wait();
        }
        for (int s : fits) {
            Run& own = run(s);
            const Budgets::Totals totals = own.totals(backend_->report(s));
            const double objective = own.cost(backend_->report(s), totals);
            if (!own.budgets.empty() && std::isfinite(objective) &&
                own.budgets.offer(totals, objective, own.best.lower_bound, own.best_equity))
                rooms.push_back(s);
            if (!(objective < own.best.objective)) continue;
            own.best.objective = objective;
            better.push_back(s);
        }
        backend_->keep_room(rooms);
        backend_->keep_allocation(better);
    }

    bool prove_infeasible(int s) {
        Run& own = run(s);
        if (own.budgets.empty()) return false;
        Prices prices;
        prices.energy.resize(own.reduced.slots * own.reduced.sites);
        prices.equity = own.equity_prices(backend_->report(s));
        backend_->read_prices(s, false, prices.energy.data());
        complete_prices(own.reduced, prices, team_);
        if (!budget_shortfall(own.reduced, prices, team_).proven()) return false;
        own.ray = prices.capacity, own.budget_ray = prices.equity;
        own.status = Status::infeasible;
        return true;
    }

    const std::vector<Run*> runs_;
    const Settings& settings_;
    const Tuning& tuning_;
    Team& team_;
    std::unique_ptr<DeviceBackend> backend_;
};

// Solves runs of one kind, as many at a time as fit into the device's memory.
void solve_together(std::span<Run* const> runs, const Settings& settings, const Tuning& tuning, Team& team,
                    const DeviceMeans& means, Watch& watch, const std::function<void()>& finished) {
    std::optional<Fleet> fleet;
    try {
        fleet.emplace(runs, settings, tuning, team, means);
    } catch (const OutOfDeviceMemory&) {
        if (runs.size() == 1) throw;
        const std::size_t half = runs.size() / 2;
        for (const auto part : {runs.first(half), runs.subspan(half)})
            solve_together(part, settings, tuning, team, means, watch, finished);
        return;
    }
    fleet->solve(watch, {settings.tol, settings.max_iterations, settings.time_limit}, finished);
    for (std::size_t k = 0; k < runs.size(); ++k)
        if (runs[k]->status) fleet->answer(static_cast<int>(k), runs[k]->solution);
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
    std::map<Run::Kind, std::vector<Run*>> by_kind;
    for (const Scenario& scenario : scenarios) {
        if (!one_network(*scenario.problem, *scenarios.front().problem))
            throw std::invalid_argument("scenarios on a device must have one network");
        Run& run = runs.emplace_back(scenario, settings.tol);
        const bool there = scenario.problem->device >= 0;
        if (there || Repair(run.reduced).stranded().empty()) by_kind[run.kind()].push_back(&run);
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
