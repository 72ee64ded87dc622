#include "online/slot_solver.hpp"
#include "core/error.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace equiload {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double rounding = 1e-14;   // a share of a capacity or of a demand that is nobody's
constexpr double tolerated = 5e-10;  // relative overload accepted where nothing else fits

using Entry = std::pair<double, std::size_t>;

// The ends of the arcs, then those of one shed arc a gateway: it leads to an unlimited site of its own.
std::vector<Index> with_shed_arcs(std::span<const Index> ends, std::size_t count, std::size_t first) {
    std::vector<Index> all(ends.begin(), ends.end());
    for (std::size_t n = 0; n < count; ++n) all.push_back(static_cast<Index>(first + n));
    return all;
}

}  // namespace

std::optional<EnergyFactors> factor_energies(std::size_t gateways, std::size_t sites,
                                             std::span<const Index> gateway, std::span<const Index> site,
                                             std::span<const double> energy) {
    EnergyFactors factors{std::vector<double>(gateways, 0.0), std::vector<double>(sites, 0.0)};
    const Grouping by_gateway(gateway, gateways), by_site(site, sites);
    std::vector<std::size_t> queue;
    for (std::size_t root = 0; root < gateways; ++root) {
        if (factors.gateway[root] > 0) continue;
        factors.gateway[root] = 1.0;
        queue.assign(1, root);
        while (!queue.empty()) {
            const std::size_t j = queue.back();
            queue.pop_back();
            for (Index a : by_gateway.of(j)) {
                const auto i = static_cast<std::size_t>(site[static_cast<std::size_t>(a)]);
                if (factors.site[i] > 0) continue;
                factors.site[i] = energy[static_cast<std::size_t>(a)] / factors.gateway[j];
                for (Index b : by_site.of(i)) {
                    const auto next = static_cast<std::size_t>(gateway[static_cast<std::size_t>(b)]);
                    if (factors.gateway[next] > 0) continue;
                    factors.gateway[next] = energy[static_cast<std::size_t>(b)] / factors.site[i];
                    queue.push_back(next);
                }
            }
        }
    }
    for (std::size_t a = 0; a < energy.size(); ++a) {
        const double product = factors.gateway[static_cast<std::size_t>(gateway[a])] *
                               factors.site[static_cast<std::size_t>(site[a])];
        if (std::abs(product - energy[a]) > 1e-12 * energy[a]) return std::nullopt;
    }
    return factors;
}

SlotSolver::SlotSolver(std::size_t gateways, std::size_t sites, std::span<const Index> gateway,
                       std::span<const Index> site, std::span<const double> energy,
                       std::span<const double> cost, double shed_cost)
    : gateways_(gateways),
      sites_(sites),
      shed_cost_(shed_cost),
      gateway_(with_shed_arcs(gateway, shed_cost < infinity ? gateways : 0, 0)),
      site_(with_shed_arcs(site, shed_cost < infinity ? gateways : 0, sites)),
      energy_(energy.begin(), energy.end()),
      cost_(cost.begin(), cost.end()),
      by_gateway_(gateway_, gateways),
      by_site_(site_, sites + gateway_.size() - gateway.size()) {
    auto factors = factor_energies(gateways, sites, gateway, site, energy);
    if (!factors) throw InputError("the energies do not factor over gateways and sites");
    factors_ = std::move(*factors);
    arc_cost_.resize(gateway_.size());
    limit_.resize(by_site_.start.size() - 1);
    at_gateway_.resize(gateways);
    at_site_.resize(limit_.size());
}

SlotAnswer SlotSolver::decide(const double* demand, const double* capacity, const double* price) {
    start(capacity, price);
    bool feasible = true;
    for (std::size_t j = 0; j < gateways_; ++j)
        if (demand[j] > 0) feasible = serve(j, demand[j] * factors_.gateway[j]) && feasible;
    SlotAnswer result = answer(demand, capacity, price);
    result.feasible = feasible;
    return result;
}

void SlotSolver::start(const double* capacity, const double* price) {
    flow_.assign(gateway_.size(), 0.0);
    used_.assign(limit_.size(), 0.0);
    scarcity_.assign(limit_.size(), 0.0);
    work_price_.assign(gateways_, infinity);
    slack_ = 0;
    std::fill(limit_.begin(), limit_.end(), infinity);
    for (std::size_t i = 0; i < sites_; ++i)
        if (factors_.site[i] > 0) limit_[i] = capacity[i] / factors_.site[i];
    for (std::size_t a = 0; a < gateway_.size(); ++a) {
        const auto j = static_cast<std::size_t>(gateway_[a]), i = static_cast<std::size_t>(site_[a]);
        const double cost = a < energy_.size() ? cost_[a] + energy_[a] * price[i] : shed_cost_;
        arc_cost_[a] = cost / factors_.gateway[j];
    }
}

// Sends all work of a gateway; false when some of it finds no room.
bool SlotSolver::serve(std::size_t gateway, double work) {
    // Prices of earlier work may have made this gateway's arcs dearer: its own price starts at the least.
    for (Index e : by_gateway_.of(gateway)) {
        const auto a = static_cast<std::size_t>(e);
        const double dearer = arc_cost_[a] + scarcity_[static_cast<std::size_t>(site_[a])];
        work_price_[gateway] = std::min(work_price_[gateway], dearer);
    }
    double left = work;
    while (left > rounding * work) {
        const std::size_t end = search(gateway);
        if (end != none) {
            raise_potentials(at_site_[end].distance);
            left -= push(gateway, end, left);
        } else if (slack_ == 0) {
            slack_ = tolerated;
        } else {
            return false;
        }
    }
    return true;
}

double SlotSolver::room(std::size_t site) const {
    const double spare = limit_[site] * (1 + slack_) - used_[site];
    return spare > rounding * limit_[site] || limit_[site] == infinity ? spare : 0.0;
}

// Dijkstra over reduced costs l + k (c + u) - pi from a gateway to the nearest site with room. Giving up work
// in use is free, so that only sites queue; what lies no nearer than a site with room never enters the queue.
std::size_t SlotSolver::search(std::size_t gateway) {
    ++epoch_;
    heap_.clear();
    touched_gateways_.clear();
    touched_sites_.clear();
    nearest_ = infinity;
    at_gateway_[gateway] = {0.0, none, epoch_, true};
    relax(gateway, 0.0);
    while (!heap_.empty()) {
        std::pop_heap(heap_.begin(), heap_.end(), std::greater<Entry>());
        const auto [distance, site] = heap_.back();
        heap_.pop_back();
        Reached& here = at_site_[site];
        if (here.settled) continue;
        here.settled = true;
        if (room(site) > 0) return site;
        touched_sites_.push_back(site);
        for (Index e : by_site_.of(site)) {
            const auto a = static_cast<std::size_t>(e), j = static_cast<std::size_t>(gateway_[a]);
            if (flow_[a] <= 0 || at_gateway_[j].epoch == epoch_) continue;
            at_gateway_[j] = {distance, a, epoch_, true};
            relax(j, distance);
        }
    }
    return none;
}

void SlotSolver::relax(std::size_t gateway, double distance) {
    touched_gateways_.push_back(gateway);
    for (Index e : by_gateway_.of(gateway)) {
        const auto a = static_cast<std::size_t>(e), i = static_cast<std::size_t>(site_[a]);
        const double reduced = std::max(0.0, arc_cost_[a] + scarcity_[i] - work_price_[gateway]);
        const double there = distance + reduced;
        Reached& site = at_site_[i];
        if (there >= nearest_ || (site.epoch == epoch_ && site.distance <= there)) continue;
        site = {there, a, epoch_, false};
        heap_.emplace_back(there, i);
        std::push_heap(heap_.begin(), heap_.end(), std::greater<Entry>());
        if (room(i) > 0) nearest_ = there;
    }
}

// Keeps every reduced cost at least 0, and 0 along the path and wherever work is in use.
void SlotSolver::raise_potentials(double distance) {
    for (std::size_t i : touched_sites_) scarcity_[i] += distance - at_site_[i].distance;
    for (std::size_t j : touched_gateways_) work_price_[j] += distance - at_gateway_[j].distance;
}

// Moves up to `work` along the path that ends at `end`; returns how much.
double SlotSolver::push(std::size_t gateway, std::size_t end, double work) {
    const auto gateway_before = [&](std::size_t site) {
        return static_cast<std::size_t>(gateway_[at_site_[site].via]);
    };
    double amount = std::min(work, room(end));
    for (std::size_t j = gateway_before(end); j != gateway;) {
        const std::size_t given_up = at_gateway_[j].via;
        amount = std::min(amount, flow_[given_up]);
        j = gateway_before(static_cast<std::size_t>(site_[given_up]));
    }
    used_[end] += amount;
    for (std::size_t site = end;;) {
        flow_[at_site_[site].via] += amount;
        const std::size_t j = gateway_before(site);
        if (j == gateway) return amount;
        double& given_up = flow_[at_gateway_[j].via];
        given_up = given_up <= amount ? 0.0 : given_up - amount;
        site = static_cast<std::size_t>(site_[at_gateway_[j].via]);
    }
}

SlotAnswer SlotSolver::answer(const double* demand, const double* capacity, const double* price) const {
    SlotAnswer result;
    result.allocation.resize(arcs());
    result.load.assign(sites_, 0.0);
    result.capacity_price.assign(sites_, 0.0);
    if (gateway_.size() > arcs()) result.shed.assign(gateways_, 0.0);
    for (std::size_t a = 0; a < gateway_.size(); ++a) {
        const auto j = static_cast<std::size_t>(gateway_[a]), i = static_cast<std::size_t>(site_[a]);
        const double work = flow_[a] / factors_.gateway[j];
        result.objective += work * arc_cost_[a] * factors_.gateway[j];
        if (a >= arcs()) {
            result.shed[j] = work;
        } else {
            result.allocation[a] = work;
            result.load[i] += energy_[a] * work;
        }
    }
    for (std::size_t i = 0; i < sites_; ++i) {
        if (!(scarcity_[i] > 0)) continue;
        result.capacity_price[i] = scarcity_[i] / factors_.site[i];
        result.lower_bound -= result.capacity_price[i] * capacity[i];
    }
    for (std::size_t j = 0; j < gateways_; ++j) {
        if (!(demand[j] > 0)) continue;
        double least = shed_cost_;
        for (Index e : by_gateway_.of(j)) {
            const auto a = static_cast<std::size_t>(e), i = static_cast<std::size_t>(site_[a]);
            if (a < arcs())
                least = std::min(least, cost_[a] + energy_[a] * (price[i] + result.capacity_price[i]));
        }
        result.lower_bound += demand[j] * least;
    }
    return result;
}

}  // namespace equiload
