// One slot at given prices, exact to rounding: a transport problem, prepared once and solved every slot.
//
//     minimise  sum_a x_a (l_a + k_a c_site(a))   over x >= 0
//     subject to  sum_{a of j} x_a = d_j,   sum_{a into i} k_a x_a <= capacity_i
//
// Where energies factor as k_a = alpha_gateway * beta_site (no cycle of the network gains or loses energy)
// this is a min-cost flow in f_a = alpha x_a, and successive shortest paths with potentials (Edmonds and
// Karp, 1972) solve it: each gateway in turn sends its work along the cheapest residual path to a site with
// room.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/problem.hpp"

namespace equiload {

// The factors (alpha, beta) of k_a = alpha_gateway beta_site; nothing where some cycle gains or loses.
struct EnergyFactors {
    std::vector<double> gateway, site;
};
std::optional<EnergyFactors> factor_energies(std::size_t gateways, std::size_t sites,
                                             std::span<const Index> gateway, std::span<const Index> site,
                                             std::span<const double> energy);

struct SlotAnswer {
    bool feasible = true;                   // false: `left` of some gateway's work found no room
    double objective = 0, lower_bound = 0;  // of the prices below, both recomputed from the data
    std::vector<double> allocation;         // (A,)
    std::vector<double> load;               // (I,)
    std::vector<double> shed;               // (J,), empty unless work may be shed
    std::vector<double> capacity_price;     // (I,) u
};

class SlotSolver {
 public:
    // Copies the arcs. Throws InputError where the energies do not factor.
    SlotSolver(std::size_t gateways, std::size_t sites, std::span<const Index> gateway,
               std::span<const Index> site, std::span<const double> energy, std::span<const double> cost,
               double shed_cost = std::numeric_limits<double>::infinity());

    // Stateless between calls but for work space: the same slot gives the same bits whatever came before.
    SlotAnswer decide(const double* demand, const double* capacity, const double* price);

    std::size_t gateways() const { return gateways_; }
    std::size_t sites() const { return sites_; }
    std::size_t arcs() const { return energy_.size(); }

 private:
    struct Reached {  // a node of the present search; labels of earlier searches are stale
        double distance = 0;
        std::size_t via = 0;  // site: the arc that enters; gateway: the arc whose work it gives up
        unsigned epoch = 0;
        bool settled = false;
    };

    void start(const double* capacity, const double* price);
    bool serve(std::size_t gateway, double work);
    std::size_t search(std::size_t gateway);
    void relax(std::size_t gateway, double distance);
    void raise_potentials(double distance);
    double push(std::size_t gateway, std::size_t end, double work);
    double room(std::size_t site) const;
    SlotAnswer answer(const double* demand, const double* capacity, const double* price) const;

    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    std::size_t gateways_, sites_;
    double shed_cost_;
    std::vector<Index> gateway_, site_;  // (A',) the caller's arcs, then one a gateway for shed work
    std::vector<double> energy_, cost_;  // (A,)
    EnergyFactors factors_;
    Grouping by_gateway_, by_site_;

    std::vector<double> flow_, arc_cost_;        // (A',) f and its cost per unit
    std::vector<double> limit_, used_;           // (I',) in units of f
    std::vector<double> work_price_, scarcity_;  // potentials: pi (J,), u (I',) per unit of f
    std::vector<Reached> at_gateway_, at_site_;
    std::vector<std::pair<double, std::size_t>> heap_;
    std::vector<std::size_t> touched_gateways_, touched_sites_;
    unsigned epoch_ = 0;
    double nearest_ = 0, slack_ = 0;
};

}  // namespace equiload
