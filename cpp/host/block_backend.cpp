#include "host/block_backend.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace equiload {

template <class Stored>
BlockBackend<Stored>::BlockBackend(const Problem& problem, const EquityProx& equity,
                                   const BlockKernels<Stored>& kernels, Team& team, const Tuning& tuning)
    : kernels_(kernels),
      tuning_(tuning),
      blocks_(problem, equity, kernels.lanes, team),
      data_(blocks_.data),
      sums_(blocks_, static_cast<std::size_t>(burden_quantities(data_.footprints))) {
    each_array(iterate_, data_, [&]<class Number>(Number*& array, int items) {
        const auto count = static_cast<std::size_t>(items);
        if constexpr (std::is_same_v<Number, double>)
            array = blocks_.make(count);
        else
            array = arcs_.emplace_back(blocks_.lane_count(count)).data();
    });
    for (int member = 0; member < team.size(); ++member)
        scratch_.emplace_back(blocks_.longest_row() * blocks_.lanes);
}

template <class Stored>
void BlockBackend<Stored>::start(const double* x, const double* v, std::span<const double> lambda,
                                 double iteration) {
    const Problem& p = blocks_.problem;
    blocks_.scatter(x, p.arcs, iterate_.x_anchor);
    blocks_.scatter(v, p.sites, iterate_.v);
    for (std::size_t k = 0; k < blocks_.lane_count(p.arcs); ++k) {
        const Scalar anchor = Scalar::load(iterate_.x_anchor + k);
        store_x(iterate_, static_cast<long>(k), anchor, anchor);
    }
    std::copy_n(iterate_.v, blocks_.lane_count(p.sites), iterate_.v_anchor);
    std::fill_n(iterate_.residual_start, blocks_.lane_count(1), -1.0);
    std::fill_n(iterate_.restarted, blocks_.lane_count(1), iteration);
    blocks_.each_block([&](int block, int) { kernels_.weigh(data_, iterate_, block, lambda.data()); });
    blocks_.each_block([&](int block, int) { kernels_.refresh(data_, iterate_, block); });
}

template <class Stored>
std::span<const double> BlockBackend<Stored>::begin(std::span<const double> lambda) {
    blocks_.each_block(
        [&](int block, int member) { kernels_.arc(data_, iterate_, block, Pass{}, scratch(member)); });
    if (data_.sent)
        blocks_.each_block([&](int block, int) { kernels_.receive(data_, iterate_, block, Pass{}); });
    return burden(lambda);
}

template <class Stored>
std::span<const double> BlockBackend<Stored>::iterate(std::span<const double> lambda, const Pass& pass) {
    const double* const prices = lambda.data();
    if (data_.sent == 0)  // nothing crosses blocks: one region, each block in cache throughout
        return sums_.over_blocks([&](int block, double* sums, int member) {
            kernels_.site(data_, iterate_, block, prices, pass);
            if (pass.decide) kernels_.restart_due(data_, iterate_, block, pass, tuning_);
            kernels_.arc(data_, iterate_, block, pass, scratch(member));
            kernels_.burden(data_, iterate_, block, prices, tuning_.curvature_floor, sums);
        });
    blocks_.each_block([&](int block, int) { kernels_.site(data_, iterate_, block, prices, pass); });
    if (pass.decide) restart_together(pass);
    blocks_.each_block(
        [&](int block, int member) { kernels_.arc(data_, iterate_, block, pass, scratch(member)); });
    blocks_.each_block([&](int block, int) { kernels_.receive(data_, iterate_, block, pass); });
    return burden(lambda);
}

// Delayed arcs couple the slots: they restart together, and their weights keep their ratios.
template <class Stored>
void BlockBackend<Stored>::restart_together(const Pass& pass) {
    const auto lanes = blocks_.lanes;
    double residual = 0, mismatch = 0;
    for (std::size_t t = 0; t < blocks_.lane_count(1); ++t)
        residual += iterate_.moved[t], mismatch += iterate_.mismatch[t];
    if (!restart_due(residual, pass.iteration - iterate_.restarted[0], pass.iteration,
                     iterate_.residual_start[0], iterate_.residual_last[0], tuning_))
        return;
    const std::vector<double> due(lanes, 1.0);
    std::vector<double> sums(4 * blocks_.lane_count(1));
    blocks_.each_block([&](int block, int) {
        kernels_.restart(data_, iterate_, block, due.data(),
                         sums.data() + 4 * lanes * static_cast<std::size_t>(block));
    });
    double total[4] = {};  // D, DX^2, DY^2, cost
    for (std::size_t k = 0; k < sums.size(); ++k) total[k / lanes % 4] += sums[k];
    const double change = weight_change(mismatch, total[0], total[1], total[2], total[3], tuning_);
    for (std::size_t t = 0; t < blocks_.lane_count(1); ++t)
        begin_epoch(iterate_, static_cast<long>(t), change, pass);
    blocks_.each_block([&](int block, int) { kernels_.refresh(data_, iterate_, block); });
}

template <class Stored>
std::span<const double> BlockBackend<Stored>::burden(std::span<const double> lambda) {
    return sums_.over_blocks([&](int block, double* sums, int) {
        kernels_.burden(data_, iterate_, block, lambda.data(), tuning_.curvature_floor, sums);
    });
}

template <class Stored>
void BlockBackend<Stored>::candidate(std::span<const double> lambda, double* x_plus, double* v_plus) {
    blocks_.each_block(  // the next pass that needs v_plus writes it first
        [&](int block, int) { kernels_.dual(data_, iterate_, block, lambda.data(), iterate_.v_plus); });
    blocks_.gather(iterate_.x_plus, blocks_.problem.arcs, x_plus);
    blocks_.gather(iterate_.v_plus, blocks_.problem.sites, v_plus);
}

template <class Stored>
double BlockBackend<Stored>::restarts() const {
    double sum = 0;
    for (std::size_t t = 0; t < blocks_.problem.slots; ++t) sum += iterate_.restarts[t];
    return sum;
}

template class BlockBackend<double>;
template class BlockBackend<float>;

}  // namespace equiload
