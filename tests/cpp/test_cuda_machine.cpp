// The CUDA machine on a stand-in for the CUDA runtime: what it asks of a device, and that it gives everything
// back whatever fails. The kernels themselves are those of test_grid.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "course.hpp"
#include "cuda_machine.cuh"
#include "grid/grid_backend.hpp"
#include "group_work.hpp"

namespace equiload::test {
namespace {

template <class Stored>
Passes on_device(Setting& setting, int ordinal, std::uintptr_t stream) {
    return Passes(setting, [&](Runs runs) {
        return std::make_unique<GridBackend<CudaMachine, Stored>>(runs, setting.team, eager(), ordinal,
                                                                  stream);
    });
}

// A fresh runtime; at the end nothing may be left of what was made.
struct Runtime {
    Runtime() { fake_cuda::state = {}, fake_cuda::current_device = 0; }
    ~Runtime() { CHECK(fake_cuda::state.empty()); }
    fake_cuda::State* operator->() const { return &fake_cuda::state; }
};

void agrees(Setting& setting, int iterations) {
    const Runtime runtime;
    BlockBackend<double> serial(setting.problem, setting.equity, reference().full, setting.team, eager());
    const Course expected = setting.play(serial, iterations);
    Passes device = on_device<double>(setting, 0, 0);
    const Course found = setting.play(device, iterations, expected.lambdas);
    CHECK(found.far_from(expected) <= 1e-9);
    CHECK(found.restarts == expected.restarts);
}

TEST_CASE("cuda machine: rows in shared memory, and rows too long for it") {
    for (std::size_t arcs_each : {1, 40, 90, 150}) {
        CAPTURE(arcs_each);
        Shape shape;
        shape.slots = 70, shape.gateways = 9, shape.sites = 200, shape.arcs_each = arcs_each;
        Setting setting(random_world(shape, arcs_each));
        agrees(setting, 9);
    }
}

TEST_CASE("cuda machine: delays, and no footprints") {
    for (std::size_t footprints : {0, 2}) {
        Shape shape;
        shape.slots = 40, shape.delays = true, shape.footprints = footprints;
        Setting setting(random_world(shape, 5));
        agrees(setting, 17);
    }
}

// What each member found, [n][member][result], for values that have no short sum.
template <int members>
std::vector<double> reductions(int processors, long count) {
    constexpr int most_members = block_of(members);
    constexpr int length = 700;
    const Runtime runtime;
    runtime->processors = processors;
    CudaMachine machine(0, 0);
    machine.reserve(std::size_t{1} << 26, 0);
    const auto n = static_cast<std::size_t>(count), most = static_cast<std::size_t>(most_members);
    auto values = machine.make<double>(n * length), seen = machine.make<double>(n * most),
         found = machine.make<double>(n * most * Reduce::results),
         copied = machine.make<double>(found.size());
    std::vector<double> data(values.size()), result(found.size());
    for (std::size_t k = 0; k < data.size(); ++k) data[k] = 1.0 / static_cast<double>(k + 1);
    machine.upload(values.data(), data.data(), data.size());
    machine.for_each_group<members>(count,
                                    Reduce{length, most_members, values.data(), seen.data(), found.data()});
    machine.copy(copied.data(), found.data(), found.size());
    machine.download(result.data(), copied.data(), result.size());
    machine.synchronise();
    for (std::size_t item = 0; item < n; ++item) {
        const double* const first = result.data() + item * most * Reduce::results;
        const double* const mine = data.data() + item * length;
        double sum = 0;
        for (int k = 0; k < length; ++k) sum += mine[k];
        CHECK(first[0] == doctest::Approx(sum).epsilon(1e-14));
        CHECK(first[1] == mine[length - 1]);
        CHECK(first[2] == mine[0]);
        CHECK(first[3] == most_members);
        CHECK(first[4] == most_members);  // a reduction is a meeting
        for (std::size_t member = 1; member < most; ++member)
            CHECK(std::memcmp(first, first + member * Reduce::results, sizeof(double[Reduce::results])) == 0);
    }
    return result;
}

TEST_CASE("cuda machine: groups from a warp to the largest block") {
    CHECK(block_of(0) == 32);
    CHECK(block_of(33) == 64);
    CHECK(block_of(5000) == 256);
    const auto compare = []<int members>(std::integral_constant<int, members>) {
        CHECK(reductions<members>(1, 3) == reductions<members>(3, 3));
    };
    const auto same = [&]<int... members>(std::integer_sequence<int, members...>) {
        (compare(std::integral_constant<int, members>()), ...);
    };
    same(std::integer_sequence<int, 0, 1, 32, 33, 64, 96, 256, 257, 5000>());
}

// The warp of a thread on the stand-in, by both texts: result(reduce) of what each thread of 32 has.
template <class Own>
void by_both(Own own) {
    std::vector<double> found[2];
    for (auto& each : found) each.resize(32);
    const auto reduce = [&]<class By>(By, std::vector<double>& into) {
        fake_cuda::run({1}, {32}, [&] { into[threadIdx.x] = own(By(), threadIdx.x); });
    };
    reduce(WarpByShuffles(), found[0]), reduce(WarpByIntegers(), found[1]);
    CHECK(std::memcmp(found[0].data(), found[1].data(), 32 * sizeof(double)) == 0);
    for (double value : found[0]) CHECK(std::memcmp(&value, found[0].data(), sizeof value) == 0);
}

TEST_CASE("cuda machine: a warp's least by integers has the bits of that by shuffles") {
    std::mt19937_64 random(3);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    for (int time = 0; time < 200; ++time) {
        std::array<double, 32> values{};
        std::array<int, 32> places{};
        for (double& value : values) {
            const auto kind = random() % 4;
            value = kind == 0   ? infinity
                    : kind == 1 ? -1.5
                                : std::ldexp(static_cast<double>(random() % 100) - 50, -3);
            if (time % 10 == 0) value = infinity;
            if (time % 10 == 1) value = std::abs(value) + 5e-324;
        }
        for (int& place : places) place = static_cast<int>(random() % 1000) - 1;
        by_both([&](auto by, unsigned k) { return by.reduce(Join::Least(), values[k] + 0.0); });
        by_both([&](auto by, unsigned k) { return by.reduce(Join::Most(), values[k] + 0.0); });
        by_both(
            [&](auto by, unsigned k) { return static_cast<double>(by.reduce(Join::Foremost(), places[k])); });
        const auto first = [&](auto by, unsigned k) {
            return by.reduce(Join::Foremost(), Found{values[k] + 0.0, places[k]});
        };
        by_both([&](auto by, unsigned k) { return first(by, k).value; });
        by_both([&](auto by, unsigned k) { return static_cast<double>(first(by, k).place); });
    }
}

TEST_CASE("cuda machine: zeros of both signs and NaN have one answer, too") {
    const auto zeros = []<int members>(std::integral_constant<int, members>) {
        const Runtime runtime;
        CudaMachine machine(0, 0);
        machine.reserve(1 << 20, 0);
        const auto count = static_cast<std::size_t>(members);
        auto values = machine.make<double>(count), seen = machine.make<double>(count),
             found = machine.make<double>(count * Reduce::results);
        std::vector<double> data(values.size()), result(found.size());
        for (std::size_t k = 0; k < count; ++k) data[k] = std::array{0.0, -0.0, std::nan("")}[k % 3];
        machine.upload(values.data(), data.data(), count);
        machine.for_each_group<members>(1,
                                        Reduce{members, members, values.data(), seen.data(), found.data()});
        machine.download(result.data(), found.data(), result.size());
        machine.synchronise();
        for (std::size_t k = 0; k < result.size(); ++k)
            CHECK(std::memcmp(&result[k], &result[k % Reduce::results], sizeof(double)) == 0);
    };
    zeros(std::integral_constant<int, 32>()), zeros(std::integral_constant<int, 96>());
}

TEST_CASE("cuda machine: more items than places, and scratch of every place") {
    constexpr int length = 70;
    for (long count : {0, 1, 63, 64, 65, 200}) {
        CAPTURE(count);
        const Runtime runtime;
        runtime->processors = 2;
        CudaMachine machine(0, 0);
        CHECK(machine.places<64, Reverse>() == 64);
        machine.reserve(1 << 20, 0);
        auto scratch = machine.make<double>(64 * length);
        auto reversed = machine.make<double>(static_cast<std::size_t>(count * length));
        std::vector<double> found(reversed.size()), left(scratch.size());
        machine.for_each_group<64>(count, Reverse{length, scratch.data(), reversed.data()});
        machine.download(found.data(), reversed.data(), found.size());
        machine.download(left.data(), scratch.data(), left.size());
        machine.synchronise();
        for (long place = 0; place < std::min(count, 64L); ++place)  // its last item
            CHECK(left[static_cast<std::size_t>(place * length)] == (count - 1 - place) / 64 * 64 + place);
        bool right = true;
        for (std::size_t k = 0; k < found.size(); ++k)
            right = right && found[k] == static_cast<double>(k / length + length - 1 - k % length);
        CHECK(right);
    }
}

TEST_CASE("cuda machine: blocks whose threads part are found by the stand-in") {
    const Runtime runtime;
    CudaMachine machine(0, 0);
    for (bool wide : {false, true}) {
        if (wide)
            machine.for_each_group<64>(2, Part{});
        else
            machine.for_each_group<32>(2, Part{});
        CHECK_THROWS_WITH_AS(machine.synchronise(), doctest::Contains("members of a group parted"),
                             std::logic_error);
    }
}

void play_a_little(Setting& setting, int ordinal, std::uintptr_t stream) {
    Passes device = on_device<float>(setting, ordinal, stream);
    setting.play(device, 12, std::vector<Values>(20, setting.equity.site_prices()));
}

TEST_CASE("cuda machine: every failure is an exception that names it, and nothing is lost") {
    Setting setting(random_world({}, 2));
    long calls = 0;
    {
        const Runtime runtime;
        play_a_little(setting, 0, 0);
        calls = runtime->calls;
    }
    CHECK(calls > 300);
    for (long call = 0; call < calls; call += call < 120 ? 1 : 7) {
        CAPTURE(call);
        const Runtime runtime;
        runtime->fail_at = call;
        try {
            play_a_little(setting, 0, 0);
        } catch (const std::runtime_error& error) {
            CHECK(std::string(error.what()).starts_with("CUDA: "));
            CHECK(std::string(error.what()).ends_with(": made to fail"));
            continue;
        }
        CHECK(call >= calls - 4);  // waiting for the stream before memory goes
    }
}

TEST_CASE("cuda machine: what cannot be recorded is said, and runs as it comes") {
    struct Add {
        double* value;
        EQUILOAD_HD void operator()(long) const { *value += 1.0; }
    };
    for (long failing = 1; failing <= 8; ++failing) {  // each call of a recording; at last none
        CAPTURE(failing);
        const Runtime runtime;
        CudaMachine machine(0, 0);
        machine.reserve(1 << 12, 0);
        const auto value = machine.make<double>(1);
        double found = 3.0;
        machine.upload(value.data(), &found, 1);
        machine.synchronise();
        const auto twice = [&] {
            machine.for_each(1, Add{value.data()}), machine.for_each(1, Add{value.data()});
        };
        const long before = runtime->calls;
        runtime->fail_at = before + failing;
        const auto recorded = machine.record(twice);
        runtime->fail_at = -1;
        CHECK(recorded.has_value() == (runtime->calls - before <= failing));
        if (recorded)
            machine.replay(*recorded);
        else
            twice();
        machine.download(&found, value.data(), 1);
        machine.synchronise();
        CHECK(found == 5.0);
    }
}

TEST_CASE("cuda machine: what is missing when memory is short") {
    Setting setting(random_world({}, 2));
    const Runtime runtime;
    runtime->total_bytes = 5000;
    CHECK_THROWS_WITH_AS(play_a_little(setting, 0, 0),
                         doctest::Contains("bytes, and 5000 of the 5000 bytes of device 0 are free"),
                         std::runtime_error);
}

TEST_CASE("cuda machine: the caller's device and stream") {
    Setting setting(random_world({}, 2));
    const Runtime runtime;
    fake_cuda::current_device = 3;
    fake_cuda::Stream callers;
    play_a_little(setting, 1, reinterpret_cast<std::uintptr_t>(&callers));
    CHECK(fake_cuda::current_device == 3);
    CHECK(callers.works.empty());
}

}  // namespace
}  // namespace equiload::test
