// The steps of one iteration, each written once for every back end.
//
// A block is V::width consecutive slots and every array below is [block][item][lane]; a V works on V::lanes
// of them side by side. Arcs of a slot never share a lane, hence no gather and no padding.
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
// Memory an iteration, in doubles:  arc: x, x0 read, x written; where gateways work at the same time
// `sent` written and read as well.  cell: v, v0, ybar, isig, p, cap, f_1..f_R read twice, v, ybar written.
// Per gateway: d, s, theta.
#pragma once

#include <initializer_list>

#include "algorithm/burdened.hpp"
#include "algorithm/pack.hpp"

namespace equiload {

// The network and the data in block layout. Arcs are sorted by gateway: arcs of gateway j are row[j] ..
// row[j+1]-1.
struct BlockProblem {
    int slots = 0, blocks = 0, gateways = 0, sites = 0, arcs = 0, footprints = 0;
    const int *row = nullptr, *site = nullptr, *delay = nullptr;
    // Arcs whose energy the site gathers from `Iterate::sent`; the arc pass adds that of the others itself.
    // Delayed arcs at least, and all of them where gateways work at the same time.
    int sent = 0;
    const int* sent_index = nullptr;                                           // [arc] place there, or -1
    const int *in_start = nullptr, *in_arc = nullptr, *in_gateway = nullptr;   // those arcs, place by place:
                                                                               // a site's stand together
    const double *energy = nullptr, *cost = nullptr;                           // [arc]
    const double *demand = nullptr, *step = nullptr;                           // [block][gateway][lane]: d, s
    const double *price = nullptr, *capacity = nullptr, *quadratic = nullptr;  // [block][site][lane]
    const double* footprint = nullptr;  // [block][footprint][site][lane]
};

// The iterate, its anchor, and what each slot remembers between restarts. What there is of every arc may be
// stored in single precision: it is most of the memory.
template <class Stored>
struct Iterate {
    Stored *x = nullptr, *x_anchor = nullptr;          // [block][arc][lane]
    Stored* x_plus = nullptr;                          // x of T(z) when asked for
    Stored* sent = nullptr;                            // [block][sent][lane]: k (2 x+ - x) on its way
    double *v = nullptr, *v_anchor = nullptr;          // [block][site][lane]
    double *inflow = nullptr, *inflow_plus = nullptr;  // ybar = M (2 x+ - x) and M x+
    double *isig = nullptr, *v_plus = nullptr;         // 1/sigma, v of T(z)
    double* theta = nullptr;  // [block][gateway][lane]: simplex thresholds, kept warm
    // [block][lane], one number a slot; `restarted` is the iteration of its last restart
    double *omega = nullptr, *omega_start = nullptr, *restarted = nullptr, *restarts = nullptr;
    double *moved = nullptr, *mismatch = nullptr, *residual_start = nullptr, *residual_last = nullptr;
};

// visit(array, items a slot) for all of an iterate.
template <class Stored, class Visit>
void each_array(Iterate<Stored>& z, const BlockProblem& m, Visit visit) {
    for (Stored** array : {&z.x, &z.x_anchor, &z.x_plus}) visit(*array, m.arcs);
    visit(z.sent, m.sent);
    for (double** array : {&z.v, &z.v_anchor, &z.inflow, &z.inflow_plus, &z.isig, &z.v_plus})
        visit(*array, m.sites);
    visit(z.theta, m.gateways);
    for (double** array : {&z.omega, &z.omega_start, &z.restarted, &z.restarts, &z.moved, &z.mismatch,
                           &z.residual_start, &z.residual_last})
        visit(*array, 1);
}

// x of an arc. In single precision it is stored as its distance from the anchor, which goes to zero with the
// rounding: stored as such, x would be wrong by 6e-8 of itself for ever, prices would make up for it, and on
// the ten data centres the bound then stalls at 2e-6.
template <class V>
EQUILOAD_HD V load_x(const Iterate<double>& z, long at) {
    return V::load(z.x + at);
}
template <class V>
EQUILOAD_HD V load_x(const Iterate<float>& z, long at) {
    return V::load(z.x_anchor + at) + V::load(z.x + at);
}
template <class V>
EQUILOAD_HD void store_x(const Iterate<double>& z, long at, V x, V /*anchor*/) {
    x.store(z.x + at);
}
template <class V>
EQUILOAD_HD void store_x(const Iterate<float>& z, long at, V x, V anchor) {
    (x - anchor).store(z.x + at);
}

// What an iteration is asked to do beside its work. The site pass ends one iteration, the arc pass starts the
// next.
struct Pass {
    bool decide = false;   // site pass: residuals, then restart the slots that are due
    bool measure = false;  // arc pass: record what the next site pass needs to decide
    bool keep = false;     // arc pass: store x+ as the candidate
    double iteration = 0;  // the one that ends
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

inline constexpr double large_capacity = 1e300;  // stands for infinity: inf - inf must not arise in a lane

// Where a V works: a block, and its first lane there. Where several horizons follow each other, `first` is
// the block with which its own begins.
struct Place {
    int block, lane, first;

    EQUILOAD_HD Place(int in_block, int from_lane = 0, int first_block = 0)
        : block(in_block), lane(from_lane), first(first_block) {}
    template <class V>
    EQUILOAD_HD int slot() const {
        return (block - first) * V::width + lane;
    }
    // Slots later or earlier in the same horizon.
    template <class V>
    EQUILOAD_HD Place of_slot(int slot) const {
        return Place(first + slot / V::width, slot % V::width, first);
    }
};

template <class V>
EQUILOAD_HD long offset(Place at, int count, int item) {
    return (static_cast<long>(at.block) * count + item) * V::width + at.lane;
}
template <class V>
EQUILOAD_HD long slot_offset(Place at) {
    return offset<V>(at, 1, 0);
}
template <class V>
EQUILOAD_HD V load_footprint(const BlockProblem& m, Place at, int footprint, int site) {
    return V::load(m.footprint + offset<V>(at, m.footprints * m.sites, footprint * m.sites + site));
}

// The value of (t + delay, item) for each slot t of the place; `beyond` past the horizon.
template <class V, class Stored>
EQUILOAD_HD V load_later(const Stored* values, int count, Place at, int item, int delay, int slots,
                         double beyond) {
    double lane[V::lanes];
    for (int w = 0; w < V::lanes; ++w) {
        const int slot = at.slot<V>() + w + delay;
        const Place there = at.of_slot<V>(slot);
        lane[w] = slot < slots ? static_cast<double>(values[offset<V>(there, count, item)]) : beyond;
    }
    return V::load(lane);
}

// The value of (t - delay, item) for each slot t of the place; 0 before the horizon.
template <class V, class Stored>
EQUILOAD_HD V load_earlier(const Stored* values, int count, Place at, int item, int delay) {
    double lane[V::lanes];
    for (int w = 0; w < V::lanes; ++w) {
        const int slot = at.slot<V>() + w - delay;
        const Place there = at.of_slot<V>(slot);
        lane[w] = slot >= 0 ? static_cast<double>(values[offset<V>(there, count, item)]) : 0.0;
    }
    return V::load(lane);
}

// Without `Delayed` no arc is.
template <class V, bool Delayed = true>
EQUILOAD_HD V energy_price(const BlockProblem& m, const double* v, Place at, int arc) {
    const int site = read_only(m.site + arc), delay = Delayed ? read_only(m.delay + arc) : 0;
    if (delay == 0) return V::load(v + offset<V>(at, m.sites, site));
    return load_later<V>(v, m.sites, at, site, delay, m.slots, unreachable_price);
}

// n steps after the restart, alpha = (n + 1) / (n + 2); `iterations` are done.
template <class V, class Stored>
EQUILOAD_HD V reflected_share(const Iterate<Stored>& z, Place at, double iterations) {
    const V steps = V(iterations) - V::load(z.restarted + slot_offset<V>(at));
    return (steps + V(1.0)) / (steps + V(2.0));
}

// theta with sum max(0, g - theta) = d: Newton on a convex piecewise linear function. From the left it climbs
// monotonically to the root, from the right one step lands left of it; a warm start needs one to three
// sweeps. `g` is a V* or has its operator[].
template <class V, class Row>
EQUILOAD_HD V simplex_threshold(Row g, int count, V demand, V theta, V total) {
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
// `add(arc, k (2 x+ - x), k x+)` receives the energy, `g` is scratch for the row. Returns
// sum (x+ - x)^2 / tau. What it reads of so many arcs `ahead` is asked for before any of it is used or
// anything is written: where a thread has to wait for memory, it waits for several arcs at a time.
template <class V, int ahead = 1, bool Delayed = true, class Stored, class Row, class Add>
EQUILOAD_HD V arc_row(const BlockProblem& m, const Iterate<Stored>& z, Place at, int gateway,
                      const Pass& pass, Row g, Add add) {
    const long own = offset<V>(at, m.gateways, gateway);
    const V demand = V::load(m.demand + own);
    const V tau = V::load(m.step + own) / V::load(z.omega + slot_offset<V>(at));
    const V alpha = reflected_share<V>(z, at, pass.iteration), anchor_share = V(1.0) - alpha;
    const int first = read_only(m.row + gateway), count = read_only(m.row + gateway + 1) - first;
    const long row = offset<V>(at, m.arcs, first);
    // Past the end the last arc again: what is asked for does not depend on a branch.
    const auto among = [count](int a) { return a < count ? a : count - 1; };

    V total(0.0);
    for (int a = 0; a < count; a += ahead) {
        V x[ahead], price[ahead], cost[ahead], energy[ahead];
        for (int k = 0; k < ahead; ++k) {
            const int next = among(a + k);
            x[k] = load_x<V>(z, row + next * V::width);
            price[k] = energy_price<V, Delayed>(m, z.v, at, first + next);
            cost[k] = V(read_only(m.cost + first + next)), energy[k] = V(read_only(m.energy + first + next));
        }
        for (int k = 0; k < ahead && a + k < count; ++k) {
            const V moved = x[k] - tau * (cost[k] + energy[k] * price[k]);
            g[a + k] =
                Delayed ? select(price[k] < V(unreachable_price), moved, V(-unreachable_price)) : moved;
            total = total + g[a + k];
        }
    }
    const V theta = simplex_threshold(g, count, demand, V::load(z.theta + own), total);
    theta.store(z.theta + own);

    V moved(0.0);
    for (int a = 0; a < count; a += ahead) {
        V x[ahead], anchor[ahead];
        for (int k = 0; k < ahead; ++k) {
            const long arc = row + among(a + k) * V::width;
            x[k] = load_x<V>(z, arc), anchor[k] = V::load(z.x_anchor + arc);
        }
        for (int k = 0; k < ahead && a + k < count; ++k) {
            const long arc = row + (a + k) * V::width;
            const V x_plus = max(g[a + k] - theta, V(0.0));
            const V reflected = x_plus + x_plus - x[k];
            const V energy(read_only(m.energy + first + a + k));
            const V dx = x_plus - x[k];
            moved = moved + dx * dx;
            add(first + a + k, energy * reflected, energy * x_plus);
            store_x(z, arc, alpha * reflected + anchor_share * anchor[k], anchor[k]);
            if (pass.keep || pass.measure) x_plus.store(z.x_plus + arc);
        }
    }
    return select(V(0.0) < tau, moved / tau, V(0.0));
}

// What arrives by an arc, by its place in `sent`: of ybar, or with `plus` of M x+.
template <class V, bool Delayed, class Stored>
EQUILOAD_HD V arriving(const BlockProblem& m, const Iterate<Stored>& z, Place at, int place, bool plus) {
    const auto load = [&](const Stored* values, int count, int item, int arc) {
        if constexpr (Delayed)
            return load_earlier<V>(values, count, at, item, read_only(m.delay + arc));
        else
            return V::load(values + offset<V>(at, count, item));
    };
    const int arc = read_only(m.in_arc + place);
    return plus ? V(read_only(m.energy + arc)) * load(z.x_plus, m.arcs, arc, arc)
                : load(z.sent, m.sent, place, arc);
}

// What a cell receives through `sent`: ybar, or with `plus` M x+.
template <class V, int ahead = 1, bool Delayed = true, class Stored>
EQUILOAD_HD V received(const BlockProblem& m, const Iterate<Stored>& z, Place at, int site, bool plus) {
    const int end = read_only(m.in_start + site + 1);
    V sum(0.0);
    for (int e = read_only(m.in_start + site); e < end; e += ahead) {
        V own[ahead];
        for (int k = 0; k < ahead; ++k)
            own[k] = arriving<V, Delayed>(m, z, at, e + k < end ? e + k : end - 1, plus);
        for (int k = 0; k < ahead && e + k < end; ++k) sum = sum + own[k];
    }
    return sum;
}

template <class V>
EQUILOAD_HD V site_cost(const BlockProblem& m, Place at, int site, const double* lambda) {
    return burdened(V::load(m.price + offset<V>(at, m.sites, site)), m.footprints, m.sites, site, lambda,
                    [&](int r) { return load_footprint<V>(m, at, r, site); });
}

// A cell at given equity prices, and the energy y+ that its site takes.
template <class V>
struct Cell {
    V v, cost, inflow, isig, compliance, capacity, free, y;

    template <class Stored>
    EQUILOAD_HD Cell(const BlockProblem& m, const Iterate<Stored>& z, Place at, int site,
                     const double* lambda) {
        const long own = offset<V>(at, m.sites, site);
        cost = site_cost<V>(m, at, site, lambda);
        v = V::load(z.v + own);
        inflow = V::load(z.inflow + own);
        isig = V::load(z.isig + own);
        capacity = V::load(m.capacity + own);
        const V damping = m.quadratic ? V(1.0) + V::load(m.quadratic + own) * isig : V(1.0);
        compliance = isig / damping;  // -dy/dc0 while the cell is between its bounds
        free = ((v - cost) * isig + inflow) / damping;
        y = min(max(free, V(0.0)), capacity);
    }

    // v + sigma (ybar - y+); a cell that no work can reach costs what its site costs.
    EQUILOAD_HD V v_plus() const { return select(V(0.0) < isig, v + (inflow - y) / isig, cost); }
};

// Burden of a cell and its curvature: `add` receives E_r = f_r y+ and H_rs = f_r f_s (-dy+/dc0) in the order
// E_1 .. E_R, H_11, H_21, H_22, .. with their place in it.
template <class V, class Stored, class Add>
EQUILOAD_HD void add_burden(const BlockProblem& m, const Iterate<Stored>& z, Place at, int site,
                            const double* lambda, double curvature_floor, Add add) {
    const Cell<V> cell(m, z, at, site, lambda);
    const V bent = select(cell.free < V(0.0), V(curvature_floor),
                          select(cell.capacity < cell.free, V(curvature_floor), V(1.0))) *
                   cell.compliance;
    int quantity = m.footprints;
    for (int r = 0; r < m.footprints; ++r) {
        const V f = load_footprint<V>(m, at, r, site);
        add(r, f * cell.y);
        for (int s = 0; s <= r; ++s, ++quantity) add(quantity, f * load_footprint<V>(m, at, s, site) * bent);
    }
}

// How many numbers that are a site.
EQUILOAD_HD int burden_quantities(int footprints) { return footprints + footprints * (footprints + 1) / 2; }

// Site pass for one cell. Adds to the slot's residual  |dv|^2 / sigma - 2 <dv, M dx>  and its money mismatch
// (|v+| + |p|) |M x+ - y+|.
template <class V, class Stored>
EQUILOAD_HD void site_cell(const BlockProblem& m, const Iterate<Stored>& z, Place at, int site,
                           const double* lambda, const Pass& pass, V& residual, V& mismatch) {
    const long own = offset<V>(at, m.sites, site);
    const Cell<V> cell(m, z, at, site, lambda);
    const V alpha = reflected_share<V>(z, at, pass.iteration - 1);
    const V v_plus = cell.v_plus();
    if (pass.decide) {
        const V inflow_plus = V::load(z.inflow_plus + own), dv = v_plus - cell.v;
        residual = residual + dv * dv * cell.isig - V(2.0) * dv * (cell.inflow - inflow_plus);
        v_plus.store(z.v_plus + own);
        mismatch = mismatch + (abs(v_plus) + abs(V::load(m.price + own))) * abs(inflow_plus - cell.y);
    }
    (alpha * (v_plus + v_plus - cell.v) + (V(1.0) - alpha) * V::load(z.v_anchor + own)).store(z.v + own);
}

// v+ of a cell without moving the iterate: the dual candidate that belongs to the kept x+.
template <class V, class Stored>
EQUILOAD_HD V dual_candidate(const BlockProblem& m, const Iterate<Stored>& z, Place at, int site,
                             const double* lambda) {
    const Cell<V> cell(m, z, at, site, lambda);
    return cell.v_plus();
}

// 1/sigma = sum of k^2 s / omega: `sum` plus what the arcs of `sent` contribute, each with its own slot's
// omega.
template <class V, class Stored>
EQUILOAD_HD V received_metric(const BlockProblem& m, const Iterate<Stored>& z, Place at, int site, V sum) {
    for (int e = m.in_start[site]; e < m.in_start[site + 1]; ++e) {
        const int arc = m.in_arc[e];
        const V step = load_earlier<V>(m.step, m.gateways, at, m.in_gateway[e], m.delay[arc]);
        const V weight = load_earlier<V>(z.omega, 1, at, 0, m.delay[arc]);
        sum = sum + select(V(0.0) < weight, V(m.energy[arc] * m.energy[arc]) * step / weight, V(0.0));
    }
    return sum;
}

}  // namespace equiload
