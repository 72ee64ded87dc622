// The network as the steps read it, from either end of an arc.
#pragma once

#include <vector>

#include "algorithm/steps.hpp"
#include "core/problem.hpp"

namespace equiload {

// Arcs must be sorted by gateway, as presolve leaves them.
struct ArcLists {
    // The energy of delayed arcs goes through Iterate::sent, or that of every arc.
    enum class Sent { delayed, all };

    std::vector<int> row, site, delay;              // arcs of gateway j: row[j] .. row[j + 1] - 1
    std::vector<int> sent_index;                    // [arc] place among those sent, by site, or -1
    std::vector<int> in_start, in_arc, in_gateway;  // those sent, by site, in the order of the arcs
    int sent = 0;

    ArcLists(const Problem& problem, Sent which);

    int longest_row() const;

    // The sizes of a problem in blocks of `width` slots; its arrays are for the back end to fill in.
    BlockProblem sizes(const Problem& problem, std::size_t footprints, std::size_t width) const;
};

}  // namespace equiload
