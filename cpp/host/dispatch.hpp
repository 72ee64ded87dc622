// Chooses the kernels of a solve.
#pragma once

#include <string>
#include <vector>

#include "barrier/barrier_steps.hpp"
#include "core/settings.hpp"
#include "host/blocks.hpp"

namespace equiload {

// Both methods' kernels for one instruction set.
struct Kernels {
    const KernelPair& blocks;
    const BarrierKernels& barrier;
};

Kernels choose_kernels(const Settings& settings);
std::string best_instructions();  // of this machine and this build
std::vector<std::string> built_instructions();

}  // namespace equiload
