// Misuse, and what a device has no room for.
#pragma once

#include <stdexcept>

namespace equiload {

// One line that names the field and, where there are some, the slot, the site, the gateway or the arc.
struct InputError : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

struct OutOfDeviceMemory : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace equiload
