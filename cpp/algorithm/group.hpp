// Threads that do one piece of work together. Each member runs the same text, takes every size()-th item from
// rank() on, and meets the others in sync() and in the reductions, which every member must reach alike. What
// one member has written others may read after that. A reduction gives all members the same bits.
#pragma once

#include <concepts>

#include "core/portable.hpp"

namespace equiload {

// Two numbers that are reduced at once, each by itself: members meet once for both.
struct Two {
    double first, second;
};

// A value, and at which of all places it was found.
struct Found {
    double value;
    int place;

    EQUILOAD_HD bool before(const Found& other) const {
        return value < other.value || (value == other.value && place < other.place);
    }
};

template <class G>
concept Group = requires(const G g, double own, Two both, Found found, int place) {
    { g.rank() } -> std::same_as<int>;
    { g.size() } -> std::same_as<int>;
    g.sync();
    { g.sum(own) } -> std::same_as<double>;
    { g.sum(both) } -> std::same_as<Two>;
    { g.least(own) } -> std::same_as<double>;
    { g.most(own) } -> std::same_as<double>;
    { g.most(both) } -> std::same_as<Two>;
    { g.foremost(place) } -> std::same_as<int>;    // the least of the members' places
    { g.foremost(found) } -> std::same_as<Found>;  // the least value, at the least place that has it
};

// One thread by itself.
struct Solo {
    EQUILOAD_HD int rank() const { return 0; }
    EQUILOAD_HD int size() const { return 1; }
    EQUILOAD_HD void sync() const {}
    EQUILOAD_HD double sum(double own) const { return own; }
    EQUILOAD_HD Two sum(Two own) const { return own; }
    EQUILOAD_HD double least(double own) const { return own; }
    EQUILOAD_HD double most(double own) const { return own; }
    EQUILOAD_HD Two most(Two own) const { return own; }
    EQUILOAD_HD int foremost(int own) const { return own; }
    EQUILOAD_HD Found foremost(Found own) const { return own; }
};
static_assert(Group<Solo>);

}  // namespace equiload
