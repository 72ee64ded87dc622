// Every setting with its default, unit and range in its own line; one validator.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/range.hpp"

namespace equiload {

// What there is to choose from. Of devices also cuda:N.
inline constexpr std::array devices{"auto", "cpu", "reference", "cuda"};
inline constexpr std::array methods{"auto", "barrier", "first-order"};
inline constexpr std::array precisions{"double", "mixed"};  // mixed: what there is of every arc is single

struct Settings {
    double tol = 1e-6;  // certified relative gap asked for
    static constexpr Range tols{Range::above_zero, Range::below_one, "it must be above 0 and below 1"};
    std::int64_t max_iterations = 1'000'000;
    static constexpr Range iteration_counts{1, Range::finite, "it must be a whole number of at least 1"};
    double time_limit = Range::infinite;  // seconds
    static constexpr Range time_limits{Range::above_zero, Range::infinite,
                                       "it must be a number of seconds above 0"};
    int threads = 0;  // 0: every core that the process may use
    static constexpr Range thread_counts{1, Range::finite, "it must be a whole number of at least 1"};
    std::string device = "auto";
    std::string method = "auto";
    std::string precision = "double";
    std::string instructions = "auto";  // auto | baseline | avx2 | avx512 (CPU back end)
    // cudaStream_t that device work is ordered with; 0: one of its own, or for a problem on a device the
    // default stream
    std::uintptr_t stream = 0;

    // The device's ordinal; -1 where `device` is no CUDA device.
    int cuda_ordinal() const;
    void validate() const;  // throws InputError naming the field
};

}  // namespace equiload
