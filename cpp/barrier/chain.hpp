// Z along time: block tridiagonal among the gateways with a queue, once the others are eliminated slot by
// slot. Slots are eliminated from both ends towards one in the middle, two pieces of work that know nothing
// of each other.
#pragma once

#include <vector>

#include "barrier/barrier_steps.hpp"
#include "host/host_blocks.hpp"

namespace equiload {

class Chain {
 public:
    Chain(const HostBlocks& blocks, const Elimination& order, const BarrierKernels& kernels);

    bool empty() const { return width_ == 0; }
    std::size_t width() const { return width_; }  // gateways with a queue

    // Of Z after the factorisation of each slot, and of the weights (T, width) that tie each slot to the
    // next.
    void factor(const double* factors, const std::vector<double>& weight);
    // In place, values by place of a gateway after the first half of each slot's solve; `own` (T, width) is
    // added before, unless empty.
    void solve(double* values, const std::vector<double>& own);

    // (T, width) of values [block][item][lane], of the items `item`.
    void gather(const double* values, std::size_t items, const std::vector<int>& item,
                std::vector<double>& rows) const;
    const std::vector<int>& places() const { return places_; }

    // Sides and their slots, from the ends to the middle, which is the first slot of a block and has the
    // rest.
    std::size_t middle() const { return middle_; }
    std::size_t count(int side) const { return side == 0 ? middle_ : blocks_.problem.slots - 1 - middle_; }
    std::size_t slot(int side, std::size_t k) const { return side == 0 ? k : blocks_.problem.slots - 1 - k; }

    // Of one slot, for many right-hand sides [width][columns], a multiple of `column_step`:  values <- L^-1
    // values, next <- -C values (what the next slot of the side gets), and matrix -= values' values below the
    // diagonal.
    static constexpr std::size_t column_step = 8;
    void forward(std::size_t slot, std::size_t columns, double* values, double* next, double* matrix) const;

 private:
    double* columns(std::size_t slot) const { return factor_.data() + slot * width_ * (width_ + 1); }
    void load(std::size_t slot, const double* factors, const double* weight, double* excess);

    const HostBlocks& blocks_;
    const Elimination& order_;
    const BarrierKernels& kernels_;
    const std::size_t width_;
    std::size_t middle_ = 0;
    std::vector<int> places_;
    Lanes factor_;  // [slot][column]
    std::vector<double> rows_;
    std::vector<double> left_[2];  // what each side leaves to the middle: columns and excess, or values
};

}  // namespace equiload
