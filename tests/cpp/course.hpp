// Two back ends on the same course: the same start, the same equity prices, pass after pass.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "algorithm/run.hpp"
#include "grid/device_solve.hpp"
#include "host/block_backend.hpp"
#include "host/dispatch.hpp"
#include "support.hpp"

namespace equiload::test {

using Values = std::vector<double>;

inline const KernelPair& reference() {
    Settings settings;
    settings.device = "reference";
    return choose_kernels(settings).blocks;
}

// The largest difference relative to the largest entry, but for a share of the entries.
inline double distance(std::span<const double> a, std::span<const double> b, double share = 0.0) {
    REQUIRE(a.size() == b.size());
    double scale = 1e-300;
    bool finite = true;
    Values apart;
    for (std::size_t k = 0; k < a.size(); ++k) {
        scale = std::max(scale, std::abs(b[k]));
        finite = finite && std::isfinite(a[k]);
        apart.push_back(std::abs(a[k] - b[k]));
    }
    CHECK(finite);
    if (apart.empty()) return 0;
    const auto worst = apart.end() - 1 - static_cast<long>(share * static_cast<double>(apart.size() - 1));
    std::nth_element(apart.begin(), worst, apart.end());
    return *worst / scale;
}

// The weight of a slot that has just converged follows the last bits, which this seed avoids.
inline constexpr std::uint64_t seed_of_slots = 40;

// What a back end returns over some iterations, at the equity prices that the first one leads to.
struct Course {
    std::vector<Values> lambdas, burdens;
    Values x_plus, v_plus;
    double restarts = 0;
    std::size_t gradient = 0;  // entries of a burden before its curvatures

    // The curvature of a cell that stands empty at its own cost depends on the last bit.
    double far_from(const Course& other) const {
        REQUIRE(burdens.size() == other.burdens.size());
        double worst = std::max(distance(x_plus, other.x_plus), distance(v_plus, other.v_plus));
        for (std::size_t k = 0; k < burdens.size(); ++k) {
            const std::span<const double> own(burdens[k]), others(other.burdens[k]);
            worst = std::max(worst, distance(own.first(gradient), others.first(gradient)));
            worst = std::max(worst, distance(own.subspan(gradient), others.subspan(gradient), 0.05));
        }
        return worst;
    }
};

inline Tuning eager() {  // restarts early and often
    Tuning tuning;
    tuning.sufficient = 0.7, tuning.artificial = 0.3;
    return tuning;
}

// body(world) for worlds of so many slots, with and without delays, quadratic costs and footprints.
template <class Body>
void each_kind(std::initializer_list<std::size_t> slots_each, Body body) {
    for (std::size_t slots : slots_each)
        for (bool delays : {false, true})
            for (std::size_t footprints : {0, 1, 3}) {
                CAPTURE(slots);
                CAPTURE(delays);
                CAPTURE(footprints);
                Shape shape;
                shape.slots = slots, shape.delays = delays, shape.footprints = footprints;
                shape.quadratic = footprints != 1;
                body(random_world(shape, seed_of_slots + slots));
            }
}

struct Setting {
    World world;
    Problem original = world.view();
    Scenario scenario{&original, {}};
    Run run{scenario};
    const Problem& problem = run.reduced;  // a device sees no others
    Team team{1};
    EquityProx& equity = run.equity;
    Values x, v;

    explicit Setting(World from) : world(std::move(from)) {
        Random random(7);
        v = uniforms(random, problem.slots * problem.sites, 0.0, 60.0);
        x.assign(problem.slots * problem.arcs, 0.0);  // nothing past the horizon, as repair leaves it
        for (std::size_t t = 0; t < problem.slots; ++t)
            for (std::size_t a = 0; a < problem.arcs; ++a)
                if (t + static_cast<std::size_t>(problem.arc_delay[a]) < problem.slots)
                    x[t * problem.arcs + a] = uniform(random, 0.0, 3.0);
    }
    Setting(const Setting&) = delete;

    template <class B>
    void start(B& backend, const Values& lambda) {
        if constexpr (requires { backend.start(x, v, lambda, 0.0); })
            backend.start(x, v, lambda, 0);
        else
            backend.start(x.data(), v.data(), lambda, 0);
    }

    // Iterations 1 .. count as the main loop asks for them; `lambdas` are followed or, if empty, found.
    template <class B>
    Course play(B& backend, int count, const std::vector<Values>& lambdas = {}) {
        Course course;
        course.gradient = equity.site_prices().size();
        const auto next = [&](std::span<const double> burden) {
            course.burdens.emplace_back(burden.begin(), burden.end());
            if (lambdas.empty()) equity.step(burden);
            course.lambdas.push_back(lambdas.empty() ? equity.site_prices() : lambdas[course.lambdas.size()]);
        };
        const Values first = EquityProx(problem).site_prices();
        start(backend, first);
        next(backend.begin(first));
        for (int k = 1; k <= count; ++k) {
            Pass pass;
            pass.decide = k % 4 == 0, pass.measure = (k + 1) % 4 == 0, pass.keep = k == count || k == 6;
            pass.iteration = k;
            next(backend.iterate(course.lambdas.back(), pass));
            if (k % 5 == 0) next(backend.burden(course.lambdas.back()));
        }
        course.x_plus.resize(x.size()), course.v_plus.resize(v.size());
        backend.candidate(course.lambdas.back(), course.x_plus.data(), course.v_plus.data());
        course.restarts = backend.restarts();
        return course;
    }
};

// The passes of one scenario on a device, made by make(scenarios), at equity prices from outside.
class Passes {
 public:
    template <class Make>
    Passes(Setting& setting, Make make) : run_(&setting.run), device_(make(Runs(&run_, 1))) {}

    void start(const Values& x, const Values& v, std::span<const double> lambda, double iteration) {
        device_->candidates().set_allocation(0, x), device_->candidates().set_prices(0, v);
        device_->set_site_prices(0, lambda);
        device_->iteration().work_on(only_, {});
        device_->set_iteration(iteration);
        device_->iteration().start(only_);
    }
    std::span<const double> begin(std::span<const double>) { return totals(); }  // it has started with it
    std::span<const double> iterate(std::span<const double> lambda, const Pass& pass) {
        device_->set_site_prices(0, lambda);
        device_->set_iteration(pass.iteration);
        device_->passes(pass);
        return totals();
    }
    std::span<const double> burden(std::span<const double> lambda) {
        device_->set_site_prices(0, lambda);
        device_->burden();
        return totals();
    }
    void candidate(std::span<const double> lambda, double* x_plus, double* v_plus) {
        device_->set_site_prices(0, lambda);
        device_->iteration().candidate(only_);
        device_->read_candidate(0, x_plus, v_plus);
    }
    double restarts() { return device_->iteration().restarts(0); }

 private:
    std::span<const double> totals() { return totals_ = device_->totals(0); }

    const std::vector<int> only_{0};
    Run* run_;
    std::unique_ptr<DeviceBackend> device_;
    Values totals_;
};

}  // namespace equiload::test
