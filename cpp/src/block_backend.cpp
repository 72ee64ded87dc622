#include "block_backend.hpp"

#include <algorithm>
#include <cmath>

#include "equiload/backend.hpp"

namespace equiload {

static_assert(Backend<BlockBackend>);

namespace {

std::size_t quantities(std::size_t footprints) { return footprints + footprints * (footprints + 1) / 2; }

}  // namespace

BlockBackend::BlockBackend(const Problem& problem, const EquityProx& equity, const BlockKernels& kernels,
                           Team& team, const Tuning& tuning)
    : kernels_(kernels),
      tuning_(tuning),
      blocks_(problem, equity, kernels.lanes, team),
      model_(blocks_.model),
      sums_(blocks_, quantities(equity.footprints())) {
    const auto delayed = static_cast<std::size_t>(model_.delayed);
    for (double** array : {&iterate_.x, &iterate_.x_anchor, &iterate_.x_plus})
        *array = blocks_.make(problem.arcs);
    for (double** array : {&iterate_.v, &iterate_.v_anchor, &iterate_.inflow, &iterate_.inflow_plus,
                           &iterate_.isig, &iterate_.v_plus, &dual_})
        *array = blocks_.make(problem.sites);
    for (double** array : {&iterate_.sent, &iterate_.sent_plus}) *array = blocks_.make(delayed);
    iterate_.theta = blocks_.make(problem.gateways);
    for (double** array :
         {&iterate_.omega, &iterate_.omega_start, &iterate_.steps, &iterate_.moved, &iterate_.mismatch,
          &iterate_.residual_start, &iterate_.residual_last, &iterate_.restarts})
        *array = blocks_.make(1);
    for (int member = 0; member < team.size(); ++member)
        scratch_.emplace_back(blocks_.longest_row() * blocks_.lanes);
}

void BlockBackend::start(const double* x, const double* v, std::span<const double> lambda) {
    const Problem& p = blocks_.problem;
    blocks_.scatter(x, p.arcs, iterate_.x);
    blocks_.scatter(v, p.sites, iterate_.v);
    std::copy_n(iterate_.x, blocks_.lane_count(p.arcs), iterate_.x_anchor);
    std::copy_n(iterate_.v, blocks_.lane_count(p.sites), iterate_.v_anchor);
    std::fill_n(iterate_.residual_start, blocks_.lane_count(1), -1.0);
    estimate_weights(lambda.data());
    blocks_.each_block([&](int block, int) { kernels_.refresh(model_, iterate_, block); });
}

// omega ~ |dv| / |dx| in the step metrics, with dx the demand of a slot and dv the spread of what its arcs
// cost at first, not at v: near an optimum all arcs in use cost the same.
void BlockBackend::estimate_weights(const double* lambda) {
    const Problem& p = blocks_.problem;
    const std::size_t lanes = blocks_.lanes;
    std::vector<double> cost(p.sites);
    for (std::size_t t = 0; t < blocks_.lane_count(1); ++t) {
        const std::size_t b = t / lanes, w = t % lanes;
        for (std::size_t i = 0; i < p.sites; ++i) {
            cost[i] = model_.price[(b * p.sites + i) * lanes + w];
            for (std::size_t r = 0; r < static_cast<std::size_t>(model_.footprints); ++r)
                cost[i] +=
                    lambda[r * p.sites + i] *
                    model_.footprint[((b * static_cast<std::size_t>(model_.footprints) + r) * p.sites + i) *
                                         lanes +
                                     w];
        }
        double spread = 0, size = 0, root = 0;
        for (std::size_t j = 0; j < p.gateways; ++j) {
            const double d = model_.demand[(b * p.gateways + j) * lanes + w];
            double least = 1e300, most = -1e300;
            for (int a = model_.row[j]; a < model_.row[j + 1]; ++a) {
                const auto at = static_cast<std::size_t>(a);
                const double price =
                    p.arc_cost[at] + p.arc_energy[at] * cost[static_cast<std::size_t>(model_.site[at])];
                least = std::min(least, price), most = std::max(most, price);
            }
            if (most > least) spread += d * (most - least);
            size += d;
            root += std::sqrt(d);
        }
        iterate_.omega[t] = iterate_.omega_start[t] =
            spread > 0 ? spread / size * root / size * static_cast<double>(p.gateways) : 1.0;
    }
}

std::span<const double> BlockBackend::begin(std::span<const double> lambda) {
    blocks_.each_block(
        [&](int block, int member) { kernels_.arc(model_, iterate_, block, Pass{}, scratch(member)); });
    if (model_.delayed)
        blocks_.each_block([&](int block, int) { kernels_.receive(model_, iterate_, block, Pass{}); });
    return burden(lambda);
}

std::span<const double> BlockBackend::iterate(std::span<const double> lambda, const Pass& pass) {
    const double* const prices = lambda.data();
    if (model_.delayed == 0)  // nothing crosses blocks: one region, each block in cache throughout
        return sums_.over_blocks([&](int block, double* sums, int member) {
            kernels_.site(model_, iterate_, block, prices, pass);
            if (pass.decide) kernels_.restart_due(model_, iterate_, block, pass, tuning_);
            kernels_.arc(model_, iterate_, block, pass, scratch(member));
            kernels_.burden(model_, iterate_, block, prices, tuning_.curvature_floor, sums);
        });
    blocks_.each_block([&](int block, int) { kernels_.site(model_, iterate_, block, prices, pass); });
    if (pass.decide) restart_together(pass);
    blocks_.each_block(
        [&](int block, int member) { kernels_.arc(model_, iterate_, block, pass, scratch(member)); });
    blocks_.each_block([&](int block, int) { kernels_.receive(model_, iterate_, block, pass); });
    return burden(lambda);
}

// Delayed arcs couple the slots: they restart together, and their weights keep their ratios.
void BlockBackend::restart_together(const Pass& pass) {
    const auto lanes = blocks_.lanes;
    double residual = 0, mismatch = 0;
    for (std::size_t t = 0; t < blocks_.lane_count(1); ++t)
        residual += iterate_.moved[t], mismatch += iterate_.mismatch[t];
    if (!restart_due(residual, iterate_.steps[0], pass.iteration, iterate_.residual_start[0],
                     iterate_.residual_last[0], tuning_))
        return;
    const std::vector<double> due(lanes, 1.0);
    std::vector<double> sums(4 * blocks_.lane_count(1));
    blocks_.each_block([&](int block, int) {
        kernels_.restart(model_, iterate_, block, due.data(),
                         sums.data() + 4 * lanes * static_cast<std::size_t>(block));
    });
    double total[4] = {};  // D, DX^2, DY^2, cost
    for (std::size_t k = 0; k < sums.size(); ++k) total[k / lanes % 4] += sums[k];
    const double change = weight_change(mismatch, total[0], total[1], total[2], total[3], tuning_);
    for (std::size_t t = 0; t < blocks_.lane_count(1); ++t) {
        iterate_.omega[t] = bounded_weight(iterate_.omega[t] * change, iterate_.omega_start[t]);
        iterate_.steps[t] = 0.0, iterate_.restarts[t] += 1.0;
    }
    iterate_.residual_start[0] = -1.0;
    blocks_.each_block([&](int block, int) { kernels_.refresh(model_, iterate_, block); });
}

std::span<const double> BlockBackend::burden(std::span<const double> lambda) {
    return sums_.over_blocks([&](int block, double* sums, int) {
        kernels_.burden(model_, iterate_, block, lambda.data(), tuning_.curvature_floor, sums);
    });
}

void BlockBackend::candidate(std::span<const double> lambda, double* x_plus, double* v_plus) {
    blocks_.each_block([&](int block, int) { kernels_.dual(model_, iterate_, block, lambda.data(), dual_); });
    blocks_.gather(iterate_.x_plus, blocks_.problem.arcs, x_plus);
    blocks_.gather(dual_, blocks_.problem.sites, v_plus);
}

double BlockBackend::restarts() const {
    double sum = 0;
    for (std::size_t t = 0; t < blocks_.problem.slots; ++t) sum += iterate_.restarts[t];
    return sum;
}

}  // namespace equiload
