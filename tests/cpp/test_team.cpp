// The team: every piece once, exceptions handed on, no deadlock, whatever the sizes.
#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/cores.hpp"
#include "core/team.hpp"

namespace equiload::test {
namespace {

TEST_CASE("every piece exactly once, call after call") {
    for (int threads : {1, 2, 3, 7}) {
        CAPTURE(threads);
        Team team(threads);
        CHECK(team.size() == threads);
        for (std::size_t call = 0; call < 3000; ++call) {
            const std::size_t pieces =
                call * 7 % (Team::most_pieces + 1);  // up and down: 0, 7, 14, .., 64, ..
            std::vector<int> done(pieces, 0);  // not atomic: a race would be seen by the thread sanitizer
            std::atomic<bool> member_ok = true;
            team.run(pieces, [&](std::size_t piece, int member) {
                ++done[piece];
                if (member < 0 || member >= threads) member_ok = false;
            });
            bool once = true;
            for (int count : done) once = once && count == 1;
            REQUIRE(once);
            REQUIRE(member_ok);
        }
    }
}

TEST_CASE("a call sees what the calls before have written") {
    Team team(4);
    std::vector<double> values(40, 1.0), sums(40);
    for (int call = 0; call < 500; ++call) {
        team.run(40, [&](std::size_t k, int) { sums[k] = values[k] + values[(k + 13) % 40]; });
        team.run(40, [&](std::size_t k, int) { values[k] = 0.5 * sums[(k + 29) % 40]; });
    }
    for (double value : values) CHECK(value == 1.0);
}

TEST_CASE("ranges cover the whole and do not overlap") {
    Team team(3);
    for (std::size_t count : {0, 1, 2, 63, 64, 65, 1000, 4097}) {
        std::vector<int> seen(count, 0);
        team.split(count, [&](std::size_t begin, std::size_t end, int) {
            for (std::size_t k = begin; k < end; ++k) ++seen[k];
        });
        bool once = true;
        for (int s : seen) once = once && s == 1;
        CHECK(once);
    }
}

TEST_CASE("an exception reaches the caller, and the team goes on") {
    for (int threads : {1, 3}) {
        Team team(threads);
        for (std::size_t bad : {0, 5, 31}) {
            const auto work = [&](std::size_t piece, int) {
                if (piece >= bad) throw std::runtime_error("piece");
            };
            CHECK_THROWS_WITH_AS(team.run(32, work), "piece", std::runtime_error);
            std::atomic<int> done = 0;
            team.run(32, [&](std::size_t, int) { ++done; });
            CHECK(done == 32);
        }
    }
}

TEST_CASE("a slow member holds nobody up") {
    // One member is kept in its first piece until all others are done: they must take the pieces of its
    // range.
    Team team(2);
    for (int call = 0; call < 20; ++call) {
        std::atomic<int> done = 0;
        team.run(16, [&](std::size_t piece, int) {
            while (piece == 8 && done < 15) std::this_thread::yield();
            ++done;
        });
        REQUIRE(done == 16);
    }
}

TEST_CASE("teams of several callers do not meet") {
    std::vector<std::thread> callers;
    std::atomic<long> total = 0;
    for (int caller = 0; caller < 4; ++caller)
        callers.emplace_back([&] {
            for (int round = 0; round < 20; ++round) {
                Team team(3);
                for (int call = 0; call < 20; ++call)
                    team.run(10, [&](std::size_t piece, int) { total += static_cast<long>(piece); });
            }
        });
    for (std::thread& caller : callers) caller.join();
    CHECK(total == 4L * 20 * 20 * 45);
}

TEST_CASE("a team is never larger than the number of pieces") {
    Team team(1000);
    CHECK(team.size() == static_cast<int>(Team::most_pieces));
    std::atomic<int> done = 0;
    team.run(Team::most_pieces, [&](std::size_t, int) { ++done; });
    CHECK(done == team.size());
    CHECK(Team(-3).size() == 1);
}

TEST_CASE("what is not told how many threads to take shares the cores") {
    const int all = usable_cores();
    CHECK(all >= 1);
    CHECK(idle_cores() == all);
    const Team one(1);
    CHECK(idle_cores() == all);  // the thread that calls works anyway
    {
        const Team other(all + 3);
        CHECK(idle_cores() == 1);
    }
    CHECK(idle_cores() == all);
}

// A file system with the files of control groups.
class Groups {
 public:
    Groups() { std::filesystem::remove_all(root_); }
    ~Groups() { std::filesystem::remove_all(root_); }
    Groups& file(const std::string& path, const std::string& text) {
        const std::filesystem::path whole = root_ / path;
        std::filesystem::create_directories(whole.parent_path());
        std::ofstream(whole) << text << "\n";
        return *this;
    }
    int cores() const { return quota_cores(root_.string()); }

 private:
    const std::filesystem::path root_ = std::filesystem::temp_directory_path() /
                                        ("equiload-groups-" + std::to_string(std::random_device()()));
};

TEST_CASE("the quota of a control group, version 2") {
    Groups groups;
    CHECK(groups.cores() == 0);
    groups.file("proc/self/cgroup", "0::/jobs/one");
    CHECK(groups.cores() == 0);
    groups.file("sys/fs/cgroup/jobs/one/cpu.max", "max 100000");
    CHECK(groups.cores() == 0);
    groups.file("sys/fs/cgroup/jobs/cpu.max", "350000 100000");
    CHECK(groups.cores() == 4);
    groups.file("sys/fs/cgroup/jobs/one/cpu.max", "20000 100000");
    CHECK(groups.cores() == 1);
}

TEST_CASE("the quota of a control group, version 1, seen from within a container") {
    Groups groups;
    groups.file("proc/self/cgroup", "3:cpuset:/docker/x\n2:cpu,cpuacct:/docker/x\n0::/docker/x");
    groups.file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
    groups.file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
    CHECK(groups.cores() == 0);
    groups.file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000");
    CHECK(groups.cores() == 2);
}

}  // namespace
}  // namespace equiload::test
