// The main loop, over any method on any machine.
#pragma once

#include <functional>
#include <utility>

#include "algorithm/examine.hpp"
#include "algorithm/method.hpp"
#include "algorithm/run.hpp"
#include "core/watch.hpp"

namespace equiload {

// Solves runs of one network side by side, each to its own certificate and its own end.
class Solve {
 public:
    // `finished` is called as each run gets its status.
    Solve(
        Runs runs, Candidates& candidates, const Criteria& criteria, Watch& watch, Team& team,
        std::function<void()> finished = [] {})
        : runs_(runs),
          candidates_(candidates),
          examiner_(runs, candidates, criteria.tol, team),
          criteria_(criteria),
          watch_(watch),
          finished_(std::move(finished)) {}

    // First prices and plans, which a warm start may bring good enough.
    void begin() { examiner_.begin(); }

    // Iterates until each of these runs has a status, or the method no longer helps it.
    void iterate(Method& method, List open);

    // The solution of a run that has a status.
    void answer(int s, Team& team);

 private:
    Run& run(int s) const { return *runs_[static_cast<std::size_t>(s)]; }
    void examine(Method& method, List due);
    bool tell(int s);

    const Runs runs_;
    Candidates& candidates_;
    Examiner examiner_;
    const Criteria criteria_;
    Watch& watch_;
    std::function<void()> finished_;
};

}  // namespace equiload
