// What a world's solve asks of a device, timed by events: each launch of an iteration by itself, iterations
// as a solve has them, and the parts of a check. Usage: passes WORLD PRECISION ITERATIONS, the world as
// passes.py writes it. Prints lines of: part, what, how often, milliseconds in all.
#include <cuda_runtime.h>
#include <cxxabi.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <typeinfo>
#include <utility>
#include <vector>

#include "algorithm/run.hpp"
#include "core/settings.hpp"
#include "core/team.hpp"
#include "cuda_machine.cuh"
#include "grid/cuda_backend.hpp"
#include "grid/grid_backend.hpp"

namespace equiload::passes {

// The device's time for what is queued in a stream, by name.
class Stopwatch {
 public:
    Stopwatch() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream"); }
    ~Stopwatch() { cudaStreamDestroy(stream_); }
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;

    std::uintptr_t stream() const { return reinterpret_cast<std::uintptr_t>(stream_); }
    void start() { running_ = true; }

    // work() does it so many times.
    template <class Work>
    void time(const std::string& what, Work work, long times = 1) {
        if (!running_) return work();
        const cudaEvent_t begin = mark();
        work();
        laps_.push_back({what, times, begin, mark()});
    }

    void stop_and_print(const char* part) {
        running_ = false;
        check(cudaStreamSynchronize(stream_), "running");
        std::map<std::string, std::pair<long, double>> sums;
        for (const Lap& lap : laps_) {
            float ms = 0;
            check(cudaEventElapsedTime(&ms, lap.begin, lap.end), "reading a time");
            sums[lap.what].first += lap.times, sums[lap.what].second += static_cast<double>(ms);
            cudaEventDestroy(lap.begin), cudaEventDestroy(lap.end);
        }
        laps_.clear();
        for (const auto& [what, sum] : sums)
            std::printf("%s %s %ld %.6f\n", part, what.c_str(), sum.first, sum.second);
        std::fflush(stdout);
    }

 private:
    struct Lap {
        std::string what;
        long times;
        cudaEvent_t begin, end;
    };

    cudaEvent_t mark() {
        cudaEvent_t event = nullptr;
        check(cudaEventCreate(&event), "creating an event");
        check(cudaEventRecord(event, stream_), "recording an event");
        return event;
    }

    cudaStream_t stream_ = nullptr;
    bool running_ = false;
    std::vector<Lap> laps_;
};

// ArcPass of equiload::grid::ArcPass<double>.
template <class Functor>
std::string name_of() {
    const std::unique_ptr<char, void (*)(void*)> whole(
        abi::__cxa_demangle(typeid(Functor).name(), nullptr, nullptr, nullptr), std::free);
    std::string name = whole.get();
    name.resize(std::min(name.size(), name.find('<')));
    return name.substr(name.rfind(':') + 1);
}

// A CUDA device that times each launch by what it does. Recorded launches are repeated one by one.
class TimedMachine : public CudaMachine {
 public:
    using Sequence = std::vector<std::function<void()>>;

    explicit TimedMachine(Stopwatch& watch) : CudaMachine(0, watch.stream()), watch_(watch) {}

    template <class Functor>
    void for_each(long count, Functor functor) {
        run<Functor>([=, this] { CudaMachine::for_each(count, functor); });
    }
    template <class Functor>
    void for_each(long count, int numbers, Functor functor) {
        run<Functor>([=, this] { CudaMachine::for_each(count, numbers, functor); });
    }
    template <int members, class Functor>
    void for_each_group(long count, Functor functor) {
        run<Functor>([=, this] { CudaMachine::for_each_group<members>(count, functor); });
    }

    template <class Body>
    std::optional<Sequence> record(Body body) {
        recording_ = true;
        body();
        recording_ = false;
        return std::exchange(recorded_, {});
    }
    void replay(const Sequence& sequence) {
        for (const auto& launch : sequence) launch();
    }

 private:
    template <class Functor, class Launch>
    void run(Launch launch) {
        const auto timed = [=, this] { watch_.time(name_of<Functor>(), launch); };
        if (recording_)
            recorded_.push_back(timed);
        else
            timed();
    }

    Stopwatch& watch_;
    bool recording_ = false;
    Sequence recorded_;
};

class World {
 public:
    explicit World(const char* file) : in_(file, std::ios::binary) {
        const auto sizes = read<std::int64_t>(5);
        p_.slots = static_cast<std::size_t>(sizes[0]), p_.gateways = static_cast<std::size_t>(sizes[1]);
        p_.sites = static_cast<std::size_t>(sizes[2]), p_.arcs = static_cast<std::size_t>(sizes[3]);
        gateway_ = read<Index>(p_.arcs), site_ = read<Index>(p_.arcs), delay_.resize(p_.arcs);
        energy_ = read<double>(p_.arcs), cost_ = read<double>(p_.arcs);
        p_.arc_gateway = gateway_, p_.arc_site = site_, p_.arc_delay = delay_;
        p_.arc_energy = energy_, p_.arc_cost = cost_;
        p_.demand = field(p_.gateways), p_.capacity = field(p_.sites), p_.price = field(p_.sites);
        zeros_.resize(p_.sites), ones_.resize(p_.sites, 1.0);
        for (std::int64_t r = 0; r < sizes[4]; ++r) read_footprint();
    }
    World(const World&) = delete;

    const Problem& problem() const { return p_; }

 private:
    template <class Number>
    std::vector<Number> read(std::size_t count) {
        std::vector<Number> values(count);
        in_.read(reinterpret_cast<char*>(values.data()),
                 static_cast<std::streamsize>(count * sizeof(Number)));
        if (!in_) throw std::runtime_error("the world's file ends early");
        return values;
    }
    Field field(std::size_t columns) {
        fields_.push_back(read<double>(p_.slots * columns));
        return {fields_.back().data(), columns};
    }
    void read_footprint() {
        Footprint footprint;
        footprint.values = field(p_.sites);
        regions_.push_back(read<Index>(p_.sites));
        footprint.region = regions_.back();
        const std::size_t count = 1 + static_cast<std::size_t>(*std::ranges::max_element(footprint.region));
        footprint.history = std::span(zeros_).first(count);
        footprint.sensitivity = std::span(ones_).first(count);
        footprint.kind = equity_kind_of<MaxEquity>, footprint.weight = read<double>(1).front();
        p_.footprints.push_back(footprint);
    }

    std::ifstream in_;
    Problem p_;
    std::vector<Index> gateway_, site_, delay_;
    std::vector<double> energy_, cost_, zeros_, ones_;
    std::vector<std::vector<double>> fields_;
    std::vector<std::vector<Index>> regions_;
};

const std::vector<int> only{0};

// A multiple of `decide_every` iterations, as a solve asks for them, or none that measures or decides.
void iterate(DeviceBackend& grid, int count, bool plain = false) {
    const int every = Tuning{}.decide_every;
    for (int k = 1; k <= count; ++k) {
        Pass pass;
        pass.decide = !plain && k % every == 0, pass.measure = !plain && (k + 1) % every == 0;
        grid.iteration().iterate(pass);
    }
}

void start(DeviceBackend& grid, Stopwatch& watch) {
    grid.candidates().price_at_cost(only), grid.candidates().bound(only), grid.candidates().keep_prices(only);
    watch.time("plan", [&] { grid.candidates().plan(only); });
    grid.candidates().keep_allocation(only);
    grid.iteration().start(only), grid.iteration().work_on(only, {});
}

constexpr int warm_up = 64;  // the thresholds of the arc pass start from the last ones

void time_launches(DeviceBackend& grid, Stopwatch& watch, int iterations) {
    start(grid, watch);
    iterate(grid, warm_up);
    iterate(grid, 4, true);
    watch.start(), iterate(grid, iterations, true), watch.stop_and_print("plain");
    iterate(grid, warm_up);
    watch.start(), iterate(grid, iterations), watch.stop_and_print("all");
}

void time_solve(DeviceBackend& grid, Stopwatch& watch, int iterations) {
    watch.start(), start(grid, watch), watch.stop_and_print("solve");
    iterate(grid, warm_up);
    watch.start();
    watch.time("iteration", [&] { iterate(grid, iterations); }, iterations);
    Pass keep;
    keep.keep = true;
    grid.iteration().iterate(keep);
    watch.time("candidate", [&] { grid.iteration().candidate(only); });
    watch.time("bound", [&] { grid.candidates().bound(only); });
    watch.time("evaluate", [&] { grid.candidates().evaluate(only); });
    watch.time("repair", [&] { grid.candidates().repair(only); });
    watch.stop_and_print("solve");
}

void measure(const Problem& problem, const std::string& precision, int iterations) {
    Stopwatch watch;
    const Scenario scenario{&problem, {}};
    Run run(scenario);
    Run* const alone = &run;
    const Runs runs(&alone, 1);
    Team team(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
    std::unique_ptr<DeviceBackend> grid;
    if (precision == "mixed")
        grid = std::make_unique<GridBackend<TimedMachine, float>>(runs, team, Tuning{}, watch);
    else
        grid = std::make_unique<GridBackend<TimedMachine, double>>(runs, team, Tuning{}, watch);
    time_launches(*grid, watch, iterations);
    grid.reset();
    Settings settings;
    settings.precision = precision, settings.stream = watch.stream();
    grid = make_cuda_backend(runs, team, Tuning{}, settings, 0);
    time_solve(*grid, watch, iterations);
}

}  // namespace equiload::passes

int main(int count, char** words) {
    try {
        if (count != 4) throw std::invalid_argument("usage: passes WORLD PRECISION ITERATIONS");
        const equiload::passes::World world(words[1]);
        const int every = equiload::Tuning{}.decide_every, iterations = std::stoi(words[3]);
        equiload::passes::measure(world.problem(), words[2], std::max(1, iterations / every) * every);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
