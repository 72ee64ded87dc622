#include "algorithm/examine.hpp"

#include <cmath>
#include <utility>

#include "core/certificate.hpp"

namespace equiload {

namespace {

// Budgets apart: their excess counts as overload.
double cost_but_budgets(Breakdown costs) {
    for (double& term : costs.equity)
        if (std::isinf(term)) term = 0;
    return costs.total();
}

}  // namespace

void Examiner::begin() {
    std::vector<int> all, cold, warm, unplanned;
    for (int s = 0; s < static_cast<int>(runs_.size()); ++s) {
        const Problem& original = *run(s).scenario.problem;
        const WarmStart& start = run(s).scenario.start;
        all.push_back(s);
        if (start.energy)
            candidates_.set_prices(s, run(s).presolved.restrict_prices(
                                          {start.energy, start.energy + original.slots * original.sites}));
        else
            cold.push_back(s);
        if (!start.allocation) continue;
        candidates_.set_allocation(s, run(s).presolved.restrict(start.allocation, start.shed, team_));
        warm.push_back(s);
    }
    candidates_.price_at_cost(cold);
    candidates_.repair(warm);
    candidates_.bound(all);
    consider_prices(all);
    consider_allocations(warm);
    for (int s : all)
        if (std::isinf(run(s).best.objective)) unplanned.push_back(s);
    candidates_.plan(unplanned);
    consider_allocations(unplanned);
    for (int s : all) {
        const Report& report = candidates_.report(s);
        run(s).planned = report.feasible;
        if (report.feasible || report.scarcity.empty()) continue;
        if (std::vector<double> ray = infeasibility_ray(run(s).reduced, report.scarcity, team_); !ray.empty())
            run(s).proof = {std::move(ray), {}}, run(s).status = Status::infeasible;
    }
}

void Examiner::examine(List due) {
    candidates_.bound(due);
    candidates_.evaluate(due);
    consider_prices(due);
    std::vector<int> repairs;
    for (int s : due)
        if (!prove_infeasible(s) && worth_repairing(s)) repairs.push_back(s);
    candidates_.repair(repairs);
    consider_allocations(repairs);
}

void Examiner::consider_prices(List candidates) {
    std::vector<int> better;
    for (int s : candidates) {
        const Report& report = candidates_.report(s);
        const double bound = report.bound + run(s).constant;
        if (!(bound > run(s).best.lower_bound)) continue;
        run(s).best.lower_bound = bound;
        run(s).best_equity = report.equity;
        better.push_back(s);
    }
    candidates_.keep_prices(better);
}

// Allocations that have just been planned or repaired.
void Examiner::consider_allocations(List candidates) {
    std::vector<int> feasible, blends, fitting, rooms, better;
    std::vector<double> shares(runs_.size(), 0.0);
    for (int s : candidates)
        if (candidates_.report(s).feasible) feasible.push_back(s);
    candidates_.evaluate(feasible);
    for (int s : feasible) {
        const Budgets::Totals& totals = candidates_.report(s).totals;
        // An excess that is accepted would buy an objective below the bound: better none, where that can be.
        const std::optional<double> share =
            run(s).budgets.exceeded(totals, 1e-15) ? run(s).budgets.share(totals) : std::nullopt;
        if (!share && run(s).budgets.exceeded(totals)) continue;
        if (share) {
            shares[static_cast<std::size_t>(s)] = *share;
            blends.push_back(s);
        }
        fitting.push_back(s);
    }
    if (!blends.empty()) {
        candidates_.blend(blends, shares);
        candidates_.evaluate(blends);
    }
    for (int s : fitting) {
        const Report& report = candidates_.report(s);
        Standing& best = run(s).best;
        const double objective = report.costs.total() + run(s).constant;
        if (!run(s).budgets.empty() && std::isfinite(objective) &&
            run(s).budgets.offer(report.totals, objective, best.lower_bound, run(s).best_equity))
            rooms.push_back(s);
        if (!(objective < best.objective)) continue;
        best.objective = objective;
        better.push_back(s);
    }
    candidates_.keep_room(rooms);
    candidates_.keep_allocation(better);
}

bool Examiner::worth_repairing(int s) {
    const Report& report = candidates_.report(s);
    const double excess = run(s).budgets.excess(report.totals, report.equity);
    return run(s).best.worth_repairing(cost_but_budgets(report.costs) + run(s).constant,
                                       excess + report.overload, tol_);
}

// As long as no allocation is known, every candidate's prices are tried as a proof that there is none.
bool Examiner::prove_infeasible(int s) {
    if (std::isfinite(run(s).best.objective)) return false;
    const Prices& prices = candidates_.prices(s);
    std::vector<double> ray = infeasibility_ray(run(s).reduced, prices.capacity, team_);
    if (!ray.empty())
        run(s).proof = {std::move(ray), {}};
    else if (!run(s).budgets.empty() && budget_shortfall(run(s).reduced, prices, team_).proven())
        run(s).proof = {prices.capacity, prices.equity};
    if (run(s).proof) run(s).status = Status::infeasible;
    return run(s).proof.has_value();
}

}  // namespace equiload
