// Two back ends on the same course: the same start, the same equity prices, pass after pass.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "block_backend.hpp"
#include "dispatch.hpp"
#include "equiload/backend.hpp"
#include "support.hpp"

namespace equiload::test {

using Values = std::vector<double>;

inline const KernelPair& reference() {
    Settings settings;
    settings.device = "reference";
    return choose_kernels(settings).blocks;
}

inline double distance(std::span<const double> a, std::span<const double> b) {
    REQUIRE(a.size() == b.size());
    double scale = 1e-300, worst = 0;
    for (double value : b) scale = std::max(scale, std::abs(value));
    for (std::size_t k = 0; k < a.size(); ++k)
        worst = a[k] == b[k] ? worst : std::max(worst, std::abs(a[k] - b[k]) / scale);
    bool finite = true;
    for (double value : a) finite = finite && std::isfinite(value);
    CHECK(finite);
    return worst;
}

// What a back end returns over some iterations, at the equity prices that the first one leads to.
struct Course {
    std::vector<Values> lambdas, burdens;
    Values x_plus, v_plus;
    double restarts = 0;

    double far_from(const Course& other) const {
        REQUIRE(burdens.size() == other.burdens.size());
        double worst = std::max(distance(x_plus, other.x_plus), distance(v_plus, other.v_plus));
        for (std::size_t k = 0; k < burdens.size(); ++k)
            worst = std::max(worst, distance(burdens[k], other.burdens[k]));
        return worst;
    }
};

inline Tuning eager() {  // restarts early and often
    Tuning tuning;
    tuning.sufficient = 0.7, tuning.artificial = 0.3;
    return tuning;
}

struct Setting {
    World world;
    Problem problem = world.view();
    Team team{1};
    EquityProx equity{problem};
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

    // Iterations 1 .. count as the main loop asks for them; `lambdas` are followed or, if empty, found.
    template <Backend B>
    Course play(B& backend, int count, const std::vector<Values>& lambdas = {}) {
        Course course;
        const auto next = [&](std::span<const double> burden) {
            course.burdens.emplace_back(burden.begin(), burden.end());
            if (lambdas.empty()) equity.step(burden);
            course.lambdas.push_back(lambdas.empty() ? equity.site_prices() : lambdas[course.lambdas.size()]);
        };
        const Values first = EquityProx(problem).site_prices();
        backend.start(x.data(), v.data(), first);
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

}  // namespace equiload::test
