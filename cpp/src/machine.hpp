// What the grid back end asks of a machine that runs many threads at a time.
//
// Work is a launch of `count` items, functor(n) for n = 0 .. count-1, in any order and at the same time: no
// item may read what another writes. Launches, uploads and downloads run one after the other, but later than
// they are called: what they touch on the host must stay as it is until `synchronise`.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>

#include "equiload/pack.hpp"

namespace equiload {

// An item's scratch: numbers `stride` apart, so that those of neighbouring items are neighbours.
struct Scratch {
    Lane* first;
    long stride;

    EQUILOAD_HD Lane& operator[](int k) const { return first[k * stride]; }
};

// Stands for any functor.
struct Launch {
    EQUILOAD_HD void operator()(long) const {}
    EQUILOAD_HD void operator()(long, Scratch) const {}
};

template <class M>
concept Machine =
    requires(M m, std::size_t count, double* on_machine, double* on_host, const double* from,
             const int* indices, int* indices_on_machine, Launch launch, typename M::Sequence sequence) {
        // Owning storage with data() and size(), its values undefined: for the machine, or for both sides.
        typename M::template Array<double>;
        typename M::template Staging<double>;
        { m.template make<float>(count) } -> std::same_as<typename M::template Array<float>>;
        { m.template make_staging<double>(count) } -> std::same_as<typename M::template Staging<double>>;
        // Throws unless so much memory is free.
        { m.require(count) };

        { m.upload(on_machine, from, count) };
        { m.upload(indices_on_machine, indices, count) };
        { m.download(on_host, from, count) };

        { m.for_each(long{}, launch) };
        {
            m.for_each(long{}, int{}, launch)
        };  // functor(n, scratch): each item with so many numbers of scratch

        // Everything that body() calls, to be run as often as wanted with the arguments that it has now.
        {
            m.record([] {})
        } -> std::same_as<typename M::Sequence>;
        { m.replay(sequence) };
        { m.synchronise() };
        { m.name() } -> std::convertible_to<std::string>;
    };

}  // namespace equiload
