// The launches of the grid back end: the steps of the algorithm, an item each for what the host's back end
// loops over. Arrays are [scenario][block][item][lane] with a warp's 32 lanes; an item of a launch works on
// one lane of an item of a block, so that the threads of a warp read neighbours, prices by site included.
//
// A launch works on the scenarios of a list, those that are still being solved. What it leaves for the sums
// that follow is packed, [place in the list][block]..; what outlives these sums has the scenario's own place.
//
// No two items of a launch write the same number and none reads what another writes. Where gateways meet at a
// site, each arc leaves its energy in `sent` and the site gathers it in the order of the arcs: adding it up
// with atomics would depend on who comes first.
//
// Sums over gateways, sites and slots are added up group by group in a fixed order by plain launches
// (SumItems). They are small beside the passes, and a library's reduction, tuned for each device, would give
// other bits on each.
#pragma once

#include "algorithm/equity_steps.hpp"
#include "algorithm/restart.hpp"
#include "algorithm/steps.hpp"
#include "grid/machine.hpp"

namespace equiload::grid {

// The scenarios of a launch, and how many blocks each has.
struct Scenarios {
    const int* list;
    int blocks;
};

struct Spot {
    Place at;
    int item, scenario;
    int packed;  // the block's place among those of the launch

    EQUILOAD_HD long packed_offset(int items, int of) const {
        return (static_cast<long>(packed) * items + of) * Lane::width + at.lane;
    }
    EQUILOAD_HD long slot() const { return slot_offset<Lane>(at); }  // among those of all scenarios
};

// A launch has fewer than 2^32 warps, and dividing 32-bit numbers is several times cheaper.
EQUILOAD_HD Spot spot(long n, int items, const Scenarios& scenarios) {
    const auto warp = static_cast<unsigned>(n / Lane::width);
    const unsigned count = static_cast<unsigned>(items), blocks = static_cast<unsigned>(scenarios.blocks);
    const unsigned packed = warp / count;
    const int scenario = scenarios.list[packed / blocks], first = scenario * scenarios.blocks;
    const Place at(first + static_cast<int>(packed % blocks), static_cast<int>(n % Lane::width), first);
    return {at, static_cast<int>(warp % count), scenario, static_cast<int>(packed)};
}

// What is the same for all: the iteration that ends, and lambda [scenario][footprint][site].
struct Inputs {
    const double *iteration, *lambda;
    long lambdas;  // numbers a scenario

    EQUILOAD_HD const double* lambda_of(const Spot& s) const { return lambda + s.scenario * lambdas; }
    EQUILOAD_HD Pass at(Pass pass) const {
        pass.iteration = *iteration;
        return pass;
    }
};

// What a launch over blocks works on.
template <class Stored>
struct Blocks {
    Scenarios scenarios;
    BlockProblem m;
    Iterate<Stored> z;
    Inputs in;

    EQUILOAD_HD Spot spot(long n, int items) const { return grid::spot(n, items, scenarios); }
};

struct Advance {
    double* iteration;

    EQUILOAD_HD void operator()(long) const { *iteration += 1.0; }
};

// ------------------------------------------------------------------ the passes

// Arcs of which a thread asks for what it reads before it works on the first of them. Half of the bytes that
// a device has to have under way come from it, half from the warps that there is room for.
inline constexpr int arcs_ahead = 4;

// The gateways of a launch, whose rows are about as long.
struct Gateways {
    const int* list;
    int count;
};

// What is compiled for networks without delays, not `Delayed`, has no branches for them.
template <class Stored, bool Delayed>
struct ArcPass {  // an item a gateway and slot
    Blocks<Stored> on;
    Gateways gateways;
    Pass pass;
    double* moved;  // packed, [block][gateway][lane]

    EQUILOAD_HD void operator()(long n, Scratch g) const {
        Spot s = on.spot(n, gateways.count);
        s.item = read_only(gateways.list + s.item);
        const auto send = [&](int arc, Lane reflected, Lane) {
            const int place = read_only(on.m.sent_index + arc);
            reflected.store(on.z.sent + offset<Lane>(s.at, on.m.sent, place));
        };
        const Lane distance =
            arc_row<Lane, arcs_ahead, Delayed>(on.m, on.z, s.at, s.item, on.in.at(pass), g, send);
        if (pass.measure) distance.store(moved + s.packed_offset(on.m.gateways, s.item));
    }
};

template <class Stored>
struct SitePass {  // an item a cell
    Blocks<Stored> on;
    Pass pass;
    double* parts;  // packed, [block][site][residual, mismatch][lane]

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = on.spot(n, on.m.sites);
        Lane residual(0.0), mismatch(0.0);
        site_cell<Lane>(on.m, on.z, s.at, s.item, on.in.lambda_of(s), on.in.at(pass), residual, mismatch);
        if (!pass.decide) return;
        residual.store(parts + s.packed_offset(2 * on.m.sites, 2 * s.item));
        mismatch.store(parts + s.packed_offset(2 * on.m.sites, 2 * s.item + 1));
    }
};

// An item a site and lane of a chunk of blocks. With `receive` the cells first gather what their arcs have
// sent.
template <class Stored, bool Delayed>
struct BurdenPass {
    Blocks<Stored> on;
    int chunks;  // of a scenario
    bool receive, measure;
    double curvature_floor;
    double* sums;  // packed, [chunk][quantity][site][lane]

    EQUILOAD_HD void operator()(long n, Scratch total) const {
        const Scenarios in_chunks{on.scenarios.list, chunks};
        const Spot s = grid::spot(n, on.m.sites, in_chunks);
        const int chunk = s.at.block - s.at.first, quantities = burden_quantities(on.m.footprints);
        const int first = s.scenario * on.m.blocks;
        for (int q = 0; q < quantities; ++q) total[q] = Lane(0.0);
        const long blocks = on.m.blocks;
        for (long b = blocks * chunk / chunks; b < blocks * (chunk + 1) / chunks; ++b) {
            const Place at(first + static_cast<int>(b), s.at.lane, first);
            if (receive) gather(at, s.item);
            add_burden<Lane>(on.m, on.z, at, s.item, on.in.lambda_of(s), curvature_floor,
                             [&](int q, Lane burden) { total[q] = total[q] + burden; });
        }
        for (int q = 0; q < quantities; ++q)
            total[q].store(sums + s.packed_offset(quantities * on.m.sites, q * on.m.sites + s.item));
    }

    EQUILOAD_HD void gather(Place at, int site) const {
        const long cell = offset<Lane>(at, on.m.sites, site);
        arrived(at, site, false).store(on.z.inflow + cell);
        if (measure) arrived(at, site, true).store(on.z.inflow_plus + cell);
    }
    EQUILOAD_HD Lane arrived(Place at, int site, bool plus) const {
        return received<Lane, arcs_ahead, Delayed>(on.m, on.z, at, site, plus);
    }
};

// ------------------------------------------------------------------ restarts

// Sums over the items or over the horizon: number q of a slot.
struct SlotSums {
    const double*
        values;  // [scenario][block][quantity][lane], or [scenario][quantity] where slots restart together
    int quantities;
    bool together;

    EQUILOAD_HD double get(const Spot& s, int q) const {
        return values[together ? s.scenario * quantities + q : offset<Lane>(s.at, quantities, q)];
    }
};

struct Residuals {  // an item a slot: r^2 = |dx|^2/tau + what its cells add, no less than zero
    Scenarios scenarios;
    const double* moved;
    double* sums;  // [scenario][block][residual, mismatch][lane]

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, 1, scenarios);
        double& residual = sums[offset<Lane>(s.at, 2, 0)];
        const double sum = moved[s.slot()] + residual;
        residual = sum > 0.0 ? sum : 0.0;
    }
};

template <class Stored>
struct Decide {  // an item a slot; together, each comes to the same decision
    Blocks<Stored> on;
    SlotSums sums;
    Tuning tuning;
    double* due;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = on.spot(n, 1);
        const long t = s.slot();
        const double now = *on.in.iteration;
        due[t] = restart_due(sums.get(s, 0), now - on.z.restarted[t], now, on.z.residual_start[t],
                             on.z.residual_last[t], tuning)
                     ? 1.0
                     : 0.0;
    }
};

// An item a gateway or, after the last gateway, a cell; zeros of slots that are not due, which are summed
// with the others.
template <class Stored>
struct Restart {
    Blocks<Stored> on;
    const double* due;
    double* parts;  // packed, [block][gateway or site][D, DX^2, DY^2, cost][lane]

    EQUILOAD_HD void operator()(long n) const {
        const int items = on.m.gateways + on.m.sites;
        const Spot s = on.spot(n, items);
        RestartSums<Lane> sums;
        if (due[s.slot()] == 0.0)
            ;
        else if (s.item < on.m.gateways)
            restart_row<Lane>(on.m, on.z, s.at, s.item, true, sums);
        else
            restart_cell<Lane>(on.m, on.z, s.at, s.item - on.m.gateways, true, sums);
        double* const part = parts + s.packed_offset(4 * items, 4 * s.item);
        sums.overpaid.store(part);
        sums.dx.store(part + Lane::width);
        sums.dy.store(part + 2 * Lane::width);
        sums.cost.store(part + 3 * Lane::width);
    }
};

template <class Stored>
struct Reweigh {  // an item a slot
    Blocks<Stored> on;
    SlotSums residuals, sums;
    Tuning tuning;
    const double* due;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = on.spot(n, 1);
        if (due[s.slot()] == 0.0) return;
        begin_epoch(on.z, s.slot(),
                    weight_change(residuals.get(s, 1), sums.get(s, 0), sums.get(s, 1), sums.get(s, 2),
                                  sums.get(s, 3), tuning),
                    on.in.at({}));
    }
};

template <class Stored>
struct Refresh {  // an item a cell: 1/sigma, where the weights have changed
    Blocks<Stored> on;
    const double* due;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = on.spot(n, on.m.sites);
        if (due[s.slot()] == 0.0) return;
        const Lane metric = received_metric<Lane>(on.m, on.z, s.at, s.item, Lane(0.0));
        metric.store(on.z.isig + offset<Lane>(s.at, on.m.sites, s.item));
    }
};

// ------------------------------------------------------------------ the start

template <class Stored>
struct FirstParts {  // an item a gateway and slot
    Blocks<Stored> on;
    double* parts;  // packed, [block][gateway][spread, size, root][lane]

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = on.spot(n, on.m.gateways);
        FirstSums<Lane> sums;
        first_row<Lane>(on.m, s.at, s.item, on.in.lambda_of(s), sums);
        on.z.theta[offset<Lane>(s.at, on.m.gateways, s.item)] = 0.0;
        double* const part = parts + s.packed_offset(3 * on.m.gateways, 3 * s.item);
        sums.spread.store(part);
        sums.size.store(part + Lane::width);
        sums.root.store(part + 2 * Lane::width);
    }
};

template <class Stored>
struct FirstSlot {  // an item a slot: its weight, and nothing to remember
    Blocks<Stored> on;
    SlotSums sums;
    double* due;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = on.spot(n, 1);
        const long t = s.slot();
        FirstSums<Lane> own;
        own.spread = sums.get(s, 0), own.size = sums.get(s, 1), own.root = sums.get(s, 2);
        on.z.omega[t] = on.z.omega_start[t] = first_weight(own, on.m.gateways).v;
        on.z.restarted[t] = *on.in.iteration, on.z.residual_start[t] = -1.0;
        if (*on.in.iteration == 0.0) on.z.restarts[t] = 0.0;
        due[t] = 1.0;  // for the first metrics
    }
};

template <class Stored>
struct FirstArc {  // an item an arc and slot: the iterate is its anchor
    Blocks<Stored> on;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = on.spot(n, on.m.arcs);
        const long at = offset<Lane>(s.at, on.m.arcs, s.item);
        const Lane anchor = Lane::load(on.z.x_anchor + at);
        store_x(on.z, at, anchor, anchor);
    }
};

template <class Stored>
struct FirstCell {  // an item a cell
    Blocks<Stored> on;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = on.spot(n, on.m.sites);
        const long at = offset<Lane>(s.at, on.m.sites, s.item);
        on.z.v_anchor[at] = on.z.v[at];
    }
};

struct Fill {
    double* values;
    double value;

    EQUILOAD_HD void operator()(long n) const { values[n] = value; }
};

struct Roots {  // s = sqrt(d)
    const double* demand;
    double* step;

    EQUILOAD_HD void operator()(long n) const { step[n] = __builtin_sqrt(demand[n]); }
};

// ------------------------------------------------------------------ sums

// [outer][items][inner] -> [outer][groups][inner]: items 32 g .. 32 g + 31 into group g, in their order. Of
// the `each` outer rows of a scenario both ends are packed, or lie where the list says.
struct SumItems {
    static constexpr int group = 32;

    const double* values;
    double* sums;
    int items, groups;
    long inner, each;
    const int *from, *to;  // lists, or null

    EQUILOAD_HD void operator()(long n) const {
        const long row = n / inner, outer = row / groups;
        const int first = static_cast<int>(row % groups) * group;
        const double* const read = values + placed(outer, from) * items * inner + n % inner;
        double sum = 0;
        for (int k = first; k < first + group && k < items; ++k) sum += read[k * inner];
        sums[(placed(outer, to) * groups + row % groups) * inner + n % inner] = sum;
    }
    EQUILOAD_HD long placed(long outer, const int* list) const {
        return list ? list[outer / each] * each + outer % each : outer;
    }
};

// ------------------------------------------------------------------ candidates

template <class Stored>
struct DualCandidate {  // an item a cell; the next pass that needs v_plus writes it first
    Blocks<Stored> on;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = on.spot(n, on.m.sites);
        const Lane v = dual_candidate<Lane>(on.m, on.z, s.at, s.item, on.in.lambda_of(s));
        v.store(on.z.v_plus + offset<Lane>(s.at, on.m.sites, s.item));
    }
};

// ------------------------------------------------------------------ equity

// An item a scenario, for a group: its prices move by a Newton step.
struct EquityStep {
    static constexpr int groups_each =
        1;  // of a multiprocessor: there are few scenarios, none spills for room

    const int* list;
    const EquityState* states;  // [scenario]
    const double* totals;       // [scenario][quantity][site]
    long each;                  // of a scenario

    template <class G>
    EQUILOAD_HD void operator()(long n, G group, int) const {
        equity_step(group, states[list[n]], totals + list[n] * each);
    }
};

}  // namespace equiload::grid
