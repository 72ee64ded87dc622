// The back end for the host: blocks of slots dealt to a team of threads, each block worked on while it is in
// cache.
#pragma once

#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "equiload/algorithm/blocks.hpp"
#include "equiload/algorithm/equity_prox.hpp"
#include "equiload/problem.hpp"
#include "equiload/team.hpp"

namespace equiload {

// Cache-line aligned, zero-filled storage.
class Lanes {
 public:
    Lanes() = default;
    explicit Lanes(std::size_t count) : data_(new (std::align_val_t{64}) double[count]()), count_(count) {}
    double* data() const { return data_.get(); }
    std::size_t size() const { return count_; }

 private:
    struct Free {
        void operator()(double* p) const { ::operator delete[](p, std::align_val_t{64}); }
    };
    std::unique_ptr<double[], Free> data_;
    std::size_t count_ = 0;
};

class BlockBackend {
 public:
    BlockBackend(const Problem& problem, const EquityProx& equity, const BlockKernels& kernels, Team& team,
                 const Tuning& tuning);

    void start(const double* x, const double* v);
    std::span<const double> begin(std::span<const double> lambda);
    std::span<const double> iterate(std::span<const double> lambda, const Pass& pass);
    std::span<const double> burden(std::span<const double> lambda);
    void candidate(std::span<const double> lambda, double* x_plus, double* v_plus);
    double restarts() const;
    std::string name() const { return kernels_.name; }

    std::span<double> weights() { return {iterate_.omega, lane_count(1)}; }

 private:
    std::size_t lane_count(std::size_t items) const;
    Lanes& make(std::size_t items);
    const double* pack(const Field& field, std::size_t items, double padding);
    void build_network(const Problem& problem);
    void build_data(const Problem& problem, const EquityProx& equity);
    void scatter(const double* rows, std::size_t items, double* blocks, double padding);
    void gather(const double* blocks, std::size_t items, double* rows);
    void estimate_weights();
    void restart_together(const Pass& pass);
    double* clear_totals(std::size_t chunk);
    std::span<const double> reduce();
    std::pair<int, int> blocks_of(std::size_t chunk) const;
    template <class Body>
    void each_block(Body body);  // body(block, scratch)

    const Problem& problem_;
    const BlockKernels& kernels_;
    Team& team_;
    Tuning tuning_;
    Model model_;
    Iterate iterate_;
    std::vector<int> row_, site_, delay_, delayed_index_, in_start_, in_arc_, in_gateway_;
    std::vector<Lanes> store_;
    std::vector<Lanes> scratch_;  // one a member
    Lanes dual_;
    std::size_t chunks_ = 1, quantities_ = 0;
    Lanes chunk_totals_;          // [chunk][quantity][site][lane]
    std::vector<double> totals_;  // [quantity][site]
};

}  // namespace equiload
