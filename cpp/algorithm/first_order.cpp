#include "algorithm/first_order.hpp"

#include <algorithm>
#include <cmath>

namespace equiload {

void FirstOrder::start(List scenarios) {
    for (int s : scenarios) keep_reserve(s);
    iteration_.start(scenarios);
    work_on(scenarios);
}

Method::Turn FirstOrder::iterate(List scenarios, std::int64_t iteration, bool last) {
    if (!std::ranges::equal(scenarios, at_work_)) work_on(scenarios);
    std::vector<int> due;
    for (int s : scenarios)
        if (last || state(s).checks.due(iteration)) due.push_back(s);
    Pass pass;
    pass.decide = iteration % tuning_.decide_every == 0;
    pass.measure = (iteration + 1) % tuning_.decide_every == 0;
    pass.keep = !due.empty();
    pass.iteration = static_cast<double>(iteration);
    iteration_.iterate(pass);
    return {due, due};
}

// A run that has stalled starts over with many inner steps from now on.
void FirstOrder::checked(int s, std::int64_t iteration) {
    state(s).checks.checked(iteration, run(s).best.gap());
    keep_reserve(s);
    if (state(s).careful || tuning_.inner_steps >= many_inner_steps ||
        !state(s).stall.found(iteration, run(s).best.gap()))
        return;
    state(s).careful = true;
    iteration_.start_over(std::vector<int>{s});
    at_work_.clear();
}

// Budgets may cost a tenth of the gap.
void FirstOrder::keep_reserve(int s) {
    if (run(s).equity.bounded()) return;
    iteration_.keep_reserve(s, 0.1 * tol_ * std::max(1.0, std::abs(run(s).best.lower_bound)));
}

void FirstOrder::work_on(List scenarios) {
    std::vector<int> careful;
    for (int s : scenarios)
        if (state(s).careful) careful.push_back(s);
    iteration_.work_on(scenarios, careful);
    at_work_.assign(scenarios.begin(), scenarios.end());
}

}  // namespace equiload
