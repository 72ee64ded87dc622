// The numbers of certificates, slot by slot and then summed: of candidates of the reduced problem, and of
// answers in the caller's terms.
#pragma once

#include <algorithm>
#include <cstddef>

#include "grid/grid_lists.hpp"
#include "grid/grid_rows.hpp"
#include "grid/machine.hpp"

namespace equiload {

template <Machine M>
class GridCertificate {
 public:
    static constexpr int members = M::few_members;  // of a group for a slot: there are thousands of slots

    // The burdens of so many sites and footprints with a price choose the parts of the horizon that are added
    // up apart: a scenario's own, so that it has the same bits whichever others are solved beside it.
    GridCertificate(M& machine, GridLists<M>& lists, std::size_t slots, std::size_t sites,
                    std::size_t footprints)
        : machine_(machine),
          lists_(lists),
          slots_(static_cast<int>(slots)),
          chunks_(static_cast<int>(std::clamp<std::size_t>(
              M::enough_items / std::max<std::size_t>(1, sites * footprints), 1, slots))) {}

    // For so many scenarios with so many sites and footprints each.
    void expect(std::size_t scenarios, std::size_t sites, std::size_t footprints) {
        lists_.expect(scenarios, static_cast<std::size_t>(slots_), grid::Evaluate::numbers);
        lists_.expect(scenarios, static_cast<std::size_t>(chunks_), footprints * sites);
    }

    // The sum over the slots that a bound has, at completed prices. [scenario]
    void bound(Listed there, const grid::SlotCandidates& all, double* sums) {
        each_slot(there, grid::Bound{there.list, all, slots_, lists_.parts()});
        lists_.sum(there, lists_.parts(), sums, 1, slots_, 1);
    }

    // Costs of arcs, energy and its square, and the overload; leaves the loads. [scenario][number]
    void costs(Listed there, const grid::SlotCandidates& all, double* sums) {
        each_slot(there, grid::Evaluate{there.list, all, slots_, lists_.parts()});
        lists_.sum(there, lists_.parts(), sums, 1, slots_, grid::Evaluate::numbers);
    }

    // Burdens of these loads. [scenario][footprint][site]
    void burdens(Listed there, const grid::SlotCandidates& all, std::size_t sites, std::size_t footprints,
                 double* sums) {
        const long each = static_cast<long>(footprints * sites);
        machine_.for_each(there.size * chunks_ * each,
                          grid::Burdens{there.list, all, chunks_, static_cast<int>(sites),
                                        static_cast<int>(footprints), lists_.parts()});
        lists_.sum(there, lists_.parts(), sums, 1, chunks_, each);
    }

 private:
    template <class Step>
    void each_slot(Listed there, const Step& step) {
        machine_.template for_each_group<members>(there.size * slots_, step);
    }

    M& machine_;
    GridLists<M>& lists_;
    const int slots_, chunks_;
};

}  // namespace equiload
