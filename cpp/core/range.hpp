// What a number may be: kept here alone, checked by the core and by whoever asks it.
#pragma once

#include <limits>
#include <string>

#include "core/error.hpp"

namespace equiload {

struct Range {
    double least = std::numeric_limits<double>::lowest(), most = std::numeric_limits<double>::max();
    const char* rule = "it must be finite";

    // Ends that do not belong to it.
    static constexpr double above_zero = std::numeric_limits<double>::denorm_min();
    static constexpr double above_one = 1 + std::numeric_limits<double>::epsilon();
    static constexpr double below_one = 1 - std::numeric_limits<double>::epsilon() / 2;
    static constexpr double finite = std::numeric_limits<double>::max();
    static constexpr double infinite = std::numeric_limits<double>::infinity();

    constexpr bool holds(double value) const { return least <= value && value <= most; }
    // Throws InputError naming the field.
    void require(const std::string& field, double value) const {
        if (!holds(value)) throw InputError(field + " is " + std::to_string(value) + "; " + rule);
    }
};

}  // namespace equiload
