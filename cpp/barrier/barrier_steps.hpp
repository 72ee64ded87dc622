// The steps of the structured interior point method, over blocks of slots as in steps.hpp.
//
// With slacks s of the capacities and e of the equity rows, and multipliers z, u, pi, the method follows the
// central path of
//     x z = s u = e pi = mu,   theta_j + z = l + k c,   c = p + q y + u + sum_r lambda_r f_r,   lambda = w
//     pi, A x = d,   M x + s = capacity,   w (h + F y) + e = m,   sum pi = weight.
//
// A Newton step eliminates, slot by slot, everything but the equity prices. With D = z/x, S = u/s + q and,
// cell by cell,  kappa = sum k^2/D,  eta = 1/(1 + S kappa),  W_ji = sum k/D,  there remains one matrix a
// slot,
//     Z = diag(sum 1/D) - W diag(S eta) W',
// sparse where gateways share few sites (elimination.hpp), and the response of the loads to a change phi of
// the cells' prices is
//     dy = -kappa eta phi + eta W' Z^-1 W eta phi.
// Slots are lanes: factorisations and all else run on eight slots side by side.
//
// Arcs are what there is most of, and all passes wait for memory. Four numbers are kept of each, a direction
// is not: with the slack of the dual row,
//     g = (theta + z - l - k (c + shift) + target) + (dtheta - k push),   dx = x/z g,   dz = target - g,
// so that every pass that needs a direction finds it again, to the last bit. `shift` and `push` are what the
// prices of the cells change by at once and by solving.
#pragma once

#include "algorithm/steps.hpp"
#include "barrier/chain_steps.hpp"
#include "barrier/factor_steps.hpp"

namespace equiload {

// What the method keeps of each block beside the problem; [block][item][lane].
struct BarrierState {
    double *x = nullptr, *z = nullptr, *inv_d = nullptr, *target = nullptr;  // arc: -, -, 1/D, (what x z aims
                                                                             // at) / x - z
    double *s = nullptr, *u = nullptr, *ds = nullptr, *du = nullptr;         // site
    double *load = nullptr, *price = nullptr, *kappa = nullptr, *eta = nullptr;  // site: y, c, -, -
    double *gamma = nullptr, *flow = nullptr;                                    // site: S eta, sum k/D
    double *shifted = nullptr, *push = nullptr;                                  // site: c + shift, push
    double* dy = nullptr;                                                        // site
    double* theta = nullptr;                                                     // gateway
    double *dtheta = nullptr, *response = nullptr;                               // place of a gateway
    double* factor = nullptr;                                                    // of Z
    const double* work = nullptr;  // gateway: what is served in the slot at first; 0 where nothing may be
    Elimination order;
};

// A capacity that binds anything at all.
template <class V>
EQUILOAD_HD typename V::Mask bounded(V capacity) {
    return capacity < V(1e299);
}

// May work flow? Sources without work and cells without capacity are left out of the iteration.
template <class V>
EQUILOAD_HD typename V::Mask active_arc(const BlockProblem& m, const BarrierState& p, int block, int gateway,
                                        int arc) {
    const V demand = V::load(p.work + offset<V>(block, m.gateways, gateway));
    const V capacity = V::load(m.capacity + offset<V>(block, m.sites, m.site[arc]));
    return (V(0.0) < demand) & (V(0.0) < capacity);
}

template <class V>
EQUILOAD_HD V capacity_at(const BlockProblem& m, int block, int site) {
    return V::load(m.capacity + offset<V>(block, m.sites, site));
}

// Is the capacity a row of the iteration?
template <class V>
EQUILOAD_HD typename V::Mask limited(V capacity) {
    return bounded(capacity) & (V(0.0) < capacity);
}

template <class V>
EQUILOAD_HD V quadratic_at(const BlockProblem& m, int block, int site) {
    return m.quadratic ? V::load(m.quadratic + offset<V>(block, m.sites, site)) : V(0.0);
}

template <class V>
EQUILOAD_HD V stiffness(const BlockProblem& m, const BarrierState& p, int block, int site) {
    const long at = offset<V>(block, m.sites, site);
    const V bound = select(bounded(V::load(m.capacity + at)), V::load(p.u + at) / V::load(p.s + at), V(0.0));
    return bound + quadratic_at<V>(m, block, site);
}

// phi of a cell: sum_r f_r dlambda_r
template <class V>
EQUILOAD_HD V price_change(const BlockProblem& m, int block, int site, const double* dlambda) {
    return burdened(V(0.0), m.footprints, m.sites, site, dlambda,
                    [&](int r) { return load_footprint<V>(m, block, r, site); });
}

template <class V>
EQUILOAD_HD void add_total(double* total, V value) {
    (V::load(total) + value).store(total);
}

// totals[r][site][lane] += f_r dy
template <class V>
EQUILOAD_HD void add_footprints(const BlockProblem& m, int block, int site, V dy, double* totals) {
    for (int r = 0; r < m.footprints; ++r)
        add_total<V>(totals + offset<V>(r, m.sites, site), load_footprint<V>(m, block, r, site) * dy);
}

// The price c of a cell at its present load.
template <class V>
EQUILOAD_HD V barrier_price(const BlockProblem& m, const BarrierState& p, int block, int site,
                            const double* lambda) {
    const long at = offset<V>(block, m.sites, site);
    const V own =
        V::load(m.price + at) + V::load(p.u + at) + quadratic_at<V>(m, block, site) * V::load(p.load + at);
    const V price = burdened(own, m.footprints, m.sites, site, lambda,
                             [&](int r) { return load_footprint<V>(m, block, r, site); });
    price.store(p.price + at);
    return price;
}

// A first point: work spread evenly, slacks and multipliers of about `money` per unit, exact in the dual.
template <class V>
inline void barrier_start(const BlockProblem& m, const BarrierState& p, int block, const double* lambda,
                          double money) {
    for (int j = 0; j < m.gateways; ++j) {
        V usable(0.0);
        for (int a = m.row[j]; a < m.row[j + 1]; ++a)
            usable = usable + select(active_arc<V>(m, p, block, j, a), V(1.0), V(0.0));
        const V demand = V::load(p.work + offset<V>(block, m.gateways, j));
        const V share = select(V(0.0) < usable, demand / usable, V(0.0));
        for (int a = m.row[j]; a < m.row[j + 1]; ++a)
            select(active_arc<V>(m, p, block, j, a), share, V(0.0)).store(p.x + offset<V>(block, m.arcs, a));
    }
    for (int i = 0; i < m.sites; ++i) {
        select(limited(capacity_at<V>(m, block, i)), V(money), V(0.0))
            .store(p.u + offset<V>(block, m.sites, i));
    }
    for (int i = 0; i < m.sites; ++i) V(0.0).store(p.load + offset<V>(block, m.sites, i));
    for (int a = 0; a < m.arcs; ++a) {
        double* const load = p.load + offset<V>(block, m.sites, m.site[a]);
        (V::load(load) + V(m.energy[a]) * V::load(p.x + offset<V>(block, m.arcs, a))).store(load);
    }
    for (int i = 0; i < m.sites; ++i) barrier_price<V>(m, p, block, i, lambda);
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        const V capacity = capacity_at<V>(m, block, i);
        select(limited(capacity), max(capacity - V::load(p.load + at), V(0.1) * capacity), V(1.0))
            .store(p.s + at);
    }
    for (int j = 0; j < m.gateways; ++j) {
        V least(unreachable_price);
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            const V price = V::load(p.price + offset<V>(block, m.sites, m.site[a]));
            const V total = V(m.cost[a]) + V(m.energy[a]) * price;
            least = min(least, select(active_arc<V>(m, p, block, j, a), total, V(unreachable_price)));
        }
        const V theta = select(least < V(unreachable_price), least - V(money), V(0.0));
        theta.store(p.theta + offset<V>(block, m.gateways, j));
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            const V price = V::load(p.price + offset<V>(block, m.sites, m.site[a]));
            const V slack = V(m.cost[a]) + V(m.energy[a]) * price - theta;
            const long at = offset<V>(block, m.arcs, a);
            const auto active = active_arc<V>(m, p, block, j, a);
            select(active, slack, V(1.0)).store(p.z + at);
            select(active, V(1.0), V(0.0)).store(p.inv_d + at);
        }
    }
}

// What the dual row of an arc lacks of its target; the same bits in every pass.
template <class V>
EQUILOAD_HD V arc_error(const BlockProblem& m, int arc, V theta, V z, V shifted, V target) {
    return (theta + z - V(m.cost[arc]) - V(m.energy[arc]) * shifted) + target;
}

// Moves arcs along the present direction and adds up what follows for cells: y, kappa, sum k/D. Returns sum x
// z.
template <class V>
inline V move_arcs(const BlockProblem& m, const BarrierState& p, int block, double primal, double dual) {
    constexpr int n = V::lanes;
    double *const load = p.load + offset<V>(block, m.sites, 0),
                  *const kappa = p.kappa + offset<V>(block, m.sites, 0),
                  *const flow = p.flow + offset<V>(block, m.sites, 0);
    const double *const shifted = p.shifted + offset<V>(block, m.sites, 0), *const push =
                                                                                p.push +
                                                                                offset<V>(block, m.sites, 0);
    for (int i = 0; i < m.sites * n; i += n)
        V(0.0).store(load + i), V(0.0).store(kappa + i), V(0.0).store(flow + i);
    V total(0.0);
    for (int j = 0; j < m.gateways; ++j) {
        const long at_gateway = offset<V>(block, m.gateways, j);
        const V theta = V::load(p.theta + at_gateway),
                dtheta = V::load(p.dtheta + offset<V>(block, m.gateways, p.order.place[j]));
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            const long at = offset<V>(block, m.arcs, a);
            const int i = m.site[a] * n;
            const V k(m.energy[a]), old = V::load(p.inv_d + at), target = V::load(p.target + at);
            V x = V::load(p.x + at), z = V::load(p.z + at);
            const V g =
                arc_error<V>(m, a, theta, z, V::load(shifted + i), target) + (dtheta - k * V::load(push + i));
            x = x + V(primal) * (old * g);
            z = select(V(0.0) < old, z + V(dual) * (target - g), V(1.0));
            const V inv_d = x / z, conductance = k * inv_d;
            x.store(p.x + at), z.store(p.z + at), inv_d.store(p.inv_d + at);
            (V::load(load + i) + k * x).store(load + i);
            (V::load(kappa + i) + k * conductance).store(kappa + i);
            (V::load(flow + i) + conductance).store(flow + i);
            total = total + x * z;
        }
        (theta + V(dual) * dtheta).store(p.theta + at_gateway);
    }
    return total;
}

// Takes a step along the present direction. sum[lane] += complementarity; totals += F y, then the diagonal
// f^2 kappa eta of F K F' without what flows back.
template <class V>
inline void barrier_move(const BlockProblem& m, const BarrierState& p, int block, const double* lambda,
                         double primal, double dual, double* sum, double* totals) {
    V total = V::load(sum) + move_arcs<V>(m, p, block, primal, dual);
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        const V s = V::load(p.s + at) + V(primal) * V::load(p.ds + at),
                u = V::load(p.u + at) + V(dual) * V::load(p.du + at);
        s.store(p.s + at), u.store(p.u + at);
        total = total + select(bounded(capacity_at<V>(m, block, i)), s * u, V(0.0));
        barrier_price<V>(m, p, block, i, lambda);
        const V kappa = V::load(p.kappa + at), stiff = stiffness<V>(m, p, block, i),
                eta = V(1.0) / (V(1.0) + stiff * kappa);
        eta.store(p.eta + at), (stiff * eta).store(p.gamma + at);
        const V own = kappa * eta;
        for (int r = 0; r < m.footprints; ++r) {
            const V f = load_footprint<V>(m, block, r, i);
            add_total<V>(totals + offset<V>(r, m.sites, i), f * V::load(p.load + at));
            add_total<V>(totals + offset<V>(m.footprints + r, m.sites, i), f * f * own);
        }
    }
    total.store(sum);
}

template <class V>
EQUILOAD_HD double* block_factor(const BarrierState& p, int block) {
    return p.factor + static_cast<long>(block) * p.order.factor_size() * V::lanes;
}

// -Z below the diagonal, from the arcs that meet at each site.
template <class V>
inline void add_meetings(const BlockProblem& m, const BarrierState& p, int block, double* factor,
                         double* scratch) {
    constexpr int n = V::lanes;
    const Elimination& order = p.order;
    double* const tail = factor + order.tail_at() * n;
    const int* meeting = order.meeting;
    for (int i = 0; i < m.sites; ++i) {
        const int first = order.in_start[i], count = order.in_start[i + 1] - first;
        const V gamma = V::load(p.gamma + offset<V>(block, m.sites, i));
        for (int e = 0; e < count; ++e) {
            const int a = order.in_arc[first + e];
            (V(m.energy[a]) * V::load(p.inv_d + offset<V>(block, m.arcs, a))).store(scratch + e * n);
        }
        int e = 0;
        for (; e < count && order.in_place[first + e] < order.head; ++e) {
            const V own = gamma * V::load(scratch + e * n);
            for (int f = e + 1; f < count; ++f, ++meeting)
                add_total<V>(factor + static_cast<long>(*meeting) * n, own * V::load(scratch + f * n));
        }
        for (int f = e; f < count; ++f) {
            const V own = gamma * V::load(scratch + f * n);
            const int row = order.in_place[first + f] - order.head;
            double* const entries = tail + triangle(row) * n;
            for (int h = e; h < f; ++h)
                if (const int column = order.in_place[first + h] - order.head; column != row)
                    add_total<V>(entries + column * n, own * V::load(scratch + h * n));
        }
    }
}

// The factor of Z at the present point. Scratch: the longest list of arcs of a site.
template <class V>
inline void barrier_factor(const BlockProblem& m, const BarrierState& p, int block, double* scratch) {
    constexpr int n = V::lanes;
    const Elimination& order = p.order;
    double* const factor = block_factor<V>(p, block);
    for (long k = 0; k < order.factor_size(); ++k) V(0.0).store(factor + k * n);
    add_meetings<V>(m, p, block, factor, scratch);
    for (int j = 0; j < m.gateways; ++j) {  // row sums: 1/D (1 - k gamma sum k/D), without cancelling
        V sum(0.0), excess(0.0);
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            const long at = offset<V>(block, m.sites, m.site[a]);
            const V inv_d = V::load(p.inv_d + offset<V>(block, m.arcs, a));
            const V lead = V::load(p.kappa + at) - V(m.energy[a]) * V::load(p.flow + at);
            excess = excess + inv_d * (V::load(p.eta + at) + V::load(p.gamma + at) * lead);
            sum = sum + inv_d;
        }
        // A gateway without work; with a queue it may have none in this slot alone.
        const V nothing(order.place[j] < order.size - order.kept ? 1.0 : 0.0);
        select(V(0.0) < sum, excess, nothing)
            .store(factor + static_cast<long>(order.diagonal[order.place[j]]) * n);
    }
    factor_head<V>(order, factor);
    factor_tail<V>(factor + order.tail_at() * n, order.tail(), order.done());
}

// Sum over the arcs of a gateway of k/D value[site]  (W value)
template <class V>
EQUILOAD_HD V gather_sites(const BlockProblem& m, const BarrierState& p, int block, int gateway,
                           const double* value) {
    V sum(0.0);
    for (int a = m.row[gateway]; a < m.row[gateway + 1]; ++a)
        sum = sum + V(m.energy[a]) * V::load(p.inv_d + offset<V>(block, m.arcs, a)) *
                        V::load(value + m.site[a] * V::lanes);
    return sum;
}

// sums[site] <- W' value, of values by place
template <class V>
inline void spread_gateways(const BlockProblem& m, const BarrierState& p, int block, const double* value,
                            double* sums) {
    constexpr int n = V::lanes;
    for (int i = 0; i < m.sites; ++i) V(0.0).store(sums + i * n);
    for (int j = 0; j < m.gateways; ++j) {
        const V own = V::load(value + p.order.place[j] * n);
        for (int a = m.row[j]; a < m.row[j + 1]; ++a)
            add_total<V>(sums + m.site[a] * n,
                         V(m.energy[a]) * V::load(p.inv_d + offset<V>(block, m.arcs, a)) * own);
    }
}

// Residuals of one cell's capacity row.
template <class V>
struct CellNewton {
    V bound, slack_error;

    EQUILOAD_HD CellNewton(const BlockProblem& m, const BarrierState& p, int block, int site) {
        const long at = offset<V>(block, m.sites, site);
        const V capacity = V::load(m.capacity + at), s = V::load(p.s + at);
        const auto finite = bounded(capacity);
        bound = select(finite, V::load(p.u + at) / s, V(0.0));
        slack_error = select(finite, capacity - V::load(p.load + at) - s, V(0.0));
    }
};

// Aims the cells, at mu = 0 or, for the corrector, at mu and the second order of the present direction
// (Mehrotra): leaves what u changes by without dy in du, and in `ahead` the price that the present direction
// leads to.
template <class V, bool Corrector>
inline void aim_cells(const BlockProblem& m, const BarrierState& p, int block, double mu, double* ahead) {
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        const V capacity = V::load(m.capacity + at);
        const CellNewton<V> cell(m, p, block, i);
        V target = V(-1.0) * V::load(p.u + at);
        if constexpr (Corrector) {
            const V second = V::load(p.ds + at) * V::load(p.du + at);
            target = target + select(limited(capacity), (V(mu) - second) / V::load(p.s + at), V(0.0));
            (V::load(p.shifted + at) + V::load(p.push + at)).store(ahead + i * V::lanes);
        }
        const V du = select(bounded(capacity), target - cell.bound * cell.slack_error, V(0.0));
        du.store(p.du + at);
        (V::load(p.price + at) + du).store(p.shifted + at);
        V(0.0).store(p.dy + at);
    }
}

// Aims the arcs, and adds up in dy what they would bring to the cells at the present theta, and in dtheta
// what the gateways' rows lack then.
template <class V, bool Corrector>
inline void aim_arcs(const BlockProblem& m, const BarrierState& p, int block, double mu,
                     const double* ahead) {
    constexpr int n = V::lanes;
    double* const pull = p.dy + offset<V>(block, m.sites, 0);
    const double* const shifted = p.shifted + offset<V>(block, m.sites, 0);
    for (int j = 0; j < m.gateways; ++j) {
        double* const dtheta = p.dtheta + offset<V>(block, m.gateways, p.order.place[j]);
        const V theta = V::load(p.theta + offset<V>(block, m.gateways, j)), led = theta + V::load(dtheta);
        V error = V::load(m.demand + offset<V>(block, m.gateways, j));
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            const long at = offset<V>(block, m.arcs, a);
            const int i = m.site[a] * n;
            const V k(m.energy[a]), z = V::load(p.z + at), inv_d = V::load(p.inv_d + at),
                                    x = V::load(p.x + at);
            V target = V(-1.0) * z;
            if constexpr (Corrector) {
                const auto active = V(0.0) < inv_d;
                const V g = led - V(m.cost[a]) - k * V::load(ahead + i), dz = V(-1.0) * z - g;
                target =
                    target + select(active, (V(mu) - inv_d * g * dz) / select(active, x, V(1.0)), V(0.0));
            }
            target.store(p.target + at);
            const V dx = inv_d * arc_error<V>(m, a, theta, z, V::load(shifted + i), target);
            add_total<V>(pull + i, k * dx);
            error = error - (x + dx);
        }
        error.store(dtheta);
    }
}

// First half of the Newton system at unchanged equity prices: right-hand sides, and forward through the head.
// Scratch: sites.
template <class V, bool Corrector>
inline void barrier_aim(const BlockProblem& m, const BarrierState& p, int block, double mu, double* scratch) {
    constexpr int n = V::lanes;
    aim_cells<V, Corrector>(m, p, block, mu, scratch);
    aim_arcs<V, Corrector>(m, p, block, mu, scratch);
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        (V::load(p.gamma + at) * V::load(p.dy + at)).store(scratch + i * n);
    }
    double* const dtheta = p.dtheta + offset<V>(block, m.gateways, 0);
    for (int j = 0; j < m.gateways; ++j)
        add_total<V>(dtheta + p.order.place[j] * n, gather_sites<V>(m, p, block, j, scratch));
    forward_head<V>(p.order, block_factor<V>(p, block), dtheta);
}

// Second half: dtheta, dy; totals += F dy.  Scratch: sites.
template <class V>
inline void barrier_settle(const BlockProblem& m, const BarrierState& p, int block, double* totals,
                           double* scratch) {
    double* const dtheta = p.dtheta + offset<V>(block, m.gateways, 0);
    backward_head<V>(p.order, block_factor<V>(p, block), dtheta);
    spread_gateways<V>(m, p, block, dtheta, scratch);
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        const V dy = V::load(p.eta + at) * (V::load(p.dy + at) + V::load(scratch + i * V::lanes));
        dy.store(p.dy + at);
        add_footprints<V>(m, block, i, dy, totals);
    }
}

// What equity prices that rise by dlambda ask of the gateways: right-hand side in `response`, forward through
// the head. Scratch: sites.
template <class V>
inline void barrier_ask(const BlockProblem& m, const BarrierState& p, int block, const double* dlambda,
                        double* scratch) {
    constexpr int n = V::lanes;
    double* const response = p.response + offset<V>(block, m.gateways, 0);
    for (int i = 0; i < m.sites; ++i)
        (V::load(p.eta + offset<V>(block, m.sites, i)) * price_change<V>(m, block, i, dlambda))
            .store(scratch + i * n);
    for (int j = 0; j < m.gateways; ++j)
        gather_sites<V>(m, p, block, j, scratch).store(response + p.order.place[j] * n);
    forward_head<V>(p.order, block_factor<V>(p, block), response);
}

// Burden that leaves when they do: totals += F K F' dlambda. Scratch: sites.
template <class V>
inline void barrier_leave(const BlockProblem& m, const BarrierState& p, int block, const double* dlambda,
                          double* totals, double* scratch) {
    double* const response = p.response + offset<V>(block, m.gateways, 0);
    backward_head<V>(p.order, block_factor<V>(p, block), response);
    spread_gateways<V>(m, p, block, response, scratch);
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        const V own = V::load(p.kappa + at) * price_change<V>(m, block, i, dlambda);
        add_footprints<V>(m, block, i, V::load(p.eta + at) * (own - V::load(scratch + i * V::lanes)), totals);
    }
}

// What the ends of a step are decided by, lane by lane: the largest -dx/x and -dz/z, and the sums of z dx, x
// dz and dx dz.
template <class V>
struct Course {
    V primal, dual, growth_x, growth_z, second;

    EQUILOAD_HD explicit Course(const double* at)
        : primal(V::load(at)),
          dual(V::load(at + V::lanes)),
          growth_x(V::load(at + 2 * V::lanes)),
          growth_z(V::load(at + 3 * V::lanes)),
          second(V::load(at + 4 * V::lanes)) {}

    EQUILOAD_HD void store(double* at) const {
        primal.store(at), dual.store(at + V::lanes), growth_x.store(at + 2 * V::lanes);
        growth_z.store(at + 3 * V::lanes), second.store(at + 4 * V::lanes);
    }
};

// The direction at dlambda, on top of what both halves have left. totals += F dy.  Scratch: sites.
template <class V, bool Corrector>
inline void barrier_direction(const BlockProblem& m, const BarrierState& p, int block, const double* dlambda,
                              double* totals, double* course, double* scratch) {
    constexpr int n = V::lanes;
    double *const response = p.response + offset<V>(block, m.gateways, 0), *const dtheta =
                                                                               p.dtheta +
                                                                               offset<V>(block, m.gateways,
                                                                                         0);
    backward_head<V>(p.order, block_factor<V>(p, block), response);
    spread_gateways<V>(m, p, block, response, scratch);
    Course<V> along(course);
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        const V phi = price_change<V>(m, block, i, dlambda);
        const V dy = V::load(p.dy + at) +
                     V::load(p.eta + at) * (V::load(scratch + i * n) - V::load(p.kappa + at) * phi);
        const CellNewton<V> cell(m, p, block, i);
        const auto limit = limited(V::load(m.capacity + at));
        const V s = V::load(p.s + at), u = V::load(p.u + at);
        const V ds = select(limit, cell.slack_error - dy, V(0.0));
        const V du = select(limit, V::load(p.du + at) + cell.bound * dy, V(0.0));
        ds.store(p.ds + at), du.store(p.du + at);
        (phi + (cell.bound + quadratic_at<V>(m, block, i)) * dy).store(p.push + at);
        along.primal = max(along.primal, V(-1.0) * ds / s);
        along.dual = max(along.dual, select(limit, V(-1.0) * du / select(limit, u, V(1.0)), V(0.0)));
        along.growth_x = along.growth_x + u * ds;
        along.growth_z = along.growth_z + s * du;
        along.second = along.second + ds * du;
        add_footprints<V>(m, block, i, dy, totals);
    }
    const double *const shifted = p.shifted + offset<V>(block, m.sites, 0), *const push =
                                                                                p.push +
                                                                                offset<V>(block, m.sites, 0);
    for (int j = 0; j < m.gateways; ++j) {
        const int place = p.order.place[j] * n;
        const V theta = V::load(p.theta + offset<V>(block, m.gateways, j)),
                change = V::load(dtheta + place) + V::load(response + place);
        change.store(dtheta + place);
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            const long at = offset<V>(block, m.arcs, a);
            const int i = m.site[a] * n;
            const V z = V::load(p.z + at), inv_d = V::load(p.inv_d + at);
            const V target = Corrector ? V::load(p.target + at) : V(-1.0) * z;
            const V g = select(V(0.0) < inv_d,
                               arc_error<V>(m, a, theta, z, V::load(shifted + i), target) +
                                   (change - V(m.energy[a]) * V::load(push + i)),
                               V(0.0));
            const V dz = select(V(0.0) < inv_d, target - g, V(0.0)), scale = V(-1.0) / z;
            along.primal = max(along.primal, g * scale);
            along.dual = max(along.dual, dz * scale);
            if constexpr (!Corrector) {
                const V x = inv_d * z;
                along.growth_x = along.growth_x + x * g;
                along.growth_z = along.growth_z + x * dz;
                along.second = along.second + inv_d * g * dz;
            }
        }
    }
    along.store(course);
}

// Sites that are worked on together when the equity matrix is built: their numbers meet each load of the
// factor.
inline constexpr int tile = 4;

// Some sites, by tiles, and what the rows  L^-1 W eta  of each tile reach: places of gateways, ascending. In
// `common` the places that two tiles both reach, pair by pair of the lower triangle.
struct MatrixPlan {
    int count = 0;
    const int* sites = nullptr;
    const int *reach_start = nullptr, *reach = nullptr;
    const int *common_start = nullptr, *common = nullptr;
};

template <class V>
EQUILOAD_HD double sum_lanes(V value) {
    double lane[V::lanes];
    value.store(lane);
    for (int half = V::lanes / 2; half > 0; half /= 2)  // halves are added as vectors
        for (int w = 0; w < half; ++w) lane[w] += lane[w + half];
    return lane[0];
}

// Rows j .. j + Rows - 1 of the tail of  value <- L^-1 value  for a tile of right-hand sides that start at
// `first`; of rows from `done` on, what the columns before leave of them.
template <class V, int Rows>
inline void forward_rows(const double* factor, int first, int j, int done, double* value) {
    constexpr int n = V::lanes, width = tile * n;
    const double* l[Rows];
    V sum[Rows][tile];
    for (int r = 0; r < Rows; ++r) {
        l[r] = factor + triangle(j + r) * n;
        for (int c = 0; c < tile; ++c) sum[r][c] = V::load(value + (j + r) * width + c * n);
    }
    for (int h = first; h < (j < done ? j : done); ++h)
        for (int c = 0; c < tile; ++c) {
            const V solved = V::load(value + h * width + c * n);
            for (int r = 0; r < Rows; ++r) sum[r][c] = sum[r][c] - V::load(l[r] + h * n) * solved;
        }
    for (int r = 0; r < Rows; ++r)
        for (int c = 0; c < tile; ++c) {
            for (int h = 0; h < r; ++h) sum[r][c] = sum[r][c] - V::load(l[r] + (j + h) * n) * sum[h][c];
            if (j < done) sum[r][c] = sum[r][c] * V::load(l[r] + (j + r) * n);
            sum[r][c].store(value + (j + r) * width + c * n);
        }
}

// rows <- L^-1 rows  of a tile of right-hand sides [place][tile][lane], which reach these places.
template <class V>
inline void forward_tile(const Elimination& order, const double* factor, const int* reach, int reached,
                         double* rows) {
    constexpr int n = V::lanes, width = tile * n;
    const double* const entries = factor + static_cast<long>(order.head) * n;
    int k = 0;
    for (; k < reached && reach[k] < order.head; ++k) {
        double* const row = rows + reach[k] * width;
        V solved[tile];
        for (int c = 0; c < tile; ++c) {
            solved[c] = V::load(row + c * n) * V::load(factor + reach[k] * n);
            solved[c].store(row + c * n);
        }
        for (int e = order.start[reach[k]]; e < order.start[reach[k] + 1]; ++e) {
            const V l = V::load(entries + static_cast<long>(e) * n);
            double* const other = rows + order.row[e] * width;
            for (int c = 0; c < tile; ++c) (V::load(other + c * n) - l * solved[c]).store(other + c * n);
        }
    }
    if (k == reached) return;
    const double* const tail = factor + order.tail_at() * n;
    const int first = reach[k] - order.head;
    double* const tail_rows = rows + order.head * width;
    int j = first;
    for (; j + 1 < order.done(); j += 2) forward_rows<V, 2>(tail, first, j, order.done(), tail_rows);
    for (; j < order.tail(); ++j) forward_rows<V, 1>(tail, first, j, order.done(), tail_rows);
}

// Rows of a tile of sites,  L^-1 W eta  as [place][tile][lane], where they reach.
template <class V>
inline void matrix_rows(const BlockProblem& m, const BarrierState& p, int block, const int* sites, int count,
                        const int* reach, int reached, double* rows) {
    constexpr int n = V::lanes, width = tile * n;
    const Elimination& order = p.order;
    for (int k = 0; k < reached; ++k)
        for (int c = 0; c < tile; ++c) V(0.0).store(rows + reach[k] * width + c * n);
    for (int c = 0; c < count; ++c) {
        const V eta = V::load(p.eta + offset<V>(block, m.sites, sites[c]));
        for (int e = order.in_start[sites[c]]; e < order.in_start[sites[c] + 1]; ++e) {
            const int a = order.in_arc[e];
            add_total<V>(rows + order.in_place[e] * width + c * n,
                         eta * V(m.energy[a]) * V::load(p.inv_d + offset<V>(block, m.arcs, a)));
        }
    }
    forward_tile<V>(order, block_factor<V>(p, block), reach, reached, rows);
}

// Adds f_r f_q times the flow between two sites to their entries of the matrix.
template <class V>
inline void add_matrix_entry(const BlockProblem& m, int block, const int* sites, int count, int c, int d,
                             V flow, double* matrix) {
    for (int r = 0; r < m.footprints; ++r) {
        const V f = flow * load_footprint<V>(m, block, r, sites[c]);
        for (int q = 0; q < m.footprints; ++q)
            matrix[(static_cast<long>(c) * m.footprints + r) * count * m.footprints + d * m.footprints + q] +=
                sum_lanes(f * load_footprint<V>(m, block, q, sites[d]));
    }
}

// Adds F K F' among some sites to the lower triangle of `matrix`, row-major over (site, footprint) pairs. K
// is kappa eta less the products of the rows  eta W' L^-T.  Scratch: [tile of sites][place][site][lane].
template <class V>
inline void barrier_matrix(const BlockProblem& m, const BarrierState& p, int block, const MatrixPlan& plan,
                           double* matrix, double* scratch) {
    constexpr int n = V::lanes, width = tile * n;
    const int* common_start = plan.common_start;
    for (int c = 0; c < plan.count; c += tile) {
        const int wide = plan.count - c < tile ? plan.count - c : tile;
        const long size = static_cast<long>(m.gateways) * width;
        double* const rows = scratch + c / tile * size;
        const int* const reach = plan.reach_start + c / tile;
        matrix_rows<V>(m, p, block, plan.sites + c, wide, plan.reach + reach[0], reach[1] - reach[0], rows);
        for (int d = 0; d <= c; d += tile, ++common_start) {
            const double* const others = scratch + d / tile * size;
            V flow[tile][tile];
            for (int k = 0; k < tile * tile; ++k) flow[k / tile][k % tile] = V(0.0);
            for (int e = common_start[0]; e < common_start[1]; ++e)
                for (int k = 0; k < tile; ++k) {
                    const V row = V::load(rows + plan.common[e] * width + k * n);
                    for (int l = 0; l < tile; ++l)
                        flow[k][l] = flow[k][l] - row * V::load(others + plan.common[e] * width + l * n);
                }
            for (int k = 0; k < wide; ++k)
                for (int l = 0; l < tile && d + l <= c + k; ++l) {
                    const long at = offset<V>(block, m.sites, plan.sites[c + k]);
                    const V own = c + k == d + l ? V::load(p.kappa + at) * V::load(p.eta + at) : V(0.0);
                    add_matrix_entry<V>(m, block, plan.sites, plan.count, c + k, d + l, flow[k][l] + own,
                                        matrix);
                }
        }
    }
}

// Some unknowns of burden maps, which gather from many sites each: share[unknown][site] is w R, of the
// unknown's footprint. `reach` names all places.
struct GatherPlan {
    int count = 0;
    const int *footprint = nullptr, *reach = nullptr;
    const double* share = nullptr;
};

// Rows of a tile of unknowns,  L^-1 W eta F' R' w  as [place][tile][lane]. Pull: [site][tile][lane].
template <class V>
inline void gathered_rows(const BlockProblem& m, const BarrierState& p, int block, const GatherPlan& plan,
                          int first, double* rows, double* pull) {
    constexpr int n = V::lanes, width = tile * n;
    for (int c = 0; c < tile; ++c)
        for (int i = 0; i < m.sites; ++i) {
            V own(0.0);
            if (first + c < plan.count)
                own = V(plan.share[static_cast<long>(first + c) * m.sites + i]) *
                      V::load(p.eta + offset<V>(block, m.sites, i)) *
                      load_footprint<V>(m, block, plan.footprint[first + c], i);
            own.store(pull + i * width + c * n);
        }
    static_assert(tile == 4);  // by name, so that the sums stay in registers
    for (int j = 0; j < m.gateways; ++j) {
        V first_sum(0.0), second(0.0), third(0.0), fourth(0.0);
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            const V conductance = V(m.energy[a]) * V::load(p.inv_d + offset<V>(block, m.arcs, a));
            const double* const from = pull + m.site[a] * width;
            first_sum = first_sum + conductance * V::load(from);
            second = second + conductance * V::load(from + n);
            third = third + conductance * V::load(from + 2 * n);
            fourth = fourth + conductance * V::load(from + 3 * n);
        }
        double* const row = rows + p.order.place[j] * width;
        first_sum.store(row), second.store(row + n), third.store(row + 2 * n), fourth.store(row + 3 * n);
    }
    forward_tile<V>(p.order, block_factor<V>(p, block), plan.reach, p.order.size, rows);
}

// Takes the products of two rows with two others over so many places from their entries of the matrix.
template <class V>
inline void take_products(const double* rows, const double* others, int places, int count, int c, int d,
                          double* matrix) {
    constexpr int n = V::lanes, width = tile * n;
    V flow[4] = {V(0.0), V(0.0), V(0.0), V(0.0)};
    {
        V same(0.0), right(0.0), below(0.0), across(0.0);  // by name, so that they stay in registers
        for (int e = 0; e < places; ++e) {
            const V a = V::load(rows + e * width), b = V::load(rows + e * width + n);
            const V x = V::load(others + e * width), y = V::load(others + e * width + n);
            same = same + a * x, right = right + a * y;
            below = below + b * x, across = across + b * y;
        }
        flow[0] = same, flow[1] = right, flow[2] = below, flow[3] = across;
    }
    for (int k = 0; k < 4; ++k) {
        const int row = c + k / 2, column = d + k % 2;
        if (row < count && column <= row)
            matrix[static_cast<long>(row) * count + column] -= sum_lanes(flow[k]);
    }
}

// Takes the products of those rows from the lower triangle of `matrix` (unknowns, unknowns); what F K F' has
// beside them, f_r f_q kappa eta for q <= r, joins own[pair][site]. Scratch: the rows [tile of unknowns]
// [place][unknown][lane], then [site][unknown][lane].
template <class V>
inline void barrier_gather(const BlockProblem& m, const BarrierState& p, int block, const GatherPlan& plan,
                           double* matrix, double* own, double* scratch) {
    constexpr int n = V::lanes, width = tile * n;
    const long size = static_cast<long>(m.gateways) * width;
    double* const pull = scratch + (plan.count + tile - 1) / tile * size;
    for (int c = 0; c < plan.count; c += tile)
        gathered_rows<V>(m, p, block, plan, c, scratch + c / tile * size, pull);
    const int done = p.order.size - p.order.kept;
    constexpr int near = 32;  // places whose rows stay in cache while all of them meet
    for (int e = 0; e < done; e += near)
        for (int c = 0; c < plan.count; c += 2)
            for (int d = 0; d <= c; d += 2)
                take_products<V>(scratch + c / tile * size + c % tile * n + e * width,
                                 scratch + d / tile * size + d % tile * n + e * width,
                                 done - e < near ? done - e : near, plan.count, c, d, matrix);
    for (int r = 0, pair = 0; r < m.footprints; ++r)
        for (int q = 0; q <= r; ++q, ++pair)
            for (int i = 0; i < m.sites; ++i) {
                const long at = offset<V>(block, m.sites, i);
                own[static_cast<long>(pair) * m.sites + i] +=
                    sum_lanes(load_footprint<V>(m, block, r, i) * load_footprint<V>(m, block, q, i) *
                              (V::load(p.kappa + at) * V::load(p.eta + at)));
            }
}

template <class V>
inline void barrier_solve_tail(const BarrierState& p, int block, double* values) {
    solve_tail<V>(p.order, block_factor<V>(p, block), values + offset<V>(block, p.order.size, 0));
}
template <class V>
inline void barrier_forward_tail(const BarrierState& p, int block, double* values) {
    const Elimination& order = p.order;
    forward_tail<V>(block_factor<V>(p, block) + order.tail_at() * V::lanes, order.tail(), order.done(),
                    values + offset<V>(block, order.size, order.head));
}
template <class V>
inline void barrier_backward_tail(const BarrierState& p, int block, double* values) {
    const Elimination& order = p.order;
    backward_tail<V>(block_factor<V>(p, block) + order.tail_at() * V::lanes, order.tail(), order.done(),
                     values + offset<V>(block, order.size, order.head));
}

// The steps of one instruction set, as plain functions.
struct BarrierKernels {
    int lanes;
    void (*start)(const BlockProblem&, const BarrierState&, int block, const double* lambda, double money);
    void (*move)(const BlockProblem&, const BarrierState&, int block, const double* lambda, double primal,
                 double dual, double* sum, double* totals);
    void (*factor)(const BlockProblem&, const BarrierState&, int block, double* scratch);
    void (*matrix)(const BlockProblem&, const BarrierState&, int block, const MatrixPlan&, double* matrix,
                   double* scratch);
    void (*gather)(const BlockProblem&, const BarrierState&, int block, const GatherPlan&, double* matrix,
                   double* own, double* scratch);
    // A predictor and a corrector each:
    void (*aim[2])(const BlockProblem&, const BarrierState&, int block, double mu, double* scratch);
    void (*direction[2])(const BlockProblem&, const BarrierState&, int block, const double* dlambda,
                         double* totals, double* course, double* scratch);
    void (*settle)(const BlockProblem&, const BarrierState&, int block, double* totals, double* scratch);
    void (*ask)(const BlockProblem&, const BarrierState&, int block, const double* dlambda, double* scratch);
    void (*leave)(const BlockProblem&, const BarrierState&, int block, const double* dlambda, double* totals,
                  double* scratch);
    void (*solve_tail)(const BarrierState&, int block, double* values);
    // Its halves, around what couples the slots:
    void (*forward_tail)(const BarrierState&, int block, double* values);
    void (*backward_tail)(const BarrierState&, int block, double* values);
    void (*chain_factor)(int n, double* columns, double* excess, double* next_columns, double* next_excess);
    void (*chain_forward)(int n, const double* columns, double* value, double* next);
    void (*chain_backward)(int n, const double* columns, double* value, const double* next);
    void (*chain_forward_all)(int n, int width, const double* columns, double* values, double* next);
    void (*chain_products)(int n, int width, const double* values, double* matrix);
};

template <class V>
constexpr BarrierKernels barrier_kernels() {
    return {V::lanes,
            barrier_start<V>,
            barrier_move<V>,
            barrier_factor<V>,
            barrier_matrix<V>,
            barrier_gather<V>,
            {barrier_aim<V, false>, barrier_aim<V, true>},
            {barrier_direction<V, false>, barrier_direction<V, true>},
            barrier_settle<V>,
            barrier_ask<V>,
            barrier_leave<V>,
            barrier_solve_tail<V>,
            barrier_forward_tail<V>,
            barrier_backward_tail<V>,
            chain_factor<V>,
            chain_forward<V>,
            chain_backward<V>,
            chain_forward_all<V>,
            chain_products<V>};
}

}  // namespace equiload
