#include "solver/host_solve.hpp"

#include <algorithm>
#include <cmath>

#include "algorithm/first_order.hpp"
#include "algorithm/solve.hpp"
#include "barrier/barrier.hpp"
#include "core/error.hpp"
#include "core/repair.hpp"
#include "host/dispatch.hpp"
#include "host/host_candidates.hpp"
#include "host/host_iteration.hpp"

namespace equiload {

int available_threads(const Settings& settings) {
    return settings.threads > 0 ? settings.threads : idle_cores();
}

namespace {

// Small problems are over before threads have met.
int team_size(const Problem& problem, const Settings& settings) {
    if (settings.device == "reference") return 1;
    const std::size_t work = problem.slots * (problem.arcs + 4 * problem.sites);
    const std::size_t enough = 1 + work / 8192;
    return static_cast<int>(std::min(static_cast<std::size_t>(available_threads(settings)), enough));
}

class HostSolve {
 public:
    HostSolve(const Scenario& scenario, const Settings& settings, const Control& control,
              const Tuning& tuning)
        : settings_(settings),
          tuning_(tuning),
          run_(scenario),
          team_(team_size(run_.reduced, settings)),
          candidates_(run_, team_),
          watch_(control, start_, settings.time_limit),
          solve_(runs_, candidates_, criteria_, watch_, team_) {}

    Solution run() {
        run_.stranded = Repair(run_.reduced).stranded();
        if (!run_.stranded.empty())
            run_.status = Status::infeasible;
        else
            solve_.begin();
        if (!run_.status && use_barrier()) run_barrier();
        if (!run_.status) run_first_order();
        solve_.answer(0, team_);
        run_.solution.device = settings_.device == "reference" ? "reference" : "cpu";
        run_.solution.threads = team_.size();
        run_.solution.seconds = watch_.seconds();
        return std::move(run_.solution);
    }

 private:
    // Interior points need no good start and cannot use one. From a warm start they are still the faster
    // method, unless its certificate is already good enough.
    bool use_barrier() const {
        const bool applies = settings_.method != "first-order" && barrier_applies(run_.reduced);
        if (settings_.method == "barrier" && !applies)
            throw InputError(
                "method: barrier takes no delayed arcs but those of a queue and no slots that are slow "
                "to factor");
        if (settings_.method != "auto") return applies;
        return applies && (std::isfinite(run_.best.objective) || !run_.equity.bounded()) &&
               !(run_.best.gap() <= settings_.tol);
    }

    void run_barrier() {
        Barrier barrier(run_, candidates_, choose_kernels(settings_).barrier, team_, settings_.tol);
        solve_.iterate(barrier, only_);
        if (run_.status || !candidates_.start_from_best()) return;
        run_.equity.set_region_prices(run_.best_equity);
    }

    void run_first_order() {
        const KernelPair& kernels = choose_kernels(settings_).blocks;
        if (settings_.precision == "mixed")
            iterate(HostIteration<float>(run_, candidates_, kernels.mixed, team_, tuning_));
        else
            iterate(HostIteration<double>(run_, candidates_, kernels.full, team_, tuning_));
    }

    template <class Stored>
    void iterate(HostIteration<Stored> iteration) {
        FirstOrder method(runs_, iteration, tuning_, settings_.tol);
        run_.solution.method = method.name();
        if (run_.settle(criteria_)) return;  // a warm start may be good enough
        solve_.iterate(method, only_);
        run_.solution.restarts = static_cast<std::int64_t>(iteration.restarts(0));
    }

    static constexpr int only_[] = {0};

    const Clock::time_point start_ = Clock::now();
    const Settings& settings_;
    const Tuning& tuning_;
    const Criteria criteria_{settings_.tol, settings_.max_iterations, settings_.time_limit};
    Run run_;
    Run* const runs_[1] = {&run_};
    Team team_;
    HostCandidates candidates_;
    Watch watch_;
    Solve solve_;
};

}  // namespace

Solution solve_on_host(const Scenario& scenario, const Settings& settings, const Control& control,
                       const Tuning& tuning) {
    return HostSolve(scenario, settings, control, tuning).run();
}

}  // namespace equiload
