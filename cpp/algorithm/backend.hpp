// What the algorithm asks of a machine, for scenarios of one network side by side. Wherever and in whatever
// layout they lie there, the algorithm sees whole candidates and whole iterations, never a thread, a block or
// a kernel. A call works on the scenarios of a list; what it reports is there when it is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "algorithm/steps.hpp"
#include "core/budgets.hpp"
#include "core/solution.hpp"

namespace equiload {

using List = std::span<const int>;

// What a candidate is worth: of its prices the bound, of its allocation all else.
struct Report {
    double bound = 0;
    std::vector<std::vector<double>> equity;  // its prices of the regions' burdens, [footprint][region]
    Breakdown costs;
    Budgets::Totals totals;
    double overload = 0;    // the energy above capacities at their prices, USD
    bool feasible = false;  // after a plan or a repair: is every capacity kept?
    std::vector<double>
        scarcity;  // after a plan that failed, if known: prices (T, I) of capacity that show why
};

// Candidates of the reduced problem, an allocation x (T, A) and energy prices v (T, I) each, and the best of
// each scenario so far.
class Candidates {
 public:
    virtual ~Candidates() = default;

    // ---- the first of all, from which the iteration starts as well
    virtual void set_prices(int scenario, const std::vector<double>& v) = 0;
    virtual void set_allocation(int scenario, std::vector<double> x) = 0;
    virtual void price_at_cost(List scenarios) = 0;  // v: what each site costs, burdens included
    virtual void plan(List scenarios) = 0;           // x: a first plan at v

    // ---- certificates, reported
    virtual void bound(List scenarios) = 0;                                      // completes v
    virtual void evaluate(List scenarios) = 0;                                   // x as it is, at completed v
    virtual void repair(List scenarios) = 0;                                     // x: within every capacity
    virtual void blend(List scenarios, std::span<const double> share_each) = 0;  // x with room; [scenario]
    virtual const Report& report(int scenario) = 0;
    virtual const Prices& prices(int scenario) = 0;  // completed

    // ---- what is worth keeping; a candidate's allocation is used up by it
    virtual void keep_prices(List scenarios) = 0;
    virtual void keep_room(List scenarios) = 0;  // x has room under the budgets: for blends
    virtual void keep_allocation(List scenarios) = 0;

    // The best in the caller's terms, certified from the caller's data.
    virtual void answer(int scenario, Solution& solution) = 0;
};

// The iterates of the first-order method with their equity prices.
class Iteration {
 public:
    virtual ~Iteration() = default;

    // From the first candidates, or from the best so far, with the first arc pass and equity step.
    virtual void start(List scenarios) = 0;
    virtual void start_over(List scenarios) = 0;
    // The scenarios that iterate from now on; the careful ones among them take many inner steps.
    virtual void work_on(List scenarios, List careful) = 0;
    // Ends the iteration pass.iteration with the site pass, restarts the slots that are due, starts the next
    // one with its arc pass, and moves the equity prices by their steps.
    virtual void iterate(const Pass& pass) = 0;
    // T(z) becomes the candidate, after a pass that was asked to keep it.
    virtual void candidate(List scenarios) = 0;
    // Budgets are aimed at a little below, for what is worth so much, USD.
    virtual void keep_reserve(int scenario, double worth) = 0;
    virtual double restarts(int scenario) = 0;
};

}  // namespace equiload
