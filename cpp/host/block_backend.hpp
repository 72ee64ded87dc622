// The back end for the host: blocks of slots dealt to a team of threads, each block worked on while it is in
// cache.
#pragma once

#include <span>
#include <vector>

#include "host/blocks.hpp"
#include "host/host_blocks.hpp"

namespace equiload {

template <class Stored>
class BlockBackend {
 public:
    BlockBackend(const Problem& problem, const EquityProx& equity, const BlockKernels<Stored>& kernels,
                 Team& team, const Tuning& tuning);

    void start(const double* x, const double* v, std::span<const double> lambda, double iteration);
    std::span<const double> begin(std::span<const double> lambda);
    std::span<const double> iterate(std::span<const double> lambda, const Pass& pass);
    std::span<const double> burden(std::span<const double> lambda);
    void candidate(std::span<const double> lambda, double* x_plus, double* v_plus);
    double restarts() const;

 private:
    void restart_together(const Pass& pass);
    double* scratch(int member) const { return scratch_[static_cast<std::size_t>(member)].data(); }

    const BlockKernels<Stored>& kernels_;
    Tuning tuning_;
    HostBlocks blocks_;
    const BlockProblem& data_;
    Iterate<Stored> iterate_;
    std::vector<LanesOf<Stored>> arcs_;
    std::vector<Lanes> scratch_;  // one a member
    SiteSums sums_;
};

extern template class BlockBackend<double>;
extern template class BlockBackend<float>;

}  // namespace equiload
