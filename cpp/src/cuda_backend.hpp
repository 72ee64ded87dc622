// The back end for a CUDA device, or for builds without CUDA the error that says so.
#pragma once

#include <memory>

#include "equiload/algorithm/equity_prox.hpp"
#include "equiload/backend.hpp"
#include "equiload/settings.hpp"
#include "equiload/team.hpp"

namespace equiload {

// Throws std::runtime_error naming what the device could not do. The team moves data to and from it.
std::unique_ptr<AnyBackend> make_cuda_backend(const Problem& problem, const EquityProx& equity, Team& team,
                                              const Tuning& tuning, const Settings& settings, int ordinal);

}  // namespace equiload
