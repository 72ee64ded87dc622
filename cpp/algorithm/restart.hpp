// Restarts and primal weights: slot by slot, or for the whole horizon where delayed arcs couple the slots.
//
// A slot restarts at T(z) when its fixed-point residual  r^2 = |dx|^2/tau + |dv|^2/sigma - 2 <dv, M dx>  has
// fallen enough since its last restart, has stopped falling, or its epoch has grown long (arXiv 2106.04756,
// 2507.14051). The weight is then balanced in money: P is what loads still disagree at local prices, D what
// arcs still overpay at current prices; and in distance: DX and DY, moved since the last restart in the
// metrics of the steps:
//
//     omega *= clip( (P/D)^a (DY/DX)^b )
#pragma once

#include "algorithm/steps.hpp"

namespace equiload {

// What the first weight of a slot is made of: the spread of what its arcs cost, the size of its work.
template <class V>
struct FirstSums {
    V spread{0.0}, size{0.0}, root{0.0};
};

// Of one gateway, at what sites cost at `lambda`, not at v: near an optimum all arcs in use cost the same.
template <class V>
EQUILOAD_HD void first_row(const BlockProblem& m, Place at, int gateway, const double* lambda,
                           FirstSums<V>& sums) {
    const V demand = V::load(m.demand + offset<V>(at, m.gateways, gateway));
    V least(1e300), most(-1e300);
    for (int a = m.row[gateway]; a < m.row[gateway + 1]; ++a) {
        const V price = V(m.cost[a]) + V(m.energy[a]) * site_cost<V>(m, at, m.site[a], lambda);
        least = min(least, price), most = max(most, price);
    }
    sums.spread = sums.spread + select(least < most, demand * (most - least), V(0.0));
    sums.size = sums.size + demand;
    sums.root = sums.root + V::load(m.step + offset<V>(at, m.gateways, gateway));
}

// omega ~ |dv| / |dx| in the step metrics.
template <class V>
EQUILOAD_HD V first_weight(const FirstSums<V>& sums, int gateways) {
    const V balance = sums.spread / sums.size * sums.root / sums.size * V(static_cast<double>(gateways));
    return select(V(0.0) < sums.spread, balance, V(1.0));
}

// D, |DX|^2, |DY|^2 of a slot, and what its work costs.
template <class V>
struct RestartSums {
    V overpaid{0.0}, dx{0.0}, dy{0.0}, cost{0.0};
};

// D and DX of one gateway; moves the anchor of the slots that restart.
template <class V, class Stored>
EQUILOAD_HD void restart_row(const BlockProblem& m, const Iterate<Stored>& z, Place at, int gateway,
                             typename V::Mask due, RestartSums<V>& sums) {
    const long own = offset<V>(at, m.gateways, gateway);
    const V demand = V::load(m.demand + own), step = V::load(m.step + own);
    V least(unreachable_price), paid(0.0), moved(0.0), stored(0.0);
    for (int a = m.row[gateway]; a < m.row[gateway + 1]; ++a) {
        const long arc = offset<V>(at, m.arcs, a);
        const V x_plus = V::load(z.x_plus + arc), anchor = V::load(z.x_anchor + arc);
        const V price = V(m.cost[a]) + V(m.energy[a]) * energy_price<V>(m, z.v_plus, at, a);
        least = min(least, price);
        paid = paid + price * x_plus;
        stored = stored + x_plus;
        moved = moved + (x_plus - anchor) * (x_plus - anchor);
        const V new_anchor = select(due, x_plus, anchor);
        store_x(z, arc, select(due, x_plus, load_x<V>(z, arc)), new_anchor);
        new_anchor.store(z.x_anchor + arc);
    }
    // What single precision lost of the work must not look like money saved or overpaid.
    const V work = sizeof(Stored) < sizeof(double) ? stored : demand;
    sums.overpaid = sums.overpaid + max(paid - work * least, V(0.0));
    sums.cost = sums.cost + abs(demand * least);
    const V omega = V::load(z.omega + slot_offset<V>(at));
    sums.dx = sums.dx + select(V(0.0) < step, moved * omega / step, V(0.0));
}

// DY of one cell; moves its anchor.
template <class V, class Stored>
EQUILOAD_HD void restart_cell(const BlockProblem& m, const Iterate<Stored>& z, Place at, int site,
                              typename V::Mask due, RestartSums<V>& sums) {
    const long own = offset<V>(at, m.sites, site);
    const V v = V::load(z.v_plus + own), anchor = V::load(z.v_anchor + own);
    sums.dy = sums.dy + (v - anchor) * (v - anchor) * V::load(z.isig + own);
    select(due, v, anchor).store(z.v_anchor + own);
    select(due, v, V::load(z.v + own)).store(z.v + own);
}

EQUILOAD_HD double power(double ratio, double exponent) {
    return ratio > 0.0 ? __builtin_pow(ratio, exponent) : 1.0;
}

// The factor by which a weight changes.
EQUILOAD_HD double weight_change(double mismatch, double overpaid, double dx, double dy, double cost,
                                 const Tuning& t) {
    if (!(mismatch + overpaid > 1e-9 * cost)) return 1.0;  // converged: nothing to learn from
    double change = mismatch > 0.0 && overpaid > 0.0 ? power(mismatch / overpaid, t.money_exponent)
                    : mismatch > 0.0                 ? t.clip
                                                     : 1.0 / t.clip;
    if (dx > 0.0 && dy > 0.0) change *= power(__builtin_sqrt(dy / dx), t.distance_exponent);
    return change > t.clip ? t.clip : change < 1.0 / t.clip ? 1.0 / t.clip : change;
}

// Where nothing can be balanced (a slot without a choice, work that cannot fit) weights must not run away.
EQUILOAD_HD double bounded_weight(double omega, double start) {
    constexpr double range = 1e6;
    return omega > start * range ? start * range : omega < start / range ? start / range : omega;
}

// What slot t remembers of its restart in this pass.
template <class Stored>
EQUILOAD_HD void begin_epoch(const Iterate<Stored>& z, long t, double change, const Pass& pass) {
    z.omega[t] = bounded_weight(z.omega[t] * change, z.omega_start[t]);
    z.restarted[t] = pass.iteration, z.residual_start[t] = -1.0, z.restarts[t] += 1.0;
}

// Is the slot due? Updates what it remembers. `residual` is r^2 and `steps` the steps since its last restart.
EQUILOAD_HD bool restart_due(double residual, double steps, double iteration, double& at_start, double& last,
                             const Tuning& t) {
    if (at_start < 0.0) {  // first measure of this epoch
        at_start = last = residual;
        return false;
    }
    const bool enough = residual <= t.sufficient * t.sufficient * at_start;
    const bool stalled = residual <= t.necessary * t.necessary * at_start && residual > last;
    const bool too_long = steps >= t.artificial * iteration;
    last = residual;
    return enough || stalled || too_long;
}

}  // namespace equiload
