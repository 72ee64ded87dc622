// The structured interior point method: for answers to high accuracy, with waiting work as queues. See
// barrier_steps.hpp for the algebra.
#pragma once

#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "algorithm/method.hpp"
#include "algorithm/run.hpp"
#include "barrier/backlogs.hpp"
#include "barrier/barrier_steps.hpp"
#include "barrier/chain.hpp"
#include "barrier/elimination.hpp"
#include "barrier/queues.hpp"
#include "host/host_blocks.hpp"
#include "host/host_candidates.hpp"

namespace equiload {

// Can the method solve this problem at a fair price? (It factors one matrix among the gateways a slot.)
bool barrier_applies(const Problem& problem);

class Barrier final : public Method {
 public:
    // `tol`: the gap that will be asked for.
    Barrier(const Run& run, HostCandidates& candidates, const BarrierKernels& kernels, Team& team,
            double tol);

    const char* name() const override { return "barrier"; }
    void start(List) override;
    Turn iterate(List, std::int64_t iteration, bool last) override;
    void propose(List) override;
    void checked(int, std::int64_t) override {}
    bool spent(int) const override { return spent_; }

 private:
    // A footprint with rows  w (h + R F y) + e = level + a + ceiling  of its regions. Minimax: a = ceiling =
    // 0 and sum pi = weight. The mean of the k largest: also  pi <= weight / k,  whose multipliers are a. A
    // budget: level = a = 0, and the limit is the ceiling.
    //
    // A norm has totals v = m u with |u|_q = 1 in the place of the level, w (h + F y) + e = v, and prices
    // pi = mu u^(q-1), the gradient of mu |v|_q. For q >= 2 that is read as u = (pi/mu)^(p-1), 1/p + 1/q = 1,
    // and sum (pi/mu)^p = 1; for q < 2 u is a variable. Either way round the power is below 1, for Newton's
    // method near straight. A step is  dv = u dm + bend dpi (+ the misfit, for q < 2),  sum u dpi = ...:
    // the bend joins the diagonal, and u is the column of m, where minimax has ones.
    struct Term {
        std::size_t r;  // among the footprints with a price
        const Footprint* data;
        std::size_t first;  // of its unknowns, one a region
        DualSet::Shape shape;
        double level = 0, dlevel = 0;

        bool norm() const { return shape == DualSet::Shape::ball; }
        double dual_power() const { return data->parameter / (data->parameter - 1); }  // p of a norm
        bool budget() const { return data->limited(); }
        std::size_t end() const { return first + data->regions(); }
        // visit(unknown, w R) of all that a site burdens
        template <class Visit>
        void each_unknown(std::size_t site, Visit&& visit) const {
            data->each_region(
                site, [&](std::size_t g, double share) { visit(first + g, share * data->sensitivity[g]); });
        }
        // Of a footprint without a map, whose sites have one region each:
        std::size_t unknown(std::size_t site) const {
            return first + static_cast<std::size_t>(data->region[site]);
        }
        double weight(std::size_t site) const {
            return data->sensitivity[static_cast<std::size_t>(data->region[site])];
        }
    };
    struct Step {
        double primal = 1, dual = 1;
    };
    struct PriceStep {
        std::vector<double> price, level;  // one a term with a level
    };
    // The lists of a MatrixPlan.
    struct Reach {
        std::vector<int> start, place, common_start, common;
    };

    double first_money() const;
    double mean_footprint(const Term& term) const;
    void set_limits();
    void keep_reserve(double most_share, double worth);
    double equity_pairs(Step step) const;
    void prepare(Step step);
    void correct(double mu);
    template <class First, class Second>
    const std::vector<double>& halves(SiteSums& sums, double* values, const std::vector<double>& own,
                                      First first, Second second) const;
    void set_work();
    void build_preconditioner();
    Reach find_reach(const std::vector<int>& sites) const;
    void add_dense_matrix();
    void add_site_matrix();
    std::vector<std::vector<double>> matrix_parts(const MatrixPlan& plan) const;
    std::vector<std::vector<double>> matrix_along_time(const MatrixPlan& plan,
                                                       std::vector<double>& coupled) const;
    template <class Begin, class Collect>
    void couple_along_time(std::size_t scratch, Begin begin, Collect collect,
                           std::vector<double>& coupled) const;
    // Of burden maps: a matrix among the dense unknowns, and what joins it site by site.
    struct Gathered {
        std::vector<double> matrix, own;
    };
    void add_gathered_matrix();
    std::vector<Gathered> gathered_parts(const GatherPlan& plan, std::size_t scratch) const;
    std::vector<Gathered> gathered_along_time(const GatherPlan& plan, std::size_t scratch,
                                              std::vector<double>& coupled) const;
    void set_targets(bool corrector, double mu);
    Step direction(bool corrector);
    void price_directions(double tolerance);
    PriceStep solve_prices(std::vector<double> rhs, const std::vector<double>& sums, double tolerance) const;
    PriceStep precondition(std::vector<double>& residual, const std::vector<double>& sums) const;
    std::vector<double> apply(const std::vector<double>& dpi) const;
    std::vector<double> precondition(const std::vector<double>& residual) const;
    double predicted(Step step) const;
    void move(Step step);
    bool worth_a_check() const;

    double row_error(const Term& term, std::size_t n) const {
        return term.level * lift_[n] + a_[n] + ceiling_[n] - burden_[n] - e_[n];
    }
    void bend_norms();
    void lift_norm(Term& term, double largest);
    void move_norm(Term& term, Step step);
    double missing_sum(const Term& term) const;
    double dual_size(const Term& term, std::span<const double> pi) const;
    // By how much a row gives way to its price: e/pi + a/(most - pi).
    double give(std::size_t n) const {
        const double own = e_[n] / pi_[n] + bend_[n];
        return a_[n] > 0 ? own + a_[n] / (most_[n] - pi_[n]) : own;
    }
    std::vector<double> site_prices(const std::vector<double>& pi, bool with_sums) const;
    std::vector<double> weighted(std::span<const double> site_totals, int power) const;
    void price_closed_cells(std::vector<double>& energy) const;
    void price_spent_budgets(Prices& prices) const;
    double term_sum(const Term& term, const std::vector<double>& values) const {
        return std::inner_product(lift_.begin() + static_cast<std::ptrdiff_t>(term.first),
                                  lift_.begin() + static_cast<std::ptrdiff_t>(term.end()),
                                  values.begin() + static_cast<std::ptrdiff_t>(term.first), 0.0);
    }
    double* scratch(int member) const { return scratch_[static_cast<std::size_t>(member)].data(); }

    const Standing& standing_;
    const EquityProx& equity_;
    HostCandidates& candidates_;
    const double tol_;
    const BarrierKernels& kernels_;
    const Queues queues_;
    std::vector<double> open_capacity_;
    const Problem open_cells_;  // the queues' problem, closed where budgets are spent
    HostBlocks blocks_;
    const BlockProblem& data_;
    EliminationOrder order_;
    BarrierState in_;
    mutable Chain chain_;
    Backlogs backlogs_;
    std::vector<int> queued_;     // gateways with a queue
    std::vector<double> theta_;   // (T, queues)
    std::vector<Lanes> scratch_;  // one a member
    Lanes course_;
    mutable SiteSums sums_;
    SiteSums first_sums_;
    std::vector<Term> terms_;
    // One entry an unknown, that is a term's region:
    std::vector<double> pi_, e_, a_, dpi_, de_, da_, target_, target_a_;
    std::vector<double> limit_, room_;                // of budgets: w limit, w (limit - h)
    std::vector<double> burden_, ceiling_, most_;     // burden: w (h + F y); most: of pi
    std::vector<double> jacobi_;                      // diagonal of the price system
    bool mostly_full_ = false;                        // is there a dense burden map?
    std::vector<std::size_t> dense_;                  // unknowns that the preconditioner couples
    std::vector<double> dense_factor_;                // their Cholesky factor, row-major
    std::vector<double> lift_, bend_;                 // what a level lifts a row by; dv/dpi of norms
    std::vector<double> base_;                        // F dy at unchanged equity prices
    std::vector<std::vector<double>> level_columns_;  // preconditioner \ ones of each term with a level
    std::vector<double> level_factor_;                // Cholesky factor of the sums of those
    double complementarity_ = 0, block_pairs_ = 0, pairs_ = 0, mu_ = 0;
    double growth_[3] = {0, 0, 0};  // sums of z dx, x dz, dx dz along the predictor
    double examined_ = std::numeric_limits<double>::infinity();  // the complementarity of the last candidate
    double progress_ = 0;                                        // when it had last halved
    std::int64_t steps_ = 0, progress_at_ = 0;
    bool spent_ = false;
};

}  // namespace equiload
