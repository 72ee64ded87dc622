#include "core/presolve.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace equiload {

namespace {

// Work below this share of a pool's demand belongs to nobody in particular.
double share(double part, double whole) { return whole > 0 ? part / whole : 0.0; }

}  // namespace

Presolved::Presolved(const Problem& original) : original_(original), problem_(original) {
    choose_sites();
    pool_gateways();
    build_network();
    build_regions();
    if (original.device < 0) build_fields();
}

void Presolved::choose_sites() {
    reduced_site_.assign(original_.sites, -1);
    for (Index i : original_.arc_site) reduced_site_[static_cast<std::size_t>(i)] = 0;
    for (std::size_t i = 0; i < original_.sites; ++i) {
        if (reduced_site_[i] < 0) continue;
        reduced_site_[i] = static_cast<Index>(kept_sites_.size());
        kept_sites_.push_back(i);
    }
    if (original_.may_shed()) kept_sites_.push_back(original_.sites);
}

void Presolved::pool_gateways() {
    const Grouping by_gateway(original_.arc_gateway, original_.gateways);
    offset_.assign(original_.gateways, 0.0);
    rows_.resize(original_.gateways);
    using Key = std::vector<std::tuple<Index, Index, double, double>>;
    std::map<Key, std::size_t> pools;
    for (std::size_t j = 0; j < original_.gateways; ++j) {
        const auto arcs = by_gateway.of(j);
        auto& row = rows_[j];
        row.assign(arcs.begin(), arcs.end());
        const auto describe = [&](Index e) {
            const auto a = static_cast<std::size_t>(e);
            return std::tuple(original_.arc_site[a], original_.arc_delay[a], original_.arc_energy[a],
                              original_.arc_cost[a]);
        };
        std::stable_sort(row.begin(), row.end(), [&](Index a, Index b) { return describe(a) < describe(b); });
        const bool free = row.empty() || original_.may_shed();  // shedding fixes the level of the costs
        const double base = free ? 0.0 : original_.arc_cost[static_cast<std::size_t>(row.front())];
        Key key;
        for (Index a : row) {
            auto entry = describe(a);
            std::get<3>(entry) -= base;
            key.push_back(entry);
        }
        const auto [place, fresh] = pools.try_emplace(std::move(key), members_.size());
        if (fresh) members_.emplace_back();
        auto& pool = members_[place->second];
        pool.push_back(j);
        if (!row.empty() && !fresh)
            offset_[j] = original_.arc_cost[static_cast<std::size_t>(row.front())] -
                         original_.arc_cost[static_cast<std::size_t>(rows_[pool.front()].front())];
    }
}

void Presolved::build_network() {
    const auto shed_site = static_cast<Index>(kept_sites_.size()) - 1;
    for (std::size_t j = 0; j < members_.size(); ++j) {
        const auto& row = rows_[members_[j].front()];
        for (std::size_t k = 0; k < row.size(); ++k) {
            const auto a = static_cast<std::size_t>(row[k]);
            arc_gateway_.push_back(static_cast<Index>(j));
            arc_site_.push_back(reduced_site_[static_cast<std::size_t>(original_.arc_site[a])]);
            arc_delay_.push_back(original_.arc_delay[a]);
            arc_energy_.push_back(original_.arc_energy[a]);
            arc_cost_.push_back(original_.arc_cost[a]);
            rank_.push_back(static_cast<Index>(k));
        }
        if (!original_.may_shed()) continue;
        arc_gateway_.push_back(static_cast<Index>(j));
        arc_site_.push_back(shed_site);
        arc_delay_.push_back(0);
        arc_energy_.push_back(1.0);
        arc_cost_.push_back(original_.shed_cost);
        rank_.push_back(-1);
    }
    problem_.gateways = members_.size();
    problem_.sites = kept_sites_.size();
    problem_.arcs = arc_gateway_.size();
    problem_.arc_gateway = arc_gateway_;
    problem_.arc_site = arc_site_;
    problem_.arc_delay = arc_delay_;
    problem_.arc_energy = arc_energy_;
    problem_.arc_cost = arc_cost_;
    problem_.shed_cost = std::numeric_limits<double>::infinity();
}

bool Presolved::keeps_all_sites() const {
    return kept_sites_.size() == original_.sites && !original_.may_shed();
}

void Presolved::build_regions() {
    if (keeps_all_sites()) return;
    regions_.resize(original_.footprints.size()), maps_.resize(original_.footprints.size());
    for (std::size_t r = 0; r < original_.footprints.size(); ++r) {
        Footprint& footprint = problem_.footprints[r];
        if (footprint.mapped()) {
            restrict_map(footprint, regions_[r], maps_[r]);
            continue;
        }
        for (std::size_t site : kept_sites_)
            regions_[r].push_back(site < original_.sites ? original_.footprints[r].region[site] : 0);
        footprint.region = regions_[r];
    }
}

// Nobody bears the shed site's burdens.
void Presolved::restrict_map(Footprint& footprint, std::vector<Index>& regions, BurdenMap& map) const {
    map.start.push_back(0);
    for (std::size_t site : kept_sites_) {
        if (site < original_.sites)
            footprint.each_region(site, [&](std::size_t g, double share) {
                regions.push_back(static_cast<Index>(g)), map.share.push_back(share);
            });
        map.start.push_back(static_cast<Index>(regions.size()));
    }
    footprint.region = regions, footprint.share_start = map.start, footprint.share = map.share;
}

void Presolved::build_fields() {
    const std::size_t slots = original_.slots;
    if (members_.size() != original_.gateways) {
        demand_.assign(slots * members_.size(), 0.0);
        for (std::size_t t = 0; t < slots; ++t)
            for (std::size_t j = 0; j < members_.size(); ++j)
                for (std::size_t member : members_[j]) {
                    const double d = original_.demand.row(t)[member];
                    demand_[t * members_.size() + j] += d;
                    constant_ += d * offset_[member];
                }
        problem_.demand = {demand_.data(), members_.size()};
    }
    if (keeps_all_sites()) return;
    const auto select = [&](const Field& field, double shed_value, std::vector<double>& store) -> Field {
        const std::size_t rows = field.stride ? slots : 1;
        for (std::size_t t = 0; t < rows; ++t)
            for (std::size_t site : kept_sites_)
                store.push_back(site < original_.sites ? field.row(t)[site] : shed_value);
        return {store.data(), field.stride ? kept_sites_.size() : 0};
    };
    problem_.capacity = select(original_.capacity, std::numeric_limits<double>::infinity(), capacity_);
    problem_.price = select(original_.price, 0.0, price_);
    if (original_.quadratic) problem_.quadratic = select(original_.quadratic, 0.0, quadratic_);
    footprint_values_.resize(original_.footprints.size());
    for (std::size_t r = 0; r < original_.footprints.size(); ++r)
        problem_.footprints[r].values = select(original_.footprints[r].values, 0.0, footprint_values_[r]);
}

double Presolved::constant(const std::vector<double>& work) const {
    double sum = 0;
    for (std::size_t j = 0; j < work.size(); ++j) sum += work[j] * offset_[j];
    return sum;
}

Columns Presolved::columns() const {
    Columns c;
    c.pool.resize(original_.gateways), c.arc.resize(original_.arcs);
    if (original_.may_shed()) c.shed.resize(original_.gateways);
    c.pool_start.push_back(0), c.site_start.push_back(0);
    for (std::size_t p = 0; p < members_.size(); ++p) {
        for (std::size_t j : members_[p]) {
            c.pooled.push_back(static_cast<Index>(j));
            c.pool[j] = static_cast<Index>(p);
        }
        c.pool_start.push_back(static_cast<Index>(c.pooled.size()));
    }
    for (std::size_t site : kept_sites_) {
        if (site < original_.sites) c.site.push_back(static_cast<Index>(site));
        c.site_start.push_back(static_cast<Index>(c.site.size()));
    }
    c.reduced_site = reduced_site_;
    for (std::size_t a = 0; a < problem_.arcs; ++a)
        for (std::size_t j : members_[static_cast<std::size_t>(arc_gateway_[a])])
            (rank_[a] < 0 ? c.shed[j]
                          : c.arc[static_cast<std::size_t>(rows_[j][static_cast<std::size_t>(rank_[a])])]) =
                static_cast<Index>(a);
    return c;
}

void Presolved::expand(std::span<const double> reduced, LargeTable& allocation, std::vector<double>& shed,
                       Team& team) const {
    const Problem& o = original_;
    allocation.resize(o.slots * o.arcs);
    if (o.may_shed()) shed.resize(o.slots * o.gateways);
    // The caller's arc of each that no other gateway shares: it is most of the work, and copied.
    std::vector<Index> alone(problem_.arcs, -1);
    for (std::size_t a = 0; a < problem_.arcs; ++a)
        if (const auto& pool = members_[static_cast<std::size_t>(arc_gateway_[a])];
            pool.size() == 1 && rank_[a] >= 0)
            alone[a] = rows_[pool.front()][static_cast<std::size_t>(rank_[a])];
    team.split(o.slots, [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t t = begin; t < end; ++t)
            for (std::size_t a = 0; a < problem_.arcs; ++a) {
                const double work = reduced[t * problem_.arcs + a];
                if (alone[a] >= 0) {
                    allocation[t * o.arcs + static_cast<std::size_t>(alone[a])] = work;
                    continue;
                }
                const auto pool = static_cast<std::size_t>(arc_gateway_[a]);
                const double total = problem_.demand.row(t)[pool];
                for (std::size_t j : members_[pool]) {
                    const double mine =
                        members_[pool].size() == 1 ? work : work * share(o.demand.row(t)[j], total);
                    if (rank_[a] < 0)
                        shed[t * o.gateways + j] = mine;
                    else
                        allocation[t * o.arcs + static_cast<std::size_t>(
                                                    rows_[j][static_cast<std::size_t>(rank_[a])])] = mine;
                }
            }
    });
}

std::vector<double> Presolved::restrict(const double* allocation, const double* shed, Team& team) const {
    const Problem& o = original_;
    std::vector<double> reduced(o.slots * problem_.arcs, 0.0);
    team.split(o.slots, [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t t = begin; t < end; ++t)
            for (std::size_t a = 0; a < problem_.arcs; ++a)
                for (std::size_t j : members_[static_cast<std::size_t>(arc_gateway_[a])])
                    reduced[t * problem_.arcs + a] +=
                        rank_[a] < 0
                            ? (shed ? shed[t * o.gateways + j] : 0.0)
                            : allocation[t * o.arcs + static_cast<std::size_t>(
                                                          rows_[j][static_cast<std::size_t>(rank_[a])])];
    });
    return reduced;
}

void Presolved::expand_prices(const std::vector<double>& reduced, std::vector<double>& energy) const {
    energy.assign(original_.slots * original_.sites, -std::numeric_limits<double>::infinity());
    for (std::size_t t = 0; t < original_.slots; ++t)
        for (std::size_t i = 0; i < kept_sites_.size(); ++i)
            if (kept_sites_[i] < original_.sites)
                energy[t * original_.sites + kept_sites_[i]] = reduced[t * kept_sites_.size() + i];
}

std::vector<double> Presolved::restrict_prices(const std::vector<double>& energy) const {
    std::vector<double> reduced(original_.slots * kept_sites_.size(), 0.0);
    for (std::size_t t = 0; t < original_.slots; ++t)
        for (std::size_t i = 0; i < kept_sites_.size(); ++i)
            if (kept_sites_[i] < original_.sites)
                reduced[t * kept_sites_.size() + i] = energy[t * original_.sites + kept_sites_[i]];
    return reduced;
}

}  // namespace equiload
