// The structured interior point method: for answers to high accuracy, without delayed arcs and without
// norms. See barrier/barrier_steps.hpp for the algebra.
#pragma once

#include <limits>
#include <vector>

#include "algorithm/method.hpp"
#include "algorithm/run.hpp"
#include "barrier/barrier_steps.hpp"
#include "host/block_model.hpp"
#include "host/host_candidates.hpp"

namespace equiload {

// Can the method solve this problem at a fair price? (It factors one gateways x gateways matrix a slot.)
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
    // A footprint with rows  w (h + F y) + e = level + a + ceiling  of its regions. Minimax: a = ceiling = 0
    // and sum pi = weight. The mean of the k largest: also  pi <= weight / k,  whose multipliers are a. A
    // budget: level = a = 0, and the limit is the ceiling.
    struct Term {
        std::size_t r;  // among the footprints with a price
        const Footprint* data;
        std::size_t first;  // of its unknowns, one a region
        double level = 0, dlevel = 0;

        bool budget() const { return data->limited(); }
        std::size_t end() const { return first + data->regions(); }
        std::size_t unknown(std::size_t site) const {
            return first + static_cast<std::size_t>(data->region[site]);
        }
    };
    struct Step {
        double primal = 1, dual = 1;
    };

    double first_money() const;
    double mean_footprint(const Term& term) const;
    void set_limits();
    void keep_reserve(double most_share, double worth);
    double equity_pairs(Step step) const;
    void measure();
    void factor();
    void build_preconditioner();
    void add_dense_matrix();
    void set_targets(bool corrector, double mu);
    Step direction();
    void price_directions(const std::vector<double>& base);
    std::vector<double> solve_prices(const std::vector<double>& rhs) const;
    std::vector<double> apply(const std::vector<double>& dpi) const;
    std::vector<double> precondition(const std::vector<double>& residual) const;
    double predicted(Step step) const;
    void move(Step step, double mu);
    bool worth_a_check() const;

    double row_error(const Term& term, std::size_t n) const {
        return term.level + a_[n] + ceiling_[n] - burden_[n] - e_[n];
    }
    // By how much a row gives way to its price: e/pi + a/(most - pi).
    double give(std::size_t n) const {
        const double own = e_[n] / pi_[n];
        return a_[n] > 0 ? own + a_[n] / (most_[n] - pi_[n]) : own;
    }
    std::vector<double> site_prices(const std::vector<double>& pi, bool with_sums) const;
    std::vector<double> weighted(const std::vector<double>& site_totals) const;
    void price_closed_cells(std::vector<double>& energy) const;
    template <class Add>
    double sum_blocks(Add add) const;
    double* scratch(int member) const { return scratch_[static_cast<std::size_t>(member)].data(); }

    const Standing& standing_;
    const EquityProx& equity_;
    HostCandidates& candidates_;
    const double tol_;
    const BarrierKernels& kernels_;
    BlockModel blocks_;
    const Model& model_;
    Interior in_;
    Grouping by_site_;
    std::vector<Lanes> scratch_;  // one a member
    mutable SiteSums sums_;
    std::vector<Term> terms_;
    // One entry an unknown, that is a term's region:
    std::vector<double> pi_, e_, a_, dpi_, de_, da_, target_, target_a_;
    std::vector<double> limit_, room_;                // of budgets: w limit, w (limit - h)
    std::vector<double> burden_, ceiling_, most_;     // burden: w (h + F y); most: of pi
    std::vector<double> jacobi_;                      // diagonal of the price system
    std::vector<std::size_t> dense_;                  // unknowns that the preconditioner couples
    std::vector<double> dense_factor_;                // their Cholesky factor, row-major
    std::vector<std::vector<double>> level_columns_;  // price system \ ones of each term
    double complementarity_ = 0, pairs_ = 0;
    double examined_ = std::numeric_limits<double>::infinity();  // the complementarity of the last candidate
    double progress_ = 0;                                        // when it had last halved
    std::int64_t progress_at_ = 0;
    bool spent_ = false;
};

}  // namespace equiload
