// The equity part of the prox, written once for the host and for devices: a semismooth Newton step on the
// dual prices of the regions' burdens (see equity_prox.hpp), by the members of a group together.
//
// Regions and sites are dealt out in turns, and a member keeps its own through all of a step: what it has
// written of them it may read without meeting the others. Regions gather from their sites in site order.
#pragma once

#include "algorithm/equity/with_equity.hpp"

namespace equiload {

// One footprint with a price.
struct EquityTerm : EquityRule {
    const Index* region = nullptr;                                 // [site]
    const Index *region_start = nullptr, *region_sites = nullptr;  // sites by region, as Grouping makes them
    // Of a burden map: its entries by site, `region` one an entry, and their shares in both orders. All null
    // where each site has one region. Hosts alone have maps.
    const Index* share_start = nullptr;
    const double *share = nullptr, *region_shares = nullptr;
    const double* most_share = nullptr;                          // [site] sum of its shares
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
    if (term.limit) visit(term.limit, regions);
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

// ------------------------------------------------------------------ the step

// lambda at each site.
template <class G>
EQUILOAD_HD void spread_prices(G group, const EquityState& e, int r) {
    const EquityTerm& term = e.terms[r];
    double* const prices = e.site_prices + static_cast<long>(r) * e.sites;
    for (int i = group.rank(); i < e.sites && !term.share_start; i += group.size())
        prices[i] = term.pi[term.region[i]] * term.sensitivity[term.region[i]];
    for (int i = group.rank(); i < e.sites && term.share_start; i += group.size()) {
        double sum = 0;
        for (Index k = term.share_start[i]; k < term.share_start[i + 1]; ++k)
            sum += term.share[k] * (term.pi[term.region[k]] * term.sensitivity[term.region[k]]);
        prices[i] = sum;
    }
}

// Sum over the sites of a region.
EQUILOAD_HD double over_sites(const EquityTerm& term, int region, const double* value, double sum) {
    const Index first = term.region_start[region], last = term.region_start[region + 1];
    if (term.share_start)
        for (Index k = first; k < last; ++k) sum += term.region_shares[k] * value[term.region_sites[k]];
    else
        for (Index k = first; k < last; ++k) sum += value[term.region_sites[k]];
    return sum;
}
// Sum over the sites of a region of their curvatures. Of a map this is the diagonal above the curvature R H
// R' that is not diagonal:  (sum_g R_gi d_g)^2 <= sum_g R_gi sum_g R_gi d_g^2.
EQUILOAD_HD double curvature_of(const EquityTerm& term, int region, const double* own) {
    if (!term.share_start) return over_sites(term, region, own, 0.0);
    double sum = 0;
    for (Index k = term.region_start[region]; k < term.region_start[region + 1]; ++k) {
        const Index i = term.region_sites[k];
        sum += term.region_shares[k] * (term.most_share[i] * own[i]);
    }
    return sum;
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
        const double sum = curvature_of(term, g, own);
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

// Gauss-Seidel over the footprints of the quadratic model around start_prices. Returns the largest change of
// a price, relative to the footprint's largest.
template <class G>
EQUILOAD_HD double sweep(G group, const EquityState& e, const double* totals) {
    double change = 0;
    for (int r = 0; r < e.count; ++r) {
        const EquityTerm& term = e.terms[r];
        expect_burden(group, e, totals, r);
        group.sync();  // from sites to regions
        for (int g = group.rank(); g < term.regions; g += group.size()) {
            const double burden = over_sites(term, g, e.burden, term.history[g]);
            term.z[g] = burden * term.sensitivity[g];
            term.before[g] = term.pi[g];
        }
        maximise(group, term, {term.z, term.curvature, term.centre}, term.pi);
        Two own{1e-300, 0};  // the largest price, the largest change
        for (int g = group.rank(); g < term.regions; g += group.size()) {
            own.first = larger(own.first, magnitude(term.pi[g]));
            own.second = larger(own.second, magnitude(term.pi[g] - term.before[g]));
        }
        const Two most = group.most(own);  // and back: all prices are known to all
        change = larger(change, most.second / most.first);
        spread_prices(group, e, r);
    }
    return change;
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
        if (!term.limit) continue;
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
