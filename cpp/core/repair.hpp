// Turns an allocation that serves all demand into one that keeps every capacity as well.
#pragma once

#include <cstdint>
#include <vector>

#include "algorithm/slot_problem.hpp"
#include "core/problem.hpp"
#include "core/team.hpp"

namespace equiload {

struct RepairScratch;

struct RepairOutcome {
    bool feasible = true;   // every load <= capacity (1 + 1e-9)
    std::size_t first = 0;  // the slot that what failed begins with
    std::vector<std::size_t>
        cut;  // cells (slot * sites + site) that the work of the first failing slot cannot leave
    std::vector<double> prices;  // of a plan: (T, I) of capacity, at which the work needs more than there is
};

// Moves work from over-full cells along the cheapest residual paths at energy prices v (T, I): cell ->
// gateway that uses it -> another of the gateway's arcs -> cell, until one has room. In place.
class Repair {
 public:
    explicit Repair(const Problem& problem);

    RepairOutcome run(double* allocation, const double* v, Team& team) const;

    // A first plan: each gateway fills its cheapest arcs (cost and price) that still have room; what is left
    // goes to the cheapest arc and is then repaired. Where that fails, whatever serves most work tells
    // whether there is a plan.
    RepairOutcome plan(double* allocation, const double* v, Team& team) const;

    // Does each unit of work have an arc that ends within the horizon? The slots and gateways where it has
    // none.
    std::vector<std::size_t> stranded() const;

    // x >= 0, nothing on arcs that end past the horizon, each row sums to its demand: the largest entry takes
    // up what is missing or too much, the whole row what is more than that.
    void serve(double* allocation, Team& team) const;

    // The problem as the steps read it.
    const SlotProblem& by_slot() const { return by_slot_; }

 private:
    // Of every window that fails; none: feasible.
    std::vector<RepairOutcome> over_windows(double* allocation, const double* v, Team& team, bool fill) const;
    RepairOutcome repair(double* allocation, const double* v, const RepairScratch& scratch, int first,
                         bool fill) const;

    const Problem& problem_;
    Grouping by_gateway_, by_site_;
    SlotProblem by_slot_;
};

}  // namespace equiload
