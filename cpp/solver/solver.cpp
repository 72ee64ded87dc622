#include "solver/solver.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "barrier/barrier.hpp"
#include "core/build_info.hpp"
#include "core/error.hpp"
#include "core/presolve.hpp"
#include "core/team.hpp"
#include "core/watch.hpp"
#include "solver/cuda_solve.hpp"
#include "solver/host_solve.hpp"

namespace equiload {

namespace {

// The ordinal of the device to use, -1 for the host. A choice of its own ("auto") is a device only for the
// first-order method, where its passes are long against their launches.
int chosen_device(const Problem& problem, const Settings& settings) {
    constexpr std::size_t large = std::size_t{1} << 22;  // arcs over the horizon
    if (settings.device != "auto") return settings.cuda_ordinal();
    if (problem.slots * problem.arcs < large || cuda_info().devices.empty()) return -1;
    return settings.method == "first-order" || !barrier_applies(Presolved(problem).problem()) ? 0 : -1;
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
        throw InputError("device is " + settings.device + ", but the problem lies on " + there);
    if (settings.method == "barrier")
        throw InputError("method: barrier runs on the CPU, and the problem lies on " + there);
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
    return solve_on_host({&problem, warm_start}, settings, control, tuning);
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
            solutions[k] = solve_on_host(scenarios[k], alone, own, tuning);
            const std::int64_t finished = ++done;
            if (member == 0 && control.watch && control.watch({finished, seconds_since(start), 0, 0, 0}))
                stop = true;
        }
    });
    return solutions;
}

}  // namespace equiload
