// A device as a back end. Scenarios of one network live side by side in its memory, each with its data, its
// iterate, a candidate in rows (T, ..) and the best seen so far; a call works on them in the same launches,
// which are queued until something is reported.
#pragma once

#include <span>
#include <vector>

#include "algorithm/backend.hpp"

namespace equiload {

class DeviceBackend {
 public:
    virtual ~DeviceBackend() = default;

    virtual Candidates& candidates() = 0;
    virtual Iteration& iteration() = 0;

    // Of a problem whose fields are on the device: the work of each of the caller's gateways over the
    // horizon.
    virtual std::vector<double> work(int scenario) = 0;

    // ---- pass by pass, to be compared with another back end: an iteration but for its equity step, at
    // equity prices from outside, [footprint][site]
    virtual void set_site_prices(int scenario, std::span<const double> lambda) = 0;
    virtual void set_iteration(double iteration) = 0;  // the one that ends
    virtual void passes(const Pass& pass) = 0;
    virtual void burden() = 0;                             // of the present point
    virtual std::vector<double> totals(int scenario) = 0;  // [E_1 .. E_R, H_11, H_21, H_22, ..][site]
    virtual void read_candidate(int scenario, double* x, double* v) = 0;
};

}  // namespace equiload
