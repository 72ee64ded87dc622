// What a method is to the main loop: it proposes candidates, and says when one is worth a check.
#pragma once

#include <cstdint>
#include <vector>

#include "algorithm/backend.hpp"

namespace equiload {

class Method {
 public:
    // Scenarios whose candidate is worth a check, and those whose caller shall hear of the iteration, these
    // included.
    struct Turn {
        std::vector<int> due, heard;
    };

    virtual ~Method() = default;
    virtual const char* name() const = 0;  // as a solution tells it

    virtual void start(List scenarios) = 0;
    // The iteration of that number; with `last` every scenario is due.
    virtual Turn iterate(List scenarios, std::int64_t iteration, bool last) = 0;
    virtual void propose(List scenarios) = 0;                        // their candidates, to be examined
    virtual void checked(int scenario, std::int64_t iteration) = 0;  // the run's standing is up to date
    // Rounding has ended the progress of this one: another method may go on.
    virtual bool spent(int scenario) const = 0;
};

}  // namespace equiload
