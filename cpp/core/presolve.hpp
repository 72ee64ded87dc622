// Exact reductions: what the solver need not see. Sites that no arc reaches are dropped; gateways with the
// same arcs (costs up to a constant each) are pooled and share the answer in proportion to their demand;
// shedding becomes an arc.
#pragma once

#include <span>
#include <vector>

#include "core/problem.hpp"
#include "core/solution.hpp"
#include "core/team.hpp"

namespace equiload {

// How columns of the caller's arrays and of the reduced problem's belong together.
struct Columns {
    std::vector<Index> pool_start, pooled;  // [reduced gateway] the gateways that are pooled in it
    std::vector<Index> site_start, site;    // [reduced site] its site; none for the shed site
    std::vector<Index> reduced_site;        // [site] or -1
    std::vector<Index> pool;                // [gateway]
    std::vector<Index> arc;                 // [arc] its arc in the reduced problem
    std::vector<Index> shed;                // [gateway] the arc of its shed work, where work may be shed
};

class Presolved {
 public:
    // Of a problem whose fields lie on a device, only the network is reduced.
    explicit Presolved(const Problem& original);
    Presolved(const Presolved&) = delete;
    Presolved& operator=(const Presolved&) = delete;

    const Problem& problem() const { return problem_; }
    double constant() const { return constant_; }  // cost that pooling took out of the problem
    // The same from the work of each of the caller's gateways over the horizon.
    double constant(const std::vector<double>& work) const;
    Columns columns() const;

    // The caller's allocation (T, A) and shed work (T, J) from the reduced one.
    void expand(std::span<const double> reduced, LargeTable& allocation, std::vector<double>& shed,
                Team& team) const;
    // The reduced problem's allocation from the caller's.
    std::vector<double> restrict(const double* allocation, const double* shed, Team& team) const;

    // Energy prices (T, I) for all sites from those of the reduced problem. A site without arcs gets minus
    // infinity, which completing the prices lifts to its own cost.
    void expand_prices(const std::vector<double>& reduced, std::vector<double>& energy) const;
    std::vector<double> restrict_prices(const std::vector<double>& energy) const;

    std::size_t original_site(std::size_t site) const {
        return kept_sites_[site];
    }  // sites() for the shed site
    const std::vector<std::size_t>& pool(std::size_t gateway) const { return members_[gateway]; }

 private:
    void choose_sites();
    void pool_gateways();
    void build_network();
    void build_regions();
    struct BurdenMap {
        std::vector<Index> start;
        std::vector<double> share;
    };
    void restrict_map(Footprint& footprint, std::vector<Index>& regions, BurdenMap& map) const;
    void build_fields();
    bool keeps_all_sites() const;

    const Problem& original_;
    Problem problem_;
    double constant_ = 0;
    std::vector<std::size_t> kept_sites_;   // [reduced site] -> original, sites() marks the shed site
    std::vector<Index> reduced_site_;       // [original site] -> reduced or -1
    std::vector<std::vector<Index>> rows_;  // [original gateway] its arcs in canonical order
    std::vector<std::vector<std::size_t>> members_;  // [reduced gateway] -> original gateways
    std::vector<double> offset_;                     // [original gateway] cost over its pool's first member
    std::vector<Index> arc_gateway_, arc_site_, arc_delay_,
        rank_;  // rank: place in the row, -1 for the shed arc
    std::vector<double> arc_energy_, arc_cost_;
    std::vector<double> demand_, capacity_, price_, quadratic_;
    std::vector<std::vector<double>> footprint_values_;
    std::vector<std::vector<Index>> regions_;
    std::vector<BurdenMap> maps_;
};

}  // namespace equiload
