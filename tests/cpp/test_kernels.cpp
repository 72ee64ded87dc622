// Every pass of every instruction set against the reference, slot by slot: the layouts differ (one lane
// against eight), the numbers may differ by rounding, and the instruction sets among themselves by nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "host/dispatch.hpp"
#include "host/host_blocks.hpp"
#include "support.hpp"

namespace equiload::test {
namespace {

using Table = std::vector<double>;  // (T, items) row-major

constexpr double iteration = 40.0;

enum class Items { arcs, sites, gateways, sent, one };

// visit(name, array, items) for everything that an iterate holds.
template <class Stored, class Visit>
void each_part(Iterate<Stored>& z, Visit visit) {
    visit("x", z.x, Items::arcs);
    visit("x_anchor", z.x_anchor, Items::arcs);
    visit("x_plus", z.x_plus, Items::arcs);
    visit("sent", z.sent, Items::sent);
    visit("v", z.v, Items::sites);
    visit("v_anchor", z.v_anchor, Items::sites);
    visit("v_plus", z.v_plus, Items::sites);
    visit("inflow", z.inflow, Items::sites);
    visit("inflow_plus", z.inflow_plus, Items::sites);
    visit("isig", z.isig, Items::sites);
    visit("theta", z.theta, Items::gateways);
    visit("omega", z.omega, Items::one);
    visit("omega_start", z.omega_start, Items::one);
    visit("restarted", z.restarted, Items::one);
    visit("restarts", z.restarts, Items::one);
    visit("moved", z.moved, Items::one);
    visit("mismatch", z.mismatch, Items::one);
    visit("residual_start", z.residual_start, Items::one);
    visit("residual_last", z.residual_last, Items::one);
}

// One random state of an iteration.
struct Scene {
    World world;
    Problem problem;
    EquityProx equity;
    std::size_t sent = 0;  // delayed arcs
    Table lambda;          // (R, I)
    std::vector<Table> state;

    Scene(World from, std::uint64_t seed) : world(std::move(from)), problem(world.view()), equity(problem) {
        for (Index later : world.delay) sent += later > 0;
        Random random(seed + 1);
        lambda = uniforms(random, problem.footprints.size() * problem.sites, 0.0, 50.0);
        Iterate<double> parts;
        each_part(parts, [&](const std::string& name, double*, Items items) {
            state.push_back(first_values(name, items, random));
        });
    }
    Scene(const Scene&) = delete;  // the problem views the world
    Scene& operator=(const Scene&) = delete;

    std::size_t count(Items items) const {
        switch (items) {
            case Items::arcs:
                return problem.arcs;
            case Items::sites:
                return problem.sites;
            case Items::gateways:
                return problem.gateways;
            case Items::sent:
                return sent;
            case Items::one:
                break;
        }
        return 1;
    }

    Table first_values(const std::string& name, Items items, Random& random) const {
        const std::size_t size = problem.slots * count(items);
        Table rows = uniforms(random, size, 0.1, 10.0);
        if (items == Items::arcs || items == Items::sent)
            for (double& x : rows) x = std::max(0.0, x - 4.0);  // much of an allocation is zero
        if (name.starts_with("v"))
            for (double& v : rows) v = 10 * v - 20;
        if (name == "restarted")
            for (double& n : rows) n = iteration - 1 - std::floor(n);
        if (name == "isig")  // as refreshing leaves it: zero where no arc ends
            for (std::size_t k = 0; k < size; ++k)
                if (k % problem.sites == problem.sites - 1) rows[k] = 0.0;
        if (name == "residual_start")  // some slots have just restarted
            for (double& r : rows) r = r < 3 ? -1.0 : 10 * r;
        return rows;
    }
};

// A scene in the layout of some kernels: [block][item][lane].
template <class Stored>
class Stage {
 public:
    Stage(const Scene& scene, const BlockKernels<Stored>& kernels)
        : scene_(scene),
          kernels_(kernels),
          blocks_(scene.problem, scene.equity, kernels.lanes, team_),
          data(blocks_.data) {
        REQUIRE(static_cast<std::size_t>(data.footprints) == scene.problem.footprints.size());
        std::size_t n = 0;
        each_part(iterate, [&]<class Number>(const std::string& name, Number*& array, Items items) {
            const std::size_t count = scene.count(items);
            auto& held = std::get<std::vector<LanesOf<Number>>>(held_);
            array = held.emplace_back(blocks_.lane_count(count)).data();
            const bool weight = name.starts_with("omega");  // never zero, past the horizon either
            std::fill_n(array, blocks_.lane_count(count), static_cast<Number>(weight ? 1 : 0));
            blocks_.scatter(scene.state[n++].data(), count, array);
        });
        scratch = blocks_.make(blocks_.longest_row());
    }

    const BlockKernels<Stored>* operator->() const { return &kernels_; }
    std::size_t lanes() const { return blocks_.lanes; }

    Table rows_of(const double* values, std::size_t items) const {
        Table rows(scene_.problem.slots * items);
        blocks_.gather(values, items, rows.data());
        return rows;
    }
    // What the passes have left, slot by slot.
    std::vector<Table> result() {
        std::vector<Table> all;
        each_part(iterate, [&](const char*, auto* array, Items items) {
            Table& rows = all.emplace_back(scene_.problem.slots * scene_.count(items));
            blocks_.gather(array, scene_.count(items), rows.data());
        });
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

 private:
    const Scene& scene_;
    const BlockKernels<Stored>& kernels_;
    Team team_{1};
    HostBlocks blocks_;
    std::tuple<std::vector<LanesOf<double>>, std::vector<LanesOf<float>>> held_;

 public:
    const BlockProblem& data;
    Iterate<Stored> iterate;
    double* scratch = nullptr;
    std::vector<Table> more;  // results outside the iterate
};

template <class Stored>
const BlockKernels<Stored>& at_precision(const KernelPair& pair) {
    if constexpr (std::is_same_v<Stored, float>)
        return pair.mixed;
    else
        return pair.full;
}

template <class Stored>
std::vector<const BlockKernels<Stored>*> vector_kernels() {
    std::vector<const BlockKernels<Stored>*> found;
    for (const std::string& name : built_instructions()) {
        Settings settings;
        settings.instructions = name;
        try {
            found.push_back(&at_precision<Stored>(choose_kernels(settings).blocks));
        } catch (const InputError&) {  // not on this machine
        }
    }
    return found;
}

template <class Stored>
const BlockKernels<Stored>& reference_kernels() {
    Settings settings;
    settings.device = "reference";
    return at_precision<Stored>(choose_kernels(settings).blocks);
}

void same_to_rounding(const std::vector<Table>& a, const std::vector<Table>& b, double rounding) {
    REQUIRE(a.size() == b.size());
    for (std::size_t n = 0; n < a.size(); ++n) {
        CAPTURE(n);
        REQUIRE(a[n].size() == b[n].size());
        double scale = 0, worst = 0;
        for (double value : a[n]) scale = std::max(scale, std::abs(value));
        for (std::size_t k = 0; k < a[n].size(); ++k)
            worst = a[n][k] == b[n][k] ? worst : std::max(worst, std::abs(a[n][k] - b[n][k]));
        CHECK(worst <= rounding * scale);
    }
}

void same_bits(const std::vector<Table>& a, const std::vector<Table>& b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t n = 0; n < a.size(); ++n) {
        CAPTURE(n);
        REQUIRE(a[n].size() == b[n].size());
        if (!a[n].empty()) CHECK(std::memcmp(a[n].data(), b[n].data(), a[n].size() * sizeof(double)) == 0);
    }
}

// Plays one pass on the same scenes with every set of kernels.
template <class Stored>
void compare(const std::function<void(const Scene&, Stage<Stored>&)>& play, bool with_delays = true) {
    // Sums that differ by their rounding may be stored as neighbouring floats.
    const double rounding = std::is_same_v<Stored, float> ? 2e-7 : 1e-13;
    const BlockKernels<Stored>& serial = reference_kernels<Stored>();
    int scenes = 0, changed = 0;
    for (std::size_t slots : {1, 7, 8, 9, 17, 40})
        for (bool delays : {false, true})
            for (std::size_t footprints : {0, 1, 3}) {
                if (delays && !with_delays) continue;
                Shape shape;
                shape.slots = slots, shape.delays = delays, shape.footprints = footprints;
                shape.quadratic = footprints != 1;
                CAPTURE(slots);
                CAPTURE(delays);
                CAPTURE(footprints);
                const Scene scene(random_world(shape, slots), 100 * slots + footprints);
                const auto played = [&](const BlockKernels<Stored>& kernels) {
                    Stage<Stored> stage(scene, kernels);
                    play(scene, stage);
                    return stage.result();
                };
                const std::vector<Table> reference = played(serial);
                ++scenes, changed += reference != Stage<Stored>(scene, serial).result();
                std::vector<Table> first;
                for (const BlockKernels<Stored>* kernels : vector_kernels<Stored>()) {
                    const std::vector<Table> result = played(*kernels);
                    same_to_rounding(reference, result, rounding);
                    if (first.empty()) first = result;
                    same_bits(first, result);
                }
            }
    CHECK(changed > scenes / 3);  // not every pass has work without delays or footprints
}

template <class Stored>
void each_block(Stage<Stored>& stage, const std::function<void(int)>& body) {
    for (int block = 0; block < stage.data.blocks; ++block) body(block);
}

const Pass plain{false, false, false, iteration}, deciding{true, false, false, iteration},
    measuring{false, true, false, iteration};

TEST_CASE_TEMPLATE("arc pass", Stored, double, float) {
    for (const Pass& pass : {plain, measuring, Pass{false, false, true, iteration}})
        compare<Stored>([&](const Scene&, Stage<Stored>& s) {
            each_block(s, [&](int b) { s->arc(s.data, s.iterate, b, pass, s.scratch); });
        });
}

TEST_CASE_TEMPLATE("receive pass", Stored, double, float) {
    for (const Pass& pass : {plain, measuring})
        compare<Stored>([&](const Scene&, Stage<Stored>& s) {
            each_block(s, [&](int b) { s->receive(s.data, s.iterate, b, pass); });
        });
}

TEST_CASE_TEMPLATE("site pass", Stored, double, float) {
    for (const Pass& pass : {plain, deciding})
        compare<Stored>([&](const Scene& scene, Stage<Stored>& s) {
            each_block(s, [&](int b) { s->site(s.data, s.iterate, b, scene.lambda.data(), pass); });
        });
}

TEST_CASE_TEMPLATE("burden", Stored, double, float) {
    compare<Stored>([](const Scene& scene, Stage<Stored>& s) {
        const std::size_t r = scene.problem.footprints.size(), sites = scene.problem.sites;
        Table totals((r + r * (r + 1) / 2) * sites * s.lanes());
        each_block(s,
                   [&](int b) { s->burden(s.data, s.iterate, b, scene.lambda.data(), 0.1, totals.data()); });
        Table sums(totals.size() / s.lanes());
        for (std::size_t k = 0; k < totals.size(); ++k) sums[k / s.lanes()] += totals[k];
        s.more = {sums};
    });
}

TEST_CASE_TEMPLATE("restart of the slots that are due", Stored, double, float) {
    const auto play = [](const Scene&, Stage<Stored>& s) {
        each_block(s, [&](int b) { s->refresh(s.data, s.iterate, b); });  // consistent with the weights
        each_block(s, [&](int b) { s->restart_due(s.data, s.iterate, b, deciding, Tuning{}); });
    };
    compare<Stored>(play, false);  // delayed arcs couple the slots, which then restart together
}

TEST_CASE_TEMPLATE("restart and the sums that weights learn from", Stored, double, float) {
    compare<Stored>([](const Scene& scene, Stage<Stored>& s) {
        // Every third slot; padding never restarts.
        Table due(static_cast<std::size_t>(s.data.blocks) * s.lanes());
        for (std::size_t t = 0; t < scene.problem.slots; t += 3) due[t] = 1.0;
        Table sums(4 * due.size());
        each_block(s, [&](int b) {
            const std::size_t at = static_cast<std::size_t>(b) * s.lanes();
            s->restart(s.data, s.iterate, b, due.data() + at, sums.data() + 4 * at);
        });
        s.more = {s.rows_of(sums.data(), 4)};
    });
}

TEST_CASE_TEMPLATE("metric of the cells", Stored, double, float) {
    compare<Stored>([](const Scene&, Stage<Stored>& s) {
        each_block(s, [&](int b) { s->refresh(s.data, s.iterate, b); });
    });
}

TEST_CASE_TEMPLATE("dual candidate", Stored, double, float) {
    compare<Stored>([](const Scene& scene, Stage<Stored>& s) {
        Table v(static_cast<std::size_t>(s.data.blocks) * scene.problem.sites * s.lanes());
        each_block(s, [&](int b) { s->dual(s.data, s.iterate, b, scene.lambda.data(), v.data()); });
        s.more = {s.rows_of(v.data(), scene.problem.sites)};
    });
}

TEST_CASE_TEMPLATE("first weights", Stored, double, float) {
    compare<Stored>([](const Scene& scene, Stage<Stored>& s) {
        each_block(s, [&](int b) { s->weigh(s.data, s.iterate, b, scene.lambda.data()); });
    });
}

TEST_CASE("arcs past the horizon carry nothing, whatever their number") {
    for (std::size_t arcs = 1; arcs <= 12; ++arcs) {
        CAPTURE(arcs);
        Shape shape;
        shape.slots = 3, shape.gateways = 1, shape.arcs_each = arcs, shape.footprints = 0;
        World world = random_world(shape, arcs);
        std::fill(world.delay.begin(), world.delay.end(), 1);
        world.demand = {4.0, 2.0, 0.0};  // nothing to serve where every arc is late
        const Scene scene(std::move(world), arcs);
        for (const BlockKernels<double>* kernels : vector_kernels<double>()) {
            Stage<double> s(scene, *kernels);
            each_block(s, [&](int b) { s->arc(s.data, s.iterate, b, measuring, s.scratch); });
            const Table x = s.rows_of(s.iterate.x_plus, arcs);
            double early = 0;
            for (std::size_t a = 0; a < arcs; ++a) early += x[a];
            CHECK(early == doctest::Approx(4.0));
            for (std::size_t a = 0; a < arcs; ++a) CHECK(x[2 * arcs + a] == 0.0);
        }
    }
}

}  // namespace
}  // namespace equiload::test
