// The CUDA machine on a stand-in for the CUDA runtime: what it asks of a device, and that it gives everything
// back whatever fails. The kernels themselves are those of test_grid.cpp.
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include "course.hpp"
#include "cuda_machine.cuh"
#include "grid_backend.hpp"

namespace equiload::test {
namespace {

template <class Stored>
using Device = GridBackend<CudaMachine, Stored>;

// A fresh runtime; at the end nothing may be left of what was made.
struct Runtime {
    Runtime() { fake_cuda::state = {}; }
    ~Runtime() { CHECK(fake_cuda::state.empty()); }
    fake_cuda::State* operator->() const { return &fake_cuda::state; }
};

void agrees(Setting& setting, int iterations) {
    const Runtime runtime;
    BlockBackend<double> serial(setting.problem, setting.equity, reference().full, setting.team, eager());
    const Course expected = setting.play(serial, iterations);
    Device<double> device(setting.problem, setting.equity, setting.team, eager(), 0, 0u);
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

void play_a_little(Setting& setting, int ordinal, std::uintptr_t stream) {
    Device<float> device(setting.problem, setting.equity, setting.team, eager(), ordinal, stream);
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
    runtime->current_device = 3;
    fake_cuda::Stream callers;
    play_a_little(setting, 1, reinterpret_cast<std::uintptr_t>(&callers));
    CHECK(runtime->current_device == 3);
    CHECK(callers.works.empty());
}

}  // namespace
}  // namespace equiload::test
