// The equity part of the prox: prices of the regions' burdens, one small concave maximisation for the whole
// horizon.
//
// With y+(lambda) known cell by cell, the dual of the prox is smooth and concave in lambda: its gradient is
// the burden E(y+(lambda)), its curvature sum f f' (-dy+/dc0). A semismooth Newton step maximises the
// quadratic model over the dual sets, footprint by footprint, each by its own water-filling.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "../equity.hpp"

namespace equiload {

class EquityProx {
 public:
    explicit EquityProx(const Problem& problem);

    bool empty() const { return terms_.empty(); }
    bool bounded() const;  // is every dual set?
    std::size_t footprints() const { return terms_.size(); }
    std::size_t sites() const { return sites_; }

    // Index in Problem::footprints of the r-th footprint with a price.
    std::size_t footprint(std::size_t r) const { return terms_[r].footprint; }

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
    struct Term {
        std::size_t footprint;
        const Footprint* data;
        std::unique_ptr<EquityFunction> function;
        std::vector<double> pi, centre, before, z, curvature;
        std::vector<double> moved, damping;  // last step, and by how much the next is shortened
    };

    double sweep(std::span<const double> totals);
    static void damp(Term& term);
    std::span<const double> curvature(std::span<const double> totals, std::size_t r, std::size_t s) const;
    void spread(const Term& term, std::size_t r);

    std::size_t sites_ = 0;
    std::vector<Term> terms_;
    std::vector<double> site_prices_, start_prices_;
    double reserve_ = 0;
};

}  // namespace equiload
