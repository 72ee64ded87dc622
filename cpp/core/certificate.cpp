#include "core/certificate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "algorithm/certificate_steps.hpp"
#include "algorithm/equity.hpp"

namespace equiload {

namespace {

// Sums that threads share are formed slot by slot and added in the order of the slots: same bits for any
// team.
double ordered_sum(const std::vector<double>& parts) {
    double sum = 0;
    for (double part : parts) sum += part;
    return sum;
}

// A problem as the steps read it, with all its footprints.
struct WholeProblem {
    const Grouping by_gateway, by_site;
    std::vector<Field> footprints;
    SlotProblem by_slot;

    explicit WholeProblem(const Problem& p)
        : by_gateway(p.arc_gateway, p.gateways), by_site(p.arc_site, p.sites), by_slot(slot_problem(p)) {
        for (const Footprint& footprint : p.footprints) footprints.push_back(footprint.values);
        by_slot.footprints = static_cast<int>(footprints.size()), by_slot.footprint = footprints.data();
        by_slot.by_gateway = {by_gateway.start.data(), by_gateway.order.data()};
        by_slot.by_site = {by_site.start.data(), by_site.order.data()};
    }
};

// body(slot) for all slots, shared among the team.
template <class Body>
void each_slot(const Problem& p, Team& team, Body body) {
    team.split(p.slots, [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t t = begin; t < end; ++t) body(static_cast<int>(t));
    });
}

}  // namespace

double relative_gap(double objective, double lower_bound) {
    return (objective - lower_bound) / std::max(1.0, std::abs(objective));
}

std::vector<double> site_prices(const Problem& p, const std::vector<std::vector<double>>& equity) {
    std::vector<double> lambda(p.footprints.size() * p.sites, 0.0);
    for (std::size_t r = 0; r < p.footprints.size() && r < equity.size(); ++r)
        for (std::size_t i = 0; i < p.sites && !equity[r].empty(); ++i)
            lambda[r * p.sites + i] = p.footprints[r].at_site(equity[r], i);
    return lambda;
}

Evaluation evaluate(const Problem& p, const double* allocation, const double* shed, Team& team) {
    const WholeProblem whole(p);
    Evaluation result;
    result.site_load.resize(p.slots * p.sites);
    std::vector<double> arc(p.slots), energy(p.slots), quadratic(p.slots), dropped(p.slots);
    double* const load = result.site_load.data();
    each_slot(p, team, [&](int slot) {
        const auto t = static_cast<std::size_t>(slot);
        const SlotCosts costs =
            evaluate_slot(Solo{}, whole.by_slot, nullptr, allocation, nullptr, slot, load);
        arc[t] = costs.arc, energy[t] = costs.energy, quadratic[t] = costs.quadratic;
        for (std::size_t j = 0; shed && j < p.gateways; ++j)
            dropped[t] += p.shed_cost * shed[t * p.gateways + j];
    });

    const std::size_t footprints = p.footprints.size();
    std::vector<std::vector<double>> burden(footprints);  // (T, G) would be large: sum per site first
    for (auto& b : burden) b.assign(p.sites, 0.0);
    constexpr std::size_t line = 32;  // sites side by side: whole cache lines, and vectors
    team.split((p.sites + line - 1) / line, [&](std::size_t begin, std::size_t end, int) {
        const std::size_t first = begin * line, last = std::min(end * line, p.sites);
        for (std::size_t r = 0; r < footprints; ++r)
            for (std::size_t t = 0; t < p.slots; ++t) {
                const double *const f = p.footprints[r].values.row(t), *const y = load + t * p.sites;
                double* const sum = burden[r].data();
                for (std::size_t i = first; i < last; ++i) sum[i] += f[i] * y[i];
            }
    });
    for (std::size_t r = 0; r < footprints; ++r)
        result.totals.push_back(region_totals(p.footprints[r], burden[r]));
    result.breakdown.arc = ordered_sum(arc);
    result.breakdown.energy = ordered_sum(energy);
    result.breakdown.quadratic = ordered_sum(quadratic);
    result.breakdown.shed = ordered_sum(dropped);
    result.breakdown.fixed = p.fixed_cost;
    equity_cost(p, result.totals, result.breakdown.equity);
    return result;
}

std::vector<double> region_totals(const Footprint& footprint, std::span<const double> burden) {
    std::vector<double> totals(footprint.history.begin(), footprint.history.end());
    for (std::size_t i = 0; i < burden.size(); ++i)
        footprint.each_region(i, [&](std::size_t g, double share) { totals[g] += share * burden[i]; });
    return totals;
}

double equity_cost(const Problem& p, const std::vector<std::vector<double>>& totals,
                   std::vector<double>& terms) {
    terms.assign(p.footprints.size(), 0.0);
    for (std::size_t r = 0; r < p.footprints.size(); ++r) {
        const Footprint& footprint = p.footprints[r];
        if (footprint.kind == EquityKind::none) continue;
        std::vector<double> weighted(totals[r]);
        for (std::size_t g = 0; g < weighted.size(); ++g) weighted[g] *= footprint.sensitivity[g];
        terms[r] = EquityFunction(footprint).value(weighted);
    }
    return ordered_sum(terms);
}

void complete_prices(const Problem& p, Prices& prices, Team& team) {
    const WholeProblem whole(p);
    const std::vector<double> lambda = site_prices(p, prices.equity);
    prices.capacity.resize(p.slots * p.sites);
    each_slot(p, team, [&](int slot) {
        const std::size_t first = static_cast<std::size_t>(slot) * p.sites;
        for (std::size_t i = 0; i < p.sites; ++i)
            prices.capacity[first + i] = complete_cell(whole.by_slot, lambda.data(), slot,
                                                       static_cast<int>(i), prices.energy[first + i]);
    });
}

double lower_bound(const Problem& p, const Prices& prices, Team& team) {
    const WholeProblem whole(p);
    const std::vector<double> lambda = site_prices(p, prices.equity);
    std::vector<double> parts(p.slots);
    each_slot(p, team, [&](int slot) {
        parts[static_cast<std::size_t>(slot)] =
            bound_slot(Solo{}, whole.by_slot, lambda.data(), prices.energy.data(), slot);
    });
    return ordered_sum(parts) + bound_apart(p, prices.equity);
}

double bound_apart(const Problem& p, const std::vector<std::vector<double>>& equity) {
    double bound = p.fixed_cost;
    for (std::size_t r = 0; r < p.footprints.size() && r < equity.size(); ++r) {
        std::vector<double> pi(equity[r]);
        for (std::size_t g = 0; g < pi.size(); ++g) {
            bound += pi[g] * p.footprints[r].history[g];
            pi[g] /= p.footprints[r].sensitivity[g];
        }
        if (p.footprints[r].kind != EquityKind::none && !pi.empty())
            bound -= EquityFunction(p.footprints[r]).conjugate(pi);
    }
    return bound;
}

namespace {

// `energy` is what a MWh costs a cell, `u` what its capacity is worth, both (T, I).
std::vector<Shortfall> shortfalls(const Problem& p, const double* energy, const double* u, Team& team) {
    std::vector<Shortfall> result(p.slots);
    team.split(p.slots, [&](std::size_t begin, std::size_t end, int) {
        std::vector<double> least(p.gateways);
        for (std::size_t t = begin; t < end; ++t) {
            std::fill(least.begin(), least.end(), std::numeric_limits<double>::infinity());
            for (std::size_t a = 0; a < p.arcs; ++a) {
                const std::size_t at = t + static_cast<std::size_t>(p.arc_delay[a]);
                if (at >= p.slots) continue;
                double& best = least[static_cast<std::size_t>(p.arc_gateway[a])];
                best = std::min(
                    best, p.arc_energy[a] * energy[at * p.sites + static_cast<std::size_t>(p.arc_site[a])]);
            }
            for (std::size_t j = 0; j < p.gateways; ++j)
                if (const double d = p.demand.row(t)[j]; d > 0) result[t].needed += d * least[j];
            for (std::size_t i = 0; i < p.sites; ++i)
                if (const double price = u[t * p.sites + i]; price > 0)
                    result[t].available += price * p.capacity.row(t)[i];
        }
    });
    return result;
}

}  // namespace

std::vector<Shortfall> shortfalls(const Problem& p, const double* u, Team& team) {
    return shortfalls(p, u, u, team);
}

Shortfall budget_shortfall(const Problem& p, const Prices& ray, Team& team) {
    std::vector<double> energy(ray.capacity);
    Shortfall sum;
    for (std::size_t r = 0; r < p.footprints.size(); ++r) {
        const Footprint& footprint = p.footprints[r];
        if (!footprint.limited()) continue;
        const std::vector<double>& lambda = ray.equity[r];
        for (std::size_t t = 0; t < p.slots; ++t)
            for (std::size_t i = 0; i < p.sites; ++i)
                energy[t * p.sites + i] += footprint.at_site(lambda, i) * footprint.values.row(t)[i];
        for (std::size_t g = 0; g < lambda.size(); ++g) {
            sum.needed += lambda[g] * footprint.history[g];
            if (lambda[g] > 0) sum.available += lambda[g] * footprint.limit[g];
        }
    }
    for (const Shortfall& slot : shortfalls(p, energy.data(), ray.capacity.data(), team))
        sum.needed += slot.needed, sum.available += slot.available;
    return sum;
}

std::vector<double> infeasibility_ray(const Problem& p, const std::vector<double>& u, Team& team) {
    std::vector<double> ray(u.size(), 0.0);
    // Any multiple proves the same; with 1 for the dearest cell both sides read as energy.
    const auto take = [&](std::size_t first, std::size_t count) {
        const auto from = u.begin() + static_cast<std::ptrdiff_t>(first);
        const double largest = *std::max_element(from, from + static_cast<std::ptrdiff_t>(count));
        for (std::size_t k = first; k < first + count; ++k) ray[k] = u[k] / largest;
    };
    const std::vector<Shortfall> by_slot = shortfalls(p, u.data(), team);
    if (p.max_delay() > 0) {
        Shortfall sum;
        for (const Shortfall& s : by_slot) sum.needed += s.needed, sum.available += s.available;
        if (!sum.proven()) return {};
        take(0, u.size());
        return ray;
    }
    std::size_t worst = 0;
    for (std::size_t t = 1; t < p.slots; ++t)
        if (by_slot[t].excess() > by_slot[worst].excess()) worst = t;
    if (!by_slot[worst].proven()) return {};
    take(worst * p.sites, p.sites);
    return ray;
}

}  // namespace equiload
