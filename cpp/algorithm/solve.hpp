// The main loop, over any back end.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "algorithm/backend.hpp"
#include "algorithm/equity_prox.hpp"
#include "algorithm/termination.hpp"
#include "core/budgets.hpp"
#include "core/certificate.hpp"
#include "core/repair.hpp"

namespace equiload {

// How far a solve has come, and what is worth doing next: numbers only, wherever the allocations lie.
struct Standing {
    double objective = std::numeric_limits<double>::infinity();
    double lower_bound = -std::numeric_limits<double>::infinity();

    double gap() const { return relative_gap(objective, lower_bound); }

    // Repairing costs several iterations: not worth it while the overload alone, at its prices, exceeds the
    // gap that is asked for many times and a better answer is known. An estimate: every fourth is tried all
    // the same.
    bool worth_repairing(double cost, double overload, double tol) {
        const double scale = std::max(1.0, std::abs(cost));
        const bool hopeless = cost + overload - lower_bound > 30 * tol * scale &&
                              cost + overload > objective - 0.3 * (objective - lower_bound);
        return !hopeless || ++passed_over_ % 4 == 0;
    }

 private:
    int passed_over_ = 0;
};

// The best allocation and the best bound seen; they need not come from the same iterate.
struct Incumbent : Standing {
    std::vector<double> allocation;
    Prices prices;
};

// Turns candidates into certified answers.
class Examiner {
 public:
    Examiner(const Problem& problem, const Repair& repair, double constant, Team& team)
        : problem_(problem), repair_(repair), constant_(constant), team_(team), budgets_(problem) {}

    // Bound of (v, lambda), objective of the repaired x; keeps what is better. Both arguments are used up.
    void examine(std::vector<double>& x, Prices& prices, double tol) {
        consider_prices(prices);
        if (std::isinf(best.objective)) ray = infeasibility_ray(problem_, prices.capacity, team_);
        if (std::isinf(best.objective) && ray.empty() && !budgets_.empty() &&
            budget_shortfall(problem_, prices, team_).proven())
            ray = prices.capacity, budget_ray = prices.equity;
        if (!ray.empty()) return;
        Evaluation as_is = evaluate(problem_, x.data(), nullptr, team_);
        if (!best.worth_repairing(cost_of(as_is), overload(as_is, prices), tol)) return;
        if (!repair_.run(x.data(), prices.energy.data(), team_).feasible) return;
        consider_allocation(x);
    }

    void consider_prices(Prices& prices) {
        complete_prices(problem_, prices, team_);
        const double bound = lower_bound(problem_, prices, team_) + constant_;
        if (!(bound > best.lower_bound)) return;
        best.lower_bound = bound;
        best.prices = prices;
    }

    void consider_allocation(std::vector<double>& x) {
        Evaluation found = evaluate(problem_, x.data(), nullptr, team_);
        if (budgets_.exceeded(found.totals)) {
            const std::optional<double> share = budgets_.share(found.totals);
            if (!share) return;
            for (std::size_t k = 0; k < x.size(); ++k) x[k] = (1 - *share) * x[k] + *share * room_[k];
            found = evaluate(problem_, x.data(), nullptr, team_);
        }
        const double objective = found.breakdown.total() + constant_;
        if (!budgets_.empty() && std::isfinite(objective) &&
            budgets_.offer(found.totals, objective, best.lower_bound, best.prices.equity))
            room_ = x;
        if (!(objective < best.objective)) return;
        best.objective = objective;
        best.allocation.swap(x);
    }

    Incumbent best;
    std::vector<double> ray;  // capacity prices that prove that no allocation exists, once found
    std::vector<std::vector<double>> budget_ray;  // prices of the budgets in that proof, where it needs them

 private:
    // Budgets apart: their excess counts as overload.
    double cost_of(Evaluation& as_is) const {
        for (double& term : as_is.breakdown.equity)
            if (std::isinf(term)) term = 0;
        return as_is.breakdown.total() + constant_;
    }

    double overload(const Evaluation& as_is, const Prices& prices) const {
        double overload = budgets_.excess(as_is.totals, prices.equity);
        for (std::size_t t = 0; t < problem_.slots; ++t)
            for (std::size_t i = 0; i < problem_.sites; ++i) {
                const double excess = as_is.site_load[t * problem_.sites + i] - problem_.capacity.row(t)[i];
                if (excess > 0) overload += excess * prices.capacity[t * problem_.sites + i];
            }
        return overload;
    }

    const Problem& problem_;
    const Repair& repair_;
    double constant_;
    Team& team_;
    Budgets budgets_;
    std::vector<double> room_;  // the allocation with room under the budgets
};

// When to look: a check costs tens of iterations. The gap of the last two tells by how much iterations must
// grow to reach the tolerance, by an eighth at least and a quarter at most: neither a lucky check nor a
// stalled one misleads far. No clock decides, for the same bits on any machine.
class CheckSchedule {
 public:
    explicit CheckSchedule(double tol) : tol_(tol) {}

    bool due(std::int64_t iteration) const { return iteration >= next_; }

    void checked(std::int64_t iteration, double gap) {
        const double done = static_cast<double>(iteration);
        double growth = least;
        if (gap < gap_ && gap_ < std::numeric_limits<double>::infinity()) {
            const double order = std::log(gap_ / gap) / std::log(done / checked_);
            growth = std::pow(gap / tol_, 1 / order);
        }
        growth = std::clamp(growth, least, most);
        next_ = std::max(iteration + 16, static_cast<std::int64_t>(done * growth));
        checked_ = done, gap_ = gap;
    }

 private:
    static constexpr double least = 1.125, most = 1.25;
    double tol_, checked_ = 0, gap_ = std::numeric_limits<double>::infinity();
    std::int64_t next_ = 32;
};

// Equity steps of an iteration beside the first: prices of budgets have no bound, and where most cells stand
// at one of theirs a single step lets prices swing for ever. They cost about as much again as the iteration.
inline constexpr int many_inner_steps = 5;

// Has the gap hardly fallen while the iterations have become four times as many? Said once. More inner steps
// alone do not help then, for the weights have gone astray: the iteration must start anew, from the best so
// far.
class Stall {
 public:
    bool found(std::int64_t iteration, double gap) {
        if (gap < 0.7 * gap_) gap_ = gap, since_ = iteration;
        if (said_ || !std::isfinite(gap_) || iteration < std::max<std::int64_t>(4 * since_, 1024))
            return false;
        return said_ = true;
    }

 private:
    double gap_ = std::numeric_limits<double>::infinity();
    std::int64_t since_ = 0;
    bool said_ = false;
};

template <Backend B, class Watch>
Status iterate_to_tolerance(B& backend, EquityProx& equity, Examiner& examiner, const Criteria& criteria,
                            const Tuning& tuning, const Problem& problem, Watch&& watch, Statistics& now) {
    std::vector<double> x(problem.slots * problem.arcs);
    Prices prices;
    prices.energy.resize(problem.slots * problem.sites);
    CheckSchedule checks(criteria.tol);
    Stall stall;
    int inner_steps = std::max(tuning.inner_steps, equity.bounded() ? 0 : many_inner_steps);

    const auto keep_reserve = [&] {  // budgets may cost a tenth of the gap
        equity.keep_reserve(0.1 * criteria.tol * std::max(1.0, std::abs(examiner.best.lower_bound)));
    };
    keep_reserve();
    now.objective = examiner.best.objective;
    now.lower_bound = examiner.best.lower_bound;
    if (const auto status = termination(criteria, now)) return *status;  // a warm start may be good enough
    equity.step(backend.begin(equity.site_prices()));
    for (;;) {
        const std::int64_t k = ++now.iterations;
        const bool last = k >= criteria.max_iterations || watch(now, false);
        Pass pass;
        pass.decide = k % tuning.decide_every == 0;
        pass.measure = (k + 1) % tuning.decide_every == 0;
        pass.keep = checks.due(k) || last;
        pass.iteration = static_cast<double>(k);
        equity.step(backend.iterate(equity.site_prices(), pass));
        for (int inner = 0; inner < inner_steps; ++inner) equity.step(backend.burden(equity.site_prices()));
        if (!pass.keep) continue;

        backend.candidate(equity.site_prices(), x.data(), prices.energy.data());
        prices.equity = equity.region_prices();
        examiner.examine(x, prices, criteria.tol);
        if (!examiner.ray.empty()) return Status::infeasible;
        x.resize(problem.slots * problem.arcs);
        now.objective = examiner.best.objective;
        now.lower_bound = examiner.best.lower_bound;
        checks.checked(k, relative_gap(now.objective, now.lower_bound));
        watch(now, true);
        if (const auto status = termination(criteria, now)) return *status;
        if (last) return Status::feasible;
        keep_reserve();
        if (inner_steps >= many_inner_steps || !stall.found(k, examiner.best.gap())) continue;
        inner_steps = many_inner_steps;
        equity.set_region_prices(examiner.best.prices.equity);
        backend.start(examiner.best.allocation.data(), examiner.best.prices.energy.data(),
                      equity.site_prices(), static_cast<double>(k));
        equity.step(backend.begin(equity.site_prices()));
    }
}

}  // namespace equiload
