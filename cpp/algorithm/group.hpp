// Threads that do one piece of work together. Each member runs the same text, takes every size()-th item from
// rank() on, and meets the others in sync() and in the reductions, which every member must reach alike. What
// one member has written others may read after that. A reduction gives all members the same bits.
#pragma once

#include <concepts>

#include "core/portable.hpp"

namespace equiload {

template <class G>
concept Group = requires(const G g, double own) {
    { g.rank() } -> std::same_as<int>;
    { g.size() } -> std::same_as<int>;
    g.sync();
    { g.sum(own) } -> std::same_as<double>;
    { g.least(own) } -> std::same_as<double>;
    { g.most(own) } -> std::same_as<double>;
};

// One thread by itself.
struct Solo {
    EQUILOAD_HD int rank() const { return 0; }
    EQUILOAD_HD int size() const { return 1; }
    EQUILOAD_HD void sync() const {}
    EQUILOAD_HD double sum(double own) const { return own; }
    EQUILOAD_HD double least(double own) const { return own; }
    EQUILOAD_HD double most(double own) const { return own; }
};
static_assert(Group<Solo>);

}  // namespace equiload
