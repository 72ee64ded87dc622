#include "core/problem.hpp"

#include <algorithm>
#include <string>

#include "algorithm/equity.hpp"
#include "core/error.hpp"

namespace equiload {

void require_arcs(std::size_t gateways, std::size_t sites, std::span<const Index> gateway,
                  std::span<const Index> site, std::span<const Index> delay) {
    const auto inside = [](Index end, std::size_t count) {
        return end >= 0 && static_cast<std::size_t>(end) < count;
    };
    for (std::size_t a = 0; a < gateway.size(); ++a)
        if (!inside(gateway[a], gateways) || !inside(site[a], sites) || (!delay.empty() && delay[a] < 0))
            throw InputError("arc " + std::to_string(a) + " points outside the problem");
}

namespace {

void require_map(const Footprint& footprint, std::size_t sites) {
    const std::span<const Index> start = footprint.share_start;
    const bool fits = start.size() == sites + 1 && start.front() == 0 &&
                      static_cast<std::size_t>(start.back()) == footprint.region.size() &&
                      footprint.share.size() == footprint.region.size() &&
                      std::is_sorted(start.begin(), start.end());
    if (!fits) throw InputError("a burden map needs its shares site by site");
    for (double share : footprint.share)
        if (!(share >= 0)) throw InputError("a share of a burden map must be at least 0");
}

}  // namespace

void Problem::validate() const {
    require_arcs(gateways, sites, arc_gateway, arc_site, arc_delay);
    for (const Footprint& footprint : footprints) {
        if (footprint.mapped()) require_map(footprint, sites);
        for (std::size_t i = 0; i < footprint.region.size(); ++i)
            if (footprint.region[i] < 0 ||
                static_cast<std::size_t>(footprint.region[i]) >= footprint.regions())
                throw InputError("site " + std::to_string(i) + " lies in a region that does not exist");
        if (footprint.kind != EquityKind::none) EquityFunction{footprint};
    }
}

}  // namespace equiload
