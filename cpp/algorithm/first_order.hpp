// The first-order method as the main loop sees it: what a pass is asked to do, when a check is due, how much
// care the equity prices need.
#pragma once

#include <vector>

#include "algorithm/backend.hpp"
#include "algorithm/method.hpp"
#include "algorithm/run.hpp"

namespace equiload {

// Equity steps of an iteration beside the first: prices of budgets have no bound, and where most cells stand
// at one of theirs a single step lets prices swing for ever. They cost about as much again as the iteration.
inline constexpr int many_inner_steps = 5;

class FirstOrder final : public Method {
 public:
    FirstOrder(Runs runs, Iteration& iteration, const Tuning& tuning, double tol)
        : runs_(runs), iteration_(iteration), tuning_(tuning), tol_(tol) {
        for (const Run* run : runs_) states_.push_back({CheckSchedule(tol), {}, !run->equity.bounded()});
    }

    const char* name() const override { return "first-order"; }
    void start(List scenarios) override;
    Turn iterate(List scenarios, std::int64_t iteration, bool last) override;
    void propose(List scenarios) override { iteration_.candidate(scenarios); }
    void checked(int scenario, std::int64_t iteration) override;
    bool spent(int) const override { return false; }

 private:
    struct State {
        CheckSchedule checks;
        Stall stall;
        bool careful;  // takes many inner steps
    };

    State& state(int s) { return states_[static_cast<std::size_t>(s)]; }
    const Run& run(int s) const { return *runs_[static_cast<std::size_t>(s)]; }
    void keep_reserve(int s);
    void work_on(List scenarios);

    const Runs runs_;
    Iteration& iteration_;
    const Tuning& tuning_;
    const double tol_;
    std::vector<State> states_;
    std::vector<int> at_work_;  // as the back end knows them
};

}  // namespace equiload
