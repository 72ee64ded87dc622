// The equity part of the prox: prices of the regions' burdens, one small concave maximisation for the whole
// horizon.
//
// With y+(lambda) known cell by cell, the dual of the prox is smooth and concave in lambda: its gradient is
// the burden E(y+(lambda)), its curvature sum f f' (-dy+/dc0). A semismooth Newton step maximises the
// quadratic model over the dual sets, footprint by footprint, each by its own water-filling.
#pragma once

#include <span>
#include <vector>

#include "algorithm/equity.hpp"
#include "algorithm/equity_steps.hpp"

namespace equiload {

class EquityProx {
 public:
    explicit EquityProx(const Problem& problem);

    bool empty() const { return owners_.empty(); }
    bool bounded() const;  // is every dual set?
    std::size_t footprints() const { return owners_.size(); }
    std::size_t sites() const { return static_cast<std::size_t>(state_.sites); }

    // Index in Problem::footprints of the r-th footprint with a price.
    std::size_t footprint(std::size_t r) const { return owners_[r].footprint; }

    // All that a step reads and writes, for a copy elsewhere.
    const EquityState& state() const { return state_; }

    // lambda at each site, [footprint][site].
    const std::vector<double>& site_prices() const { return site_prices_; }

    // lambda of each region, for every footprint of the problem (zeros where there is no equity).
    std::vector<std::vector<double>> region_prices() const;

    // Moves them into the dual sets first: those of another weight would not give a bound.
    void set_region_prices(const std::vector<std::vector<double>>& prices);

    // Aims a little below every budget, so that the iterates end up within it; `worth` is what this may cost,
    // USD.
    void keep_reserve(double worth);

    // One Newton step. totals: [E_1 .. E_R, H_11, H_21, H_22, ..][site]. Returns the largest relative change.
    double step(std::span<const double> totals);

 private:
    // What a term of the state points to, but for the arrays of the problem. Owners may move: what their
    // vectors hold stays where it is.
    struct Owner {
        std::size_t footprint;
        EquityFunction function;
        Grouping sites;  // by region
        std::vector<double> working;
        std::vector<double> shares, most_share;  // of a burden map: [region's site], [site]
    };

    void add_term(std::size_t f, const Footprint& footprint);
    static void add_map(const Footprint& footprint, Owner& owner, EquityTerm& term);

    std::vector<Owner> owners_;
    std::vector<EquityTerm> terms_;
    std::vector<double> site_prices_, start_prices_, burden_;
    EquityState state_;
};

}  // namespace equiload
