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

#include "steps.hpp"

namespace equiload {

// D, |DX|^2, |DY|^2 of a slot, and what its work costs.
template <class V>
struct RestartSums {
    V overpaid{0.0}, dx{0.0}, dy{0.0}, cost{0.0};
};

// D and DX of one gateway; moves the anchor of the slots that restart.
template <class V>
EQUILOAD_HD void restart_row(const Model& m, const Iterate& z, int block, int gateway, typename V::Mask due,
                             RestartSums<V>& sums) {
    const long at = offset<V>(block, m.gateways, gateway);
    const V demand = V::load(m.demand + at), step = V::load(m.step + at);
    V least(unreachable_price), paid(0.0), moved(0.0);
    for (int a = m.row[gateway]; a < m.row[gateway + 1]; ++a) {
        double* const anchor = z.x_anchor + offset<V>(block, m.arcs, a);
        double* const current = z.x + offset<V>(block, m.arcs, a);
        const V x = V::load(z.x_plus + offset<V>(block, m.arcs, a)), x_anchor = V::load(anchor);
        const V price = V(m.cost[a]) + V(m.energy[a]) * energy_price<V>(m, z.v_plus, block, a);
        least = min(least, price);
        paid = paid + price * x;
        moved = moved + (x - x_anchor) * (x - x_anchor);
        select(due, x, x_anchor).store(anchor);
        select(due, x, V::load(current)).store(current);
    }
    sums.overpaid = sums.overpaid + max(paid - demand * least, V(0.0));
    sums.cost = sums.cost + abs(demand * least);
    const V omega = V::load(z.omega + static_cast<long>(block) * V::lanes);
    sums.dx = sums.dx + select(V(0.0) < step, moved * omega / step, V(0.0));
}

// DY of one cell; moves its anchor.
template <class V>
EQUILOAD_HD void restart_cell(const Model& m, const Iterate& z, int block, int site, typename V::Mask due,
                              RestartSums<V>& sums) {
    const long at = offset<V>(block, m.sites, site);
    const V v = V::load(z.v_plus + at), anchor = V::load(z.v_anchor + at);
    sums.dy = sums.dy + (v - anchor) * (v - anchor) * V::load(z.isig + at);
    select(due, v, anchor).store(z.v_anchor + at);
    select(due, v, V::load(z.v + at)).store(z.v + at);
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
