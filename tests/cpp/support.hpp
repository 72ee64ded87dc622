// Worlds that own the arrays a Problem views: made by hand, or at random.
#pragma once

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "algorithm/equity/with_equity.hpp"
#include "core/problem.hpp"

namespace equiload::test {

inline constexpr double infinity = std::numeric_limits<double>::infinity();

using Random = std::mt19937_64;

inline double uniform(Random& random, double low, double high) {
    return low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53;
}

inline std::size_t below(Random& random, std::size_t count) {
    return static_cast<std::size_t>(random() % count);
}

inline std::vector<double> uniforms(Random& random, std::size_t count, double low, double high) {
    std::vector<double> values(count);
    for (double& value : values) value = uniform(random, low, high);
    return values;
}

struct World {
    struct Burden {
        std::vector<double> values;  // (T, I)
        std::vector<Index> region;   // (I,)
        std::vector<double> history, sensitivity;
        double weight = 1.0;
        EquityKind kind = equity_kind_of<MaxEquity>;
    };

    std::size_t slots = 1, gateways = 1, sites = 1;
    std::vector<double> demand, capacity, price, quadratic;  // (T, J), then (T, I)
    std::vector<Index> gateway, site, delay;
    std::vector<double> energy, cost;
    std::vector<Burden> burdens;
    double shed_cost = infinity;

    void arc(Index from, Index to, double k = 1.0, double l = 0.0, Index later = 0) {
        gateway.push_back(from), site.push_back(to), delay.push_back(later);
        energy.push_back(k), cost.push_back(l);
    }

    // A footprint of one unit per MWh, every site its own region.
    Burden& burden(double weight) {
        Burden b;
        b.values.assign(slots * sites, 1.0);
        for (std::size_t i = 0; i < sites; ++i) b.region.push_back(static_cast<Index>(i));
        b.history.assign(sites, 0.0);
        b.sensitivity.assign(sites, 1.0);
        b.weight = weight;
        burdens.push_back(b);
        return burdens.back();
    }

    // Valid as long as the world neither changes nor goes.
    Problem view() const {
        Problem p;
        p.slots = slots, p.gateways = gateways, p.sites = sites, p.arcs = gateway.size();
        p.demand = {demand.data(), gateways};
        p.capacity = {capacity.data(), sites};
        p.price = {price.data(), sites};
        if (!quadratic.empty()) p.quadratic = {quadratic.data(), sites};
        p.arc_gateway = gateway, p.arc_site = site, p.arc_delay = delay;
        p.arc_energy = energy, p.arc_cost = cost;
        p.shed_cost = shed_cost;
        for (const Burden& b : burdens)
            p.footprints.push_back(
                {{b.values.data(), sites}, b.region, b.history, b.sensitivity, b.kind, b.weight, 0.0, {}});
        return p;
    }
};

// A horizon of `slots` in which nothing costs anything and nothing is scarce yet.
inline World blank(std::size_t slots, std::size_t gateways, std::size_t sites) {
    World w;
    w.slots = slots, w.gateways = gateways, w.sites = sites;
    w.demand.assign(slots * gateways, 0.0);
    w.capacity.assign(slots * sites, infinity);
    w.price.assign(slots * sites, 0.0);
    return w;
}

struct Shape {
    std::size_t slots = 8, gateways = 5, sites = 7, arcs_each = 4, footprints = 2;
    bool delays = false, quadratic = false;
};

// Feasible by construction: every site could serve what its gateways may send it. Some gateways have no work
// in some slots, the last site has no arcs, the first has no limit.
inline World random_world(const Shape& shape, std::uint64_t seed) {
    Random random(seed);
    World w = blank(shape.slots, shape.gateways, shape.sites);
    for (double& d : w.demand) d = below(random, 6) == 0 ? 0.0 : uniform(random, 0.1, 10.0);
    for (std::size_t j = 0; j < shape.gateways; ++j)
        for (std::size_t k = 0; k < shape.arcs_each; ++k) {
            const auto to = static_cast<Index>(below(random, shape.sites - 1));
            const auto later = static_cast<Index>(shape.delays && k > 0 ? below(random, 4) : 0);
            w.arc(static_cast<Index>(j), to, uniform(random, 0.3, 1.2), uniform(random, 0.0, 5.0), later);
        }
    w.price = uniforms(random, shape.slots * shape.sites, -5.0, 80.0);
    if (shape.quadratic) w.quadratic = uniforms(random, shape.slots * shape.sites, 0.0, 1.0);
    const double each = 5.0 * static_cast<double>(shape.gateways) / static_cast<double>(shape.sites);
    for (double& c : w.capacity) c = each * uniform(random, 2.0, 6.0);
    for (std::size_t t = 0; t < shape.slots; ++t) w.capacity[t * shape.sites] = infinity;
    // Arcs to the first site make room for everything.
    for (std::size_t j = 0; j < shape.gateways; ++j) w.site[j * shape.arcs_each] = 0;
    for (std::size_t r = 0; r < shape.footprints; ++r) {
        World::Burden& b = w.burden(r == 0 ? 300.0 : 20.0);
        b.values = uniforms(random, shape.slots * shape.sites, 0.0, 1.0);
        if (r > 0)  // two sites a region
            for (Index& g : b.region) g /= 2;
        const auto regions = static_cast<std::size_t>(b.region.back()) + 1;
        b.history = uniforms(random, regions, 0.0, 10.0);
        b.sensitivity = uniforms(random, regions, 0.5, 2.0);
    }
    return w;
}

}  // namespace equiload::test
