// The equity part of the prox, written once for the host and for devices: a semismooth Newton step on the
// dual prices of the regions' burdens (see equity_prox.hpp), by the members of a group together.
//
// Regions and sites are dealt out in turns, and a member keeps its own through all of a step: what it has
// written of them it may read without meeting the others. Regions gather from their sites in site order.
#pragma once

#include "algorithm/group.hpp"
#include "core/problem.hpp"

namespace equiload {

// An equity function and what it needs to know of its regions. What only budgets read may be absent
// elsewhere.
struct EquityRule {
    EquityKind kind = EquityKind::none;
    int regions = 0;
    double weight = 0.0, parameter = 0.0;
    double reserve = 0.0;  // of a budget: the share of the room limit - history that is not aimed at
    // [region]; history and limit of the burdens E, sensitivity for z = w E
    const double *sensitivity = nullptr, *history = nullptr, *limit = nullptr;
};

// <z, pi> - sum_g curvature_g (pi_g - centre_g)^2 / 2 with curvature > 0.
struct PriceModel {
    const double *z, *curvature, *centre;  // [region]
};

// One footprint with a price.
struct EquityTerm : EquityRule {
    const Index* region = nullptr;                                 // [site]
    const Index *region_start = nullptr, *region_sites = nullptr;  // sites by region, as Grouping makes them
    double *pi = nullptr, *centre = nullptr, *before = nullptr;  // [region]: now, before the step, the sweep
    double *z = nullptr, *curvature = nullptr;                   // [region]
    double *moved = nullptr, *damping = nullptr;  // [region]: last step, by how much the next is shortened
};

struct EquityState {
    int count = 0, sites = 0;
    EquityTerm* terms = nullptr;
    double *site_prices = nullptr, *start_prices = nullptr;  // [term][site]: now, before the step
    double* burden = nullptr;                                // [site], of the footprint at work
};

// visit(pointer, count) for arrays of a term or of a state: const ones never change. A visitor may point them
// elsewhere: to memory of its own, to a copy on a device.
template <class Visit>
void each_working_array(EquityTerm& term, Visit&& visit) {
    for (double** array :
         {&term.pi, &term.centre, &term.before, &term.z, &term.curvature, &term.moved, &term.damping})
        visit(*array, static_cast<std::size_t>(term.regions));
}
template <class Visit>
void each_array(EquityTerm& term, int sites, Visit&& visit) {
    const auto regions = static_cast<std::size_t>(term.regions), places = static_cast<std::size_t>(sites);
    visit(term.sensitivity, regions);
    visit(term.history, regions);
    visit(term.limit, term.kind == EquityKind::budget ? regions : 0);
    visit(term.region, places);
    visit(term.region_start, regions + 1);
    visit(term.region_sites, places);
    each_working_array(term, visit);
}
template <class Visit>
void each_array(EquityState& state, Visit&& visit) {
    const auto sites = static_cast<std::size_t>(state.sites);
    const std::size_t prices = static_cast<std::size_t>(state.count) * sites;
    visit(state.site_prices, prices);
    visit(state.start_prices, prices);
    visit(state.burden, sites);
}

EQUILOAD_HD double larger(double a, double b) { return a < b ? b : a; }
EQUILOAD_HD double smaller(double a, double b) { return b < a ? b : a; }
EQUILOAD_HD double magnitude(double a) { return a < 0 ? -a : a; }

// ------------------------------------------------------------------ the equity functions
//
// maximise: pi <- argmax of the model, less the conjugate of a budget, over the dual set.

// max: pi_g(m) = max(0, centre_g + (z_g - m) / curvature_g) with the water level m at which they sum to mu:
// Newton from the left on a convex decreasing piecewise linear function, at most one sweep a region.
template <class G>
EQUILOAD_HD void maximise_max(G group, const EquityRule& rule, const PriceModel& m, double* pi) {
    double sum = 0, slope = 0;
    for (int g = group.rank(); g < rule.regions; g += group.size()) {
        sum += m.centre[g] + m.z[g] / m.curvature[g];
        slope += 1 / m.curvature[g];
    }
    sum = group.sum(sum), slope = group.sum(slope);
    double level = (sum - rule.weight) / slope;
    for (int sweep = 0; sweep <= rule.regions; ++sweep) {
        sum = slope = 0;
        for (int g = group.rank(); g < rule.regions; g += group.size()) {
            if (m.centre[g] + (m.z[g] - level) / m.curvature[g] <= 0) continue;
            sum += m.centre[g] + m.z[g] / m.curvature[g];
            slope += 1 / m.curvature[g];
        }
        sum = group.sum(sum), slope = group.sum(slope);
        const double next = slope > 0 ? (sum - rule.weight) / slope : level;
        if (next <= level) break;
        level = next;
    }
    sum = 0;
    for (int g = group.rank(); g < rule.regions; g += group.size()) {
        pi[g] = larger(0.0, m.centre[g] + (m.z[g] - level) / m.curvature[g]);
        sum += pi[g];
    }
    sum = group.sum(sum);
    // Rounding must not leave the dual set: the bound is valid only on it.
    for (int g = group.rank(); g < rule.regions; g += group.size())
        pi[g] = sum > 0 ? pi[g] * (rule.weight / sum) : rule.weight / static_cast<double>(rule.regions);
}

// sum: the dual set is one point.
template <class G>
EQUILOAD_HD void maximise_sum(G group, const EquityRule& rule, double* pi) {
    for (int g = group.rank(); g < rule.regions; g += group.size()) pi[g] = rule.weight;
}

// |z|_q
template <class G>
EQUILOAD_HD double norm(G group, const double* z, int regions, double q) {
    double largest = 0, sum = 0;
    for (int g = group.rank(); g < regions; g += group.size()) largest = larger(largest, magnitude(z[g]));
    largest = group.most(largest);
    if (largest == 0) return 0;
    for (int g = group.rank(); g < regions; g += group.size())
        sum += __builtin_pow(magnitude(z[g]) / largest, q);  // no overflow for any q
    return largest * __builtin_pow(group.sum(sum), 1 / q);
}

// The root s of  curvature s + nu s^(p-1) = pull  with 1/p + 1/q = 1.  In s where p >= 2, in r = s^(p-1)
// where p < 2, the left side is convex and increasing: Newton falls monotonically to the root from a start
// above it, here at most twice as far.
EQUILOAD_HD double norm_share(double pull, double curvature, double nu, double p, double q) {
    if (pull <= 0) return 0;
    const bool direct = p >= 2;
    const double power = direct ? p - 1 : q - 1;  // >= 1
    const double linear = direct ? curvature : nu, bent = direct ? nu : curvature;
    double r = smaller(pull / linear, bent > 0 ? __builtin_pow(pull / bent, 1 / power) : pull / linear);
    for (int step = 0; step < 60; ++step) {
        const double bend = bent * __builtin_pow(r, power);
        const double next = r - (linear * r + bend - pull) / (linear + power * bend / r);
        if (!(next < r * (1 - 1e-15)) || next <= 0) break;
        r = next;
    }
    return direct ? r : __builtin_pow(r, power);
}

// norm: with pi = mu s, s_g(nu) solves  mu curvature s + nu s^(p-1) = z + curvature centre,  and nu >= 0 is
// the root of |s(nu)|_p = 1, or 0 where s(0) lies in the ball. |s(nu)|_p^(1-p) is linear in nu where the
// curvature vanishes: Newton on it, within a bracket.
template <class G>
EQUILOAD_HD void maximise_norm(G group, const EquityRule& rule, const PriceModel& m, double* pi) {
    const double q = rule.parameter, p = q / (q - 1);
    double scale = 0, inside = 0;
    for (int g = group.rank(); g < rule.regions; g += group.size()) {
        const double pull = m.z[g] + m.curvature[g] * m.centre[g];
        scale = larger(scale, pull);
        pi[g] = larger(0.0, pull / m.curvature[g]) / rule.weight;
        inside = larger(inside, pi[g]);
    }
    scale = group.most(scale), inside = group.most(inside);
    if (inside < 1 && norm(group, pi, rule.regions, p) <= 1) {
        for (int g = group.rank(); g < rule.regions; g += group.size()) pi[g] *= rule.weight;
        return;
    }
    double high = 0;  // without curvature the root is |pull|_q, with it less
    for (int g = group.rank(); g < rule.regions; g += group.size())
        high += __builtin_pow(larger(0.0, m.z[g] + m.curvature[g] * m.centre[g]) / scale, q);
    high = scale * __builtin_pow(group.sum(high), 1 / q) * (1 + 1e-12);
    double low = 0, nu = high;
    for (int step = 0; step < 200; ++step) {
        double sum = 0, slope = 0;
        for (int g = group.rank(); g < rule.regions; g += group.size()) {
            const double bent = rule.weight * m.curvature[g];
            const double s = pi[g] = norm_share(m.z[g] + m.curvature[g] * m.centre[g], bent, nu, p, q);
            if (s <= 0) continue;
            const double own = __builtin_pow(s, p);  // ds/dnu = -s^p / (mu curvature s + (p - 1) nu s^(p-1))
            if (own <= 0) continue;
            sum += own;
            slope -= p * own * own / (bent * s * s + (p - 1) * nu * own);
        }
        sum = group.sum(sum), slope = group.sum(slope);
        if (magnitude(sum - 1) <= 4e-15) break;
        (sum > 1 ? low : high) = nu;
        const double value = __builtin_pow(sum, -1 / q);
        double next = nu + (1 - value) / (-value * slope / (q * sum));
        if (!(next > low && next < high)) next = 0.5 * (low + high);
        if (!(high - low > 1e-15 * high) || next == nu) break;
        nu = next;
    }
    // Rounding must not leave the dual set: the bound is valid only on it.
    const double length = norm(group, pi, rule.regions, p);
    for (int g = group.rank(); g < rule.regions; g += group.size())
        pi[g] = length > 0 ? pi[g] * (rule.weight / length) : 0;
}

// How many are the k largest: all of them where there are fewer.
EQUILOAD_HD double chosen(double k, int regions) { return smaller(k, static_cast<double>(regions)); }

// topmean: pi_g(m) = clip(centre_g + (z_g - m) / curvature_g, 0, mu / k) with the water level m at which they
// sum to mu: Newton on a decreasing piecewise linear function, within a bracket.
template <class G>
EQUILOAD_HD void maximise_topmean(G group, const EquityRule& rule, const PriceModel& m, double* pi) {
    const double weight = rule.weight, most = weight / chosen(rule.parameter, rule.regions);
    double low = 1e300, high = -1e300;  // all at their most, all at 0
    for (int g = group.rank(); g < rule.regions; g += group.size()) {
        const double none = m.z[g] + m.curvature[g] * m.centre[g];
        low = smaller(low, none - m.curvature[g] * most), high = larger(high, none);
    }
    low = group.least(low), high = group.most(high);
    double level = 0.5 * (low + high);
    for (int step = 0; step < 200; ++step) {
        double sum = 0, slope = 0;
        for (int g = group.rank(); g < rule.regions; g += group.size()) {
            const double free = m.centre[g] + (m.z[g] - level) / m.curvature[g];
            pi[g] = smaller(larger(free, 0.0), most);
            sum += pi[g];
            if (free > 0 && free < most) slope += 1 / m.curvature[g];
        }
        sum = group.sum(sum), slope = group.sum(slope);
        if (magnitude(sum - weight) <= 1e-15 * weight) break;
        (sum > weight ? low : high) = level;
        double next = slope > 0 ? level + (sum - weight) / slope : low;
        if (!(next > low && next < high)) next = 0.5 * (low + high);
        if (next == level || !(next > low && next < high)) break;
        level = next;
    }
    // Rounding must not leave the dual set: the bound is valid only on it. Burdens are never negative, so
    // that a sum below mu is admissible as well.
    double sum = 0;
    for (int g = group.rank(); g < rule.regions; g += group.size()) sum += pi[g];
    sum = group.sum(sum);
    if (!(sum > weight)) return;
    for (int g = group.rank(); g < rule.regions; g += group.size()) pi[g] *= weight / sum;
}

// budget: each region by itself.
template <class G>
EQUILOAD_HD void maximise_budget(G group, const EquityRule& rule, const PriceModel& m, double* pi) {
    for (int g = group.rank(); g < rule.regions; g += group.size()) {
        const double w = rule.sensitivity[g], limit = w * rule.limit[g];
        const bool keeps = rule.reserve > 0 && limit - limit == 0;  // there is no room to speak of below inf
        const double aim = keeps ? limit - rule.reserve * larger(0.0, limit - w * rule.history[g]) : limit;
        pi[g] = larger(0.0, m.centre[g] + (m.z[g] - aim) / m.curvature[g]);
    }
}

template <class G>
EQUILOAD_HD void maximise(G group, const EquityRule& rule, const PriceModel& model, double* pi) {
    switch (rule.kind) {
        case EquityKind::max:
            return maximise_max(group, rule, model, pi);
        case EquityKind::sum:
            return maximise_sum(group, rule, pi);
        case EquityKind::norm:
            return maximise_norm(group, rule, model, pi);
        case EquityKind::topmean:
            return maximise_topmean(group, rule, model, pi);
        case EquityKind::budget:
            return maximise_budget(group, rule, model, pi);
        case EquityKind::none:
            return;
    }
}

// ------------------------------------------------------------------ the step

// lambda at each site.
template <class G>
EQUILOAD_HD void spread_prices(G group, const EquityState& e, int r) {
    const EquityTerm& term = e.terms[r];
    double* const prices = e.site_prices + static_cast<long>(r) * e.sites;
    for (int i = group.rank(); i < e.sites; i += group.size())
        prices[i] = term.pi[term.region[i]] * term.sensitivity[term.region[i]];
}

// H_rs of each site.
EQUILOAD_HD const double* site_curvature(const EquityState& e, const double* totals, int r, int s) {
    const int later = r > s ? r : s, earlier = r > s ? s : r;
    return totals + (static_cast<long>(e.count) + later * (later + 1) / 2 + earlier) * e.sites;
}

// Where the step starts, and the curvature of each region.
template <class G>
EQUILOAD_HD void begin_step(G group, const EquityState& e, const double* totals, int r) {
    const EquityTerm& term = e.terms[r];
    for (int i = group.rank(); i < e.sites; i += group.size()) {
        const long place = static_cast<long>(r) * e.sites + i;
        e.start_prices[place] = e.site_prices[place];
    }
    const double* const own = site_curvature(e, totals, r, r);
    double largest = 0;
    for (int g = group.rank(); g < term.regions; g += group.size()) {
        const double w = term.sensitivity[g];
        double sum = 0;
        for (Index k = term.region_start[g]; k < term.region_start[g + 1]; ++k)
            sum += own[term.region_sites[k]];
        term.centre[g] = term.pi[g];
        term.curvature[g] = sum * (w * w);
        largest = larger(largest, term.curvature[g]);
    }
    largest = group.most(largest);
    // A region whose cells are all at a bound has no curvature: keep the model strictly concave.
    const double floor = largest > 0 ? 1e-6 * largest : 1.0;
    for (int g = group.rank(); g < term.regions; g += group.size())
        term.curvature[g] = term.damping[g] * larger(term.curvature[g], floor);
}

// What the model expects footprint r to burden each site with at the prices of the others.
template <class G>
EQUILOAD_HD void expect_burden(G group, const EquityState& e, const double* totals, int r) {
    const double* const burden = totals + static_cast<long>(r) * e.sites;
    for (int i = group.rank(); i < e.sites; i += group.size()) e.burden[i] = burden[i];
    for (int s = 0; s < e.count; ++s) {
        if (s == r) continue;
        const double* const cross = site_curvature(e, totals, r, s);
        const double* const now = e.site_prices + static_cast<long>(s) * e.sites;
        const double* const start = e.start_prices + static_cast<long>(s) * e.sites;
        for (int i = group.rank(); i < e.sites; i += group.size())
            e.burden[i] -= cross[i] * (now[i] - start[i]);
    }
}

// Gauss-Seidel over the footprints of the quadratic model around start_prices. Returns the largest relative
// change.
template <class G>
EQUILOAD_HD double sweep(G group, const EquityState& e, const double* totals) {
    double change = 0;
    for (int r = 0; r < e.count; ++r) {
        const EquityTerm& term = e.terms[r];
        expect_burden(group, e, totals, r);
        group.sync();  // from sites to regions
        for (int g = group.rank(); g < term.regions; g += group.size()) {
            double burden = term.history[g];
            for (Index k = term.region_start[g]; k < term.region_start[g + 1]; ++k)
                burden += e.burden[term.region_sites[k]];
            term.z[g] = burden * term.sensitivity[g];
            term.before[g] = term.pi[g];
        }
        maximise(group, term, {term.z, term.curvature, term.centre}, term.pi);
        double scale = 1e-300;
        for (int g = group.rank(); g < term.regions; g += group.size())
            scale = larger(scale, magnitude(term.pi[g]));
        scale = group.most(scale);  // and back: all prices are known to all
        for (int g = group.rank(); g < term.regions; g += group.size())
            change = larger(change, magnitude(term.pi[g] - term.before[g]) / scale);
        spread_prices(group, e, r);
    }
    return group.most(change);
}

// A region whose cells jump between their bounds as its price moves has less curvature at either end than in
// between: Newton's steps then swing to and fro for ever. A step that undoes most of the last one is the
// sign.
template <class G>
EQUILOAD_HD void damp(G group, const EquityTerm& term) {
    for (int g = group.rank(); g < term.regions; g += group.size()) {
        const double move = term.pi[g] - term.centre[g];
        const bool swings = move * term.moved[g] < 0 && magnitude(move) > 0.5 * magnitude(term.moved[g]);
        term.damping[g] = swings ? smaller(term.damping[g] * 2, 64.0) : larger(term.damping[g] / 2, 1.0);
        term.moved[g] = move;
    }
}

// One Newton step. totals: [E_1 .. E_R, H_11, H_21, H_22, ..][site]. Returns the largest relative change.
template <class G>
EQUILOAD_HD double equity_step(G group, const EquityState& e, const double* totals) {
    for (int r = 0; r < e.count; ++r) begin_step(group, e, totals, r);
    const int sweeps = e.count > 1 ? 12 : 1;
    double change = 0;
    for (int k = 0; k < sweeps; ++k) {
        const double moved = sweep(group, e, totals);
        change = larger(change, moved);
        if (moved < 1e-14) break;
    }
    for (int r = 0; r < e.count; ++r) damp(group, e.terms[r]);
    return change;
}

// Aims a little below every budget, so that the iterates end up within it; `worth` is what this may cost,
// USD. Dropping a share of the room sum lambda (B - h) costs that share of its worth.
template <class G>
EQUILOAD_HD void keep_reserve(G group, const EquityState& e, double worth) {
    constexpr double most_reserve = 1e-3;  // a first point within the budgets, while their prices are unknown
    double whole = 0;
    for (int r = 0; r < e.count; ++r) {
        const EquityTerm& term = e.terms[r];
        if (term.kind != EquityKind::budget) continue;
        for (int g = group.rank(); g < term.regions; g += group.size())
            if (term.pi[g] > 0)
                whole += term.pi[g] * term.sensitivity[g] * larger(0.0, term.limit[g] - term.history[g]);
    }
    whole = group.sum(whole);
    const double share = whole > 0 ? smaller(most_reserve, worth / whole) : most_reserve;
    for (int r = group.rank(); r < e.count; r += group.size()) {
        double& reserve = e.terms[r].reserve;
        const bool close = share > 0.5 * reserve && share < 2 * reserve;
        if (!close) reserve = share;  // a moving target is harder to hit
    }
}

}  // namespace equiload
