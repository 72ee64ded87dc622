// Groups of threads on the host: meetings, reductions, and what the machine for tests finds fault with.
#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include "fibers.hpp"
#include "group_work.hpp"
#include "host_machine.hpp"

namespace equiload::test {
namespace {

TEST_CASE("groups: every member gets the same bits, whatever comes first") {
    for (int members : {1, 2, 5, 31, 32, 33, 257}) {
        CAPTURE(members);
        std::vector<double> own(static_cast<std::size_t>(members)), sums(own), least(own), most(own);
        for (std::size_t k = 0; k < own.size(); ++k) own[k] = 1.0 / static_cast<double>(k + 3);
        run_group(members, [&](const FiberGroup& group) {
            const auto k = static_cast<std::size_t>(group.rank());
            CHECK(group.size() == members);
            for (int time = 0; time < 7; ++time) sums[k] = group.sum(own[k]);
            least[k] = group.least(own[k]);
            most[k] = group.most(own[k]);
            const Two both = group.sum(Two{own[k], -own[k]}), ends = group.most(Two{own[k], -own[k]});
            CHECK(both.first == sums[k]);
            CHECK(both.second == -sums[k]);
            CHECK(ends.first == most[k]);
            CHECK(ends.second == -least[k]);
            CHECK(group.foremost(members - group.rank()) == 1);
            const Found found = group.foremost(Found{own[k] > 0.2 ? 7.0 : 6.0, members - group.rank()});
            CHECK(found.value == (members > 2 ? 6.0 : 7.0));
            CHECK(found.place == 1);
        });
        double sum = 0;
        for (double value : own) sum += value;
        for (std::size_t k = 0; k < own.size(); ++k) {
            CHECK(sums[k] == sum);  // added up in the order of the members
            CHECK(least[k] == own.back());
            CHECK(most[k] == own.front());
        }
    }
}

TEST_CASE("groups: zeros of both signs and NaN have one answer, too") {
    for (double other : {-0.0, std::nan("")}) {
        std::vector<double> least(5);
        run_group(5, [&](const FiberGroup& group) {
            least[static_cast<std::size_t>(group.rank())] = group.least(group.rank() % 2 == 0 ? 0.0 : other);
        });
        for (double value : least) CHECK(std::memcmp(&value, &least[0], sizeof value) == 0);
    }
}

TEST_CASE("groups: what was written before a meeting is read after it") {
    std::vector<int> steps(9, 0);
    run_group(9, [&](const FiberGroup& group) {
        for (int step = 1; step < 50; ++step) {
            ++steps[static_cast<std::size_t>(group.rank())];
            group.sync();
            for (int done : steps) CHECK(done == step);
            group.sync();
        }
    });
}

TEST_CASE("groups: members that part are told where") {
    const auto leaves = [](const FiberGroup& group) { Part()(0, group, 0); };
    CHECK_THROWS_WITH_AS(run_group(5, leaves), doctest::Contains("members of a group parted: some wait at "),
                         std::logic_error);
    CHECK_THROWS_WITH_AS(run_group(5, leaves), doctest::Contains(", the others have ended"),
                         std::logic_error);
    const auto mixes = [](const FiberGroup& group) {
        if (group.rank() == 3)
            group.sync();
        else
            group.sum(1.0);
    };
    CHECK_THROWS_WITH_AS(run_group(5, mixes), doctest::Contains(", others at "), std::logic_error);
}

TEST_CASE("groups: an exception ends all members, and the fibers go on") {
    Fibers fibers;
    for (int time = 0; time < 20; ++time) {
        Gathering shared(7);
        const auto alive = std::make_shared<int>(0);
        const auto body = [&](int rank) {
            const FiberGroup group(shared, rank);
            const std::shared_ptr<int> held = alive;
            group.sync();
            if (rank == time % 7) throw std::runtime_error("a member's");
            for (;;) group.sync();
        };
        CHECK_THROWS_WITH_AS(fibers.run(7, body), "a member's", std::runtime_error);
        CHECK(alive.use_count() == 1);
    }
    int done = 0;
    fibers.run(1000, [&](int) { ++done; });  // none waits
    CHECK(done == 1000);
}

TEST_CASE("groups: a machine does every item, and a place one after the other") {
    for (long count : {0, 1, 2, 3, 4, 10}) {
        CAPTURE(count);
        constexpr int length = 23;
        HostMachine machine;
        machine.reserve(1 << 16, 0);
        auto scratch = machine.make<double>(static_cast<std::size_t>(HostMachine::at_work * length));
        auto reversed = machine.make<double>(static_cast<std::size_t>(count * length));
        auto copied = machine.make<double>(reversed.size());
        machine.for_each_group<64>(count, Reverse{length, scratch.data(), reversed.data()});
        machine.copy(copied.data(), reversed.data(), copied.size());
        machine.synchronise();
        bool right = true;
        for (long n = 0; n < count; ++n)
            for (int k = 0; k < length; ++k)
                right = right && copied.data()[n * length + k] == static_cast<double>(n + length - 1 - k);
        CHECK(right);
    }
}

TEST_CASE("groups: a machine's reductions") {
    constexpr int length = 40, members = 5, items = 7;
    HostMachine machine;
    machine.reserve(1 << 16, 0);
    auto values = machine.make<double>(items * length), seen = machine.make<double>(items * members),
         found = machine.make<double>(items * members * Reduce::results);
    for (int k = 0; k < items * length; ++k) values.data()[k] = k;
    machine.for_each_group<32>(items, Reduce{length, members, values.data(), seen.data(), found.data()});
    machine.synchronise();
    for (int n = 0; n < items; ++n)
        for (int member = 0; member < members; ++member) {
            const double* own = found.data() + (n * members + member) * Reduce::results;
            CHECK(own[0] == n * length * length + length * (length - 1) / 2);
            CHECK(own[1] == n * length);
            CHECK(own[2] == n * length + length - 1);
            CHECK(own[3] == members);
            CHECK(own[4] == members);
        }
}

struct Throw {
    template <Group G>
    void operator()(long n, const G& group, int) const {
        group.sync();
        if (n == 4 && group.rank() == 2) throw std::runtime_error("item 4's");
    }
};

TEST_CASE("groups: a machine finds races, members that part, and exceptions") {
    HostMachine machine;
    machine.reserve(1 << 12, 0);
    constexpr int length = 23;
    auto scratch = machine.make<double>(3 * length), reversed = machine.make<double>(6 * length);
    machine.for_each_group<32>(6, Reverse{length, scratch.data(), reversed.data(), false});
    CHECK_THROWS_WITH_AS(machine.synchronise(), doctest::Contains("depends on the order"), std::logic_error);
    machine.for_each_group<32>(6, Part{});
    CHECK_THROWS_WITH_AS(machine.synchronise(), doctest::Contains("members of a group parted"),
                         std::logic_error);
    machine.for_each_group<32>(6, Throw{});
    CHECK_THROWS_WITH_AS(machine.synchronise(), "item 4's", std::runtime_error);
}

}  // namespace
}  // namespace equiload::test
