#include "solver/solver.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <functional>
#include <optional>
#include <stdexcept>

#include "algorithm/solve.hpp"
#include "barrier/barrier.hpp"
#include "core/answer.hpp"
#include "core/budgets.hpp"
#include "core/build_info.hpp"
#include "core/presolve.hpp"
#include "core/watch.hpp"
#include "grid/cuda_backend.hpp"
#include "grid/device_solve.hpp"
#include "host/block_backend.hpp"
#include "host/dispatch.hpp"

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

int available_threads(const Settings& settings) {
    return settings.threads > 0 ? settings.threads : idle_cores();
}

// Small problems are over before threads have met.
int team_size(const Problem& problem, const Settings& settings) {
    if (settings.device == "reference") return 1;
    const std::size_t work = problem.slots * (problem.arcs + 4 * problem.sites);
    const std::size_t enough = 1 + work / 8192;
    return static_cast<int>(std::min(static_cast<std::size_t>(available_threads(settings)), enough));
}

// Energy prices to start from: what a site costs at the first equity prices.
std::vector<double> first_prices(const Problem& problem, const EquityProx& equity, Team& team) {
    Prices prices;
    prices.energy.assign(problem.slots * problem.sites, -std::numeric_limits<double>::infinity());
    prices.equity = equity.region_prices();
    complete_prices(problem, prices, team);
    return std::move(prices.energy);
}

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
            solution.infeasibility =
                examiner_.budget_ray.empty()
                    ? describe(presolved_, problem_, examiner_.ray, stranded_, team_)
                    : describe_budgets(presolved_, examiner_.ray, examiner_.budget_ray, team_);
            solution.objective = solution.lower_bound = std::numeric_limits<double>::infinity();
            solution.gap = std::numeric_limits<double>::quiet_NaN();
        } else if (solution.status != Status::unsolved) {
            certify(problem_, presolved_, examiner_.best.allocation, examiner_.best.prices, team_, solution);
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
        return settings_.method == "auto" && barrier_applies(reduced_) &&
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

    Status run_first_order(const Criteria& criteria, Watch& watch, Statistics& now, Solution& solution) {
        const KernelPair& kernels = choose_kernels(settings_).blocks;
        if (settings_.precision == "mixed")
            return run_on(BlockBackend<float>(reduced_, equity_, kernels.mixed, team_, tuning_), criteria,
                          watch, now, solution);
        return run_on(BlockBackend<double>(reduced_, equity_, kernels.full, team_, tuning_), criteria, watch,
                      now, solution);
    }

    template <Backend B>
    Status run_on(B backend, const Criteria& criteria, Watch& watch, Statistics& now, Solution& solution) {
        backend.start(x_.data(), v_.data(), equity_.site_prices(), 0);
        x_ = {}, v_ = {};
        if (solution.method.empty()) solution.setup_seconds = seconds_since(start_);
        solution.method = "first-order";
        const Status status =
            iterate_to_tolerance(backend, equity_, examiner_, criteria, tuning_, reduced_, watch, now);
        solution.restarts = static_cast<std::int64_t>(backend.restarts());
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

// The ordinal of the device to use, -1 for the host. A choice of its own ("auto") is a device only for the
// first-order method, where its passes are long against their launches.
int chosen_device(const Problem& problem, const Settings& settings) {
    constexpr std::size_t large = std::size_t{1} << 22;  // arcs over the horizon
    if (settings.device != "auto") return settings.cuda_ordinal();
    if (problem.slots * problem.arcs < large || cuda_info().devices.empty()) return -1;
    return settings.method == "first-order" || !barrier_applies(Presolved(problem).problem()) ? 0 : -1;
}

// A problem on a device, brought to the host.
class HostCopy {
 public:
    HostCopy(const Problem& there, const Settings& settings) : problem_(there) {
        problem_.device = -1;
        const auto bring = [&](Field& field, std::size_t items) {
            if (!field) return;
            std::vector<double>& here = fields_.emplace_back(field.stride ? there.slots * items : items);
            copy_cuda(here.data(), field.values, here.size(), settings, there.device);
            field.values = here.data();
        };
        bring(problem_.demand, there.gateways);
        for (Field* field : {&problem_.capacity, &problem_.price, &problem_.quadratic})
            bring(*field, there.sites);
        for (Footprint& footprint : problem_.footprints) bring(footprint.values, there.sites);
    }
    HostCopy(const HostCopy&) = delete;
    const Problem& problem() const { return problem_; }

 private:
    Problem problem_;
    std::deque<std::vector<double>> fields_;
};

// Coupled slots and budgets take steps that only the host can do.
bool needs_host(const Problem& problem) {
    return problem.max_delay() > 0 ||
           std::any_of(problem.footprints.begin(), problem.footprints.end(),
                       [](const Footprint& f) { return f.kind == EquityKind::budget; });
}

// Takes an answer of the host to the problem's device; zeros where there is none.
void send_up(const Problem& p, Solution& solution, const DeviceOutput& to, const Settings& settings) {
    const auto send = [&](std::vector<double>& values, double* there, std::size_t items) {
        if (!there) return;
        values.resize(p.slots * items);
        copy_cuda(there, values.data(), values.size(), settings, p.device);
        values = {};
    };
    send(solution.allocation, to.allocation, p.arcs), send(solution.shed, to.shed, p.gateways);
    send(solution.site_load, to.site_load, p.sites);
    send(solution.prices.energy, to.energy_prices, p.sites);
    send(solution.prices.capacity, to.capacity_prices, p.sites);
}

std::vector<Solution> solve_on_cuda(const std::vector<Scenario>& scenarios, const Settings& settings,
                                    const Control& control, const Tuning& tuning, int ordinal) {
    Settings host = settings;
    host.device = "cpu", host.method = "first-order";
    const auto on_host = [&](const Scenario& scenario, const Control& own, double time_limit) {
        host.time_limit = time_limit;
        if (scenario.problem->device < 0)
            return Solve(*scenario.problem, host, tuning).run(scenario.start, own);
        const HostCopy copy(*scenario.problem, settings);
        return Solve(copy.problem(), host, tuning).run(scenario.start, own);
    };
    const auto make = [&](std::span<const DeviceScenario> together, Team& team) {
        return make_cuda_backend(together, team, tuning, settings, ordinal);
    };
    std::deque<HostCopy> copies;
    std::vector<Scenario> brought = scenarios;
    for (Scenario& scenario : brought)
        if (scenario.problem->device >= 0 && needs_host(*scenario.problem))
            scenario.problem = &copies.emplace_back(*scenario.problem, settings).problem();
    std::vector<Solution> solutions = solve_on_device(brought, settings, control, tuning,
                                                      available_threads(settings), {"cuda", make, on_host});
    for (std::size_t k = 0; k < scenarios.size(); ++k) {
        const bool nothing =
            solutions[k].status == Status::infeasible || solutions[k].status == Status::unsolved;
        if (scenarios[k].problem->device >= 0 && (nothing || !solutions[k].allocation.empty()))
            send_up(*scenarios[k].problem, solutions[k], scenarios[k].output, settings);
    }
    return solutions;
}

// Where a problem lies on a device it is solved there, after what the default stream still does to its arrays
// unless there is word of another stream: one of the solver's own would wait for neither.
Settings on_its_device(const Problem& problem, Settings settings) {
    constexpr std::uintptr_t default_stream = 1;  // cudaStreamLegacy
    if (problem.device < 0) return settings;
    if (settings.stream == 0) settings.stream = default_stream;
    const std::string there = "cuda:" + std::to_string(problem.device);
    if (settings.device == "auto") settings.device = there;
    if (settings.cuda_ordinal() != problem.device)
        throw std::invalid_argument("device is " + settings.device + ", but the problem lies on " + there);
    if (settings.method == "barrier")
        throw std::invalid_argument("method: barrier runs on the CPU, and the problem lies on " + there);
    return settings;
}

}  // namespace

Solution solve(const Problem& problem, const Settings& given, const WarmStart& warm_start,
               const Control& control, const Tuning& tuning, const DeviceOutput& output) {
    const Settings settings = on_its_device(problem, given);
    settings.validate();
    if (const int ordinal = chosen_device(problem, settings); ordinal >= 0)
        return std::move(
            solve_on_cuda({{&problem, warm_start, output}}, settings, control, tuning, ordinal).front());
    return Solve(problem, settings, tuning).run(warm_start, control);
}

std::vector<Solution> solve_batch(const std::vector<Scenario>& scenarios, const Settings& given,
                                  const Control& control, const Tuning& tuning) {
    if (scenarios.empty()) return {};
    Settings settings = given;
    for (const Scenario& scenario : scenarios) settings = on_its_device(*scenario.problem, settings);
    settings.validate();
    if (settings.cuda_ordinal() >= 0)
        return solve_on_cuda(scenarios, settings, control, tuning, settings.cuda_ordinal());
    const auto start = Clock::now();
    std::vector<Solution> solutions(scenarios.size());
    const int threads = available_threads(settings);
    Team team(std::min(threads, static_cast<int>(scenarios.size())));
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
            alone.threads = std::max(1, threads / static_cast<int>(scenarios.size()));
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
