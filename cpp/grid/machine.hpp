// What the grid back end asks of a machine that runs many threads at a time.
//
// Work is a launch of `count` items, functor(n) for n = 0 .. count-1, in any order and at the same time: no
// item may read what another writes. Or an item is the work of a group of threads (equiload/group.hpp), where
// it has many steps that each need those before. Launches and copies run one after the other, but later than
// they are called: what they touch on the host must stay as it is until `synchronise`.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>

#include "algorithm/group.hpp"
#include "algorithm/pack.hpp"
#include "core/error.hpp"

namespace equiload {

// An item's scratch: numbers `stride` apart, so that those of neighbouring items are neighbours.
struct Scratch {
    Lane* first;
    long stride;

    EQUILOAD_HD Lane& operator[](int k) const { return first[k * stride]; }
};

// Stands for any functor.
struct Launch {
    void operator()() const {}
    EQUILOAD_HD void operator()(long) const {}
    EQUILOAD_HD void operator()(long, Scratch) const {}
    template <Group G>
    EQUILOAD_HD void operator()(long, const G&, int) const {}
};

template <class M>
concept Machine =
    requires(M m, std::size_t count, double* there, double* here, const double* from, const int* indices,
             int* indices_there, Launch launch, typename M::Sequence sequence) {
        // Enough items to keep all of the machine at work; arrays are rounded up to `alignment` bytes.
        { M::enough_items } -> std::convertible_to<std::size_t>;
        { M::alignment } -> std::convertible_to<std::size_t>;
        { M::few_members } -> std::convertible_to<int>;
        { M::many_members } -> std::convertible_to<int>;

        // Before anything is made: room for so many bytes, and for items with so many numbers of scratch.
        // Throws OutOfDeviceMemory, saying how many bytes are needed in all, where there is none.
        m.reserve(count, int{});
        // Storage with data() and size(), its values undefined: on the machine, or of the host and good for
        // copies. The machine owns it.
        { m.template make<double>(count) } -> std::same_as<typename M::template Array<double>>;
        { m.template make_staging<double>(count) } -> std::same_as<typename M::template Staging<double>>;

        m.upload(there, from, count);
        m.upload(indices_there, indices, count);
        m.download(here, from, count);
        m.copy(there, from, count);  // both on the machine

        m.for_each(long{}, launch);         // functor(n)
        m.for_each(long{}, int{}, launch);  // functor(n, scratch), each item with so many numbers of scratch
        // functor(n, group, place): a group does an item together, with about so many members: a machine may
        // take others, and says what it likes for short work and for long. `place` < places() of this functor
        // and < count numbers the groups at work at the same time, so that each has scratch of its own, in
        // which it finds what the item before has left; a place does its items one after the other. Which
        // items those are may not matter to what they compute.
        m.template for_each_group<M::few_members>(long{}, launch);
        { m.template places<M::few_members, Launch>() } -> std::same_as<int>;

        // All that body() calls, to be run as often as wanted with the arguments that it had. Nothing where
        // the machine could not record it this time: it has to run as it comes.
        { m.record(launch) } -> std::same_as<std::optional<typename M::Sequence>>;
        m.replay(sequence);
        m.synchronise();
    };

}  // namespace equiload
