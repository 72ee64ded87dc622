#include "host/host_candidates.hpp"

#include <limits>
#include <utility>

#include "core/answer.hpp"
#include "core/certificate.hpp"

namespace equiload {

HostCandidates::HostCandidates(const Run& run, Team& team)
    : run_(run),
      problem_(run.reduced),
      team_(team),
      open_cells_(close_spent_cells(problem_, open_capacity_)),
      repair_(open_cells_) {}

void HostCandidates::set_prices(int, const std::vector<double>& v) {
    prices_.equity = run_.equity.region_prices();
    prices_.energy = start_.v = v;
}

void HostCandidates::set_allocation(int, std::vector<double> x) {
    repair_.serve(x.data(), team_);
    x_ = start_.x = std::move(x);
}

void HostCandidates::price_at_cost(List list) {
    if (list.empty()) return;
    prices_.equity = run_.equity.region_prices();
    prices_.energy.assign(problem_.slots * problem_.sites, -std::numeric_limits<double>::infinity());
    complete_prices(problem_, prices_, team_);
    start_.v = prices_.energy;
}

void HostCandidates::plan(List list) {
    if (list.empty()) return;
    x_.assign(problem_.slots * problem_.arcs, 0.0);
    if (problem_.max_delay() > 0 && plan_at_once()) return;
    RepairOutcome planned = repair_.plan(x_.data(), start_.v.data(), team_);
    report_.feasible = planned.feasible, report_.scarcity = std::move(planned.prices);
    if (start_.x.empty()) start_.x = x_;
}

// A plan in which nothing waits is found slot by slot, in a small part of the time.
bool HostCandidates::plan_at_once() {
    std::vector<std::size_t> kept;
    std::vector<Index> gateway, site;
    std::vector<double> energy, cost;
    for (std::size_t a = 0; a < problem_.arcs; ++a) {
        if (problem_.arc_delay[a] > 0) continue;
        kept.push_back(a), gateway.push_back(problem_.arc_gateway[a]), site.push_back(problem_.arc_site[a]);
        energy.push_back(problem_.arc_energy[a]), cost.push_back(problem_.arc_cost[a]);
    }
    const std::vector<Index> delay(kept.size(), 0);
    Problem at_once = open_cells_;
    at_once.arcs = kept.size(), at_once.arc_gateway = gateway, at_once.arc_site = site;
    at_once.arc_delay = delay, at_once.arc_energy = energy, at_once.arc_cost = cost;
    const Repair repair(at_once);
    std::vector<double> x(problem_.slots * kept.size());
    if (!repair.stranded().empty() || !repair.plan(x.data(), start_.v.data(), team_).feasible) return false;
    for (std::size_t t = 0; t < problem_.slots; ++t)
        for (std::size_t k = 0; k < kept.size(); ++k)
            x_[t * problem_.arcs + kept[k]] = x[t * kept.size() + k];
    report_.feasible = true, report_.scarcity.clear();
    if (start_.x.empty()) start_.x = x_;
    return true;
}

void HostCandidates::bound(List list) {
    if (list.empty()) return;
    complete_prices(problem_, prices_, team_);
    report_.bound = lower_bound(problem_, prices_, team_);
    report_.equity = prices_.equity;
}

void HostCandidates::evaluate(List list) {
    if (list.empty()) return;
    Evaluation found = equiload::evaluate(problem_, x_.data(), nullptr, team_);
    report_.costs = std::move(found.breakdown), report_.totals = std::move(found.totals);
    report_.overload = 0;
    for (std::size_t t = 0; t < problem_.slots; ++t)
        for (std::size_t i = 0; i < problem_.sites; ++i) {
            const std::size_t cell = t * problem_.sites + i;
            const double excess = found.site_load[cell] - problem_.capacity.row(t)[i];
            if (excess > 0) report_.overload += excess * prices_.capacity[cell];
        }
}

void HostCandidates::repair(List list) {
    if (!list.empty()) report_.feasible = repair_.run(x_.data(), prices_.energy.data(), team_).feasible;
}

void HostCandidates::blend(List list, std::span<const double> share) {
    if (list.empty()) return;
    for (std::size_t k = 0; k < x_.size(); ++k) x_[k] = (1 - share[0]) * x_[k] + share[0] * room_[k];
}

void HostCandidates::keep_prices(List list) {
    if (!list.empty()) best_prices_ = prices_;
}

void HostCandidates::keep_room(List list) {
    if (!list.empty()) room_ = x_;
}

void HostCandidates::keep_allocation(List list) {
    if (!list.empty()) best_x_.swap(x_);
}

void HostCandidates::answer(int, Solution& solution) {
    certify(*run_.scenario.problem, run_.presolved, best_x_, best_prices_, team_, solution);
}

HostCandidates::Candidate HostCandidates::next() {
    x_.resize(problem_.slots * problem_.arcs);
    prices_.energy.resize(problem_.slots * problem_.sites);
    return {x_, prices_};
}

HostCandidates::Point HostCandidates::take_start() { return std::exchange(start_, {}); }

bool HostCandidates::start_from_best() {
    if (best_x_.empty()) return false;
    start_ = {best_x_, best_prices_.energy};
    return true;
}

}  // namespace equiload
