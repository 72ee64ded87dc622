// When to stop: a pure function of the criteria and of what has been certified so far.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "core/solution.hpp"

namespace equiload {

struct Criteria {
    double tol;
    std::int64_t max_iterations;
    double time_limit;
};

struct Statistics {
    std::int64_t iterations = 0;
    double seconds = 0;
    double objective = std::numeric_limits<double>::infinity();
    double lower_bound = -std::numeric_limits<double>::infinity();
    bool asked_to_stop = false;
};

// The status to stop with, or nothing to go on. Optimality wins over every limit.
inline std::optional<Status> termination(const Criteria& criteria, const Statistics& now) {
    const bool usable = now.objective < std::numeric_limits<double>::infinity();
    if (usable && relative_gap(now.objective, now.lower_bound) <= criteria.tol) return Status::optimal;
    if (now.asked_to_stop) return usable ? Status::interrupted : Status::unsolved;
    if (now.iterations >= criteria.max_iterations || now.seconds >= criteria.time_limit)
        return usable ? Status::feasible : Status::unsolved;
    return std::nullopt;
}

}  // namespace equiload
