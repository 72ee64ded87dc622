// The first-order iteration of one scenario on the host: its passes, and the equity steps between them.
#pragma once

#include <algorithm>
#include <utility>

#include "algorithm/backend.hpp"
#include "algorithm/first_order.hpp"
#include "host/block_backend.hpp"
#include "host/host_candidates.hpp"

namespace equiload {

template <class Stored>
class HostIteration final : public Iteration {
 public:
    HostIteration(Run& run, HostCandidates& candidates, const BlockKernels<Stored>& kernels, Team& team,
                  const Tuning& tuning)
        : run_(run),
          candidates_(candidates),
          passes_(run.reduced, run.equity, kernels, team, tuning),
          inner_steps_(tuning.inner_steps) {}

    void start(List) override {
        const HostCandidates::Point first = candidates_.take_start();
        start_from(first.x, first.v);
    }
    void start_over(List) override {
        run_.equity.set_region_prices(run_.best_equity);
        start_from(candidates_.best_x(), candidates_.best_v());
    }
    void work_on(List, List careful) override {
        if (!careful.empty()) inner_steps_ = std::max(inner_steps_, many_inner_steps);
    }
    void iterate(const Pass& pass) override {
        iteration_ = pass.iteration;
        step(passes_.iterate(prices(), pass));
        for (int inner = 0; inner < inner_steps_; ++inner) step(passes_.burden(prices()));
    }
    void candidate(List) override {
        const auto [x, own] = candidates_.next();
        passes_.candidate(prices(), x.data(), own.energy.data());
        own.equity = run_.equity.region_prices();
    }
    void keep_reserve(int, double worth) override { run_.equity.keep_reserve(worth); }
    double restarts(int) override { return passes_.restarts(); }

 private:
    const std::vector<double>& prices() const { return run_.equity.site_prices(); }
    void step(std::span<const double> burden) { run_.equity.step(burden); }
    void start_from(const std::vector<double>& x, const std::vector<double>& v) {
        passes_.start(x.data(), v.data(), prices(), iteration_);
        step(passes_.begin(prices()));
    }

    Run& run_;
    HostCandidates& candidates_;
    BlockBackend<Stored> passes_;
    int inner_steps_;
    double iteration_ = 0;  // so many are done
};

}  // namespace equiload
