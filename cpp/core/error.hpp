// What misuse raises.
#pragma once

#include <stdexcept>

namespace equiload {

// One line that names the field and, where there are some, the slot, the site, the gateway or the arc.
struct InputError : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

}  // namespace equiload
