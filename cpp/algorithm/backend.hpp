// What the algorithm asks of a machine. A back end owns the iterate and the data in its own layout; the
// algorithm sees whole passes over the horizon and never a thread, a block or a kernel.
#pragma once

#include <concepts>
#include <span>
#include <string>

#include "algorithm/steps.hpp"

namespace equiload {

template <class B>
concept Backend =
    requires(B b, std::span<const double> lambda, const Pass& pass, double* out, const double* in) {
        // Sets the iterate and its anchors to (x, v), both (T, ..) row-major; the first weights from the
        // arcs' costs at `lambda`. So many iterations are done.
        { b.start(in, in, lambda, double{}) };
        // The first arc pass, and the burden at `lambda`: [E_1 .. E_R, H_11, H_21, H_22, ..][site].
        { b.begin(lambda) } -> std::same_as<std::span<const double>>;
        // Finishes an iteration with the site pass at `lambda`, restarts the slots that are due, starts the
        // next one with its arc pass, and returns the burden at `lambda`.
        { b.iterate(lambda, pass) } -> std::same_as<std::span<const double>>;
        // The burden of the present point at another `lambda`.
        { b.burden(lambda) } -> std::same_as<std::span<const double>>;
        // T(z): x+ (T, A), kept by a pass that was asked to, and v+ (T, I) at `lambda`.
        { b.candidate(lambda, out, out) };
        { b.restarts() } -> std::same_as<double>;
        { b.name() } -> std::convertible_to<std::string>;
    };

}  // namespace equiload
