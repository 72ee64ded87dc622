// Candidates of one scenario on the host.
#pragma once

#include <span>
#include <vector>

#include "algorithm/backend.hpp"
#include "algorithm/run.hpp"
#include "core/repair.hpp"
#include "core/team.hpp"

namespace equiload {

class HostCandidates final : public Candidates {
 public:
    // (T, A) and (T, I) of the reduced problem.
    struct Point {
        std::vector<double> x, v;
    };

    HostCandidates(const Run& run, Team& team);

    void set_prices(int, const std::vector<double>& v) override;
    void set_allocation(int, std::vector<double> x) override;
    void price_at_cost(List) override;
    void plan(List) override;
    void bound(List) override;
    void evaluate(List) override;
    void repair(List) override;
    void blend(List, std::span<const double> share) override;
    const Report& report(int) override { return report_; }
    const Prices& prices(int) override { return prices_; }
    void keep_prices(List) override;
    void keep_room(List) override;
    void keep_allocation(List) override;
    void answer(int, Solution& solution) override;

    // Room for the next candidate: x (T, A), and prices of energy (T, I) and of the regions' burdens.
    struct Candidate {
        std::vector<double>& x;
        Prices& prices;
    };
    Candidate next();

    // Where an iteration starts: the first allocation and prices as they were set or planned. Given away.
    Point take_start();
    bool start_from_best();  // false where there is none yet
    const std::vector<double>& best_x() const { return best_x_; }
    const std::vector<double>& best_v() const { return best_prices_.energy; }

 private:
    bool plan_at_once();

    const Run& run_;
    const Problem& problem_;
    Team& team_;
    std::vector<double> open_capacity_;
    const Problem open_cells_;  // closed where budgets are spent
    const Repair repair_;
    Point start_;
    std::vector<double> x_, best_x_, room_;
    Prices prices_, best_prices_;
    Report report_;
};

}  // namespace equiload
