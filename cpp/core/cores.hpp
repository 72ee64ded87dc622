// How many cores a solve may take.
#pragma once

#include <string>

namespace equiload {

// Cores that this process may use: its affinity, and on Linux the CPU quota of its control groups, as
// containers and batch systems set it. The quota is read once.
int usable_cores();

// Cores that a quota grants, rounded up: the smallest of the process's control group and those above it, in
// version 1 or 2, in the file system below `root` ("" for that of the machine). 0 where there is no quota.
int quota_cores(const std::string& root);

}  // namespace equiload
