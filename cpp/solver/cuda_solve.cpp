#include "solver/cuda_solve.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <span>

#include "grid/cuda_backend.hpp"
#include "grid/device_solve.hpp"
#include "solver/host_solve.hpp"

namespace equiload {

namespace {

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

// Coupled slots, budgets and burden maps take steps that only the host can do.
bool needs_host(const Problem& problem) {
    return problem.max_delay() > 0 || has_burden_map(problem) ||
           std::any_of(problem.footprints.begin(), problem.footprints.end(),
                       [](const Footprint& f) { return f.limited(); });
}

// Takes an answer of the host to the problem's device; zeros where there is none.
void send_up(const Problem& p, Solution& solution, const DeviceOutput& to, const Settings& settings) {
    const auto send = [&](auto& values, double* there, std::size_t items) {
        if (!there) return;
        if (values.size() != p.slots * items) values.assign(p.slots * items, 0.0);
        copy_cuda(there, values.data(), values.size(), settings, p.device);
        values = {};
    };
    send(solution.allocation, to.allocation, p.arcs), send(solution.shed, to.shed, p.gateways);
    send(solution.site_load, to.site_load, p.sites);
    send(solution.prices.energy, to.energy_prices, p.sites);
    send(solution.prices.capacity, to.capacity_prices, p.sites);
}

}  // namespace

std::vector<Solution> solve_on_cuda(const std::vector<Scenario>& scenarios, const Settings& settings,
                                    const Control& control, const Tuning& tuning, int ordinal) {
    Settings host = settings;
    host.device = "cpu", host.method = "first-order";
    const auto on_host = [&](const Scenario& scenario, const Control& own, double time_limit) {
        host.time_limit = time_limit;
        if (scenario.problem->device < 0) return solve_on_host(scenario, host, own, tuning);
        const HostCopy copy(*scenario.problem, settings);
        return solve_on_host({&copy.problem(), scenario.start}, host, own, tuning);
    };
    const auto make = [&](Runs together, Team& team) {
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

}  // namespace equiload
