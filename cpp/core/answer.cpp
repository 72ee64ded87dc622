#include "core/answer.hpp"

#include <algorithm>
#include <limits>

#include "core/certificate.hpp"

namespace equiload {

namespace {

// A proof that the budgets cannot all be kept.
Infeasibility describe_budgets(const Presolved& presolved, const Proof& proof, Team& team) {
    const Problem& p = presolved.problem();
    Infeasibility result;
    presolved.expand_prices(proof.capacity, result.prices);
    for (double& u : result.prices) u = std::max(u, 0.0);
    const Shortfall sum = budget_shortfall(p, {{}, proof.capacity, proof.budget}, team);
    result.energy_needed = sum.needed, result.energy_available = sum.available;
    result.budget = proof.budget;
    result.budget.resize(p.footprints.size());
    for (std::size_t r = 0; r < p.footprints.size(); ++r)
        if (!p.footprints[r].limited()) result.budget[r].clear();
    return result;
}

}  // namespace

Infeasibility describe(const Presolved& presolved, const Problem& original, const Proof& proof,
                       const std::vector<std::size_t>& stranded, Team& team) {
    if (!proof.budget.empty()) return describe_budgets(presolved, proof, team);
    const std::vector<double>& ray = proof.capacity;
    const Problem& p = presolved.problem();
    Infeasibility result;
    std::vector<std::size_t> slots;
    if (!ray.empty()) presolved.expand_prices(ray, result.prices);
    for (double& u : result.prices) u = std::max(u, 0.0);
    const double largest = ray.empty() ? 0.0 : *std::max_element(ray.begin(), ray.end());
    for (std::size_t cell = 0; cell < ray.size(); ++cell) {
        if (ray[cell] <= 1e-6 * largest || presolved.original_site(cell % p.sites) >= original.sites)
            continue;
        result.sites.push_back(static_cast<int>(presolved.original_site(cell % p.sites)));
        slots.push_back(cell / p.sites);
    }
    if (!ray.empty())
        for (const Shortfall& s : shortfalls(p, ray.data(), team)) {
            result.energy_needed += s.needed;
            result.energy_available += s.available;
        }
    const auto name = [&](std::size_t gateway) {
        for (std::size_t j : presolved.pool(gateway)) result.gateways.push_back(static_cast<int>(j));
    };
    for (std::size_t source : stranded) {
        slots.push_back(source / p.gateways);
        name(source % p.gateways);
    }
    // Gateways that the priced cells confine: no arc of theirs avoids them.
    for (std::size_t t : std::vector<std::size_t>(slots)) {
        if (ray.empty()) break;
        std::vector<bool> confined(p.gateways, true);
        for (std::size_t a = 0; a < p.arcs; ++a) {
            const std::size_t at = t + static_cast<std::size_t>(p.arc_delay[a]);
            if (at < p.slots && ray[at * p.sites + static_cast<std::size_t>(p.arc_site[a])] <= 1e-6 * largest)
                confined[static_cast<std::size_t>(p.arc_gateway[a])] = false;
        }
        for (std::size_t j = 0; j < p.gateways; ++j)
            if (confined[j] && p.demand.row(t)[j] > 0) name(j);
    }
    for (std::vector<int>* list : {&result.sites, &result.gateways}) {
        std::sort(list->begin(), list->end());
        list->erase(std::unique(list->begin(), list->end()), list->end());
    }
    result.slot =
        slots.empty() ? -1 : static_cast<std::int64_t>(*std::min_element(slots.begin(), slots.end()));
    return result;
}

void certify(const Problem& problem, const Presolved& presolved, std::span<const double> allocation,
             Prices& prices, Team& team, Solution& s) {
    presolved.expand(allocation, s.allocation, s.shed, team);
    Evaluation e = evaluate(problem, s.allocation.data(), s.shed.empty() ? nullptr : s.shed.data(), team);
    s.site_load = std::move(e.site_load);
    s.totals = std::move(e.totals);
    s.breakdown = std::move(e.breakdown);
    s.objective = s.breakdown.total();
    s.prices.equity = std::move(prices.equity);
    presolved.expand_prices(prices.energy, s.prices.energy);
    complete_prices(problem, s.prices, team);
    s.lower_bound = lower_bound(problem, s.prices, team);
    s.gap = relative_gap(s.objective, s.lower_bound);
}

}  // namespace equiload
