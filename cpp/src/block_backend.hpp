// The back end for the host: blocks of slots dealt to a team of threads, each block worked on while it is in
// cache.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "block_model.hpp"
#include "equiload/algorithm/blocks.hpp"

namespace equiload {

class BlockBackend {
 public:
    BlockBackend(const Problem& problem, const EquityProx& equity, const BlockKernels& kernels, Team& team,
                 const Tuning& tuning);

    void start(const double* x, const double* v, std::span<const double> lambda);
    std::span<const double> begin(std::span<const double> lambda);
    std::span<const double> iterate(std::span<const double> lambda, const Pass& pass);
    std::span<const double> burden(std::span<const double> lambda);
    void candidate(std::span<const double> lambda, double* x_plus, double* v_plus);
    double restarts() const;
    std::string name() const { return kernels_.name; }

 private:
    void estimate_weights(const double* lambda);
    void restart_together(const Pass& pass);
    double* scratch(int member) const { return scratch_[static_cast<std::size_t>(member)].data(); }

    const BlockKernels& kernels_;
    Tuning tuning_;
    BlockModel blocks_;
    const Model& model_;
    Iterate iterate_;
    std::vector<Lanes> scratch_;  // one a member
    double* dual_ = nullptr;
    SiteSums sums_;
};

}  // namespace equiload
