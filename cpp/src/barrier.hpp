// The structured interior point method: for answers to high accuracy, without delayed arcs and with minimax
// or summed equity. See algorithm/barrier_steps.hpp for the algebra.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "block_model.hpp"
#include "equiload/algorithm/barrier_steps.hpp"
#include "equiload/algorithm/solve.hpp"

namespace equiload {

// Can the method solve this problem at a fair price? (It factors one gateways x gateways matrix a slot.)
bool barrier_applies(const Problem& problem);

class Barrier {
 public:
    // Asked at every iteration; true stops.
    using Watch = std::function<bool(Statistics&, bool at_check)>;

    Barrier(const Problem& problem, const EquityProx& equity, const BarrierKernels& kernels, Team& team);

    // Iterates until the examiner's certificate meets the criteria or a limit is reached. Nothing when
    // rounding ends the progress before: the first-order method may go on.
    std::optional<Status> run(Examiner& examiner, const Criteria& criteria, const Watch& watch,
                              Statistics& now);

 private:
    // A footprint with minimax equity: rows  w (h + F y) + e = level  of its regions, and  sum pi = weight.
    struct Term {
        std::size_t r;  // among the footprints with a price
        const Footprint* data;
        std::size_t first;  // of its unknowns, one a region
        double level = 0, dlevel = 0;

        std::size_t unknown(std::size_t site) const {
            return first + static_cast<std::size_t>(data->region[site]);
        }
    };
    struct Step {
        double primal = 1, dual = 1;
    };

    void start();
    double first_money() const;
    void measure();
    void factor();
    void build_preconditioner();
    void add_dense_matrix();
    int first_gateway(int site) const;
    void set_targets(bool corrector, double mu);
    Step direction();
    void price_directions(const std::vector<double>& base);
    std::vector<double> solve_prices(const std::vector<double>& rhs) const;
    std::vector<double> apply(const std::vector<double>& dpi) const;
    std::vector<double> precondition(const std::vector<double>& residual) const;
    double predicted(Step step) const;
    void move(Step step);

    double row_error(const Term& term, std::size_t n) const { return term.level - burden_[n] - e_[n]; }
    std::vector<double> site_prices(const std::vector<double>& pi, bool with_sums) const;
    std::vector<double> weighted(const std::vector<double>& site_totals) const;
    void candidate(std::vector<double>& x, Prices& prices) const;
    void price_closed_cells(std::vector<double>& energy) const;
    template <class Add>
    double sum_blocks(Add add) const;
    double* scratch(int member) const { return scratch_[static_cast<std::size_t>(member)].data(); }

    const EquityProx& equity_;
    const BarrierKernels& kernels_;
    BlockModel blocks_;
    const Model& model_;
    Interior in_;
    Grouping by_site_;
    std::vector<Lanes> scratch_;  // one a member
    mutable SiteSums sums_;
    std::vector<Term> terms_;
    // One entry an unknown, that is a term's region:
    std::vector<double> pi_, e_, dpi_, de_, target_, burden_;  // burden: w (h + F y)
    std::vector<double> jacobi_;                               // diagonal of the price system
    std::vector<std::size_t> dense_;                           // unknowns that the preconditioner couples
    std::vector<double> dense_factor_;                         // their Cholesky factor, row-major
    std::vector<std::vector<double>> level_columns_;           // price system \ ones of each term
    double complementarity_ = 0, pairs_ = 1;
};

}  // namespace equiload
