// The certificate, recomputed from the data: what an allocation costs, and a bound that holds for any prices.
#pragma once

#include <span>
#include <vector>

#include "core/problem.hpp"
#include "core/solution.hpp"
#include "core/team.hpp"

namespace equiload {

struct Evaluation {
    Breakdown breakdown;
    std::vector<double> site_load;            // (T, I)
    std::vector<std::vector<double>> totals;  // (G_r,)
};

// Prices of burdens at each site, [footprint][site], from those of the regions; 0 where there are none.
std::vector<double> site_prices(const Problem& problem, const std::vector<std::vector<double>>& equity);

// Costs of an allocation (T, A) with `shed` (T, J) dropped (null: none).
Evaluation evaluate(const Problem& problem, const double* allocation, const double* shed, Team& team);

// Burdens of the regions, history included, from those of the sites.
std::vector<double> region_totals(const Footprint& footprint, std::span<const double> burden);

// What an allocation costs by its loads alone, when they are known (saves one pass over the arcs' ends).
double equity_cost(const Problem& problem, const std::vector<std::vector<double>>& totals,
                   std::vector<double>& terms);

// The best capacity prices for given energy and equity prices, and the energy prices made consistent with
// them: v = c0 + u where q = 0.  Both in place.
void complete_prices(const Problem& problem, Prices& prices, Team& team);

// problem.md's bound at completed prices.
double lower_bound(const Problem& problem, const Prices& prices, Team& team);

// What the bound has beside the sum over the slots: fixed costs, history and limits at the prices of equity.
double bound_apart(const Problem& problem, const std::vector<std::vector<double>>& equity);

// At prices u of capacity: the energy that the slot's work needs at least, and the energy that the priced
// cells have.
struct Shortfall {
    double needed = 0, available = 0;

    double excess() const { return needed - available; }
    // By more than is accepted (most_work.hpp) and than rounding.
    bool proven() const { return needed > available * (1 + 3e-10); }
};
std::vector<Shortfall> shortfalls(const Problem& problem, const double* u, Team& team);

// The same for the whole horizon with prices of budgets as well: burdens of the cheapest work and history
// against the budgets.
Shortfall budget_shortfall(const Problem& problem, const Prices& ray, Team& team);

// u restricted to what proves that no allocation exists (one slot, where slots are independent); empty: no
// proof.
std::vector<double> infeasibility_ray(const Problem& problem, const std::vector<double>& u, Team& team);

}  // namespace equiload
