// The launches of the grid back end: the steps of the algorithm, an item each for what the host's back end
// loops over. Arrays are [block][item][lane] with a warp's 32 lanes; item n of a launch works on lane n % 32
// of an item of a block, so that the threads of a warp read neighbours, prices by site included.
//
// No two items of a launch write the same number and none reads what another writes. Where gateways meet at a
// site, each arc leaves its energy in `sent` and the site gathers it in the order of the arcs: adding it up
// with atomics would depend on who comes first.
//
// Sums over gateways, sites and slots are added up group by group in a fixed order by plain launches
// (SumItems). They are small beside the passes, and a library's reduction, tuned for each device, would give
// other bits on each.
#pragma once

#include "equiload/algorithm/equity_steps.hpp"
#include "equiload/algorithm/restart.hpp"
#include "equiload/algorithm/steps.hpp"
#include "machine.hpp"

namespace equiload::grid {

struct Spot {
    Place at;
    int item;
};

// A launch has fewer than 2^32 warps, and dividing 32-bit numbers is several times cheaper.
EQUILOAD_HD Spot spot(long n, int items) {
    const auto warp = static_cast<unsigned>(n / Lane::width);
    const auto count = static_cast<unsigned>(items);
    return {Place(static_cast<int>(warp / count), static_cast<int>(n % Lane::width)),
            static_cast<int>(warp % count)};
}

// What changes from one iteration to the next, uploaded together: [iteration, lambda at each site].
struct Inputs {
    const double* values;

    EQUILOAD_HD double iteration() const { return values[0]; }
    EQUILOAD_HD const double* lambda() const { return values + 1; }
};

// ------------------------------------------------------------------ the passes

template <class Stored>
struct ArcPass {  // an item a gateway and slot
    Model m;
    Iterate<Stored> z;
    Inputs in;
    Pass pass;
    double* moved;  // [block][gateway][lane]

    EQUILOAD_HD void operator()(long n, Scratch g) const {
        const Spot s = spot(n, m.gateways);
        Pass now = pass;
        now.iteration = in.iteration();
        const auto send = [&](int arc, Lane reflected, Lane) {
            reflected.store(z.sent + offset<Lane>(s.at, m.arcs, arc));
        };
        const Lane distance = arc_row<Lane>(m, z, s.at, s.item, now, g, send);
        if (pass.measure) distance.store(moved + n);
    }
};

template <class Stored>
struct SitePass {  // an item a cell
    Model m;
    Iterate<Stored> z;
    Inputs in;
    Pass pass;
    double* parts;  // [block][site][residual, mismatch][lane]

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, m.sites);
        Pass now = pass;
        now.iteration = in.iteration();
        Lane residual(0.0), mismatch(0.0);
        site_cell<Lane>(m, z, s.at, s.item, in.lambda(), now, residual, mismatch);
        if (!pass.decide) return;
        residual.store(parts + offset<Lane>(s.at, 2 * m.sites, 2 * s.item));
        mismatch.store(parts + offset<Lane>(s.at, 2 * m.sites, 2 * s.item + 1));
    }
};

// An item a site and lane of a chunk of blocks. With `receive` the cells first gather what their arcs have
// sent.
template <class Stored>
struct BurdenPass {
    Model m;
    Iterate<Stored> z;
    Inputs in;
    bool receive, measure;
    double curvature_floor;
    int chunks;
    double* sums;  // [chunk][quantity][site][lane]

    EQUILOAD_HD void operator()(long n, Scratch total) const {
        const Spot s = spot(n, m.sites);
        const int chunk = s.at.block, quantities = burden_quantities(m.footprints);
        const long blocks = m.blocks;
        for (int q = 0; q < quantities; ++q) total[q] = Lane(0.0);
        for (long b = blocks * chunk / chunks; b < blocks * (chunk + 1) / chunks; ++b) {
            const Place at(static_cast<int>(b), s.at.lane);
            if (receive) gather(at, s.item);
            add_burden<Lane>(m, z, at, s.item, in.lambda(), curvature_floor,
                             [&](int q, Lane burden) { total[q] = total[q] + burden; });
        }
        for (int q = 0; q < quantities; ++q)
            total[q].store(sums + offset<Lane>(s.at, quantities * m.sites, q * m.sites + s.item));
    }

    EQUILOAD_HD void gather(Place at, int site) const {
        const long cell = offset<Lane>(at, m.sites, site);
        received<Lane>(m, z, at, site, false).store(z.inflow + cell);
        if (measure) received<Lane>(m, z, at, site, true).store(z.inflow_plus + cell);
    }
};

// ------------------------------------------------------------------ restarts

// Sums over the items or over the horizon: number q of slot t.
struct SlotSums {
    const double* values;  // [block][quantity][lane], or one number a quantity where slots restart together
    int quantities;
    bool together;

    EQUILOAD_HD double get(long t, int q) const {
        return values[together ? q : (t / Lane::width * quantities + q) * Lane::width + t % Lane::width];
    }
};

struct Residuals {  // an item a slot: r^2 = |dx|^2/tau + what its cells add, no less than zero
    const double* moved;
    double* sums;  // [block][residual, mismatch][lane]

    EQUILOAD_HD void operator()(long t) const {
        double& residual = sums[t / Lane::width * 2 * Lane::width + t % Lane::width];
        residual = moved[t] + residual > 0.0 ? moved[t] + residual : 0.0;
    }
};

template <class Stored>
struct Decide {  // an item a slot; together, each comes to the same decision
    Iterate<Stored> z;
    Inputs in;
    SlotSums sums;
    Tuning tuning;
    double* due;

    EQUILOAD_HD void operator()(long t) const {
        due[t] = restart_due(sums.get(t, 0), in.iteration() - z.restarted[t], in.iteration(),
                             z.residual_start[t], z.residual_last[t], tuning)
                     ? 1.0
                     : 0.0;
    }
};

// An item a gateway or, after the last gateway, a cell. Of slots that are not due, nothing is read later.
template <class Stored>
struct Restart {
    Model m;
    Iterate<Stored> z;
    const double* due;
    double* parts;  // [block][gateway or site][D, DX^2, DY^2, cost][lane]

    EQUILOAD_HD void operator()(long n) const {
        const int items = m.gateways + m.sites;
        const Spot s = spot(n, items);
        if (due[slot_offset<Lane>(s.at)] == 0.0) return;
        RestartSums<Lane> sums;
        if (s.item < m.gateways)
            restart_row<Lane>(m, z, s.at, s.item, true, sums);
        else
            restart_cell<Lane>(m, z, s.at, s.item - m.gateways, true, sums);
        double* const part = parts + offset<Lane>(s.at, 4 * items, 4 * s.item);
        sums.overpaid.store(part);
        sums.dx.store(part + Lane::width);
        sums.dy.store(part + 2 * Lane::width);
        sums.cost.store(part + 3 * Lane::width);
    }
};

template <class Stored>
struct Reweigh {  // an item a slot
    Iterate<Stored> z;
    Inputs in;
    SlotSums residuals, sums;
    Tuning tuning;
    const double* due;

    EQUILOAD_HD void operator()(long t) const {
        if (due[t] == 0.0) return;
        Pass now;
        now.iteration = in.iteration();
        begin_epoch(z, t,
                    weight_change(residuals.get(t, 1), sums.get(t, 0), sums.get(t, 1), sums.get(t, 2),
                                  sums.get(t, 3), tuning),
                    now);
    }
};

template <class Stored>
struct Refresh {  // an item a cell: 1/sigma, where the weights have changed
    Model m;
    Iterate<Stored> z;
    const double* due;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, m.sites);
        if (due[slot_offset<Lane>(s.at)] == 0.0) return;
        received_metric<Lane>(m, z, s.at, s.item, Lane(0.0)).store(z.isig + n);
    }
};

// ------------------------------------------------------------------ the start

struct FirstParts {  // an item a gateway and slot
    Model m;
    Inputs in;
    double* parts;  // [block][gateway][spread, size, root][lane]

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, m.gateways);
        FirstSums<Lane> sums;
        first_row<Lane>(m, s.at, s.item, in.lambda(), sums);
        double* const part = parts + offset<Lane>(s.at, 3 * m.gateways, 3 * s.item);
        sums.spread.store(part);
        sums.size.store(part + Lane::width);
        sums.root.store(part + 2 * Lane::width);
    }
};

template <class Stored>
struct FirstSlot {  // an item a slot: its weight, and nothing to remember
    Model m;
    Iterate<Stored> z;
    SlotSums sums;

    EQUILOAD_HD void operator()(long t) const {
        FirstSums<Lane> own;
        own.spread = sums.get(t, 0), own.size = sums.get(t, 1), own.root = sums.get(t, 2);
        z.omega[t] = z.omega_start[t] = first_weight(own, m.gateways).v;
        z.restarted[t] = z.restarts[t] = 0.0, z.residual_start[t] = -1.0;
    }
};

template <class Stored>
struct FirstArc {  // an item an arc and slot: the iterate is its anchor
    Iterate<Stored> z;

    EQUILOAD_HD void operator()(long n) const {
        const Lane anchor = Lane::load(z.x_anchor + n);
        store_x(z, n, anchor, anchor);
    }
};

template <class Stored>
struct FirstCell {
    Iterate<Stored> z;

    EQUILOAD_HD void operator()(long n) const { z.v_anchor[n] = z.v[n]; }
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

// ------------------------------------------------------------------ sums, candidates, rows

// [outer][items][inner] -> [outer][groups][inner]: items 32 g .. 32 g + 31 into group g, in their order.
struct SumItems {
    static constexpr int group = 32;

    const double* values;
    double* sums;
    int items, groups;
    long inner;

    EQUILOAD_HD void operator()(long n) const {
        const long row = n / inner, outer = row / groups;
        const int first = static_cast<int>(row % groups) * group;
        const double* const from = values + outer * items * inner + n % inner;
        double sum = 0;
        for (int k = first; k < first + group && k < items; ++k) sum += from[k * inner];
        sums[n] = sum;
    }
};

template <class Stored>
struct DualCandidate {  // an item a cell; the next pass that needs v_plus writes it first
    Model m;
    Iterate<Stored> z;
    Inputs in;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, m.sites);
        dual_candidate<Lane>(m, z, s.at, s.item, in.lambda()).store(z.v_plus + n);
    }
};

// Between [block][item][lane] and (T, items) rows of the slots from `first_block` on.
template <class Stored>
struct FromRows {
    const double* rows;
    Stored* values;
    int items, slots, first_block;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, items);
        const Place at(first_block + s.at.block, s.at.lane);
        const long row = s.at.slot<Lane>();
        const bool padding = at.slot<Lane>() >= slots;  // no demand, no capacity
        Lane(padding ? 0.0 : rows[row * items + s.item]).store(values + offset<Lane>(at, items, s.item));
    }
};

template <class Stored>
struct ToRows {  // items of a launch follow the rows: the blocks read are small enough to stay in cache
    const Stored* values;
    double* rows;
    int items, first_block;

    EQUILOAD_HD void operator()(long n) const {
        const auto wide = static_cast<unsigned>(items), place = static_cast<unsigned>(n);
        const int slot = static_cast<int>(place / wide), item = static_cast<int>(place % wide);
        const Place at(first_block + slot / Lane::width, slot % Lane::width);
        rows[n] = Lane::load(values + offset<Lane>(at, items, item)).v;
    }
};

// ------------------------------------------------------------------ equity

// An item a scenario, for a group: its prices move by a Newton step.
struct EquityStep {
    const EquityState* states;  // [scenario]
    const double* totals;       // of scenario n from n * stride on
    long stride;

    template <class G>
    EQUILOAD_HD void operator()(long n, G group, int) const {
        equity_step(group, states[n], totals + n * stride);
    }
};

}  // namespace equiload::grid
