// Work for groups of threads, to be tested on several machines.
#pragma once

#include "algorithm/group.hpp"
#include "core/portable.hpp"

namespace equiload::test {

// Item n reverses n, n + 1, ... : what one member writes in the scratch of the place another one reads.
struct Reverse {
    int length;
    double* scratch;   // [place][length]
    double* reversed;  // [n][length]
    bool meet = true;

    template <Group G>
    EQUILOAD_HD void operator()(long n, const G& group, int place) const {
        double* const own = scratch + static_cast<long>(place) * length;
        for (int k = group.rank(); k < length; k += group.size()) own[k] = static_cast<double>(n + k);
        if (meet) group.sync();
        for (int k = group.rank(); k < length; k += group.size())
            reversed[n * length + k] = own[length - 1 - k];
    }
};

// The reductions of an item's values, as each member gets them, the members' number, and how many of them
// have seen what all others wrote before.
struct Reduce {
    static constexpr int results = 5;
    int length, most_members;
    const double* values;  // [n][length]
    double* seen;          // [n][member]
    double* found;         // [n][member][sum, least, most, members, others seen]

    template <Group G>
    EQUILOAD_HD void operator()(long n, const G& group, int) const {
        double* const own = found + (n * most_members + group.rank()) * results;
        double* const marks = seen + n * most_members;
        double sum = 0, least = values[n * length + group.rank() % length], most = least;
        for (int k = group.rank(); k < length; k += group.size()) {
            const double value = values[n * length + k];
            sum += value, least = value < least ? value : least, most = most < value ? value : most;
        }
        marks[group.rank()] = 1;
        own[0] = group.sum(sum);
        own[4] = 0;
        for (int member = 0; member < group.size(); ++member) own[4] += marks[member];
        own[1] = group.least(least), own[2] = group.most(most), own[3] = group.size();
    }
};

// The first member leaves the others alone.
struct Part {
    template <Group G>
    EQUILOAD_HD void operator()(long, const G& group, int) const {
        if (group.rank() > 0) group.sync();
    }
};

}  // namespace equiload::test
