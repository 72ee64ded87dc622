// Lists of scenarios on a machine, and sums of what launches leave for each scenario of a list.
//
// Sums are added up group by group in a fixed order (grid_steps.hpp, SumItems), in as many launches as groups
// of groups take.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "algorithm/backend.hpp"
#include "grid/grid_steps.hpp"
#include "grid/machine.hpp"

namespace equiload {

struct Listed {  // scenarios, on the machine
    const int* list = nullptr;
    long size = 0;
};

template <Machine M>
class GridLists {
 public:
    template <class Number>
    using Array = typename M::template Array<Number>;

    GridLists(M& machine, std::size_t scenarios) : machine_(machine), scenarios_(scenarios) {}

    // ---- before there is memory: the sums that will be asked for, rows of [items][inner] each

    // Of parts().
    void expect(std::size_t rows, std::size_t items, std::size_t inner) {
        parts_needed_ = std::max(parts_needed_, rows * items * inner);
        expect_groups(rows, items, inner);
    }
    // Of numbers elsewhere, into parts().
    void expect_into_parts(std::size_t rows, std::size_t items, std::size_t inner) {
        parts_needed_ = std::max(parts_needed_, rows * inner);
        expect_groups(rows, items, inner);
    }

    // visit(array, count) for all of it that lives on the machine.
    template <class Visit>
    void each_array(Visit visit) {
        visit(shown_, scenarios_), visit(parts_, parts_needed_);
        for (Array<double>& array : partial_) visit(array, partial_needed_);
    }

    // ---- lists

    // The list on the machine. It stays there until another one is shown.
    Listed show(List list) { return show(list, shown_); }
    Listed show(List list, Array<int>& there) {
        machine_.upload(there.data(), list.data(), list.size());
        machine_.synchronise();
        return {there.data(), static_cast<long>(list.size())};
    }

    // ---- sums

    // What a launch leaves for the sum that follows it.
    double* parts() const { return parts_.data(); }

    // Whether rows of scenarios are packed (null), or each in its scenario's own place.
    struct Ends {
        const int *from, *to;
    };

    // [place][outer][items][inner] -> [scenario][outer][inner]
    void sum(Listed there, const double* values, double* sums, long outer, int items, long inner) {
        sum(there, values, sums, outer, items, inner, {nullptr, there.list});
    }
    void sum(Listed there, const double* values, double* sums, long outer, int items, long inner, Ends ends) {
        for (int stage = 0;; ++stage) {
            const int count = static_cast<int>(groups(static_cast<std::size_t>(items)));
            double* const to = count == 1 ? sums : partial_[stage % 2].data();
            machine_.for_each(there.size * outer * count * inner,
                              grid::SumItems{values, to, items, count, inner, outer, ends.from,
                                             count == 1 ? ends.to : nullptr});
            if (count == 1) return;
            values = to, items = count, ends.from = nullptr;
        }
    }

 private:
    static std::size_t groups(std::size_t items) {
        return std::max<std::size_t>(1, (items + grid::SumItems::group - 1) / grid::SumItems::group);
    }
    void expect_groups(std::size_t rows, std::size_t items, std::size_t inner) {
        if (groups(items) > 1) partial_needed_ = std::max(partial_needed_, rows * groups(items) * inner);
    }

    M& machine_;
    const std::size_t scenarios_;
    std::size_t parts_needed_ = 0, partial_needed_ = 0;
    Array<int> shown_;
    Array<double> parts_;
    std::array<Array<double>, 2> partial_;
};

}  // namespace equiload
