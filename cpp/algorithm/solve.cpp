#include "algorithm/solve.hpp"

#include <algorithm>
#include <limits>

#include "core/answer.hpp"

namespace equiload {

void Solve::iterate(Method& method, List open) {
    if (open.empty()) return;
    std::vector<int> active(open.begin(), open.end());
    Statistics clock = run(active.front()).now;
    method.start(active);
    for (int s : active) {
        run(s).solution.method = method.name();
        if (run(s).solution.setup_seconds == 0) run(s).solution.setup_seconds = watch_.seconds();
    }
    while (!active.empty()) {
        const std::int64_t k = ++clock.iterations;
        const bool last = k >= criteria_.max_iterations || watch_(clock, false);
        const Method::Turn turn = method.iterate(active, k, last);
        for (int s : active) run(s).now.iterations = k, run(s).now.asked_to_stop |= clock.asked_to_stop;
        examine(method, turn.due);
        for (int s : turn.heard) {
            const bool due = std::ranges::binary_search(turn.due, s);
            if (!run(s).status && tell(s) && !due) examine(method, {&s, 1});  // the caller stops here
            if (run(s).settle(criteria_))
                finished_();
            else if (due)
                method.checked(s, k);
        }
        std::erase_if(active, [&](int s) { return run(s).status || method.spent(s); });
    }
}

void Solve::examine(Method& method, List due) {
    if (due.empty()) return;
    method.propose(due);
    examiner_.examine(due);
}

// Does the caller or the clock end the run?
bool Solve::tell(int s) {
    Statistics& now = run(s).now;
    now.objective = run(s).best.objective, now.lower_bound = run(s).best.lower_bound;
    return watch_(now, true);
}

void Solve::answer(int s, Team& team) {
    const Run& own = run(s);
    Solution& solution = run(s).solution;
    solution.status = *own.status;
    solution.iterations = own.now.iterations;
    if (solution.status == Status::infeasible) {
        solution.infeasibility =
            describe(own.presolved, *own.scenario.problem, own.proof.value_or(Proof{}), own.stranded, team);
        solution.objective = solution.lower_bound = std::numeric_limits<double>::infinity();
        solution.gap = std::numeric_limits<double>::quiet_NaN();
    } else if (solution.status != Status::unsolved) {
        candidates_.answer(s, solution);
        // The tolerance holds for the certificate in the caller's terms.
        if (solution.status == Status::optimal && !(solution.gap <= criteria_.tol))
            solution.status = Status::feasible;
    }
}

}  // namespace equiload
