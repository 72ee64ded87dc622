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

struct Advance {
    double* iteration;

    EQUILOAD_HD void operator()(long) const { *iteration += 1.0; }
};

// ------------------------------------------------------------------ the passes

template <class Stored>
struct ArcPass {  // an item a gateway and slot
    Scenarios scenarios;
    BlockProblem m;
    Iterate<Stored> z;
    Inputs in;
    Pass pass;
    double* moved;  // packed, [block][gateway][lane]

    EQUILOAD_HD void operator()(long n, Scratch g) const {
        const Spot s = spot(n, m.gateways, scenarios);
        const auto send = [&](int arc, Lane reflected, Lane) {
            reflected.store(z.sent + offset<Lane>(s.at, m.arcs, arc));
        };
        const Lane distance = arc_row<Lane>(m, z, s.at, s.item, in.at(pass), g, send);
        if (pass.measure) distance.store(moved + n);
    }
};

template <class Stored>
struct SitePass {  // an item a cell
    Scenarios scenarios;
    BlockProblem m;
    Iterate<Stored> z;
    Inputs in;
    Pass pass;
    double* parts;  // packed, [block][site][residual, mismatch][lane]

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, m.sites, scenarios);
        Lane residual(0.0), mismatch(0.0);
        site_cell<Lane>(m, z, s.at, s.item, in.lambda_of(s), in.at(pass), residual, mismatch);
        if (!pass.decide) return;
        residual.store(parts + s.packed_offset(2 * m.sites, 2 * s.item));
        mismatch.store(parts + s.packed_offset(2 * m.sites, 2 * s.item + 1));
    }
};

// An item a site and lane of a chunk of blocks. With `receive` the cells first gather what their arcs have
// sent.
template <class Stored>
struct BurdenPass {
    Scenarios scenarios;  // their blocks: the chunks
    BlockProblem m;
    Iterate<Stored> z;
    Inputs in;
    bool receive, measure;
    double curvature_floor;
    double* sums;  // packed, [chunk][quantity][site][lane]

    EQUILOAD_HD void operator()(long n, Scratch total) const {
        const Spot s = spot(n, m.sites, scenarios);
        const int chunk = s.at.block - s.at.first, quantities = burden_quantities(m.footprints);
        const int chunks = scenarios.blocks, first = s.scenario * m.blocks;
        for (int q = 0; q < quantities; ++q) total[q] = Lane(0.0);
        const long blocks = m.blocks;
        for (long b = blocks * chunk / chunks; b < blocks * (chunk + 1) / chunks; ++b) {
            const Place at(first + static_cast<int>(b), s.at.lane, first);
            if (receive) gather(at, s.item);
            add_burden<Lane>(m, z, at, s.item, in.lambda_of(s), curvature_floor,
                             [&](int q, Lane burden) { total[q] = total[q] + burden; });
        }
        for (int q = 0; q < quantities; ++q)
            total[q].store(sums + s.packed_offset(quantities * m.sites, q * m.sites + s.item));
    }

    EQUILOAD_HD void gather(Place at, int site) const {
        const long cell = offset<Lane>(at, m.sites, site);
        received<Lane>(m, z, at, site, false).store(z.inflow + cell);
        if (measure) received<Lane>(m, z, at, site, true).store(z.inflow_plus + cell);
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
    Scenarios scenarios;
    Iterate<Stored> z;
    Inputs in;
    SlotSums sums;
    Tuning tuning;
    double* due;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, 1, scenarios);
        const long t = s.slot();
        const double now = *in.iteration;
        due[t] = restart_due(sums.get(s, 0), now - z.restarted[t], now, z.residual_start[t],
                             z.residual_last[t], tuning)
                     ? 1.0
                     : 0.0;
    }
};

// An item a gateway or, after the last gateway, a cell; zeros of slots that are not due, which are summed
// with the others.
template <class Stored>
struct Restart {
    Scenarios scenarios;
    BlockProblem m;
    Iterate<Stored> z;
    const double* due;
    double* parts;  // packed, [block][gateway or site][D, DX^2, DY^2, cost][lane]

    EQUILOAD_HD void operator()(long n) const {
        const int items = m.gateways + m.sites;
        const Spot s = spot(n, items, scenarios);
        RestartSums<Lane> sums;
        if (due[s.slot()] == 0.0)
            ;
        else if (s.item < m.gateways)
            restart_row<Lane>(m, z, s.at, s.item, true, sums);
        else
            restart_cell<Lane>(m, z, s.at, s.item - m.gateways, true, sums);
        double* const part = parts + s.packed_offset(4 * items, 4 * s.item);
        sums.overpaid.store(part);
        sums.dx.store(part + Lane::width);
        sums.dy.store(part + 2 * Lane::width);
        sums.cost.store(part + 3 * Lane::width);
    }
};

template <class Stored>
struct Reweigh {  // an item a slot
    Scenarios scenarios;
    Iterate<Stored> z;
    Inputs in;
    SlotSums residuals, sums;
    Tuning tuning;
    const double* due;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, 1, scenarios);
        if (due[s.slot()] == 0.0) return;
        begin_epoch(z, s.slot(),
                    weight_change(residuals.get(s, 1), sums.get(s, 0), sums.get(s, 1), sums.get(s, 2),
                                  sums.get(s, 3), tuning),
                    in.at({}));
    }
};

template <class Stored>
struct Refresh {  // an item a cell: 1/sigma, where the weights have changed
    Scenarios scenarios;
    BlockProblem m;
    Iterate<Stored> z;
    const double* due;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, m.sites, scenarios);
        if (due[s.slot()] == 0.0) return;
        const Lane metric = received_metric<Lane>(m, z, s.at, s.item, Lane(0.0));
        metric.store(z.isig + offset<Lane>(s.at, m.sites, s.item));
    }
};

// ------------------------------------------------------------------ the start

struct FirstParts {  // an item a gateway and slot
    Scenarios scenarios;
    BlockProblem m;
    Inputs in;
    double* theta;
    double* parts;  // packed, [block][gateway][spread, size, root][lane]

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, m.gateways, scenarios);
        FirstSums<Lane> sums;
        first_row<Lane>(m, s.at, s.item, in.lambda_of(s), sums);
        theta[offset<Lane>(s.at, m.gateways, s.item)] = 0.0;
        double* const part = parts + s.packed_offset(3 * m.gateways, 3 * s.item);
        sums.spread.store(part);
        sums.size.store(part + Lane::width);
        sums.root.store(part + 2 * Lane::width);
    }
};

template <class Stored>
struct FirstSlot {  // an item a slot: its weight, and nothing to remember
    Scenarios scenarios;
    BlockProblem m;
    Iterate<Stored> z;
    Inputs in;
    SlotSums sums;
    double* due;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, 1, scenarios);
        const long t = s.slot();
        FirstSums<Lane> own;
        own.spread = sums.get(s, 0), own.size = sums.get(s, 1), own.root = sums.get(s, 2);
        z.omega[t] = z.omega_start[t] = first_weight(own, m.gateways).v;
        z.restarted[t] = *in.iteration, z.residual_start[t] = -1.0;
        if (*in.iteration == 0.0) z.restarts[t] = 0.0;
        due[t] = 1.0;  // for the first metrics
    }
};

template <class Stored>
struct FirstArc {  // an item an arc and slot: the iterate is its anchor
    Scenarios scenarios;
    Iterate<Stored> z;
    int arcs;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, arcs, scenarios);
        const long at = offset<Lane>(s.at, arcs, s.item);
        const Lane anchor = Lane::load(z.x_anchor + at);
        store_x(z, at, anchor, anchor);
    }
};

template <class Stored>
struct FirstCell {  // an item a cell
    Scenarios scenarios;
    Iterate<Stored> z;
    int sites;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, sites, scenarios);
        const long at = offset<Lane>(s.at, sites, s.item);
        z.v_anchor[at] = z.v[at];
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
    Scenarios scenarios;
    BlockProblem m;
    Iterate<Stored> z;
    Inputs in;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, m.sites, scenarios);
        const Lane v = dual_candidate<Lane>(m, z, s.at, s.item, in.lambda_of(s));
        v.store(z.v_plus + offset<Lane>(s.at, m.sites, s.item));
    }
};

// ------------------------------------------------------------------ equity

// An item a scenario, for a group: its prices move by a Newton step.
struct EquityStep {
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
