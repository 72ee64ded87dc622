#include "core/repair.hpp"

#include <algorithm>
#include <memory>
#include <tuple>

#include "algorithm/repair_steps.hpp"
#include "core/certificate.hpp"
#include "core/most_work.hpp"

namespace equiload {

namespace {

// Arcs of a gateway to the same cell side by side, as the steps want them.
Grouping rows_by_cell(const Problem& p) {
    Grouping rows(p.arc_gateway, p.gateways);
    const auto cell = [&](Index a) {
        return std::tuple(p.arc_site[static_cast<std::size_t>(a)], p.arc_delay[static_cast<std::size_t>(a)]);
    };
    for (std::size_t j = 0; j < p.gateways; ++j)
        std::stable_sort(rows.order.begin() + rows.start[j], rows.order.begin() + rows.start[j + 1],
                         [&](Index a, Index b) { return cell(a) < cell(b); });
    return rows;
}

}  // namespace

Repair::Repair(const Problem& problem)
    : problem_(problem), by_gateway_(rows_by_cell(problem)), by_site_(problem.arc_site, problem.sites) {
    by_slot_ = slot_problem(problem);
    by_slot_.by_gateway = {by_gateway_.start.data(), by_gateway_.order.data()};
    by_slot_.by_site = {by_site_.start.data(), by_site_.order.data()};
}

RepairOutcome Repair::run(double* allocation, const double* v, Team& team) const {
    serve(allocation, team);  // first: what it adds must fit as well
    std::vector<RepairOutcome> failed = over_windows(allocation, v, team, false);
    return failed.empty() ? RepairOutcome{} : std::move(failed.front());
}

RepairOutcome Repair::plan(double* allocation, const double* v, Team& team) const {
    std::vector<RepairOutcome> failed = over_windows(allocation, v, team, true);
    const auto horizon = static_cast<std::size_t>(by_slot_.horizon);
    for (RepairOutcome& outcome : failed) {
        // Where all arcs draw the same energy, the cut is as good as prices; else it may be none.
        outcome.prices.assign(problem_.slots * problem_.sites, 0.0);
        for (std::size_t cell : outcome.cut) outcome.prices[cell] = 1;
        if (!infeasibility_ray(problem_, outcome.prices, team).empty()) return std::move(outcome);
        MostWork most = serve_most(problem_, outcome.first, std::min(outcome.first + horizon, problem_.slots),
                                   allocation);
        outcome.prices = std::move(most.prices);
        if (!most.all) return std::move(outcome);
    }
    if (!failed.empty()) serve(allocation, team);
    return {};
}

std::vector<RepairOutcome> Repair::over_windows(double* allocation, const double* v, Team& team,
                                                bool fill) const {
    const auto horizon = static_cast<std::size_t>(by_slot_.horizon);
    const std::size_t windows = (problem_.slots + horizon - 1) / horizon;
    const auto bytes = static_cast<std::size_t>(RepairScratch::bytes(by_slot_, 1));
    std::vector<std::unique_ptr<std::byte[]>> memory(static_cast<std::size_t>(team.size()));
    std::vector<RepairOutcome> outcomes(windows);
    team.split(windows, [&](std::size_t begin, std::size_t end, int member) {
        auto& own = memory[static_cast<std::size_t>(member)];
        if (!own) own = std::make_unique_for_overwrite<std::byte[]>(bytes);
        const RepairScratch scratch = RepairScratch::on(own.get(), by_slot_, 1);
        for (std::size_t k = begin; k < end; ++k)
            outcomes[k] = repair(allocation, v, scratch, static_cast<int>(k) * by_slot_.horizon, fill);
    });
    serve(allocation, team);
    std::erase_if(outcomes, [](const RepairOutcome& outcome) { return outcome.feasible; });
    return outcomes;
}

RepairOutcome Repair::repair(double* allocation, const double* v, const RepairScratch& scratch, int first,
                             bool fill) const {
    const int last = std::min(first + by_slot_.horizon, by_slot_.slots);
    if (repair_window(Solo{}, by_slot_, allocation, v, scratch, first, last, fill)) return {};
    RepairOutcome outcome{false, static_cast<std::size_t>(first), {}, {}};
    const std::size_t begin = static_cast<std::size_t>(first) * problem_.sites;
    for (std::size_t c = 0; c < static_cast<std::size_t>(last - first) * problem_.sites; ++c)
        if (scratch.reached[c]) outcome.cut.push_back(begin + c);
    return outcome;
}

std::vector<std::size_t> Repair::stranded() const {
    const Problem& p = problem_;
    std::vector<std::size_t> sources;
    std::vector<Index> shortest(p.gateways, static_cast<Index>(p.slots));
    for (std::size_t a = 0; a < p.arcs; ++a) {
        Index& delay = shortest[static_cast<std::size_t>(p.arc_gateway[a])];
        delay = std::min(delay, p.arc_delay[a]);
    }
    for (std::size_t t = 0; t < p.slots; ++t)
        for (std::size_t j = 0; j < p.gateways; ++j)
            if (p.demand.row(t)[j] > 0 && t + static_cast<std::size_t>(shortest[j]) >= p.slots)
                sources.push_back(t * p.gateways + j);
    return sources;
}

void Repair::serve(double* allocation, Team& team) const {
    team.split(problem_.slots, [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t t = begin; t < end; ++t)
            serve_slot(Solo{}, by_slot_, allocation + t * problem_.arcs, static_cast<int>(t));
    });
}

}  // namespace equiload
