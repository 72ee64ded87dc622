// A scenario on its way: what is known of it and what is worth doing next. Numbers only: where its
// allocations lie is the back end's business.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "algorithm/equity_prox.hpp"
#include "algorithm/termination.hpp"
#include "core/answer.hpp"
#include "core/budgets.hpp"
#include "core/presolve.hpp"
#include "core/scenario.hpp"

namespace equiload {

// How far a solve has come. The best allocation and the best bound need not come from the same iterate.
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

struct Run {
    const Scenario& scenario;
    const Presolved presolved;
    const Problem& reduced;
    EquityProx equity;  // its prices: of the iterate, or where that is elsewhere those to start from
    Budgets budgets;
    double constant;  // cost that presolve took out of the problem
    Standing best;
    std::vector<std::vector<double>> best_equity;  // prices of the best bound, [footprint][region]
    Statistics now;
    std::optional<Status> status;
    bool planned = false;               // is there an allocation that keeps every capacity?
    std::vector<std::size_t> stranded;  // slots and gateways with work that no arc serves
    std::optional<Proof> proof;
    Solution solution;

    explicit Run(const Scenario& from)
        : scenario(from),
          presolved(*from.problem),
          reduced(presolved.problem()),
          equity(reduced),
          budgets(reduced),
          constant(presolved.constant()) {
        if (!from.start.equity.empty()) equity.set_region_prices(from.start.equity);
    }

    // Is the run done?
    bool settle(const Criteria& criteria) {
        now.objective = best.objective, now.lower_bound = best.lower_bound;
        if (!status) status = termination(criteria, now);
        return status.has_value();
    }
};

using Runs = std::span<Run* const>;

}  // namespace equiload
