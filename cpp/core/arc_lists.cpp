#include "core/arc_lists.hpp"

#include <algorithm>

namespace equiload {

ArcLists::ArcLists(const Problem& p, Sent which)
    : row(p.gateways + 1, 0),
      site(p.arc_site.begin(), p.arc_site.end()),
      sent_index(p.arcs, -1),
      in_start(p.sites + 1, 0) {
    for (Index j : p.arc_gateway) ++row[static_cast<std::size_t>(j) + 1];
    for (std::size_t j = 0; j < p.gateways; ++j) row[j + 1] += row[j];
    // Any delay past the horizon is like any other, and slot + delay must not overflow.
    for (Index late : p.arc_delay) delay.push_back(std::min(late, static_cast<Index>(p.slots)));
    const auto is_sent = [&](std::size_t a) { return which == Sent::all || delay[a] > 0; };
    for (std::size_t a = 0; a < p.arcs; ++a)
        if (is_sent(a)) ++in_start[static_cast<std::size_t>(site[a]) + 1];
    for (std::size_t i = 0; i < p.sites; ++i) in_start[i + 1] += in_start[i];
    std::vector<int> next(in_start.begin(), in_start.end() - 1);
    sent = in_start.back();
    in_arc.resize(static_cast<std::size_t>(sent));
    in_gateway.resize(in_arc.size());
    for (std::size_t a = 0; a < p.arcs; ++a)
        if (is_sent(a)) {
            sent_index[a] = next[static_cast<std::size_t>(site[a])]++;
            const auto at = static_cast<std::size_t>(sent_index[a]);
            in_arc[at] = static_cast<int>(a);
            in_gateway[at] = p.arc_gateway[a];
        }
}

int ArcLists::longest_row() const {
    int longest = 1;
    for (std::size_t j = 0; j + 1 < row.size(); ++j) longest = std::max(longest, row[j + 1] - row[j]);
    return longest;
}

BlockProblem ArcLists::sizes(const Problem& p, std::size_t footprints, std::size_t width) const {
    BlockProblem m;
    m.slots = static_cast<int>(p.slots);
    m.blocks = static_cast<int>((p.slots + width - 1) / width);
    m.gateways = static_cast<int>(p.gateways);
    m.sites = static_cast<int>(p.sites);
    m.arcs = static_cast<int>(p.arcs);
    m.footprints = static_cast<int>(footprints);
    m.sent = sent;
    return m;
}

}  // namespace equiload
