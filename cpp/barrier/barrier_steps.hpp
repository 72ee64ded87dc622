// The steps of the structured interior point method, over blocks of slots as in steps.hpp.
//
// With slacks s of the capacities and e of the equity rows, and multipliers z, u, pi, the method follows the
// central path of
//     x z = s u = e pi = mu,   theta_j + z = l + k c,   c = p + q y + u + sum_r lambda_r f_r,   lambda = w
//     pi, A x = d,   M x + s = capacity,   w (h + F y) + e = m,   sum pi = weight.
//
// A Newton step eliminates, slot by slot, everything but the equity prices. With D = z/x, S = u/s + q and,
// cell by cell,  kappa = sum k^2/D,  eta = 1/(1 + S kappa),  W_ji = sum k/D,  there remains one J x J matrix
// a slot,
//     Z = diag(sum 1/D) - W diag(S eta) W',
// and the response of the loads to a change phi of the cells' prices is
//     dy = -kappa eta phi + eta W' Z^-1 W eta phi.
// Slots are lanes: J x J factorisations and all else run on eight slots side by side.
#pragma once

#include "algorithm/steps.hpp"

namespace equiload {

// What the method keeps of each block beside the Model; [block][item][lane].
struct Interior {
    double *x = nullptr, *z = nullptr, *inv_d = nullptr, *dx = nullptr, *target_x = nullptr;  // arc
    double *s = nullptr, *u = nullptr, *ds = nullptr, *du = nullptr, *target_s = nullptr;     // site
    double *load = nullptr, *kappa = nullptr, *eta = nullptr, *price = nullptr;  // site: y, -, -, c
    double *theta = nullptr, *dtheta = nullptr;                                  // gateway
    double* factor = nullptr;                          // [block][packed lower triangle of Z][lane]
    const int *in_start = nullptr, *in_arc = nullptr;  // arcs by site
    const int* gateway = nullptr;                      // of each arc
};

// A capacity that binds anything at all.
template <class V>
EQUILOAD_HD typename V::Mask bounded(V capacity) {
    return capacity < V(1e299);
}

// May work flow? Sources without demand and cells without capacity are left out of the iteration.
template <class V>
EQUILOAD_HD typename V::Mask active_arc(const Model& m, int block, int gateway, int arc) {
    const V demand = V::load(m.demand + offset<V>(block, m.gateways, gateway));
    const V capacity = V::load(m.capacity + offset<V>(block, m.sites, m.site[arc]));
    return (V(0.0) < demand) & (V(0.0) < capacity);
}

template <class V>
EQUILOAD_HD V capacity_at(const Model& m, int block, int site) {
    return V::load(m.capacity + offset<V>(block, m.sites, site));
}

template <class V>
EQUILOAD_HD V quadratic_at(const Model& m, int block, int site) {
    return m.quadratic ? V::load(m.quadratic + offset<V>(block, m.sites, site)) : V(0.0);
}

// Loads y = M x of the block, and the prices c at `lambda` [footprint][site].
template <class V>
inline void interior_prices(const Model& m, const Interior& p, int block, const double* lambda) {
    for (int i = 0; i < m.sites; ++i) V(0.0).store(p.load + offset<V>(block, m.sites, i));
    for (int a = 0; a < m.arcs; ++a) {
        double* const load = p.load + offset<V>(block, m.sites, m.site[a]);
        (V::load(load) + V(m.energy[a]) * V::load(p.x + offset<V>(block, m.arcs, a))).store(load);
    }
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        V price =
            V::load(m.price + at) + V::load(p.u + at) + quadratic_at<V>(m, block, i) * V::load(p.load + at);
        for (int r = 0; r < m.footprints; ++r)
            price = price + V(lambda[r * m.sites + i]) *
                                V::load(m.footprint + offset<V>(block * m.footprints + r, m.sites, i));
        price.store(p.price + at);
    }
}

// A first point: work spread evenly, slacks and multipliers of about `money` per unit, exact in the dual.
template <class V>
inline void interior_start(const Model& m, const Interior& p, int block, const double* lambda, double money) {
    for (int j = 0; j < m.gateways; ++j) {
        V usable(0.0);
        for (int a = m.row[j]; a < m.row[j + 1]; ++a)
            usable = usable + select(active_arc<V>(m, block, j, a), V(1.0), V(0.0));
        const V demand = V::load(m.demand + offset<V>(block, m.gateways, j));
        const V share = select(V(0.0) < usable, demand / usable, V(0.0));
        for (int a = m.row[j]; a < m.row[j + 1]; ++a)
            select(active_arc<V>(m, block, j, a), share, V(0.0)).store(p.x + offset<V>(block, m.arcs, a));
    }
    for (int i = 0; i < m.sites; ++i) {
        const V capacity = capacity_at<V>(m, block, i);
        select(bounded(capacity) & (V(0.0) < capacity), V(money), V(0.0))
            .store(p.u + offset<V>(block, m.sites, i));
    }
    interior_prices<V>(m, p, block, lambda);
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        const V capacity = capacity_at<V>(m, block, i);
        const auto finite = bounded(capacity) & (V(0.0) < capacity);
        select(finite, max(capacity - V::load(p.load + at), V(0.1) * capacity), V(1.0)).store(p.s + at);
    }
    for (int j = 0; j < m.gateways; ++j) {
        V least(unreachable_price);
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            const V price = V::load(p.price + offset<V>(block, m.sites, m.site[a]));
            const V total = V(m.cost[a]) + V(m.energy[a]) * price;
            least = min(least, select(active_arc<V>(m, block, j, a), total, V(unreachable_price)));
        }
        const V theta = select(least < V(unreachable_price), least - V(money), V(0.0));
        theta.store(p.theta + offset<V>(block, m.gateways, j));
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            const V price = V::load(p.price + offset<V>(block, m.sites, m.site[a]));
            const V slack = V(m.cost[a]) + V(m.energy[a]) * price - theta;
            select(active_arc<V>(m, block, j, a), slack, V(1.0)).store(p.z + offset<V>(block, m.arcs, a));
        }
    }
}

template <class V>
EQUILOAD_HD V sqrt_lanes(V value) {
    double lane[V::lanes];
    value.store(lane);
    for (int w = 0; w < V::lanes; ++w) lane[w] = __builtin_sqrt(lane[w]);
    return V::load(lane);
}

EQUILOAD_HD long triangle(int row) { return static_cast<long>(row) * (row + 1) / 2; }

// L with L L' = Z in place. In: -Z below the diagonal (>= 0) and the sum of Z's row on it. Out: L, 1/L_jj on
// the diagonal. Z is diagonally dominant with negative entries off the diagonal, and nearly singular when the
// sites of a slot are full (theta and u may shift together). Elimination that carries row sums only ever adds
// numbers of one sign, and so loses no digits there (Grassmann, Taksar, Heyman). A pivot without any digits
// left freezes its row.
template <class V>
inline void cholesky(double* z, int size) {
    constexpr int n = V::lanes;
    for (int k = 0; k < size; ++k) {
        double* const row_k = z + triangle(k) * n;
        V excess = V::load(row_k + k * n);
        for (int h = 0; h < k; ++h) {  // the diagonal of row h holds (row sum / pivot)_h until the end
            excess = excess - V::load(row_k + h * n) * V::load(z + (triangle(h) + h) * n);
        }
        V pivot = excess;
        int j = k + 1;
        for (; j + 3 < size; j += 4) {  // four rows share each load of row k
            double *r0 = z + triangle(j) * n, *r1 = z + triangle(j + 1) * n, *r2 = z + triangle(j + 2) * n,
                   *r3 = z + triangle(j + 3) * n;
            V s0 = V::load(r0 + k * n), s1 = V::load(r1 + k * n), s2 = V::load(r2 + k * n),
              s3 = V::load(r3 + k * n);
            for (int h = 0; h < k; ++h) {
                const V l = V::load(row_k + h * n);
                s0 = s0 + l * V::load(r0 + h * n);
                s1 = s1 + l * V::load(r1 + h * n);
                s2 = s2 + l * V::load(r2 + h * n);
                s3 = s3 + l * V::load(r3 + h * n);
            }
            s0.store(r0 + k * n), s1.store(r1 + k * n), s2.store(r2 + k * n), s3.store(r3 + k * n);
            pivot = pivot + ((s0 + s1) + (s2 + s3));
        }
        for (; j < size; ++j) {
            double* const row_j = z + triangle(j) * n;
            V sum = V::load(row_j + k * n);
            for (int h = 0; h < k; ++h) sum = sum + V::load(row_k + h * n) * V::load(row_j + h * n);
            sum.store(row_j + k * n);
            pivot = pivot + sum;
        }
        const V inverse = select(V(1e-280) < pivot, V(1.0) / sqrt_lanes(max(pivot, V(1e-280))), V(0.0));
        (excess * inverse).store(row_k + k * n);
        for (j = k + 1; j < size; ++j) {
            double* const entry = z + (triangle(j) + k) * n;
            (V(-1.0) * V::load(entry) * inverse).store(entry);
        }
        // Later rows still need the row sums on the diagonal: 1/L_kk waits in the row behind the last.
        inverse.store(z + (triangle(size) + k) * n);
    }
    for (int k = 0; k < size; ++k) V::load(z + (triangle(size) + k) * n).store(z + (triangle(k) + k) * n);
}

// value <- L^-1 value
template <class V>
inline void forward(const double* l, int size, double* value) {
    constexpr int n = V::lanes;
    for (int j = 0; j < size; ++j) {
        const double* const row = l + triangle(j) * n;
        V sum0 = V::load(value + j * n), sum1(0.0);
        int h = 0;
        for (; h + 1 < j; h += 2) {
            sum0 = sum0 - V::load(row + h * n) * V::load(value + h * n);
            sum1 = sum1 - V::load(row + (h + 1) * n) * V::load(value + (h + 1) * n);
        }
        if (h < j) sum0 = sum0 - V::load(row + h * n) * V::load(value + h * n);
        ((sum0 + sum1) * V::load(row + j * n)).store(value + j * n);
    }
}

// value <- L^-T value
template <class V>
inline void backward(const double* l, int size, double* value) {
    constexpr int n = V::lanes;
    for (int j = size - 1; j >= 0; --j) {
        const double* const row = l + triangle(j) * n;
        const V solved = V::load(value + j * n) * V::load(row + j * n);
        solved.store(value + j * n);
        for (int h = 0; h < j; ++h)
            (V::load(value + h * n) - V::load(row + h * n) * solved).store(value + h * n);
    }
}

template <class V>
EQUILOAD_HD V stiffness(const Model& m, const Interior& p, int block, int site) {
    const long at = offset<V>(block, m.sites, site);
    const V bound = select(bounded(V::load(m.capacity + at)), V::load(p.u + at) / V::load(p.s + at), V(0.0));
    return bound + quadratic_at<V>(m, block, site);
}

// 1/D, kappa, eta and the factor of Z at the present point.
template <class V>
inline void interior_factor(const Model& m, const Interior& p, int block) {
    constexpr int n = V::lanes;
    double* const factor = p.factor + static_cast<long>(block) * triangle(m.gateways + 1) * n;
    for (long k = 0; k < triangle(m.gateways + 1); ++k) V(0.0).store(factor + k * n);
    for (int a = 0; a < m.arcs; ++a) {
        const long at = offset<V>(block, m.arcs, a);
        (V::load(p.x + at) / V::load(p.z + at)).store(p.inv_d + at);
    }
    for (int i = 0; i < m.sites; ++i) {
        V kappa(0.0), flow(0.0);
        for (int e = p.in_start[i]; e < p.in_start[i + 1]; ++e) {
            const int a = p.in_arc[e];
            const V conductance = V(m.energy[a]) * V::load(p.inv_d + offset<V>(block, m.arcs, a));
            kappa = kappa + V(m.energy[a]) * conductance;
            flow = flow + conductance;
        }
        const V stiff = stiffness<V>(m, p, block, i), eta = V(1.0) / (V(1.0) + stiff * kappa);
        kappa.store(p.kappa + offset<V>(block, m.sites, i));
        eta.store(p.eta + offset<V>(block, m.sites, i));
        const V gamma = stiff * eta;
        for (int e = p.in_start[i]; e < p.in_start[i + 1]; ++e) {
            const int a = p.in_arc[e], row = p.gateway[a];
            const V inv_d = V::load(p.inv_d + offset<V>(block, m.arcs, a)), k(m.energy[a]);
            double* const excess =
                factor + (triangle(row) + row) * n;  // 1/D (1 - k gamma sum k/D), without cancelling
            (V::load(excess) + inv_d * eta * (V(1.0) + stiff * (kappa - k * flow))).store(excess);
            for (int f = p.in_start[i]; f < e; ++f) {
                const int b = p.in_arc[f], column = p.gateway[b];  // arcs by site are ordered by gateway
                if (row == column) continue;
                double* const entry = factor + (triangle(row) + column) * n;
                const V other = V(m.energy[b]) * V::load(p.inv_d + offset<V>(block, m.arcs, b));
                (V::load(entry) + gamma * k * inv_d * other).store(entry);
            }
        }
    }
    for (int j = 0; j < m.gateways; ++j) {  // a gateway without work
        V sum(0.0);
        for (int a = m.row[j]; a < m.row[j + 1]; ++a)
            sum = sum + V::load(p.inv_d + offset<V>(block, m.arcs, a));
        double* const excess = factor + (triangle(j) + j) * n;
        select(V(0.0) < sum, V::load(excess), V(1.0)).store(excess);
    }
    cholesky<V>(factor, m.gateways);
}

// work[j] += sum over arcs of k/D value[site]  (W value)
template <class V>
EQUILOAD_HD V gather_sites(const Model& m, const Interior& p, int block, int gateway, const double* value) {
    V sum(0.0);
    for (int a = m.row[gateway]; a < m.row[gateway + 1]; ++a)
        sum = sum + V(m.energy[a]) * V::load(p.inv_d + offset<V>(block, m.arcs, a)) *
                        V::load(value + m.site[a] * V::lanes);
    return sum;
}

// (W' value) of a site
template <class V>
EQUILOAD_HD V gather_gateways(const Model& m, const Interior& p, int block, int site, const double* value) {
    V sum(0.0);
    for (int e = p.in_start[site]; e < p.in_start[site + 1]; ++e) {
        const int a = p.in_arc[e];
        sum = sum + V(m.energy[a]) * V::load(p.inv_d + offset<V>(block, m.arcs, a)) *
                        V::load(value + p.gateway[a] * V::lanes);
    }
    return sum;
}

// phi of a cell: sum_r f_r dlambda_r
template <class V>
EQUILOAD_HD V price_change(const Model& m, int block, int site, const double* dlambda) {
    V phi(0.0);
    for (int r = 0; r < m.footprints; ++r)
        phi = phi + V(dlambda[r * m.sites + site]) *
                        V::load(m.footprint + offset<V>(block * m.footprints + r, m.sites, site));
    return phi;
}

// totals[r][site][lane] += f_r dy
template <class V>
EQUILOAD_HD void add_footprints(const Model& m, int block, int site, V dy, double* totals) {
    for (int r = 0; r < m.footprints; ++r) {
        double* const total = totals + offset<V>(r, m.sites, site);
        (V::load(total) + V::load(m.footprint + offset<V>(block * m.footprints + r, m.sites, site)) * dy)
            .store(total);
    }
}

// totals += f_r^2 kappa eta, the diagonal of F K F' without what flows back.
template <class V>
inline void interior_diagonal(const Model& m, const Interior& p, int block, double* totals) {
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        const V own = V::load(p.kappa + at) * V::load(p.eta + at);
        for (int r = 0; r < m.footprints; ++r) {
            const V f = V::load(m.footprint + offset<V>(block * m.footprints + r, m.sites, i));
            double* const total = totals + offset<V>(r, m.sites, i);
            (V::load(total) + f * f * own).store(total);
        }
    }
}

// Burden that leaves when the equity prices rise by dlambda: totals += F K F' dlambda. Scratch: sites +
// gateways.
template <class V>
inline void interior_response(const Model& m, const Interior& p, int block, const double* dlambda,
                              double* totals, double* scratch) {
    constexpr int n = V::lanes;
    double *const rho = scratch, *const theta = scratch + static_cast<long>(m.sites) * n;
    const double* const factor = p.factor + static_cast<long>(block) * triangle(m.gateways + 1) * n;
    for (int i = 0; i < m.sites; ++i)
        (V::load(p.eta + offset<V>(block, m.sites, i)) * price_change<V>(m, block, i, dlambda))
            .store(rho + i * n);
    for (int j = 0; j < m.gateways; ++j) gather_sites<V>(m, p, block, j, rho).store(theta + j * n);
    forward<V>(factor, m.gateways, theta);
    backward<V>(factor, m.gateways, theta);
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        const V leaving = V::load(p.kappa + at) * V::load(rho + i * n) -
                          V::load(p.eta + at) * gather_gateways<V>(m, p, block, i, theta);
        add_footprints<V>(m, block, i, leaving, totals);
    }
}

// Residuals of one cell's capacity row and the change of u that does not depend on dy.
template <class V>
struct CellNewton {
    V bound, slack_error, du_base;

    EQUILOAD_HD CellNewton(const Model& m, const Interior& p, int block, int site) {
        const long at = offset<V>(block, m.sites, site);
        const V capacity = V::load(m.capacity + at), s = V::load(p.s + at);
        const auto finite = bounded(capacity);
        bound = select(finite, V::load(p.u + at) / s, V(0.0));
        slack_error = select(finite, capacity - V::load(p.load + at) - s, V(0.0));
        du_base = select(finite, V::load(p.target_s + at) - bound * slack_error, V(0.0));
    }
};

// Solves the block's Newton system at given dlambda (null: none). Leaves dtheta, D^-1 b1 in dx and S dy of
// each site in the second half of the scratch, from which dx follows; hands each cell's dy to on_cell.
// Scratch: 2 sites.
template <class V, class OnCell>
inline void interior_solve(const Model& m, const Interior& p, int block, const double* dlambda,
                           double* scratch, OnCell on_cell) {
    constexpr int n = V::lanes;
    double *const shift = scratch, *const pull = scratch + static_cast<long>(m.sites) * n;
    const double* const factor = p.factor + static_cast<long>(block) * triangle(m.gateways + 1) * n;
    double* const dtheta = p.dtheta + offset<V>(block, m.gateways, 0);
    for (int i = 0; i < m.sites; ++i) {
        const V phi = dlambda ? price_change<V>(m, block, i, dlambda) : V(0.0);
        (CellNewton<V>(m, p, block, i).du_base + phi).store(shift + i * n);
        V(0.0).store(pull + i * n);
    }
    for (int j = 0; j < m.gateways; ++j) {  // dx <- D^-1 b1, pull <- k' D^-1 b1
        const V theta = V::load(p.theta + offset<V>(block, m.gateways, j));
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            const long at = offset<V>(block, m.arcs, a);
            const int i = m.site[a];
            const V k(m.energy[a]);
            const V dual_error = theta + V::load(p.z + at) - V(m.cost[a]) -
                                 k * V::load(p.price + offset<V>(block, m.sites, i));
            const V g =
                V::load(p.inv_d + at) * (dual_error + V::load(p.target_x + at) - k * V::load(shift + i * n));
            g.store(p.dx + at);
            (V::load(pull + i * n) + k * g).store(pull + i * n);
        }
    }
    for (int i = 0; i < m.sites; ++i) {
        const V gamma = stiffness<V>(m, p, block, i) * V::load(p.eta + offset<V>(block, m.sites, i));
        (gamma * V::load(pull + i * n)).store(shift + i * n);
    }
    for (int j = 0; j < m.gateways; ++j) {  // dtheta <- r_p - A B^-1 b1
        V error = V::load(m.demand + offset<V>(block, m.gateways, j));
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            const long at = offset<V>(block, m.arcs, a);
            error = error - V::load(p.x + at) - V::load(p.dx + at) +
                    V::load(p.inv_d + at) * V(m.energy[a]) * V::load(shift + m.site[a] * n);
        }
        error.store(dtheta + j * n);
    }
    forward<V>(factor, m.gateways, dtheta);
    backward<V>(factor, m.gateways, dtheta);
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        const V dy =
            V::load(p.eta + at) * (V::load(pull + i * n) + gather_gateways<V>(m, p, block, i, dtheta));
        // Sites push back with stiffness * dy on every arc that feeds them.
        (stiffness<V>(m, p, block, i) * dy).store(pull + i * n);
        on_cell(i, dy);
    }
}

// totals += F dy of the Newton step at unchanged equity prices.
template <class V>
inline void interior_base(const Model& m, const Interior& p, int block, double* totals, double* scratch) {
    interior_solve<V>(m, p, block, nullptr, scratch,
                      [&](int site, V dy) { add_footprints<V>(m, block, site, dy, totals); });
}

template <class V>
EQUILOAD_HD V step_to_zero(V value, V change) {
    return select(change < V(0.0), V(-1.0) * value / change, V(1e30));
}

// The whole Newton direction at dlambda. totals += F dy; step[0], step[1] (lanes) take the longest primal and
// dual steps.
template <class V>
inline void interior_direction(const Model& m, const Interior& p, int block, const double* dlambda,
                               double* totals, double* step, double* scratch) {
    constexpr int n = V::lanes;
    V primal = V::load(step), dual = V::load(step + n);
    interior_solve<V>(m, p, block, dlambda, scratch, [&](int site, V dy) {
        const long at = offset<V>(block, m.sites, site);
        const CellNewton<V> cell(m, p, block, site);
        const auto finite = bounded(V::load(m.capacity + at)) & (V(0.0) < V::load(m.capacity + at));
        const V ds = select(finite, cell.slack_error - dy, V(0.0));
        const V du = select(finite, cell.du_base + cell.bound * dy, V(0.0));
        ds.store(p.ds + at);
        du.store(p.du + at);
        primal = min(primal, select(finite, step_to_zero(V::load(p.s + at), ds), V(1e30)));
        dual = min(dual, select(finite, step_to_zero(V::load(p.u + at), du), V(1e30)));
        add_footprints<V>(m, block, site, dy, totals);
    });
    const double* const push = scratch + static_cast<long>(m.sites) * n;
    for (int j = 0; j < m.gateways; ++j) {
        const V dtheta = V::load(p.dtheta + offset<V>(block, m.gateways, j));
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            const long at = offset<V>(block, m.arcs, a);
            const V inv_d = V::load(p.inv_d + at);
            const V dx =
                V::load(p.dx + at) + inv_d * (dtheta - V(m.energy[a]) * V::load(push + m.site[a] * n));
            dx.store(p.dx + at);
            const auto active = V(0.0) < inv_d;
            const V dz = V::load(p.target_x + at) - dx / select(active, inv_d, V(1.0));
            primal = min(primal, select(active, step_to_zero(V::load(p.x + at), dx), V(1e30)));
            dual = min(dual, select(active, step_to_zero(V::load(p.z + at), dz), V(1e30)));
        }
    }
    primal.store(step);
    dual.store(step + n);
}

// Complementarity after steps of these lengths along the present direction, added to sum[lane].
template <class V>
inline void interior_predict(const Model& m, const Interior& p, int block, double primal, double dual,
                             double* sum) {
    V total = V::load(sum);
    for (int a = 0; a < m.arcs; ++a) {
        const long at = offset<V>(block, m.arcs, a);
        const V inv_d = V::load(p.inv_d + at), x = V::load(p.x + at), z = V::load(p.z + at),
                dx = V::load(p.dx + at);
        const V dz = V::load(p.target_x + at) - dx / select(V(0.0) < inv_d, inv_d, V(1.0));
        total = total + select(V(0.0) < inv_d, (x + V(primal) * dx) * (z + V(dual) * dz), V(0.0));
    }
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        total = total + (V::load(p.s + at) + V(primal) * V::load(p.ds + at)) *
                            (V::load(p.u + at) + V(dual) * V::load(p.du + at));
    }
    total.store(sum);
}

// Targets (t/x, t/s) of the complementarity: mu = 0 and no direction for the predictor; mu and the present
// direction's second order for the corrector (Mehrotra).
template <class V>
inline void interior_targets(const Model& m, const Interior& p, int block, bool corrector, double mu) {
    for (int a = 0; a < m.arcs; ++a) {
        const long at = offset<V>(block, m.arcs, a);
        const V x = V::load(p.x + at), z = V::load(p.z + at), inv_d = V::load(p.inv_d + at);
        V target = V(-1.0) * z;
        if (corrector) {
            const auto active = V(0.0) < inv_d;
            const V dx = V::load(p.dx + at),
                    dz = V::load(p.target_x + at) - dx / select(active, inv_d, V(1.0));
            target = target + select(active, (V(mu) - dx * dz) / select(active, x, V(1.0)), V(0.0));
        }
        target.store(p.target_x + at);
    }
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        V target = V(-1.0) * V::load(p.u + at);
        if (corrector) {
            const auto finite = bounded(V::load(m.capacity + at)) & (V(0.0) < V::load(m.capacity + at));
            target =
                target +
                select(finite, (V(mu) - V::load(p.ds + at) * V::load(p.du + at)) / V::load(p.s + at), V(0.0));
        }
        target.store(p.target_s + at);
    }
}

// Takes the step.
template <class V>
inline void interior_move(const Model& m, const Interior& p, int block, double primal, double dual) {
    for (int a = 0; a < m.arcs; ++a) {
        const long at = offset<V>(block, m.arcs, a);
        const V inv_d = V::load(p.inv_d + at), dx = V::load(p.dx + at);
        const auto active = V(0.0) < inv_d;
        const V dz = V::load(p.target_x + at) - dx / select(active, inv_d, V(1.0));
        select(active, V::load(p.x + at) + V(primal) * dx, V(0.0)).store(p.x + at);
        select(active, V::load(p.z + at) + V(dual) * dz, V(1.0)).store(p.z + at);
    }
    for (int j = 0; j < m.gateways; ++j) {
        const long at = offset<V>(block, m.gateways, j);
        (V::load(p.theta + at) + V(dual) * V::load(p.dtheta + at)).store(p.theta + at);
    }
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        (V::load(p.s + at) + V(primal) * V::load(p.ds + at)).store(p.s + at);
        (V::load(p.u + at) + V(dual) * V::load(p.du + at)).store(p.u + at);
    }
}

// Prices at the present point, the complementarity (added to sum[lane]) and the burden (totals += F y).
template <class V>
inline void interior_measure(const Model& m, const Interior& p, int block, const double* lambda, double* sum,
                             double* totals) {
    interior_prices<V>(m, p, block, lambda);
    V total = V::load(sum);
    for (int a = 0; a < m.arcs; ++a)
        total =
            total + V::load(p.x + offset<V>(block, m.arcs, a)) * V::load(p.z + offset<V>(block, m.arcs, a));
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        const auto finite = bounded(V::load(m.capacity + at));
        total = total + select(finite, V::load(p.s + at) * V::load(p.u + at), V(0.0));
        add_footprints<V>(m, block, i, V::load(p.load + at), totals);
    }
    total.store(sum);
}

template <class V>
EQUILOAD_HD double sum_lanes(V value) {
    double lane[V::lanes];
    value.store(lane);
    for (int half = V::lanes / 2; half > 0; half /= 2)  // halves are added as vectors
        for (int w = 0; w < half; ++w) lane[w] += lane[w + half];
    return lane[0];
}

// Sites that are worked on together when the equity matrix is built: their numbers meet each load of the
// factor.
inline constexpr int tile = 4;

// The first gateway that feeds any of some sites: their rows are zero before it.
EQUILOAD_HD int first_gateway(const Model& m, const Interior& p, const int* sites, int count) {
    int first = m.gateways;
    for (int c = 0; c < count; ++c)  // arcs by site are ordered by gateway
        if (const int e = p.in_start[sites[c]];
            e < p.in_start[sites[c] + 1] && p.gateway[p.in_arc[e]] < first)
            first = p.gateway[p.in_arc[e]];
    return first;
}

// Gateways j .. j + Rows - 1 of  value <- L^-1 value  for a tile of right-hand sides that start at `first`.
template <class V, int Rows>
inline void forward_rows(const double* factor, int first, int j, double* value) {
    constexpr int n = V::lanes, width = tile * n;
    const double* l[Rows];
    V sum[Rows][tile];
    for (int r = 0; r < Rows; ++r) {
        l[r] = factor + triangle(j + r) * n;
        for (int c = 0; c < tile; ++c) sum[r][c] = V::load(value + (j + r) * width + c * n);
    }
    for (int h = first; h < j; ++h)
        for (int c = 0; c < tile; ++c) {
            const V solved = V::load(value + h * width + c * n);
            for (int r = 0; r < Rows; ++r) sum[r][c] = sum[r][c] - V::load(l[r] + h * n) * solved;
        }
    for (int r = 0; r < Rows; ++r)
        for (int c = 0; c < tile; ++c) {
            for (int h = 0; h < r; ++h) sum[r][c] = sum[r][c] - V::load(l[r] + (j + h) * n) * sum[h][c];
            sum[r][c] = sum[r][c] * V::load(l[r] + (j + r) * n);
            sum[r][c].store(value + (j + r) * width + c * n);
        }
}

// Rows of a tile of sites,  L^-1 W eta  as [gateway][tile][lane], from their first gateway on.
template <class V>
inline void matrix_rows(const Model& m, const Interior& p, int block, const int* sites, int count,
                        double* rows) {
    constexpr int n = V::lanes, width = tile * n;
    const double* const factor = p.factor + static_cast<long>(block) * triangle(m.gateways + 1) * n;
    const int first = first_gateway(m, p, sites, count);
    for (long k = static_cast<long>(first) * tile; k < static_cast<long>(m.gateways) * tile; ++k)
        V(0.0).store(rows + k * n);
    for (int c = 0; c < count; ++c) {
        const V eta = V::load(p.eta + offset<V>(block, m.sites, sites[c]));
        for (int e = p.in_start[sites[c]]; e < p.in_start[sites[c] + 1]; ++e) {
            const int a = p.in_arc[e];
            double* const entry = rows + p.gateway[a] * width + c * n;
            (V::load(entry) + eta * V(m.energy[a]) * V::load(p.inv_d + offset<V>(block, m.arcs, a)))
                .store(entry);
        }
    }
    int j = first;
    for (; j + 1 < m.gateways; j += 2) forward_rows<V, 2>(factor, first, j, rows);
    if (j < m.gateways) forward_rows<V, 1>(factor, first, j, rows);
}

// Adds f_r f_q times the flow between two sites to their entries of the matrix.
template <class V>
inline void add_matrix_entry(const Model& m, int block, const int* sites, int count, int c, int d, V flow,
                             double* matrix) {
    for (int r = 0; r < m.footprints; ++r) {
        const V f = flow * V::load(m.footprint + offset<V>(block * m.footprints + r, m.sites, sites[c]));
        for (int q = 0; q < m.footprints; ++q)
            matrix[(static_cast<long>(c) * m.footprints + r) * count * m.footprints + d * m.footprints + q] +=
                sum_lanes(f * V::load(m.footprint + offset<V>(block * m.footprints + q, m.sites, sites[d])));
    }
}

// Adds F K F' among some sites to the lower triangle of `matrix`, row-major over (site, footprint) pairs. K
// is kappa eta less the products of the rows  eta W' L^-T.  Scratch: [tile of sites][gateway][site][lane].
template <class V>
inline void interior_matrix(const Model& m, const Interior& p, int block, const int* sites, int count,
                            double* matrix, double* scratch) {
    constexpr int n = V::lanes, width = tile * n;
    for (int c = 0; c < count; c += tile) {
        const int wide = count - c < tile ? count - c : tile;
        const long size = static_cast<long>(m.gateways) * width;
        double* const rows = scratch + c / tile * size;
        matrix_rows<V>(m, p, block, sites + c, wide, rows);
        const int first_c = first_gateway(m, p, sites + c, wide);
        for (int d = 0; d <= c; d += tile) {
            const double* const others = scratch + d / tile * size;
            const int first_d = first_gateway(m, p, sites + d, tile < count - d ? tile : count - d);
            const int first = first_c < first_d ? first_d : first_c;
            V flow[tile][tile];
            for (int k = 0; k < tile * tile; ++k) flow[k / tile][k % tile] = V(0.0);
            for (int j = first; j < m.gateways; ++j)
                for (int k = 0; k < tile; ++k) {
                    const V row = V::load(rows + j * width + k * n);
                    for (int l = 0; l < tile; ++l)
                        flow[k][l] = flow[k][l] - row * V::load(others + j * width + l * n);
                }
            for (int k = 0; k < wide; ++k)
                for (int l = 0; l < tile && d + l <= c + k; ++l) {
                    const long at = offset<V>(block, m.sites, sites[c + k]);
                    const V own = c + k == d + l ? V::load(p.kappa + at) * V::load(p.eta + at) : V(0.0);
                    add_matrix_entry<V>(m, block, sites, count, c + k, d + l, flow[k][l] + own, matrix);
                }
        }
    }
}

// The steps of one instruction set, as plain functions.
struct BarrierKernels {
    int lanes;
    void (*start)(const Model&, const Interior&, int block, const double* lambda, double money);
    void (*measure)(const Model&, const Interior&, int block, const double* lambda, double* sum,
                    double* totals);
    void (*factor)(const Model&, const Interior&, int block);
    void (*diagonal)(const Model&, const Interior&, int block, double* totals);
    void (*matrix)(const Model&, const Interior&, int block, const int* sites, int count, double* matrix,
                   double* scratch);
    void (*response)(const Model&, const Interior&, int block, const double* dlambda, double* totals,
                     double* scratch);
    void (*base)(const Model&, const Interior&, int block, double* totals, double* scratch);
    void (*direction)(const Model&, const Interior&, int block, const double* dlambda, double* totals,
                      double* step, double* scratch);
    void (*predict)(const Model&, const Interior&, int block, double primal, double dual, double* sum);
    void (*targets)(const Model&, const Interior&, int block, bool corrector, double mu);
    void (*move)(const Model&, const Interior&, int block, double primal, double dual);
};

template <class V>
constexpr BarrierKernels barrier_kernels() {
    return {V::lanes,
            interior_start<V>,
            interior_measure<V>,
            interior_factor<V>,
            interior_diagonal<V>,
            interior_matrix<V>,
            interior_response<V>,
            interior_base<V>,
            interior_direction<V>,
            interior_predict<V>,
            interior_targets<V>,
            interior_move<V>};
}

}  // namespace equiload
