#include "equiload/solver.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <optional>
#include <stdexcept>

#include "barrier.hpp"
#include "block_backend.hpp"
#include "cuda_backend.hpp"
#include "dispatch.hpp"
#include "equiload/algorithm/solve.hpp"
#include "equiload/budgets.hpp"
#include "equiload/build_info.hpp"
#include "equiload/presolve.hpp"

namespace equiload {

const char* to_string(Status status) {
    switch (status) {
        case Status::optimal:
            return "optimal";
        case Status::feasible:
            return "feasible";
        case Status::interrupted:
            return "interrupted";
        case Status::infeasible:
            return "infeasible";
        case Status::unsolved:
            return "unsolved";
    }
    return "unsolved";
}

namespace {

void require_cuda(int ordinal) {
    const CudaInfo cuda = cuda_info();
    if (!cuda.built) throw std::invalid_argument("device: this build has no CUDA back end");
    if (cuda.devices.empty()) throw std::invalid_argument("device: no CUDA device: " + cuda.reason);
    if (static_cast<std::size_t>(ordinal) >= cuda.devices.size())
        throw std::invalid_argument("device: there is no cuda:" + std::to_string(ordinal) + " among " +
                                    std::to_string(cuda.devices.size()) + " CUDA devices");
}

}  // namespace

void Settings::validate() const {
    if (!(tol >= 0)) throw std::invalid_argument("tol must be a number >= 0");
    if (max_iterations < 1) throw std::invalid_argument("max_iterations must be >= 1");
    if (!(time_limit > 0)) throw std::invalid_argument("time_limit must be > 0 seconds");
    if (threads < 0) throw std::invalid_argument("threads must be >= 0 (0: every core)");
    if (device != "auto" && device != "cpu" && device != "reference" && cuda_ordinal() < 0)
        throw std::invalid_argument("device must be one of auto, cpu, reference, cuda, cuda:N; got " +
                                    device);
    if (method != "auto" && method != "first-order" && method != "barrier")
        throw std::invalid_argument("method must be one of auto, first-order, barrier; got " + method);
    if (precision != "double" && precision != "mixed")
        throw std::invalid_argument("precision must be one of double, mixed; got " + precision);
    if (cuda_ordinal() >= 0 && method == "barrier")
        throw std::invalid_argument("method: barrier runs on the CPU, and device is " + device);
    if (cuda_ordinal() >= 0) require_cuda(cuda_ordinal());
}

int Settings::cuda_ordinal() const {
    if (device == "cuda") return 0;
    const std::string digits = device.starts_with("cuda:") ? device.substr(5) : "";
    const bool number =
        !digits.empty() && digits.size() <= 4 && digits.find_first_not_of("0123456789") == std::string::npos;
    return number ? std::stoi(digits) : -1;
}

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Small problems are over before threads have met.
int team_size(const Problem& problem, const Settings& settings) {
    if (settings.device == "reference") return 1;
    const int available = settings.threads > 0 ? settings.threads : usable_cores();
    const std::size_t work = problem.slots * (problem.arcs + 4 * problem.sites);
    const std::size_t enough = 1 + work / 8192;
    return static_cast<int>(std::min(static_cast<std::size_t>(available), enough));
}

// Energy prices to start from: what a site costs at the first equity prices.
std::vector<double> first_prices(const Problem& problem, const EquityProx& equity, Team& team) {
    Prices prices;
    prices.energy.assign(problem.slots * problem.sites, -std::numeric_limits<double>::infinity());
    prices.equity = equity.region_prices();
    complete_prices(problem, prices, team);
    return std::move(prices.energy);
}

// The proof in the caller's terms. `stranded`: work without any arc, which needs no prices.
Infeasibility describe(const Presolved& presolved, const Problem& original, const std::vector<double>& ray,
                       const std::vector<std::size_t>& stranded, Team& team) {
    const Problem& p = presolved.problem();
    Infeasibility result;
    std::vector<std::size_t> slots;
    if (!ray.empty()) presolved.expand_prices(ray, result.prices);
    for (double& u : result.prices) u = std::max(u, 0.0);
    const double largest = ray.empty() ? 0.0 : *std::max_element(ray.begin(), ray.end());
    for (std::size_t cell = 0; cell < ray.size(); ++cell) {
        if (ray[cell] <= 1e-6 * largest || presolved.original_site(cell % p.sites) >= original.sites)
            continue;
        result.sites.push_back(static_cast<int>(presolved.original_site(cell % p.sites)));
        slots.push_back(cell / p.sites);
    }
    if (!ray.empty())
        for (const Shortfall& s : shortfalls(p, ray.data(), team)) {
            result.energy_needed += s.needed;
            result.energy_available += s.available;
        }
    const auto name = [&](std::size_t gateway) {
        for (std::size_t j : presolved.pool(gateway)) result.gateways.push_back(static_cast<int>(j));
    };
    for (std::size_t source : stranded) {
        slots.push_back(source / p.gateways);
        name(source % p.gateways);
    }
    // Gateways that the priced cells confine: no arc of theirs avoids them.
    for (std::size_t t : std::vector<std::size_t>(slots)) {
        if (ray.empty()) break;
        std::vector<bool> confined(p.gateways, true);
        for (std::size_t a = 0; a < p.arcs; ++a) {
            const std::size_t at = t + static_cast<std::size_t>(p.arc_delay[a]);
            if (at < p.slots && ray[at * p.sites + static_cast<std::size_t>(p.arc_site[a])] <= 1e-6 * largest)
                confined[static_cast<std::size_t>(p.arc_gateway[a])] = false;
        }
        for (std::size_t j = 0; j < p.gateways; ++j)
            if (confined[j] && p.demand.row(t)[j] > 0) name(j);
    }
    for (std::vector<int>* list : {&result.sites, &result.gateways}) {
        std::sort(list->begin(), list->end());
        list->erase(std::unique(list->begin(), list->end()), list->end());
    }
    result.slot =
        slots.empty() ? -1 : static_cast<std::int64_t>(*std::min_element(slots.begin(), slots.end()));
    return result;
}

// A proof that the budgets cannot all be kept.
Infeasibility describe_budgets(const Presolved& presolved, const Examiner& found, Team& team) {
    const Problem& p = presolved.problem();
    Infeasibility result;
    presolved.expand_prices(found.ray, result.prices);
    for (double& u : result.prices) u = std::max(u, 0.0);
    const Shortfall sum = budget_shortfall(p, {{}, found.ray, found.budget_ray}, team);
    result.energy_needed = sum.needed, result.energy_available = sum.available;
    result.budget = found.budget_ray;
    result.budget.resize(p.footprints.size());
    for (std::size_t r = 0; r < p.footprints.size(); ++r)
        if (p.footprints[r].kind != EquityKind::budget) result.budget[r].clear();
    return result;
}

// The answer in the caller's terms, recomputed from the caller's data.
void certify(const Problem& problem, const Presolved& presolved, Incumbent& best, Team& team, Solution& s) {
    presolved.expand(best.allocation, s.allocation, s.shed, team);
    Evaluation e = evaluate(problem, s.allocation.data(), s.shed.empty() ? nullptr : s.shed.data(), team);
    s.site_load = std::move(e.site_load);
    s.totals = std::move(e.totals);
    s.breakdown = std::move(e.breakdown);
    s.objective = s.breakdown.total();
    s.prices.equity = std::move(best.prices.equity);
    presolved.expand_prices(best.prices.energy, s.prices.energy);
    complete_prices(problem, s.prices, team);
    s.lower_bound = lower_bound(problem, s.prices, team);
    s.gap = relative_gap(s.objective, s.lower_bound);
}

// Looks at the clock, the caller's callback and the interrupt on behalf of the loop.
class Watch {
 public:
    Watch(const Control& control, Clock::time_point start, double time_limit)
        : control_(control), start_(start), time_limit_(time_limit) {}

    bool operator()(Statistics& now, bool at_check) {
        now.seconds = seconds_since(start_);
        if (control_.interrupt && now.seconds >= next_poll_) {
            next_poll_ = now.seconds + 0.05;
            now.asked_to_stop |= control_.interrupt();
        }
        if (at_check && control_.watch)
            now.asked_to_stop |= control_.watch({now.iterations, now.seconds, now.objective, now.lower_bound,
                                                 relative_gap(now.objective, now.lower_bound)});
        return now.asked_to_stop || now.seconds >= time_limit_;
    }

 private:
    const Control& control_;
    Clock::time_point start_;
    double time_limit_, next_poll_ = 0.05;
};

// One solve, from the caller's problem to the caller's solution.
class Solve {
 public:
    Solve(const Problem& problem, const Settings& settings, const Tuning& tuning)
        : problem_(problem),
          settings_(settings),
          tuning_(tuning),
          presolved_(problem),
          reduced_(presolved_.problem()),
          team_(team_size(reduced_, settings)),
          equity_(reduced_),
          open_cells_(close_spent_cells(reduced_, open_capacity_)),
          repair_(open_cells_),
          examiner_(reduced_, repair_, presolved_.constant(), team_) {}

    Solution run(const WarmStart& warm_start, const Control& control) {
        Solution solution;
        solution.device = settings_.device == "reference" ? "reference" : "cpu";
        solution.threads = team_.size();
        solution.status = begin(warm_start) ? iterate(control, solution) : Status::infeasible;
        if (solution.status == Status::infeasible) {
            solution.infeasibility = examiner_.budget_ray.empty()
                                         ? describe(presolved_, problem_, examiner_.ray, stranded_, team_)
                                         : describe_budgets(presolved_, examiner_, team_);
            solution.objective = solution.lower_bound = std::numeric_limits<double>::infinity();
            solution.gap = std::numeric_limits<double>::quiet_NaN();
        } else if (solution.status != Status::unsolved) {
            certify(problem_, presolved_, examiner_.best, team_, solution);
            if (solution.status == Status::optimal && !(solution.gap <= settings_.tol))
                solution.status = Status::feasible;
        }
        solution.seconds = seconds_since(start_);
        return solution;
    }

 private:
    // A first plan and first prices. False when there provably is no plan.
    bool begin(const WarmStart& warm_start) {
        stranded_ = repair_.stranded();
        if (!stranded_.empty()) return false;
        if (!warm_start.equity.empty()) equity_.set_region_prices(warm_start.equity);
        v_ = warm_start.energy ? presolved_.restrict_prices(
                                     {warm_start.energy, warm_start.energy + problem_.slots * problem_.sites})
                               : first_prices(reduced_, equity_, team_);
        Prices first;
        first.energy = v_;
        first.equity = equity_.region_prices();
        examiner_.consider_prices(first);

        if (warm_start.allocation) {
            x_ = presolved_.restrict(warm_start.allocation, warm_start.shed, team_);
            repair_.serve(x_.data(), team_);
            std::vector<double> repaired = x_;
            if (repair_.run(repaired.data(), v_.data(), team_).feasible) offer(std::move(repaired));
        }
        return std::isfinite(examiner_.best.objective) || plan();
    }

    // False when there provably is no plan.
    bool plan() {
        std::vector<double> x(reduced_.slots * reduced_.arcs);
        const RepairOutcome planned = repair_.plan(x.data(), v_.data(), team_);
        if (x_.empty()) x_ = x;
        if (planned.feasible) {
            offer(std::move(x));
            return true;
        }
        std::vector<double> u(reduced_.slots * reduced_.sites, 0.0);
        for (std::size_t cell : planned.cut) u[cell] = 1.0;
        examiner_.ray = infeasibility_ray(reduced_, u, team_);
        return examiner_.ray.empty();
    }

    void offer(std::vector<double> x) { examiner_.consider_allocation(x); }

    Status iterate(const Control& control, Solution& solution) {
        Statistics now;
        const Criteria criteria{settings_.tol, settings_.max_iterations, settings_.time_limit};
        Watch watch(control, start_, settings_.time_limit);
        std::optional<Status> status;
        if (use_barrier()) status = run_barrier(criteria, watch, now, solution);
        if (!status) status = run_first_order(criteria, watch, now, solution);
        solution.iterations = now.iterations;
        return *status;
    }

    // Interior points need no good start and cannot use one. From a warm start they are still the faster
    // method, unless its certificate is already good enough.
    bool use_barrier() const {
        if (settings_.method == "barrier") {
            if (barrier_applies(reduced_)) return true;
            throw std::invalid_argument(
                "method: barrier takes no delayed arcs, no norms, no spent budgets and at most 512 gateways");
        }
        const Incumbent& best = examiner_.best;
        return settings_.method == "auto" && settings_.cuda_ordinal() < 0 && barrier_applies(reduced_) &&
               (std::isfinite(best.objective) || !equity_.bounded()) &&
               !(relative_gap(best.objective, best.lower_bound) <= settings_.tol);
    }

    std::optional<Status> run_barrier(const Criteria& criteria, Watch& watch, Statistics& now,
                                      Solution& solution) {
        Barrier barrier(reduced_, equity_, choose_kernels(settings_).barrier, team_, settings_.tol);
        solution.setup_seconds = seconds_since(start_);
        solution.method = "barrier";
        const std::optional<Status> status = barrier.run(examiner_, criteria, std::ref(watch), now);
        if (!status) continue_from(examiner_.best);
        return status;
    }

    void continue_from(const Incumbent& best) {
        if (best.allocation.empty()) return;  // nothing usable yet: from where the other method started
        x_ = best.allocation;
        v_ = best.prices.energy;
        equity_.set_region_prices(best.prices.equity);
    }

    // The ordinal of the device to use, -1 for the host. A choice of its own ("auto") is a device only where
    // its passes are long against their launches.
    int first_order_device() const {
        constexpr std::size_t large = std::size_t{1} << 22;  // arcs over the horizon
        if (settings_.device != "auto") return settings_.cuda_ordinal();
        return reduced_.slots * reduced_.arcs >= large && !cuda_info().devices.empty() ? 0 : -1;
    }

    std::unique_ptr<AnyBackend> make_backend() {
        if (const int ordinal = first_order_device(); ordinal >= 0)
            return make_cuda_backend(reduced_, equity_, team_, tuning_, settings_, ordinal);
        const KernelPair& kernels = choose_kernels(settings_).blocks;
        if (settings_.precision == "mixed")
            return std::make_unique<Boxed<BlockBackend<float>>>(reduced_, equity_, kernels.mixed, team_,
                                                                tuning_);
        return std::make_unique<Boxed<BlockBackend<double>>>(reduced_, equity_, kernels.full, team_, tuning_);
    }

    Status run_first_order(const Criteria& criteria, Watch& watch, Statistics& now, Solution& solution) {
        const std::unique_ptr<AnyBackend> backend = make_backend();
        backend->start(x_.data(), v_.data(), equity_.site_prices());
        x_ = {}, v_ = {};
        if (solution.method.empty()) solution.setup_seconds = seconds_since(start_);
        solution.method = "first-order";
        if (backend->name().starts_with("cuda")) solution.device = "cuda";
        const Status status =
            iterate_to_tolerance(*backend, equity_, examiner_, criteria, tuning_, reduced_, watch, now);
        solution.restarts = static_cast<std::int64_t>(backend->restarts());
        return status;
    }

    const Clock::time_point start_ = Clock::now();
    const Problem& problem_;
    const Settings& settings_;
    const Tuning& tuning_;
    const Presolved presolved_;
    const Problem& reduced_;
    Team team_;
    EquityProx equity_;
    std::vector<double> open_capacity_;
    const Problem open_cells_;
    const Repair repair_;
    Examiner examiner_;
    std::vector<double> x_, v_;  // where the iteration starts
    std::vector<std::size_t> stranded_;
};

}  // namespace

Solution solve(const Problem& problem, const Settings& settings, const WarmStart& warm_start,
               const Control& control, const Tuning& tuning) {
    settings.validate();
    return Solve(problem, settings, tuning).run(warm_start, control);
}

std::vector<Solution> solve_batch(const std::vector<Scenario>& scenarios, const Settings& settings,
                                  const Control& control, const Tuning& tuning) {
    settings.validate();
    const auto start = Clock::now();
    std::vector<Solution> solutions(scenarios.size());
    const bool on_device = settings.cuda_ordinal() >= 0;  // one after the other, each with all threads
    const int threads = settings.threads > 0 ? settings.threads : usable_cores();
    Team team(on_device ? 1 : std::min(threads, static_cast<int>(scenarios.size())));
    std::atomic<bool> stop = false;
    std::atomic<std::int64_t> done = 0;
    team.split(scenarios.size(), [&](std::size_t begin, std::size_t end, int member) {
        // Only the thread that called may ask for signals and call back; the others look at what it found.
        const Control own{{}, [&] {
                              if (member == 0 && control.interrupt && control.interrupt()) stop = true;
                              return stop.load();
                          }};
        for (std::size_t k = begin; k < end; ++k) {
            Settings alone = settings;
            alone.threads = on_device ? threads : std::max(1, threads / static_cast<int>(scenarios.size()));
            alone.time_limit = std::max(1e-9, settings.time_limit - seconds_since(start));
            if (stop) alone.max_iterations = 1;
            solutions[k] = Solve(*scenarios[k].problem, alone, tuning).run(scenarios[k].start, own);
            const std::int64_t finished = ++done;
            if (member == 0 && control.watch && control.watch({finished, seconds_since(start), 0, 0, 0}))
                stop = true;
        }
    });
    return solutions;
}

}  // namespace equiload
