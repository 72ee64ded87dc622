// What a solve hands back. Everything below `allocation` is recomputed from the data.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace equiload {

enum class Status { optimal, feasible, interrupted, infeasible, unsolved };

const char* to_string(Status status);

struct Breakdown {
    double energy = 0, arc = 0, quadratic = 0, shed = 0, fixed = 0;
    std::vector<double> equity;  // one entry a footprint

    double total() const {
        double sum = energy + arc + quadratic + shed + fixed;
        for (double e : equity) sum += e;
        return sum;
    }
};

// A point of the dual: a lower bound holds for any of them.
struct Prices {
    std::vector<double> energy;               // (T, I) marginal price of energy v
    std::vector<double> capacity;             // (T, I) u >= 0
    std::vector<std::vector<double>> equity;  // (G_r,) lambda_r
};

// Prices u >= 0 of capacity and lambda >= 0 of budgets at which the work needs more than there is:
//     sum d min_a k (u + sum lambda f)  +  sum lambda h   >   sum u capacity  +  sum lambda B.
struct Infeasibility {
    std::int64_t slot = -1;
    std::vector<int> sites, gateways;
    std::vector<double> prices;               // (T, I) u
    std::vector<std::vector<double>> budget;  // (G_r,) prices of budgets, where the proof needs them
    double energy_needed = 0, energy_available = 0;
};

struct Progress {
    std::int64_t iterations = 0;
    double seconds = 0, objective = 0, lower_bound = 0, gap = 0;
};

// Leaves numbers as memory has them, for tables that are written at once: the threads that write one are then
// the first to touch it.
template <class T>
struct Unzeroed : std::allocator<T> {
    template <class U>
    struct rebind {
        using other = Unzeroed<U>;
    };
    template <class U, class... From>
    void construct(U* at, From&&... from) {
        if constexpr (sizeof...(From) == 0)
            ::new (static_cast<void*>(at)) U;
        else
            ::new (static_cast<void*>(at)) U(std::forward<From>(from)...);
    }
};
using LargeTable = std::vector<double, Unzeroed<double>>;

struct Solution {
    Status status = Status::unsolved;
    // Without an answer nothing is known of what one costs.
    double objective = std::numeric_limits<double>::infinity(), lower_bound = -objective;
    double gap = std::numeric_limits<double>::quiet_NaN();
    LargeTable allocation;          // (T, A)
    std::vector<double> shed;       // (T, J), empty unless work may be shed
    std::vector<double> site_load;  // (T, I)
    Prices prices;
    std::vector<std::vector<double>> totals;  // (G_r,)
    Breakdown breakdown;
    Infeasibility infeasibility;
    std::int64_t iterations = 0, restarts = 0;
    double seconds = 0, setup_seconds = 0;
    std::string device, method;  // method: the one that ended the solve
    int threads = 1;
};

// Returns true to stop.
using Callback = std::function<bool(const Progress&)>;

double relative_gap(double objective, double lower_bound);

}  // namespace equiload
