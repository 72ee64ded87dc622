// The launches of the grid back end that work row by row, on (T, items) arrays of each scenario: the caller's
// data on their way in, candidates on their way to a certificate, answers on their way out.
#pragma once

#include "algorithm/certificate_steps.hpp"
#include "algorithm/repair_steps.hpp"
#include "grid/grid_steps.hpp"
#include "grid/machine.hpp"

namespace equiload::grid {

// Item n of a launch over the scenarios of a list, `each` items apiece.
struct Member {
    long item;
    int scenario;

    EQUILOAD_HD Member(long n, const int* list, long each) : item(n % each), scenario(list[n / each]) {}
};

// ------------------------------------------------------------------ between rows and blocks

// (T, items) rows of every scenario into [scenario][block][item][lane]; slots past the horizon are zero: no
// demand, no capacity. Nothing is larger than `most`.
template <class Stored>
struct FromRows {
    Scenarios scenarios;
    const double* rows;
    Stored* values;
    int items, slots;
    double most;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, items, scenarios);
        const int slot = s.at.slot<Lane>();
        const long row = static_cast<long>(s.scenario) * slots + slot;
        const double value = slot < slots ? rows[row * items + s.item] : 0.0;
        Lane(value < most ? value : most).store(values + offset<Lane>(s.at, items, s.item));
    }
};

// [scenario][footprint] fields into [scenario][block][footprint][site][lane].
struct FromFootprints {
    Scenarios scenarios;
    const double* rows;
    double* values;
    int footprints, sites, slots;

    EQUILOAD_HD void operator()(long n) const {
        const Spot s = spot(n, footprints * sites, scenarios);
        const int slot = s.at.slot<Lane>(), r = s.item / sites, i = s.item % sites;
        const long row = (static_cast<long>(s.scenario) * footprints + r) * slots + slot;
        const double value = slot < slots ? rows[row * sites + i] : 0.0;
        Lane(value).store(values + offset<Lane>(s.at, footprints * sites, s.item));
    }
};

template <class Stored>
struct ToRows {  // items of a launch follow the rows: the blocks read are small enough to stay in cache
    Scenarios scenarios;
    const Stored* values;
    double* rows;
    int items, slots;

    EQUILOAD_HD void operator()(long n) const {
        const long each = static_cast<long>(slots) * items;
        const Member of(n, scenarios.list, each);
        const int slot = static_cast<int>(of.item / items), item = static_cast<int>(of.item % items);
        const int first = of.scenario * scenarios.blocks;
        const Place at = Place(first, 0, first).of_slot<Lane>(slot);
        rows[of.scenario * each + of.item] = Lane::load(values + offset<Lane>(at, items, item)).v;
    }
};

// ------------------------------------------------------------------ the reduced problem

// The caller's field, column by column of the reduced problem: the sum over the columns that are pooled in
// it, or `otherwise` where there is none.
struct Reduce {
    Field from;
    const int *start, *order;  // [column]
    double* to;
    int columns;
    double otherwise;

    EQUILOAD_HD void operator()(long n) const {
        const int column = static_cast<int>(n % columns);
        const double* const row = from.row(static_cast<std::size_t>(n / columns));
        double sum = start[column] == start[column + 1] ? otherwise : 0.0;
        for (int k = start[column]; k < start[column + 1]; ++k) sum += row[order[k]];
        to[n] = sum;
    }
};

// ------------------------------------------------------------------ certificates

// What the certificate of a scenario is computed from; everything is [scenario]...
struct SlotCandidates {
    const SlotProblem* problems;
    const double* lambda;  // [footprint][site]
    long lambdas;
    double *x, *v, *load;  // (T, A), (T, I), (T, I)

    EQUILOAD_HD const double* lambda_of(int scenario) const { return lambda + scenario * lambdas; }
    EQUILOAD_HD double* x_of(int scenario) const {
        const SlotProblem& m = problems[scenario];
        return x + static_cast<long>(scenario) * m.slots * m.arcs;
    }
    EQUILOAD_HD double* v_of(int scenario) const { return v + cells(scenario); }
    EQUILOAD_HD double* load_of(int scenario) const { return load + cells(scenario); }
    EQUILOAD_HD long cells(int scenario) const {
        const SlotProblem& m = problems[scenario];
        return static_cast<long>(scenario) * m.slots * m.sites;
    }
};

struct Complete {  // an item a cell
    const int* list;
    SlotCandidates all;
    long cells;

    EQUILOAD_HD void operator()(long n) const {
        const Member of(n, list, cells);
        const SlotProblem& m = all.problems[of.scenario];
        complete_cell(m, all.lambda_of(of.scenario), static_cast<int>(of.item / m.sites),
                      static_cast<int>(of.item % m.sites), all.v_of(of.scenario)[of.item]);
    }
};

struct Bound {  // an item a slot
    const int* list;
    SlotCandidates all;
    int slots;
    double* parts;  // packed, [slot]

    template <Group G>
    EQUILOAD_HD void operator()(long n, G g, int) const {
        const Member of(n, list, slots);
        const double part = bound_slot(g, all.problems[of.scenario], all.lambda_of(of.scenario),
                                       all.v_of(of.scenario), static_cast<int>(of.item));
        if (g.rank() == 0) parts[n] = part;
    }
};

struct Evaluate {                      // an item a slot
    static constexpr int numbers = 4;  // arcs, energy, quadratic, overload

    const int* list;
    SlotCandidates all;
    int slots;
    double* parts;  // packed, [slot][number]

    template <Group G>
    EQUILOAD_HD void operator()(long n, G g, int) const {
        const Member of(n, list, slots);
        const int s = of.scenario;
        const SlotProblem m = all.problems[s];
        const SlotCosts costs = evaluate_slot(g, m, all.lambda_of(s), all.x_of(s), all.v_of(s),
                                              static_cast<int>(of.item), all.load_of(s));
        if (g.rank() != 0) return;
        double* const part = parts + numbers * n;
        part[0] = costs.arc, part[1] = costs.energy, part[2] = costs.quadratic, part[3] = costs.overload;
    }
};

// An item a site of a chunk of slots.
struct Burdens {
    const int* list;
    SlotCandidates all;
    int chunks, sites, footprints;
    double* parts;  // packed, [chunk][footprint][site]

    EQUILOAD_HD void operator()(long n) const {
        const long each = static_cast<long>(chunks) * footprints * sites;
        const Member of(n, list, each);
        const SlotProblem& m = all.problems[of.scenario];
        const int i = static_cast<int>(of.item % sites), r = static_cast<int>(of.item / sites % footprints);
        const long chunk = of.item / sites / footprints, slots = m.slots;
        const double* const load = all.load_of(of.scenario);
        double sum = 0;
        for (long t = slots * chunk / chunks; t < slots * (chunk + 1) / chunks; ++t)
            sum += m.footprint[r].row(static_cast<std::size_t>(t))[i] * load[t * sites + i];
        parts[n] = sum;
    }
};

// ------------------------------------------------------------------ repairs

// An item a slot: makes its row of x keep every capacity, or with `fill` a first plan. The model is copied:
// for all that a compiler knows, what is written could change it otherwise.
struct RepairSlot {
    static constexpr int groups_each = 16;  // of a multiprocessor: a search keeps many numbers at hand

    const int* list;
    SlotCandidates all;
    const SlotProblem* open;  // with the cells closed that no work may use
    int slots;
    bool fill;
    char* scratch;  // [place]
    std::size_t scratch_bytes;
    double* failed;  // packed, [slot]

    template <Group G>
    EQUILOAD_HD void operator()(long n, G g, int place) const {
        const Member of(n, list, slots);
        const int t = static_cast<int>(of.item);
        const SlotProblem m = open[of.scenario];
        double* const x = all.x_of(of.scenario);
        if (!fill) serve_slot(g, m, x + static_cast<long>(t) * m.arcs, t);
        const RepairScratch own =
            RepairScratch::on(scratch + static_cast<std::size_t>(place) * scratch_bytes, m, g.size());
        const bool fits = repair_window(g, m, x, all.v_of(of.scenario), own, t, t + 1, fill);
        serve_slot(g, m, x + static_cast<long>(t) * m.arcs, t);
        if (g.rank() == 0) failed[n] = fits ? 0.0 : 1.0;
    }
};

// x <- (1 - share) x + share y, in the scenarios of the list.
struct Blend {
    const int* list;
    long each;
    const double* share;  // [scenario]
    double* x;
    const double* y;

    EQUILOAD_HD void operator()(long n) const {
        const Member of(n, list, each);
        const long at = of.scenario * each + of.item;
        x[at] = (1 - share[of.scenario]) * x[at] + share[of.scenario] * y[at];
    }
};

// ------------------------------------------------------------------ answers in the caller's terms

// An item a slot and column of the caller: an arc, or with `gateway` null a gateway with its shed work.
struct Expand {
    const double* x;  // (T, A) of the reduced problem
    int arcs;
    const int *arc, *gateway;      // [column]: the arc that serves it there, whose work it is
    const int *pool, *pool_start;  // [gateway], [pool]
    Field demand;                  // the caller's
    const double* pooled;          // (T, pools)
    int pools;
    double* to;
    int columns;

    EQUILOAD_HD void operator()(long n) const {
        const int column = static_cast<int>(n % columns);
        const long t = n / columns;
        const int own = gateway ? gateway[column] : column, together = pool[own];
        double work = x[t * arcs + arc[column]];
        if (pool_start[together + 1] - pool_start[together] > 1) {
            const double whole = pooled[t * pools + together];
            work = whole > 0 ? work * (demand.row(static_cast<std::size_t>(t))[own] / whole) : 0.0;
        }
        to[n] = work;
    }
};

// Prices of all sites from those of the reduced problem; a site without arcs gets what completing makes of
// it.
struct ExpandPrices {
    const double* v;          // (T, I) of the reduced problem
    int reduced;              // its sites
    const int* reduced_site;  // [site] or -1
    double* to;
    int sites;

    EQUILOAD_HD void operator()(long n) const {
        const int site = reduced_site[n % sites];
        to[n] = site < 0 ? -__builtin_huge_val() : v[n / sites * reduced + site];
    }
};

struct CompleteAll {  // an item a cell: energy prices completed, and the prices of capacity
    const SlotProblem* m;
    const double* lambda;
    double *v, *u;

    EQUILOAD_HD void operator()(long n) const {
        u[n] =
            complete_cell(*m, lambda, static_cast<int>(n / m->sites), static_cast<int>(n % m->sites), v[n]);
    }
};

}  // namespace equiload::grid
