// What a device does for a solve that happens on it. Scenarios of one network live side by side in its
// memory, each with its data, its iterate, a candidate in rows (T, ..) and the best seen so far; a call works
// on the scenarios of a list, in the same launches. Calls are queued: what they report is there after wait().
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "algorithm/equity_prox.hpp"
#include "algorithm/steps.hpp"
#include "core/presolve.hpp"
#include "core/settings.hpp"
#include "grid/machine.hpp"
#include "host/team.hpp"
#include "solver/solver.hpp"

namespace equiload {

struct DeviceScenario {
    const Problem* original;     // its fields are uploaded, or are on the device already
    const Presolved* presolved;  // of it
    const EquityProx* equity;    // of the reduced problem: where its prices start
};

// What a scenario's candidate is worth.
struct Report {
    double bound = 0;                           // what its slots add to the bound
    double arc = 0, energy = 0, quadratic = 0;  // USD
    double overload = 0;                        // USD at the prices of capacity
    double failed = 0;                          // slots that could not be repaired
    double shed = 0;                            // work; in answers only
    std::vector<double> burden;                 // [priced footprint][site]
    std::vector<std::vector<double>> pi;        // [priced footprint] of each region
};

class DeviceBackend {
 public:
    using List = std::span<const int>;

    virtual ~DeviceBackend() = default;

    // ---- candidates in rows: prices v (T, I) and an allocation x (T, A) of the reduced problem
    virtual void set_prices(int scenario, const double* v) = 0;
    virtual void set_allocation(int scenario, const double* x) = 0;
    virtual void price_at_cost(List scenarios) = 0;  // v: what each site costs, burdens included
    virtual void plan(List scenarios) = 0;           // x: a first plan at v; reports `failed`
    virtual void repair(List scenarios) = 0;         // x: within every capacity; reports `failed`
    virtual void bound(List scenarios) = 0;          // completes v; reports `bound` and `pi`
    virtual void evaluate(List scenarios) = 0;       // x at v; reports its costs and burdens
    virtual void keep_prices(List scenarios) = 0;    // v is the best so far
    virtual void keep_allocation(List scenarios) = 0;
    virtual void keep_room(
        List scenarios) = 0;  // x is the allocation with room under the budgets, to blend with
    virtual void blend(List scenarios, std::span<const double> share_each) = 0;  // [scenario]

    // ---- the iterate
    virtual void start(List scenarios) = 0;      // from x and v
    virtual void candidate(List scenarios) = 0;  // x and v from a pass that kept it
    // The first arc pass, then an iteration each: passes and equity steps, for the scenarios that work_on()
    // chose; the careful ones among them take many inner steps.
    virtual void begin(List scenarios) = 0;
    virtual void work_on(List scenarios, List careful) = 0;
    virtual void iterate(const Pass& pass) = 0;
    // Starts a scenario anew from its best so far, at the prices of its regions.
    virtual void start_over(int scenario, const EquityProx& equity) = 0;
    virtual void set_reserve(int scenario, const EquityProx& equity) = 0;

    // ---- pass by pass at equity prices from outside, [footprint][site]: an iteration but for its equity
    // step
    virtual void set_site_prices(int scenario, std::span<const double> lambda) = 0;
    virtual void set_iteration(double iteration) = 0;  // the one that ends
    virtual void passes(const Pass& pass) = 0;
    virtual void burden() = 0;                             // of the present point
    virtual std::vector<double> totals(int scenario) = 0;  // [E_1 .. E_R, H_11, H_21, H_22, ..][site]; waits

    virtual void wait() = 0;
    virtual const Report& report(int scenario) const = 0;

    // ---- answers; these wait
    virtual void read_prices(int scenario, bool best, double* v) = 0;  // (T, I) of the reduced problem
    virtual void read_allocation(int scenario, double* x) = 0;  // the best, (T, A) of the reduced problem
    virtual double restarts(int scenario) = 0;

    // ---- problems whose fields are on the device; these wait
    virtual std::vector<double> work(int scenario) = 0;  // of each of the caller's gateways over the horizon
    // Writes the answer in the caller's terms; reports the certificate of these, with the work shed, and the
    // burdens of all footprints.
    virtual Report answer(int scenario, const std::vector<std::vector<double>>& equity,
                          const DeviceOutput& output) = 0;
};

}  // namespace equiload
