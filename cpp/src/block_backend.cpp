#include "block_backend.hpp"

#include <algorithm>
#include <cmath>

#include "equiload/backend.hpp"

namespace equiload {

static_assert(Backend<BlockBackend>);

namespace {

// Burdens are summed chunk by chunk, and the chunks do not depend on the team: same bits for any number of
// threads.
constexpr std::size_t most_chunks = Team::most_pieces;
constexpr double large_capacity = 1e300;  // stands for infinity: inf - inf must not arise in a lane

}  // namespace

BlockBackend::BlockBackend(const Problem& problem, const EquityProx& equity, const BlockKernels& kernels,
                           Team& team, const Tuning& tuning)
    : problem_(problem), kernels_(kernels), team_(team), tuning_(tuning) {
    const auto lanes = static_cast<std::size_t>(kernels.lanes);
    model_.slots = static_cast<int>(problem.slots);
    model_.blocks = static_cast<int>((problem.slots + lanes - 1) / lanes);
    model_.gateways = static_cast<int>(problem.gateways);
    model_.sites = static_cast<int>(problem.sites);
    model_.arcs = static_cast<int>(problem.arcs);
    model_.footprints = static_cast<int>(equity.footprints());
    build_network(problem);
    build_data(problem, equity);

    const std::size_t arcs = problem.arcs, sites = problem.sites,
                      delayed = static_cast<std::size_t>(model_.delayed);
    for (double** array : {&iterate_.x, &iterate_.x_anchor, &iterate_.x_plus}) *array = make(arcs).data();
    for (double** array : {&iterate_.v, &iterate_.v_anchor, &iterate_.inflow, &iterate_.inflow_plus,
                           &iterate_.isig, &iterate_.v_plus})
        *array = make(sites).data();
    for (double** array : {&iterate_.sent, &iterate_.sent_plus}) *array = make(delayed).data();
    iterate_.theta = make(problem.gateways).data();
    for (double** array :
         {&iterate_.omega, &iterate_.omega_start, &iterate_.steps, &iterate_.moved, &iterate_.mismatch,
          &iterate_.residual_start, &iterate_.residual_last, &iterate_.restarts})
        *array = make(1).data();

    std::size_t longest = 1;
    for (std::size_t j = 0; j < problem.gateways; ++j)
        longest = std::max(longest, static_cast<std::size_t>(row_[j + 1] - row_[j]));
    for (int member = 0; member < team.size(); ++member) scratch_.emplace_back(longest * lanes);
    chunks_ = std::min(most_chunks, static_cast<std::size_t>(model_.blocks));
    const auto r = static_cast<std::size_t>(model_.footprints);
    quantities_ = r + r * (r + 1) / 2;
    chunk_totals_ = Lanes(chunks_ * quantities_ * sites * lanes);
    totals_.resize(quantities_ * sites);
}

std::size_t BlockBackend::lane_count(std::size_t items) const {
    return static_cast<std::size_t>(model_.blocks) * items * static_cast<std::size_t>(kernels_.lanes);
}

Lanes& BlockBackend::make(std::size_t items) { return store_.emplace_back(lane_count(items)); }

void BlockBackend::build_network(const Problem& p) {
    row_.assign(p.gateways + 1, 0);
    for (Index j : p.arc_gateway) ++row_[static_cast<std::size_t>(j) + 1];
    for (std::size_t j = 0; j < p.gateways; ++j) row_[j + 1] += row_[j];
    site_.assign(p.arc_site.begin(), p.arc_site.end());
    delay_.assign(p.arc_delay.begin(), p.arc_delay.end());
    delayed_index_.assign(p.arcs, -1);
    in_start_.assign(p.sites + 1, 0);
    for (std::size_t a = 0; a < p.arcs; ++a)
        if (delay_[a] > 0) {
            delayed_index_[a] = model_.delayed++;
            ++in_start_[static_cast<std::size_t>(site_[a]) + 1];
        }
    for (std::size_t i = 0; i < p.sites; ++i) in_start_[i + 1] += in_start_[i];
    std::vector<int> next(in_start_.begin(), in_start_.end() - 1);
    in_arc_.resize(static_cast<std::size_t>(model_.delayed));
    in_gateway_.resize(in_arc_.size());
    for (std::size_t a = 0; a < p.arcs; ++a)
        if (delay_[a] > 0) {
            const auto at = static_cast<std::size_t>(next[static_cast<std::size_t>(site_[a])]++);
            in_arc_[at] = static_cast<int>(a);
            in_gateway_[at] = p.arc_gateway[a];
        }
    model_.row = row_.data(), model_.site = site_.data(), model_.delay = delay_.data();
    model_.delayed_index = delayed_index_.data(), model_.in_start = in_start_.data();
    model_.in_arc = in_arc_.data(), model_.in_gateway = in_gateway_.data();
    model_.energy = p.arc_energy.data(), model_.cost = p.arc_cost.data();
}

void BlockBackend::build_data(const Problem& p, const EquityProx& equity) {
    model_.demand = pack(p.demand, p.gateways, 0.0);
    model_.price = pack(p.price, p.sites, 0.0);
    model_.capacity = pack(p.capacity, p.sites, 0.0);
    if (p.quadratic) model_.quadratic = pack(p.quadratic, p.sites, 0.0);
    double* const capacity = const_cast<double*>(model_.capacity);
    for (std::size_t k = 0; k < lane_count(p.sites); ++k) capacity[k] = std::min(capacity[k], large_capacity);

    Lanes& step = make(p.gateways);
    for (std::size_t k = 0; k < step.size(); ++k) step.data()[k] = std::sqrt(model_.demand[k]);
    model_.step = step.data();

    const auto lanes = static_cast<std::size_t>(kernels_.lanes);
    const std::size_t footprints = equity.footprints();
    Lanes& values = make(footprints * p.sites);
    for (std::size_t r = 0; r < footprints; ++r) {
        const Field& field = p.footprints[equity.footprint(r)].values;
        for (std::size_t t = 0; t < p.slots; ++t)
            for (std::size_t i = 0; i < p.sites; ++i)
                values.data()[((t / lanes * footprints + r) * p.sites + i) * lanes + t % lanes] =
                    field.row(t)[i];
    }
    model_.footprint = values.data();
}

const double* BlockBackend::pack(const Field& field, std::size_t items, double padding) {
    const auto lanes = static_cast<std::size_t>(kernels_.lanes);
    Lanes& blocks = make(items);
    for (std::size_t t = 0; t < static_cast<std::size_t>(model_.blocks) * lanes; ++t)
        for (std::size_t n = 0; n < items; ++n)
            blocks.data()[(t / lanes * items + n) * lanes + t % lanes] =
                t < problem_.slots ? field.row(t)[n] : padding;
    return blocks.data();
}

void BlockBackend::scatter(const double* rows, std::size_t items, double* blocks, double padding) {
    const auto lanes = static_cast<std::size_t>(kernels_.lanes);
    team_.split(static_cast<std::size_t>(model_.blocks), [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t t = begin * lanes; t < end * lanes; ++t)
            for (std::size_t n = 0; n < items; ++n)
                blocks[(t / lanes * items + n) * lanes + t % lanes] =
                    t < problem_.slots ? rows[t * items + n] : padding;
    });
}

void BlockBackend::gather(const double* blocks, std::size_t items, double* rows) {
    const auto lanes = static_cast<std::size_t>(kernels_.lanes);
    team_.split(static_cast<std::size_t>(model_.blocks), [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t t = begin * lanes; t < std::min(end * lanes, problem_.slots); ++t)
            for (std::size_t n = 0; n < items; ++n)
                rows[t * items + n] = blocks[(t / lanes * items + n) * lanes + t % lanes];
    });
}

template <class Body>
void BlockBackend::each_block(Body body) {
    team_.run(chunks_, [&](std::size_t chunk, int member) {
        double* const scratch = scratch_[static_cast<std::size_t>(member)].data();
        const auto [first, last] = blocks_of(chunk);
        for (int block = first; block < last; ++block) body(block, scratch);
    });
}

std::pair<int, int> BlockBackend::blocks_of(std::size_t chunk) const {
    const auto blocks = static_cast<std::size_t>(model_.blocks);
    return {static_cast<int>(blocks * chunk / chunks_), static_cast<int>(blocks * (chunk + 1) / chunks_)};
}

void BlockBackend::start(const double* x, const double* v) {
    const auto lanes = static_cast<std::size_t>(kernels_.lanes);
    if (x) {
        scatter(x, problem_.arcs, iterate_.x, 0.0);
    } else {
        for (std::size_t b = 0; b < static_cast<std::size_t>(model_.blocks); ++b)
            for (std::size_t j = 0; j < problem_.gateways; ++j)
                for (int a = row_[j]; a < row_[j + 1]; ++a)
                    for (std::size_t w = 0; w < lanes; ++w)
                        iterate_.x[(b * problem_.arcs + static_cast<std::size_t>(a)) * lanes + w] =
                            model_.demand[(b * problem_.gateways + j) * lanes + w] / (row_[j + 1] - row_[j]);
    }
    scatter(v, problem_.sites, iterate_.v, 0.0);
    std::copy_n(iterate_.x, lane_count(problem_.arcs), iterate_.x_anchor);
    std::copy_n(iterate_.v, lane_count(problem_.sites), iterate_.v_anchor);
    std::fill_n(iterate_.residual_start, lane_count(1), -1.0);
    estimate_weights();
    each_block([&](int block, double*) { kernels_.refresh(model_, iterate_, block); });
}

// omega ~ |dv| / |dx| in the step metrics, with dv the spread of the prices that a slot's arcs see and dx its
// demand.
void BlockBackend::estimate_weights() {
    const auto lanes = static_cast<std::size_t>(kernels_.lanes);
    for (std::size_t t = 0; t < lane_count(1); ++t) {
        const std::size_t b = t / lanes, w = t % lanes;
        double spread = 0, size = 0, root = 0;
        for (std::size_t j = 0; j < problem_.gateways; ++j) {
            const double d = model_.demand[(b * problem_.gateways + j) * lanes + w];
            double least = 1e300, most = -1e300;
            for (int a = row_[j]; a < row_[j + 1]; ++a) {
                const auto at = static_cast<std::size_t>(a);
                const double v =
                    iterate_.v[(b * problem_.sites + static_cast<std::size_t>(site_[at])) * lanes + w];
                const double price = problem_.arc_cost[at] + problem_.arc_energy[at] * v;
                least = std::min(least, price), most = std::max(most, price);
            }
            if (most > least) spread += d * (most - least);
            size += d;
            root += std::sqrt(d);
        }
        iterate_.omega[t] = iterate_.omega_start[t] =
            spread > 0 ? spread / size * root / size * static_cast<double>(problem_.gateways) : 1.0;
    }
}

double* BlockBackend::clear_totals(std::size_t chunk) {
    const std::size_t size = quantities_ * problem_.sites * static_cast<std::size_t>(kernels_.lanes);
    double* const totals = chunk_totals_.data() + chunk * size;
    std::fill_n(totals, size, 0.0);
    return totals;
}

std::span<const double> BlockBackend::begin(std::span<const double> lambda) {
    each_block([&](int block, double* scratch) { kernels_.arc(model_, iterate_, block, Pass{}, scratch); });
    if (model_.delayed)
        each_block([&](int block, double*) { kernels_.receive(model_, iterate_, block, Pass{}); });
    return burden(lambda);
}

std::span<const double> BlockBackend::iterate(std::span<const double> lambda, const Pass& pass) {
    const double* const prices = lambda.data();
    if (model_.delayed == 0) {  // nothing crosses blocks: one region, each block in cache throughout
        team_.run(chunks_, [&](std::size_t chunk, int member) {
            double* const scratch = scratch_[static_cast<std::size_t>(member)].data();
            double* const totals = clear_totals(chunk);
            const auto [first, last] = blocks_of(chunk);
            for (int block = first; block < last; ++block) {
                kernels_.site(model_, iterate_, block, prices, pass);
                if (pass.decide) kernels_.restart_due(model_, iterate_, block, pass, tuning_);
                kernels_.arc(model_, iterate_, block, pass, scratch);
                kernels_.burden(model_, iterate_, block, prices, tuning_.curvature_floor, totals);
            }
        });
        return reduce();
    }
    each_block([&](int block, double*) { kernels_.site(model_, iterate_, block, prices, pass); });
    if (pass.decide) restart_together(pass);
    each_block([&](int block, double* scratch) { kernels_.arc(model_, iterate_, block, pass, scratch); });
    each_block([&](int block, double*) { kernels_.receive(model_, iterate_, block, pass); });
    return burden(lambda);
}

// Delayed arcs couple the slots: they restart together, and their weights keep their ratios.
void BlockBackend::restart_together(const Pass& pass) {
    const auto lanes = static_cast<std::size_t>(kernels_.lanes);
    double residual = 0, mismatch = 0;
    for (std::size_t t = 0; t < lane_count(1); ++t)
        residual += iterate_.moved[t], mismatch += iterate_.mismatch[t];
    if (!restart_due(residual, iterate_.steps[0], pass.iteration, iterate_.residual_start[0],
                     iterate_.residual_last[0], tuning_))
        return;
    const std::vector<double> due(lanes, 1.0);
    std::vector<double> sums(4 * lane_count(1));
    each_block([&](int block, double*) {
        kernels_.restart(model_, iterate_, block, due.data(),
                         sums.data() + 4 * lanes * static_cast<std::size_t>(block));
    });
    double total[4] = {};  // D, DX^2, DY^2, cost
    for (std::size_t k = 0; k < sums.size(); ++k) total[k / lanes % 4] += sums[k];
    const double change = weight_change(mismatch, total[0], total[1], total[2], total[3], tuning_);
    for (std::size_t t = 0; t < lane_count(1); ++t) {
        iterate_.omega[t] = bounded_weight(iterate_.omega[t] * change, iterate_.omega_start[t]);
        iterate_.steps[t] = 0.0, iterate_.restarts[t] += 1.0;
    }
    iterate_.residual_start[0] = -1.0;
    each_block([&](int block, double*) { kernels_.refresh(model_, iterate_, block); });
}

std::span<const double> BlockBackend::burden(std::span<const double> lambda) {
    team_.run(chunks_, [&](std::size_t chunk, int) {
        double* const totals = clear_totals(chunk);
        const auto [first, last] = blocks_of(chunk);
        for (int block = first; block < last; ++block)
            kernels_.burden(model_, iterate_, block, lambda.data(), tuning_.curvature_floor, totals);
    });
    return reduce();
}

std::span<const double> BlockBackend::reduce() {
    const auto lanes = static_cast<std::size_t>(kernels_.lanes);
    const std::size_t entries = quantities_ * problem_.sites;
    // Chunk by chunk into the first chunk's lanes, which is one long vector addition, then lane by lane.
    double* const sums = chunk_totals_.data();
    const auto reduce_range = [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t chunk = 1; chunk < chunks_; ++chunk) {
            const double* const part = sums + chunk * entries * lanes;
            for (std::size_t k = begin * lanes; k < end * lanes; ++k) sums[k] += part[k];
        }
        for (std::size_t k = begin; k < end; ++k) {
            double sum = 0;
            for (std::size_t w = 0; w < lanes; ++w) sum += sums[k * lanes + w];
            totals_[k] = sum;
        }
    };
    if (entries * chunks_ > 4096)
        team_.split(entries, reduce_range);
    else
        reduce_range(0, entries, 0);
    return totals_;
}

void BlockBackend::candidate(std::span<const double> lambda, double* x_plus, double* v_plus) {
    if (dual_.size() == 0) dual_ = Lanes(lane_count(problem_.sites));
    each_block(
        [&](int block, double*) { kernels_.dual(model_, iterate_, block, lambda.data(), dual_.data()); });
    gather(iterate_.x_plus, problem_.arcs, x_plus);
    gather(dual_.data(), problem_.sites, v_plus);
}

double BlockBackend::restarts() const {
    double sum = 0;
    for (std::size_t t = 0; t < problem_.slots; ++t) sum += iterate_.restarts[t];
    return sum;
}

}  // namespace equiload
