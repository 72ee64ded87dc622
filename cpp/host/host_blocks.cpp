#include "host/host_blocks.hpp"

#include <cmath>

namespace equiload {

HostBlocks::HostBlocks(const Problem& p, const EquityProx& equity, int lanes_wide, Team& members,
                       double capacity_slack)
    : problem(p),
      team(members),
      lanes(static_cast<std::size_t>(lanes_wide)),
      lists_(p, ArcLists::Sent::delayed) {
    data = lists_.sizes(p, equity.footprints(), lanes);
    data.row = lists_.row.data(), data.site = lists_.site.data(), data.delay = lists_.delay.data();
    data.sent_index = lists_.sent_index.data(), data.in_start = lists_.in_start.data();
    data.in_arc = lists_.in_arc.data(), data.in_gateway = lists_.in_gateway.data();
    data.energy = p.arc_energy.data(), data.cost = p.arc_cost.data();
    // Each chunk clears and adds sums of its own, and is a call: worth it from some thousand cells and arcs
    // on.
    const std::size_t work = blocks() * lanes * (p.arcs + 4 * p.sites);
    chunks = std::clamp(work / 2048, std::size_t{1}, std::min(Team::most_pieces, blocks()));
    build_data(equity, capacity_slack);
}

std::pair<int, int> HostBlocks::blocks_of(std::size_t chunk) const {
    return {static_cast<int>(blocks() * chunk / chunks), static_cast<int>(blocks() * (chunk + 1) / chunks)};
}

double* HostBlocks::make(std::size_t items) { return store_.emplace_back(lane_count(items)).data(); }

void HostBlocks::build_data(const EquityProx& equity, double capacity_slack) {
    const Problem& p = problem;
    data.demand = pack(p.demand, p.gateways);
    data.price = pack(p.price, p.sites);
    double* const capacity = pack(p.capacity, p.sites);
    for (std::size_t k = 0; k < lane_count(p.sites); ++k)
        capacity[k] = std::min(capacity[k] * (1 + capacity_slack), large_capacity);
    data.capacity = capacity;
    if (p.quadratic) data.quadratic = pack(p.quadratic, p.sites);
    double* const step = make(p.gateways);
    for (std::size_t k = 0; k < lane_count(p.gateways); ++k) step[k] = std::sqrt(data.demand[k]);
    data.step = step;

    const std::size_t footprints = equity.footprints();
    double* const values = make(footprints * p.sites);
    for (std::size_t r = 0; r < footprints; ++r) {
        const Field& field = p.footprints[equity.footprint(r)].values;
        for (std::size_t t = 0; t < p.slots; ++t)
            for (std::size_t i = 0; i < p.sites; ++i)
                values[((t / lanes * footprints + r) * p.sites + i) * lanes + t % lanes] = field.row(t)[i];
    }
    data.footprint = values;
}

// Slots past the horizon are zero: no demand, no capacity.
double* HostBlocks::pack(const Field& field, std::size_t items) {
    double* const values = make(items);
    for (std::size_t t = 0; t < problem.slots; ++t)
        for (std::size_t n = 0; n < items; ++n)
            values[(t / lanes * items + n) * lanes + t % lanes] = field.row(t)[n];
    return values;
}

SiteSums::SiteSums(const HostBlocks& blocks, std::size_t quantities)
    : blocks_(blocks),
      entries_(quantities * blocks.problem.sites),
      chunks_(blocks.chunks * entries_ * blocks.lanes),
      totals_(entries_) {}

double* SiteSums::clear(std::size_t chunk) {
    double* const sums = chunks_.data() + chunk * entries_ * blocks_.lanes;
    std::fill_n(sums, entries_ * blocks_.lanes, 0.0);
    return sums;
}

const std::vector<double>& SiteSums::reduce() {
    const std::size_t lanes = blocks_.lanes;
    // Chunk by chunk into the first chunk's lanes, which is one long vector addition, then lane by lane.
    double* const sums = chunks_.data();
    const auto reduce_range = [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t chunk = 1; chunk < blocks_.chunks; ++chunk) {
            const double* const part = sums + chunk * entries_ * lanes;
            for (std::size_t k = begin * lanes; k < end * lanes; ++k) sums[k] += part[k];
        }
        for (std::size_t k = begin; k < end; ++k) {
            double sum = 0;
            for (std::size_t w = 0; w < lanes; ++w) sum += sums[k * lanes + w];
            totals_[k] = sum;
        }
    };
    if (entries_ * blocks_.chunks > 4096)
        blocks_.team.split(entries_, reduce_range);
    else
        reduce_range(0, entries_, 0);
    return totals_;
}

}  // namespace equiload
