// Every pass of every instruction set against the reference, slot by slot: the layouts differ (one lane
// against eight), the numbers may differ by rounding, and the instruction sets among themselves by nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "host/dispatch.hpp"
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

// The network as the passes see it, and one random state of an iteration.
struct Scene {
    World world;
    Problem problem;
    std::vector<int> row, site, delay, sent_index, in_start, in_arc, in_gateway;
    int sent = 0;
    Table lambda, step;  // (R, I), (T, J)
    std::vector<Table> state;

    Scene(World from, std::uint64_t seed) : world(std::move(from)), problem(world.view()) {
        row.assign(problem.gateways + 1, 0);
        for (Index j : world.gateway) ++row[static_cast<std::size_t>(j) + 1];
        for (std::size_t j = 0; j < problem.gateways; ++j) row[j + 1] += row[j];
        site.assign(world.site.begin(), world.site.end());
        delay.assign(world.delay.begin(), world.delay.end());
        for (Index later : world.delay) sent_index.push_back(later > 0 ? sent++ : -1);
        in_start.push_back(0);
        for (std::size_t i = 0; i < problem.sites; ++i) {
            for (std::size_t a = 0; a < problem.arcs; ++a)
                if (delay[a] > 0 && site[a] == static_cast<int>(i)) {
                    in_arc.push_back(static_cast<int>(a));
                    in_gateway.push_back(world.gateway[a]);
                }
            in_start.push_back(static_cast<int>(in_arc.size()));
        }
        Random random(seed + 1);
        lambda = uniforms(random, problem.footprints.size() * problem.sites, 0.0, 50.0);
        step.resize(problem.slots * problem.gateways);
        for (std::size_t k = 0; k < step.size(); ++k) step[k] = std::sqrt(world.demand[k]);
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
                return static_cast<std::size_t>(sent);
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
        : scene_(scene), kernels_(kernels), lanes_(static_cast<std::size_t>(kernels.lanes)) {
        const Problem& p = scene.problem;
        data.slots = static_cast<int>(p.slots);
        data.blocks = static_cast<int>((p.slots + lanes_ - 1) / lanes_);
        data.gateways = static_cast<int>(p.gateways), data.sites = static_cast<int>(p.sites);
        data.arcs = static_cast<int>(p.arcs), data.sent = scene.sent;
        data.footprints = static_cast<int>(p.footprints.size());
        data.row = scene.row.data(), data.site = scene.site.data(), data.delay = scene.delay.data();
        data.sent_index = scene.sent_index.data(), data.in_start = scene.in_start.data();
        data.in_arc = scene.in_arc.data(), data.in_gateway = scene.in_gateway.data();
        data.energy = p.arc_energy.data(), data.cost = p.arc_cost.data();
        const World& w = scene.world;
        data.demand = keep(blocks_of(w.demand, p.gateways, 0.0));
        data.step = keep(blocks_of(scene.step, p.gateways, 0.0));
        data.price = keep(blocks_of(w.price, p.sites, 0.0));
        Table capacity = w.capacity;
        for (double& c : capacity) c = std::min(c, 1e300);
        data.capacity = keep(blocks_of(capacity, p.sites, 0.0));
        if (!w.quadratic.empty()) data.quadratic = keep(blocks_of(w.quadratic, p.sites, 0.0));
        // [block][footprint][site][lane]: footprint and site together are the items of a slot.
        Table footprints;
        for (std::size_t t = 0; t < p.slots; ++t)
            for (const World::Burden& b : w.burdens)
                footprints.insert(footprints.end(), b.values.begin() + static_cast<long>(t * p.sites),
                                  b.values.begin() + static_cast<long>((t + 1) * p.sites));
        data.footprint = keep(blocks_of(footprints, w.burdens.size() * p.sites, 0.0));
        std::size_t n = 0;
        each_part(iterate, [&](const std::string& name, auto*& array, Items items) {
            const double padding = name.starts_with("omega") ? 1.0 : 0.0;
            array = keep_as(array, blocks_of(scene.state[n++], scene.count(items), padding));
        });
        std::size_t longest = 0;
        for (std::size_t j = 0; j < p.gateways; ++j)
            longest = std::max(longest, static_cast<std::size_t>(scene.row[j + 1] - scene.row[j]));
        scratch = keep(Table(longest * lanes_));
    }

    const BlockKernels<Stored>* operator->() const { return &kernels_; }
    std::size_t lanes() const { return lanes_; }

    Table blocks_of(const Table& rows, std::size_t items, double padding) const {
        Table blocks(static_cast<std::size_t>(data.blocks) * items * lanes_, padding);
        for (std::size_t t = 0; t < scene_.problem.slots; ++t)
            for (std::size_t n = 0; n < items; ++n)
                blocks[(t / lanes_ * items + n) * lanes_ + t % lanes_] = rows[t * items + n];
        return blocks;
    }
    template <class Number>
    Table rows_of(const Number* blocks, std::size_t items) const {
        Table rows(scene_.problem.slots * items);
        for (std::size_t t = 0; t < scene_.problem.slots; ++t)
            for (std::size_t n = 0; n < items; ++n)
                rows[t * items + n] =
                    static_cast<double>(blocks[(t / lanes_ * items + n) * lanes_ + t % lanes_]);
        return rows;
    }
    // What the passes have left, slot by slot.
    std::vector<Table> result() {
        std::vector<Table> all;
        each_part(iterate, [&](const char*, auto* array, Items items) {
            all.push_back(rows_of(array, scene_.count(items)));
        });
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

    BlockProblem data;
    Iterate<Stored> iterate;
    double* scratch = nullptr;
    std::vector<Table> more;  // results outside the iterate

 private:
    // Aligned as the back end's arrays are.
    template <class Number>
    Number* keep_as(const Number*, const Table& values) {
        auto& held = std::get<std::vector<std::vector<Number>>>(held_);
        held.emplace_back(values.size() + 64 / sizeof(Number));
        void* at = held.back().data();
        std::size_t space = held.back().size() * sizeof(Number);
        auto* aligned = static_cast<Number*>(std::align(64, values.size() * sizeof(Number), at, space));
        std::transform(values.begin(), values.end(), aligned,
                       [](double value) { return static_cast<Number>(value); });
        return aligned;
    }
    double* keep(const Table& values) { return keep_as(static_cast<double*>(nullptr), values); }

    const Scene& scene_;
    const BlockKernels<Stored>& kernels_;
    std::size_t lanes_;
    std::tuple<std::vector<std::vector<double>>, std::vector<std::vector<float>>> held_;
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
