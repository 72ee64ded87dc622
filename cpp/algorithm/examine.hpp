// Turns candidates into certified answers: bounds, costs, repairs where they are worth it, proofs that there
// is no answer.
#pragma once

#include <vector>

#include "algorithm/backend.hpp"
#include "algorithm/run.hpp"
#include "core/team.hpp"

namespace equiload {

class Examiner {
 public:
    Examiner(Runs runs, Candidates& candidates, double tol, Team& team)
        : runs_(runs), candidates_(candidates), tol_(tol), team_(team) {}

    // First prices and first plans. Runs that provably have none get a status.
    void begin();

    // Keeps of each candidate what is better. Runs that provably have no answer get a status.
    void examine(List due);

 private:
    Run& run(int s) const { return *runs_[static_cast<std::size_t>(s)]; }

    void consider_prices(List candidates);
    void consider_allocations(List candidates);
    bool worth_repairing(int s);
    bool prove_infeasible(int s);

    const Runs runs_;
    Candidates& candidates_;
    const double tol_;
    Team& team_;
};

}  // namespace equiload
