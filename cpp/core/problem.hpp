// The problem as the solver sees it: views of the caller's arrays, nothing owned, nothing copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "core/portable.hpp"

namespace equiload {

using Index = std::int32_t;

// A (T, N) row-major array, or one row that stands for every slot (stride 0).
struct Field {
    const double* values = nullptr;
    std::size_t stride = 0;

    explicit operator bool() const { return values != nullptr; }
    EQUILOAD_HD const double* row(std::size_t slot) const { return values + slot * stride; }
};

// Which equity function: its place in the list of algorithm/equity/functions.hpp.
enum class EquityKind : int { none = -1 };

// One footprint f_r with the equity function that prices its regional totals.
struct Footprint {
    Field values;  // (T, I) burden per MWh
    // (I,) region of each site, where all of its burden falls; of a burden map (below) one an entry.
    std::span<const Index> region;
    std::span<const double> history;      // (G,) burden carried already
    std::span<const double> sensitivity;  // (G,) w_r > 0
    EquityKind kind = EquityKind::none;
    double weight = 0.0;     // mu_r, USD per unit of burden
    double parameter = 0.0;  // q of a norm, k of the mean of the k largest
    // Of a budget alone, (G,): limits on E itself; infinite where there is none.
    std::span<const double> limit;
    // A burden map R, by site: share[k] of what site i burdens falls on region[k], for k from share_start[i]
    // to share_start[i + 1]. Both are empty where each site has one region.
    std::span<const Index> share_start = {};
    std::span<const double> share = {};

    std::size_t regions() const { return history.size(); }
    bool limited() const { return !limit.empty(); }
    bool mapped() const { return !share_start.empty(); }

    // visit(region, share) of all that a site burdens.
    template <class Visit>
    void each_region(std::size_t site, Visit&& visit) const {
        if (!mapped()) return visit(static_cast<std::size_t>(region[site]), 1.0);
        const auto last = static_cast<std::size_t>(share_start[site + 1]);
        for (auto k = static_cast<std::size_t>(share_start[site]); k < last; ++k)
            visit(static_cast<std::size_t>(region[k]), share[k]);
    }
    // sum_g R_gi value_g
    template <class Values>
    double at_site(const Values& by_region, std::size_t site) const {
        if (!mapped()) return by_region[static_cast<std::size_t>(region[site])];
        double sums[4] = {};  // side by side: maps may be dense
        auto k = static_cast<std::size_t>(share_start[site]);
        for (const auto last = static_cast<std::size_t>(share_start[site + 1]); k < last; ++k)
            sums[k % 4] += share[k] * by_region[static_cast<std::size_t>(region[k])];
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
};

// minimise  sum l x + sum (p y + q y^2 / 2) + sum_r mu_r phi_r(w_r E_r)   over x >= 0
// subject to  every unit of work served,  y = M x <= capacity,  E_r = h_r + R_r sum f_r y.
struct Problem {
    std::size_t slots = 0, gateways = 0, sites = 0, arcs = 0;
    Field demand;                                             // (T, J) work released
    Field capacity;                                           // (T, I) energy, may be infinite
    Field price;                                              // (T, I)
    Field quadratic;                                          // (T, I) or absent
    std::span<const Index> arc_gateway, arc_site, arc_delay;  // (A,)
    std::span<const double> arc_energy, arc_cost;             // (A,)
    std::vector<Footprint> footprints;
    double shed_cost = std::numeric_limits<double>::infinity();  // USD per unit of dropped work

    double fixed_cost = 0;  // USD, whatever is decided

    // The CUDA device whose memory holds demand, capacity, price, quadratic and the footprints' values;
    // -1: the host. All else is the host's in any case.
    int device = -1;

    bool may_shed() const { return shed_cost < std::numeric_limits<double>::infinity(); }
    Index max_delay() const {
        Index longest = 0;
        for (Index delay : arc_delay) longest = delay > longest ? delay : longest;
        return longest;
    }

    // Throws InputError for arcs and regions that lead nowhere, and where equity lacks what it needs.
    void validate() const;
};

// Does a site burden several regions?
inline bool has_burden_map(const Problem& problem) {
    for (const Footprint& footprint : problem.footprints)
        if (footprint.mapped()) return true;
    return false;
}

// Throws InputError naming the first arc whose ends do not exist, or whose delay is negative.
void require_arcs(std::size_t gateways, std::size_t sites, std::span<const Index> gateway,
                  std::span<const Index> site, std::span<const Index> delay = {});

// Arcs grouped by an end: the arcs of group g are order[start[g]] .. order[start[g + 1] - 1].
struct Grouping {
    std::vector<Index> start, order;

    Grouping(std::span<const Index> group_of_arc, std::size_t groups)
        : start(groups + 1, 0), order(group_of_arc.size()) {
        for (Index g : group_of_arc) ++start[static_cast<std::size_t>(g) + 1];
        for (std::size_t g = 0; g < groups; ++g) start[g + 1] += start[g];
        std::vector<Index> next(start.begin(), start.end() - 1);
        for (std::size_t a = 0; a < order.size(); ++a)
            order[static_cast<std::size_t>(next[static_cast<std::size_t>(group_of_arc[a])]++)] =
                static_cast<Index>(a);
    }
    std::span<const Index> of(std::size_t group) const {
        return {order.data() + start[group], order.data() + start[group + 1]};
    }
};

}  // namespace equiload
