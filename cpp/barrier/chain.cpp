#include "barrier/chain.hpp"

#include <algorithm>

namespace equiload {

Chain::Chain(const HostBlocks& blocks, const Elimination& order, const BarrierKernels& kernels)
    : blocks_(blocks),
      order_(order),
      kernels_(kernels),
      width_(static_cast<std::size_t>(order.kept)),
      middle_(blocks.blocks() / 2 * blocks.lanes) {
    for (int place = order.size - order.kept; place < order.size; ++place) places_.push_back(place);
    if (empty()) return;
    factor_ = Lanes(blocks.problem.slots * width_ * (width_ + 1));
    rows_.resize(blocks.problem.slots * width_);
    for (std::vector<double>& left : left_) left.resize(width_ * (width_ + 2));
}

// A slot's -Z and row sums, and what ties it to the next.
void Chain::load(std::size_t slot, const double* factors, const double* weight, double* excess) {
    const std::size_t n = width_, lanes = blocks_.lanes, size = n + 1;
    const double* const tail = factors +
                               (slot / lanes * static_cast<std::size_t>(order_.factor_size()) +
                                static_cast<std::size_t>(order_.tail_at())) *
                                   lanes +
                               slot % lanes;
    double* const column = columns(slot);
    const auto done = static_cast<std::size_t>(order_.done());
    for (std::size_t k = 0; k < n; ++k) {
        std::fill_n(column + k * size, k, 0.0);
        column[k * size + k] = weight ? weight[k] : 0.0;
    }
    for (std::size_t j = 0; j < n; ++j) {
        const double* const row =
            tail + (static_cast<std::size_t>(triangle(static_cast<int>(done + j))) + done) * lanes;
        for (std::size_t k = 0; k < j; ++k) column[k * size + j + 1] = row[k * lanes];
        excess[j] = row[j * lanes];
    }
}

void Chain::factor(const double* factors, const std::vector<double>& weight) {
    const std::size_t n = width_, area = n * (n + 1);
    const int size = static_cast<int>(n);
    blocks_.team.run(2, [&](std::size_t side, int) {
        const int own = static_cast<int>(side);
        std::vector<double> excess(n), next(n), handed(area, 0.0);
        std::vector<double>& left = left_[side];
        std::fill(left.begin(), left.end(), 0.0);
        for (std::size_t k = 0; k < count(own); ++k) {
            const std::size_t t = slot(own, k), tie = own == 0 ? t : t - 1;
            load(t, factors, weight.data() + tie * n, excess.data());
            double* const column = columns(t);
            for (std::size_t q = 0; q < n && k > 0; ++q)
                for (std::size_t j = q + 2; j <= n; ++j) column[q * (n + 1) + j] += handed[q * (n + 1) + j];
            for (std::size_t j = 0; j < n; ++j) excess[j] += next[j];
            const bool last = k + 1 == count(own);
            std::fill(next.begin(), next.end(), 0.0), std::fill(handed.begin(), handed.end(), 0.0);
            kernels_.chain_factor(size, column, excess.data(), last ? left.data() : handed.data(),
                                  last ? left.data() + area : next.data());
        }
    });
    std::vector<double> excess(n), none(area + n);
    load(middle_, factors, nullptr, excess.data());
    double* const column = columns(middle_);
    for (const std::vector<double>& left : left_) {
        for (std::size_t q = 0; q < n; ++q)
            for (std::size_t j = q + 2; j <= n; ++j) column[q * (n + 1) + j] += left[q * (n + 1) + j];
        for (std::size_t j = 0; j < n; ++j) excess[j] += left[area + j];
    }
    kernels_.chain_factor(size, column, excess.data(), none.data(), none.data() + area);
}

void Chain::gather(const double* values, std::size_t items, const std::vector<int>& item,
                   std::vector<double>& rows) const {
    const std::size_t lanes = blocks_.lanes;
    rows.resize(blocks_.problem.slots * item.size());
    for (std::size_t t = 0; t < blocks_.problem.slots; ++t)
        for (std::size_t k = 0; k < item.size(); ++k)
            rows[t * item.size() + k] =
                values[(t / lanes * items + static_cast<std::size_t>(item[k])) * lanes + t % lanes];
}

void Chain::solve(double* values, const std::vector<double>& own) {
    const std::size_t n = width_, slots = blocks_.problem.slots, lanes = blocks_.lanes;
    const auto items = static_cast<std::size_t>(order_.size);
    const int size = static_cast<int>(n);
    gather(values, items, places_, rows_);
    for (std::size_t k = 0; k < own.size(); ++k) rows_[k] += own[k];
    const auto row = [&](std::size_t t) { return rows_.data() + t * n; };
    const auto next = [&](int side, std::size_t t) { return side == 0 ? t + 1 : t - 1; };
    blocks_.team.run(2, [&](std::size_t piece, int) {
        const int side = static_cast<int>(piece);
        double* const left = left_[piece].data();
        std::fill_n(left, n, 0.0);
        for (std::size_t k = 0; k < count(side); ++k) {
            const std::size_t t = slot(side, k);
            kernels_.chain_forward(size, columns(t), row(t),
                                   k + 1 == count(side) ? left : row(next(side, t)));
        }
    });
    for (const std::vector<double>& left : left_)
        for (std::size_t k = 0; k < n; ++k) row(middle_)[k] += left[k];
    std::vector<double> none(n);
    kernels_.chain_forward(size, columns(middle_), row(middle_), none.data());
    std::fill(none.begin(), none.end(), 0.0);
    kernels_.chain_backward(size, columns(middle_), row(middle_), none.data());
    blocks_.team.run(2, [&](std::size_t piece, int) {
        const int side = static_cast<int>(piece);
        for (std::size_t k = count(side); k-- > 0;) {
            const std::size_t t = slot(side, k);
            kernels_.chain_backward(size, columns(t), row(t), row(next(side, t)));
        }
    });
    for (std::size_t t = 0; t < slots; ++t)
        for (std::size_t k = 0; k < n; ++k)
            values[(t / lanes * items + static_cast<std::size_t>(places_[k])) * lanes + t % lanes] =
                row(t)[k];
}

void Chain::forward(std::size_t slot, std::size_t count, double* values, double* next, double* matrix) const {
    const int n = static_cast<int>(width_), wide = static_cast<int>(count);
    kernels_.chain_forward_all(n, wide, columns(slot), values, next);
    kernels_.chain_products(n, wide, values, matrix);
}

}  // namespace equiload
