// An equity function that is added by its header and its entry in the list, and nothing else, is solved with.
#include <doctest/doctest.h>

#include <vector>

#include "algorithm/equity.hpp"
#include "solver/solver.hpp"
#include "support.hpp"

namespace equiload::test {
namespace {

TEST_CASE("a function of one's own: half the maximum and half the mean, against those two functions") {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
        CAPTURE(seed);
        Shape shape;
        shape.footprints = 1;
        const World world = random_world(shape, seed);
        Problem problem = world.view();
        Footprint& whole = problem.footprints[0];
        whole.kind = equity_kind("half");
        CHECK(whole.kind == equity_kind_of<HalfEquity>);
        Settings settings;
        settings.tol = 1e-7, settings.threads = 1;
        const Solution own = solve(problem, settings);
        CHECK(own.status == Status::optimal);
        CHECK(own.method == "first-order");  // which needs no more of a dual set than its projection

        Footprint mean = whole;
        whole.kind = equity_kind_of<MaxEquity>, whole.weight /= 2;
        mean.kind = equity_kind_of<SumEquity>,
        mean.weight = whole.weight / static_cast<double>(whole.regions());
        problem.footprints.push_back(mean);
        const Solution two = solve(problem, settings);
        CHECK(own.objective == doctest::Approx(two.objective).epsilon(3e-7));
        for (std::size_t r = 0; r < 2; ++r) CHECK(two.breakdown.equity[r] > 0);
    }
}

}  // namespace
}  // namespace equiload::test
