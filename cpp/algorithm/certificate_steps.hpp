// The certificate slot by slot: what an allocation costs, and a bound that holds for any prices (problem.md).
// Rows are (T, items); lambda is that of the sites, [footprint][site].
#pragma once

#include "algorithm/burdened.hpp"
#include "algorithm/group.hpp"
#include "algorithm/slot_problem.hpp"

namespace equiload {

EQUILOAD_HD double site_cost(const SlotProblem& m, const double* lambda, int t, int i) {
    const auto slot = static_cast<std::size_t>(t);
    return burdened(m.price.row(slot)[i], m.footprints, m.sites, i, lambda,
                    [&](int r) { return m.footprint[r].row(slot)[i]; });
}

EQUILOAD_HD double quadratic_at(const SlotProblem& m, int t, int i) {
    return m.quadratic.values ? m.quadratic.row(static_cast<std::size_t>(t))[i] : 0.0;
}

// The best price u of a cell's capacity where energy costs `excess` more than the cell's c0.
EQUILOAD_HD double capacity_price(const SlotProblem& m, double excess, int t, int i) {
    const double capacity = m.capacity.row(static_cast<std::size_t>(t))[i];
    if (!is_finite(capacity)) return 0.0;
    const double q = quadratic_at(m, t, i);
    const double u = q > 0 ? excess - q * capacity : excess;
    return u > 0 ? u : 0.0;
}

// Makes the energy price v of a cell consistent with the best price of its capacity, which it returns: v = c0
// + u where q = 0, and never less than c0.
EQUILOAD_HD double complete_cell(const SlotProblem& m, const double* lambda, int t, int i, double& v) {
    const double cost = site_cost(m, lambda, t, i);
    const double u = capacity_price(m, v - cost, t, i);
    if (quadratic_at(m, t, i) > 0)
        v = v > cost ? v : cost;
    else
        v = cost + u;
    return u;
}

// The least that a unit of a gateway's work costs at energy prices v, leaving an arc out or dropping it
// included.
EQUILOAD_HD double least_cost(const SlotProblem& m, const double* v, int t, int gateway) {
    double least = m.shed_cost;
    for (int e = m.by_gateway.start[gateway]; e < m.by_gateway.start[gateway + 1]; ++e) {
        const Index a = m.by_gateway.order[e];
        const long at = static_cast<long>(t) + m.delay[a];
        if (at >= m.slots) continue;
        const double price = m.cost[a] + m.energy[a] * v[at * m.sites + m.site[a]];
        least = price < least ? price : least;
    }
    return least;
}

// What slot t adds to the bound at completed prices v.
template <Group G>
EQUILOAD_HD double bound_slot(G g, const SlotProblem& m, const double* lambda, const double* v, int t) {
    double sum = 0;
    for (int j = g.rank(); j < m.gateways; j += g.size())
        if (const double d = m.demand.row(static_cast<std::size_t>(t))[j]; d > 0)
            sum += d * least_cost(m, v, t, j);
    for (int i = g.rank(); i < m.sites; i += g.size()) {
        const double excess = v[static_cast<long>(t) * m.sites + i] - site_cost(m, lambda, t, i);
        const double u = capacity_price(m, excess, t, i), q = quadratic_at(m, t, i);
        if (u > 0) sum -= u * m.capacity.row(static_cast<std::size_t>(t))[i];
        if (q > 0 && excess > u) sum -= (excess - u) * (excess - u) / (2 * q);
    }
    return g.sum(sum);
}

// What a slot's work costs, equity apart; `overload`: the energy above capacities, at their prices.
struct SlotCosts {
    double arc = 0, energy = 0, quadratic = 0, overload = 0;
};

// The load of slot t's cells under an allocation x, and what they and the arcs that leave in t cost. With
// prices v, completed, overload counts.
template <Group G>
EQUILOAD_HD SlotCosts evaluate_slot(G g, const SlotProblem& m, const double* lambda, const double* x,
                                    const double* v, int t, double* load) {
    SlotCosts sum;
    const double* const row = x + static_cast<long>(t) * m.arcs;
    for (int a = g.rank(); a < m.arcs; a += g.size()) sum.arc += m.cost[a] * row[a];
    for (int i = g.rank(); i < m.sites; i += g.size()) {
        double y = 0;
        for (int e = m.by_site.start[i]; e < m.by_site.start[i + 1]; ++e) {
            const Index a = m.by_site.order[e];
            if (t >= m.delay[a]) y += m.energy[a] * row[a - static_cast<long>(m.delay[a]) * m.arcs];
        }
        const long cell = static_cast<long>(t) * m.sites + i;
        load[cell] = y;
        sum.energy += m.price.row(static_cast<std::size_t>(t))[i] * y;
        sum.quadratic += 0.5 * quadratic_at(m, t, i) * y * y;
        const double over = y - m.capacity.row(static_cast<std::size_t>(t))[i];
        if (v && over > 0)
            sum.overload += over * capacity_price(m, v[cell] - site_cost(m, lambda, t, i), t, i);
    }
    return {g.sum(sum.arc), g.sum(sum.energy), g.sum(sum.quadratic), g.sum(sum.overload)};
}

}  // namespace equiload
