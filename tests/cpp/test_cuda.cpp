// The CUDA back end against the reference, where there is a device.
#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/build_info.hpp"
#include "core/error.hpp"
#include "course.hpp"
#include "grid/cuda_backend.hpp"
#include "solver/solver.hpp"

namespace equiload::test {
namespace {

bool no_device() {
    const CudaInfo cuda = cuda_info();
    if (cuda.devices.empty()) MESSAGE("skipped, no CUDA device: " << cuda.reason);
    return cuda.devices.empty();
}

Settings on_device(const std::string& precision = "double") {
    Settings settings;
    settings.device = "cuda", settings.precision = precision;
    return settings;
}

// As test_grid.cpp does with a machine of the host.
void agrees(World world, int iterations = 17) {
    Setting setting(std::move(world));
    const Problem& p = setting.problem;
    BlockBackend<double> serial(p, setting.equity, reference().full, setting.team, eager());
    const Course expected = setting.play(serial, iterations);
    const auto make = [&](const char* precision) {
        return Passes(setting, [&, precision](Runs runs) {
            return make_cuda_backend(runs, setting.team, eager(), on_device(precision), 0);
        });
    };
    Passes device = make("double");
    const Course found = setting.play(device, iterations, expected.lambdas);
    CHECK(found.far_from(expected) <= 1e-9);
    CHECK(found.restarts == expected.restarts);

    BlockBackend<float> serial_mixed(p, setting.equity, reference().mixed, setting.team, eager());
    const Course expected_mixed = setting.play(serial_mixed, iterations, expected.lambdas);
    Passes mixed = make("mixed");
    CHECK(setting.play(mixed, iterations, expected.lambdas).far_from(expected_mixed) <= 1e-4);
}

TEST_CASE("cuda: any number of slots, with and without delays") {
    if (no_device()) return;
    each_kind({1, 31, 32, 33, 300}, [](World world) { agrees(std::move(world)); });
}

TEST_CASE("cuda: rows in shared memory, and rows too long for it") {
    if (no_device()) return;
    for (std::size_t arcs_each : {1, 40, 90, 150}) {
        CAPTURE(arcs_each);
        Shape shape;
        shape.slots = 70, shape.gateways = 9, shape.sites = 200, shape.arcs_each = arcs_each;
        agrees(random_world(shape, arcs_each), 9);
    }
}

TEST_CASE("cuda: whole solves, the same bits each time and from several threads") {
    if (no_device()) return;
    for (const char* precision : {"double", "mixed"})
        for (bool delays : {false, true}) {
            CAPTURE(precision);
            CAPTURE(delays);
            Shape shape;
            shape.slots = 35, shape.delays = delays;
            const World w = random_world(shape, 21);
            Settings settings = on_device(precision);
            settings.tol = 1e-5;
            const Solution one = solve(w.view(), settings);
            CHECK(one.status == Status::optimal);
            CHECK(one.gap <= 1e-5);
            CHECK(one.device == "cuda");
            std::vector<Solution> others(3);
            {
                std::vector<std::jthread> threads;
                for (Solution& other : others)
                    threads.emplace_back([&] { other = solve(w.view(), settings); });
            }
            for (const Solution& other : others) CHECK(other.allocation == one.allocation);
        }
}

TEST_CASE("a device that is not there is named") {
    const CudaInfo cuda = cuda_info();
    const World w = random_world({}, 1);
    Settings settings = on_device();
    settings.device = "cuda:" + std::to_string(cuda.devices.size());
    std::string message;
    try {
        solve(w.view(), settings);
    } catch (const InputError& error) {
        message = error.what();
    }
    const std::string expected = !cuda.built            ? "device: this build has no CUDA back end"
                                 : cuda.devices.empty() ? "device: no CUDA device: " + cuda.reason
                                                        : "device: there is no " + settings.device;
    CHECK(message.starts_with(expected));
}

TEST_CASE("the interior point method is the host's") {
    const World w = random_world({}, 1);
    Settings settings = on_device();
    settings.method = "barrier";
    CHECK_THROWS_WITH_AS(solve(w.view(), settings), "method: barrier runs on the CPU, and device is cuda",
                         InputError);
}

}  // namespace
}  // namespace equiload::test
