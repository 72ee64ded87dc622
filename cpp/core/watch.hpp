// The clock, and what may stop a solve from outside.
#pragma once

#include <chrono>

#include "algorithm/termination.hpp"
#include "core/scenario.hpp"

namespace equiload {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Looks at the clock, the caller's callback and the interrupt on behalf of the loop.
class Watch {
 public:
    Watch(const Control& control, Clock::time_point start, double time_limit)
        : control_(control), start_(start), time_limit_(time_limit) {}

    double seconds() const { return seconds_since(start_); }

    bool operator()(Statistics& now, bool at_check) {
        now.seconds = seconds_since(start_);
        if (control_.interrupt && now.seconds >= next_poll_) {
            next_poll_ = now.seconds + 0.05;
            now.asked_to_stop |= control_.interrupt();
        }
        if (at_check && control_.watch)
            now.asked_to_stop |= control_.watch({now.iterations, now.seconds, now.objective, now.lower_bound,
                                                 relative_gap(now.objective, now.lower_bound)});
        return now.asked_to_stop || now.seconds >= time_limit_;
    }

 private:
    const Control& control_;
    Clock::time_point start_;
    double time_limit_, next_poll_ = 0.05;
};

}  // namespace equiload
