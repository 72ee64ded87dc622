// The steps of one iteration, each written once for every back end.
//
// V is `Scalar` or `Pack`: V::lanes consecutive slots are worked on side by side, so a block is V::lanes
// slots and every array below is [block][item][lane]. Arcs of a slot never share a lane, hence no gather, no
// padding and no conflict when several gateways add to one site.
//
// One iteration maps z = (x, v) to  T(z) = (x+, v+):
//
//     x+   = argmin over the scaled simplex of  <l + k v, x'> + omega/(2 s) |x' - x|^2        (arc pass)
//     ybar = M (2 x+ - x)
//     y+   = prox of the site costs, capacities and equity at  v + sigma ybar                 (burden, then
//     site pass) v+   = v + sigma (ybar - y+),          1/sigma = sum over incoming arcs of k^2 s/omega
//
// and z moves to  alpha (2 T(z) - z) + (1 - alpha) z0  with  alpha = (n + 1)/(n + 2), n steps after its
// slot's restart (reflected Halpern, arXiv 2407.16144). Because every arc feeds one cell, M tau M' is
// diagonal and sigma is its exact inverse: no operator norm, no safety factor.
//
// Memory an iteration, in doubles:  arc: x, x0 read, x written.  cell: v, v0, ybar, isig, p, cap, f_1..f_R
// read twice, v, ybar written.  Per gateway: d, s, theta.
#pragma once

#include "../pack.hpp"

namespace equiload {

// The network and the data in block layout. Arcs are sorted by gateway: arcs of gateway j are row[j] ..
// row[j+1]-1.
struct Model {
    int slots = 0, blocks = 0, gateways = 0, sites = 0, arcs = 0, footprints = 0, delayed = 0;
    const int *row = nullptr, *site = nullptr, *delay = nullptr;
    const int* delayed_index = nullptr;  // [arc] place among the delayed arcs, -1 for the others
    const int *in_start = nullptr, *in_arc = nullptr, *in_gateway = nullptr;   // delayed arcs by site
    const double *energy = nullptr, *cost = nullptr;                           // [arc]
    const double *demand = nullptr, *step = nullptr;                           // [block][gateway][lane]: d, s
    const double *price = nullptr, *capacity = nullptr, *quadratic = nullptr;  // [block][site][lane]
    const double* footprint = nullptr;  // [block][footprint][site][lane]
};

// The iterate, its anchor, and what each slot remembers between restarts.
struct Iterate {
    double *x = nullptr, *x_anchor = nullptr;          // [block][arc][lane]
    double *v = nullptr, *v_anchor = nullptr;          // [block][site][lane]
    double *inflow = nullptr, *inflow_plus = nullptr;  // ybar = M (2 x+ - x) and M x+
    double* isig = nullptr;                            // 1/sigma
    double *sent = nullptr,
           *sent_plus = nullptr;  // [block][delayed][lane]: what delayed arcs put on their way
    double* theta = nullptr;      // [block][gateway][lane]: simplex thresholds, kept warm
    double *x_plus = nullptr, *v_plus = nullptr;  // T(z) when asked for, like x and v
    // [block][lane], one number a slot
    double *omega = nullptr, *omega_start = nullptr, *steps = nullptr, *moved = nullptr, *mismatch = nullptr;
    double *residual_start = nullptr, *residual_last = nullptr, *restarts = nullptr;
};

// What an iteration is asked to do beside its work. The site pass ends one iteration, the arc pass starts the
// next.
struct Pass {
    bool decide = false;   // site pass: residuals, then restart the slots that are due
    bool measure = false;  // arc pass: record what the next site pass needs to decide
    bool keep = false;     // arc pass: store x+ as the candidate
    double iteration = 0;
};

// Restart rules and the weight's response; see docs/algorithm.md.
struct Tuning {
    double sufficient = 0.2, necessary = 0.8, artificial = 0.36;
    double money_exponent = 0.15, distance_exponent = 0.5, clip = 10.0;
    double curvature_floor = 0.1;
    int decide_every = 4;
    int inner_steps = 0;
};

// Price of an arc past the horizon. A power of two: the mean of several is exact, so that a gateway all of
// whose arcs are late sends nothing rather than rounding errors of this size.
inline constexpr double unreachable_price = 0x1p332;

template <class V>
EQUILOAD_HD long offset(int block, int count, int item) {
    return (static_cast<long>(block) * count + item) * V::lanes;
}

// The value of cell (t + delay, site) for each slot t of the block; `beyond` past the horizon.
template <class V>
EQUILOAD_HD V load_later(const Model& m, const double* cells, int block, int site, int delay, double beyond) {
    double lane[V::lanes];
    for (int w = 0; w < V::lanes; ++w) {
        const int slot = block * V::lanes + w + delay;
        lane[w] =
            slot < m.slots ? cells[offset<V>(slot / V::lanes, m.sites, site) + slot % V::lanes] : beyond;
    }
    return V::load(lane);
}

// The value of (t - delay, item) for each slot t of the block; 0 before the horizon.
template <class V>
EQUILOAD_HD V load_earlier(const double* values, int count, int block, int item, int delay) {
    double lane[V::lanes];
    for (int w = 0; w < V::lanes; ++w) {
        const int slot = block * V::lanes + w - delay;
        lane[w] = slot >= 0 ? values[offset<V>(slot / V::lanes, count, item) + slot % V::lanes] : 0.0;
    }
    return V::load(lane);
}

template <class V>
EQUILOAD_HD V energy_price(const Model& m, const double* v, int block, int arc) {
    const int delay = m.delay[arc];
    if (delay == 0) return V::load(v + offset<V>(block, m.sites, m.site[arc]));
    return load_later<V>(m, v, block, m.site[arc], delay, unreachable_price);
}

// theta with sum max(0, g - theta) = d: Newton on a convex piecewise linear function. From the left it climbs
// monotonically to the root, from the right one step lands left of it; a warm start needs one to three
// sweeps.
template <class V>
EQUILOAD_HD V simplex_threshold(const V* g, int count, V demand, V theta, V total) {
    const V all_active = (total - demand) / V(static_cast<double>(count));
    for (int sweep = 0; sweep <= count + 1; ++sweep) {
        V sum(0.0), active(0.0);
        for (int a = 0; a < count; ++a) {
            const auto above = theta < g[a];
            sum = sum + select(above, g[a], V(0.0));
            active = active + select(above, V(1.0), V(0.0));
        }
        const V root = select(V(0.0) < active, (sum - demand) / active, all_active);
        const bool climbing = any(theta < root);
        theta = sweep == 0 ? root : max(theta, root);
        if (sweep > 0 && !climbing) break;
    }
    return theta;
}

// Arc pass for one gateway: project, reflect, send the energy to the sites, average towards the anchor.
// `add(arc, k (2 x+ - x), k x+)` receives the energy. Returns sum (x+ - x)^2 / tau.
template <class V, class Add>
EQUILOAD_HD V arc_row(const Model& m, const Iterate& z, int block, int gateway, const Pass& pass, V* g,
                      Add add) {
    const long at = offset<V>(block, m.gateways, gateway);
    const V demand = V::load(m.demand + at), step = V::load(m.step + at);
    const V omega = V::load(z.omega + static_cast<long>(block) * V::lanes);
    const V steps = V::load(z.steps + static_cast<long>(block) * V::lanes);
    const V alpha = (steps + V(1.0)) / (steps + V(2.0)), anchor_share = V(1.0) - alpha;
    const V tau = step / omega;
    const int first = m.row[gateway], count = m.row[gateway + 1] - first;
    double* const x_row = z.x + offset<V>(block, m.arcs, first);
    const double* const anchor_row = z.x_anchor + offset<V>(block, m.arcs, first);

    V total(0.0);
    for (int a = 0; a < count; ++a) {
        const V price = energy_price<V>(m, z.v, block, first + a);
        const V moved =
            V::load(x_row + a * V::lanes) - tau * (V(m.cost[first + a]) + V(m.energy[first + a]) * price);
        g[a] = select(price < V(unreachable_price), moved, V(-unreachable_price));
        total = total + g[a];
    }
    const V theta = simplex_threshold(g, count, demand, V::load(z.theta + at), total);
    theta.store(z.theta + at);

    V moved(0.0);
    for (int a = 0; a < count; ++a) {
        const V x = V::load(x_row + a * V::lanes);
        const V x_plus = max(g[a] - theta, V(0.0));
        const V reflected = x_plus + x_plus - x;
        const V energy(m.energy[first + a]);
        const V dx = x_plus - x;
        moved = moved + dx * dx;
        add(first + a, energy * reflected, energy * x_plus);
        (alpha * reflected + anchor_share * V::load(anchor_row + a * V::lanes)).store(x_row + a * V::lanes);
        if (pass.keep || pass.measure) x_plus.store(z.x_plus + offset<V>(block, m.arcs, first + a));
    }
    return select(V(0.0) < tau, moved / tau, V(0.0));
}

// Energy that delayed arcs bring to a cell from earlier slots.
template <class V>
EQUILOAD_HD V delayed_inflow(const Model& m, const double* sent, int block, int site) {
    V sum(0.0);
    for (int e = m.in_start[site]; e < m.in_start[site + 1]; ++e) {
        const int arc = m.in_arc[e];
        sum = sum + load_earlier<V>(sent, m.delayed, block, m.delayed_index[arc], m.delay[arc]);
    }
    return sum;
}

// A cell at given equity prices:  c0 = p + sum_r lambda_r f_r,  and the energy y+ that its site takes.
template <class V>
struct Cell {
    V v, cost, inflow, isig, compliance, capacity, free, y;

    EQUILOAD_HD Cell(const Model& m, const Iterate& z, int block, int site, const double* lambda) {
        const long at = offset<V>(block, m.sites, site);
        cost = V::load(m.price + at);
        for (int r = 0; r < m.footprints; ++r)
            cost = cost + V(lambda[r * m.sites + site]) *
                              V::load(m.footprint + offset<V>(block * m.footprints + r, m.sites, site));
        v = V::load(z.v + at);
        inflow = V::load(z.inflow + at);
        isig = V::load(z.isig + at);
        capacity = V::load(m.capacity + at);
        const V damping = m.quadratic ? V(1.0) + V::load(m.quadratic + at) * isig : V(1.0);
        compliance = isig / damping;  // -dy/dc0 while the cell is between its bounds
        free = ((v - cost) * isig + inflow) / damping;
        y = min(max(free, V(0.0)), capacity);
    }

    // v + sigma (ybar - y+); a cell that no work can reach costs what its site costs.
    EQUILOAD_HD V v_plus() const { return select(V(0.0) < isig, v + (inflow - y) / isig, cost); }
};

// Burden of a site over the block, and its curvature: E_r += f_r y+, H_rs += f_r f_s (-dy+/dc0).
// totals: [E_1 .. E_R, H_11, H_21, H_22, ..][site][lane].
template <class V>
EQUILOAD_HD void add_burden(const Model& m, const Iterate& z, int block, int site, const double* lambda,
                            double curvature_floor, double* totals) {
    const Cell<V> cell(m, z, block, site, lambda);
    const V bent = select(cell.free < V(0.0), V(curvature_floor),
                          select(cell.capacity < cell.free, V(curvature_floor), V(1.0))) *
                   cell.compliance;
    int quantity = m.footprints;
    for (int r = 0; r < m.footprints; ++r) {
        const V f = V::load(m.footprint + offset<V>(block * m.footprints + r, m.sites, site));
        double* const burden = totals + offset<V>(r, m.sites, site);
        (V::load(burden) + f * cell.y).store(burden);
        for (int s = 0; s <= r; ++s, ++quantity) {
            const V other = V::load(m.footprint + offset<V>(block * m.footprints + s, m.sites, site));
            double* const curvature = totals + offset<V>(quantity, m.sites, site);
            (V::load(curvature) + f * other * bent).store(curvature);
        }
    }
}

// Site pass for one cell. Adds to the slot's residual  |dv|^2 / sigma - 2 <dv, M dx>  and its money mismatch
// (|v+| + |p|) |M x+ - y+|.
template <class V>
EQUILOAD_HD void site_cell(const Model& m, const Iterate& z, int block, int site, const double* lambda,
                           const Pass& pass, V& residual, V& mismatch) {
    const long at = offset<V>(block, m.sites, site);
    const Cell<V> cell(m, z, block, site, lambda);
    const V steps = V::load(z.steps + static_cast<long>(block) * V::lanes);
    const V alpha = (steps + V(1.0)) / (steps + V(2.0));
    const V v_plus = cell.v_plus();
    if (pass.decide) {
        const V inflow_plus = V::load(z.inflow_plus + at), dv = v_plus - cell.v;
        residual = residual + dv * dv * cell.isig - V(2.0) * dv * (cell.inflow - inflow_plus);
        v_plus.store(z.v_plus + at);
        mismatch = mismatch + (abs(v_plus) + abs(V::load(m.price + at))) * abs(inflow_plus - cell.y);
    }
    (alpha * (v_plus + v_plus - cell.v) + (V(1.0) - alpha) * V::load(z.v_anchor + at)).store(z.v + at);
}

// v+ of a cell without moving the iterate: the dual candidate that belongs to the kept x+.
template <class V>
EQUILOAD_HD V dual_candidate(const Model& m, const Iterate& z, int block, int site, const double* lambda) {
    const Cell<V> cell(m, z, block, site, lambda);
    return cell.v_plus();
}

// 1/sigma of the block's cells: sum over incoming arcs of k^2 s / omega, each with its own slot's omega.
template <class V>
EQUILOAD_HD void refresh_metric(const Model& m, const Iterate& z, int block) {
    const V omega = V::load(z.omega + static_cast<long>(block) * V::lanes);
    for (int i = 0; i < m.sites; ++i) V(0.0).store(z.isig + offset<V>(block, m.sites, i));
    for (int j = 0; j < m.gateways; ++j) {
        const V tau = V::load(m.step + offset<V>(block, m.gateways, j)) / omega;
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            if (m.delay[a] != 0) continue;
            double* const isig = z.isig + offset<V>(block, m.sites, m.site[a]);
            (V::load(isig) + V(m.energy[a] * m.energy[a]) * tau).store(isig);
        }
    }
    if (m.delayed == 0) return;
    for (int i = 0; i < m.sites; ++i) {
        double* const isig = z.isig + offset<V>(block, m.sites, i);
        V sum = V::load(isig);
        for (int e = m.in_start[i]; e < m.in_start[i + 1]; ++e) {
            const int arc = m.in_arc[e];
            const V step = load_earlier<V>(m.step, m.gateways, block, m.in_gateway[e], m.delay[arc]);
            const V weight = load_earlier<V>(z.omega, 1, block, 0, m.delay[arc]);
            sum = sum + select(V(0.0) < weight, V(m.energy[arc] * m.energy[arc]) * step / weight, V(0.0));
        }
        sum.store(isig);
    }
}

}  // namespace equiload
