// Chooses the kernels of a solve.
#pragma once

#include <string>
#include <vector>

#include "equiload/algorithm/blocks.hpp"
#include "equiload/settings.hpp"

namespace equiload {

const BlockKernels& choose_kernels(const Settings& settings);
std::string best_instructions();  // of this machine and this build
std::vector<std::string> built_instructions();

}  // namespace equiload
