// Repair, slot by slot or window by window, as a group does it together: see repair.hpp for what it does.
//
// A window is the slots that delayed arcs couple: one, or the whole horizon. Its cells are site by site of
// each slot, its sources gateway by gateway. Members share the arcs of a row, the arcs into a cell and the
// cells of a slot; what one writes the others read after the next reduction or sync().
#pragma once

#include "algorithm/group.hpp"
#include "algorithm/slot_problem.hpp"

namespace equiload {

// What a search knows of a cell: how far it is from the origin, the energy that arrives per energy taken from
// the origin, and the arc that enters it from which source.
struct CellLabel {
    double distance, gain;
    Index arc, source;
};

// Of a source: the work that is sent elsewhere per energy taken from the origin, the arc that it leaves and
// that arc's cell.
struct SourceLabel {
    double gain;
    Index arc, cell;
};

// A labelled cell that waits for its turn.
struct QueueEntry {
    double distance;
    long cell;  // leaves no bytes undefined: tests compare all of a machine's memory

    EQUILOAD_HD Found found() const { return {distance, static_cast<int>(cell)}; }
    EQUILOAD_HD bool before(const QueueEntry& other) const { return found().before(other.found()); }
};

// Memory of one group at a time. Nothing in it need be set, and nothing stays from window to window.
struct RepairScratch {
    double* load;          // [cell]
    double* excess;        // [source's arc, as by_gateway has them] cost over the source's cheapest arc
    CellLabel* label;      // [cell]
    SourceLabel* passage;  // [source]
    QueueEntry* queue;     // a heap for each member: entry n of member r is queue[n * members + r]
    int* reached;          // [cell] the last search that reached it; after a failure 1 in the cut, else 0
    int* passed;           // [source] the last search that went through it
    int* known;            // [source] is its row of excess there?

    // Bytes for a group of so many members, a multiple of 8.
    EQUILOAD_HD static long bytes(const SlotProblem& m, int members) {
        return RepairScratch{}.lay_out(m, members, nullptr);
    }
    EQUILOAD_HD static RepairScratch on(void* block, const SlotProblem& m, int members) {
        RepairScratch scratch{};
        scratch.lay_out(m, members, static_cast<char*>(block));
        return scratch;
    }

 private:
    EQUILOAD_HD long lay_out(const SlotProblem& m, int members, char* block) {
        const long cells = long{m.horizon} * m.sites, sources = long{m.horizon} * m.gateways;
        const long arcs = long{m.horizon} * m.arcs;
        long used = 0;
        take(load, cells, block, used);
        take(excess, arcs, block, used);
        take(label, cells, block, used);
        take(passage, sources, block, used);
        // A search labels the origin and, once for each arc, what lies behind it; a member takes one arc of a
        // row more than its share at most.
        take(queue, arcs + members * (sources + 1), block, used);
        take(reached, cells, block, used);
        take(passed, sources, block, used);
        take(known, sources, block, used);
        return (used + 7) / 8 * 8;
    }
    template <class T>
    EQUILOAD_HD static void take(T*& array, long count, char* block, long& used) {
        if (block) array = reinterpret_cast<T*>(block + used);
        used += count * static_cast<long>(sizeof(T));
    }
};

// x >= 0, nothing on arcs that end past the horizon, each row of slot t (x: its A numbers) sums to its
// demand: the largest entry takes up what is missing or too much, the whole row what is more than that.
template <Group G>
EQUILOAD_HD void serve_slot(const G& g, const SlotProblem& m, double* x, int t) {
    for (int j = g.rank(); j < m.gateways; j += g.size()) {
        const Index *const begin = m.by_gateway.order + m.by_gateway.start[j], *const end =
                                                                                   m.by_gateway.order +
                                                                                   m.by_gateway.start[j + 1];
        const double demand = m.demand.row(static_cast<std::size_t>(t))[j];
        double sum = 0;
        Index largest = -1;
        for (const Index* a = begin; a < end; ++a) {
            const bool usable = m.delay[*a] < m.slots - t;
            x[*a] = usable && x[*a] > 0 ? x[*a] : 0.0;
            if (!usable) continue;
            sum += x[*a];
            if (largest < 0 || x[*a] > x[largest]) largest = *a;
        }
        const double off = sum < demand ? demand - sum : sum - demand;
        if (sum > 0 && off > 1e-6 * demand) {  // work of another demand
            for (const Index* a = begin; a < end; ++a) x[*a] *= demand / sum;
            sum = demand;
        }
        if (largest < 0) continue;
        const double filled = x[largest] + (demand - sum);
        x[largest] = filled > 0 ? filled : 0.0;
    }
    g.sync();
}

// The slots [first, last) with every cell that their arcs reach, and a shortest-path search over them. All
// members hold the same values in it, but for their own queue.
template <Group G>
class RepairWindow {
 public:
    EQUILOAD_HD RepairWindow(const G& g, const SlotProblem& m, double* x, const double* v,
                             const RepairScratch& scratch, int first, int last)
        : g_(g), m_(m), s_(scratch), x_(x), v_(v), first_(first), last_(last) {}

    EQUILOAD_HD bool run(bool fill) {
        if (fill) {
            for (int c = g_.rank(); c < cells(); c += g_.size()) s_.load[c] = 0;
            for (int t = first_; t < last_; ++t) fill_slot(t);
        } else {
            for (int t = first_; t < last_; ++t) measure_loads(t);
        }
        g_.sync();
        for (int attempt = 0; attempt < 2; ++attempt) {
            slack_ = attempt == 0 ? strict : tolerated;
            bool all = true;
            for (int t = first_; t < last_; ++t) all = relieve_slot(t) && all;
            if (all) return true;
        }
        mark_cut();
        return false;
    }

 private:
    // Relative overload: aimed at, and accepted where nothing fits.
    static constexpr double strict = 1e-13, tolerated = 5e-10;
    static constexpr double infinity = __builtin_huge_val();
    static constexpr int most_attempts = 10000;

    EQUILOAD_HD int cells() const { return (last_ - first_) * m_.sites; }
    EQUILOAD_HD int cell_of(int t, Index a) const {
        return (t + m_.delay[a] - first_) * m_.sites + m_.site[a];
    }
    EQUILOAD_HD int source_of(int t, Index a) const { return (t - first_) * m_.gateways + m_.gateway[a]; }
    EQUILOAD_HD bool usable(int t, Index a) const { return m_.delay[a] < m_.slots - t; }
    EQUILOAD_HD double& work(int t, Index a) const { return x_[long{t} * m_.arcs + a]; }
    EQUILOAD_HD double capacity(int t, int site) const {
        return m_.capacity.row(static_cast<std::size_t>(t))[site];
    }
    EQUILOAD_HD double capacity(int cell) const {
        return capacity(first_ + cell / m_.sites, cell % m_.sites);
    }
    EQUILOAD_HD double price(int t, Index a) const {
        return m_.cost[a] + m_.energy[a] * v_[long{t + m_.delay[a]} * m_.sites + m_.site[a]];
    }

    // The least of the members' positions in a list; the end where no member has one before it.
    EQUILOAD_HD int foremost(int own, int end) const { return g_.foremost(own < end ? own : end); }

    EQUILOAD_HD void measure_loads(int t) {
        for (int i = g_.rank(); i < m_.sites; i += g_.size())
            s_.load[(t - first_) * m_.sites + i] = measured(t, i);
    }
    EQUILOAD_HD double measured(int t, int site) const {
        double sum = 0;
        for (Index k = m_.by_site.start[site]; k < m_.by_site.start[site + 1]; ++k) {
            const Index b = m_.by_site.order[k];
            if (m_.delay[b] > t - first_) continue;
            const double x = work(t - m_.delay[b], b);
            if (x > 0) sum += m_.energy[b] * x;
        }
        return sum;
    }

    // Each gateway fills its cheapest arcs that have room; what is left goes to the cheapest of all.
    EQUILOAD_HD void fill_slot(int t) {
        for (Index a = g_.rank(); a < m_.arcs; a += g_.size()) work(t, a) = 0;
        g_.sync();
        for (int j = 0; j < m_.gateways; ++j) {
            const double demand = m_.demand.row(static_cast<std::size_t>(t))[j];
            if (demand > 0) fill_row(t, row_of(j), demand);
        }
    }

    // Arcs of a gateway, as positions in by_gateway.
    struct Row {
        Index begin, end;
    };
    EQUILOAD_HD Row row_of(int j) const { return {m_.by_gateway.start[j], m_.by_gateway.start[j + 1]}; }

    EQUILOAD_HD void fill_row(int t, Row row, double left) {
        double* const prices = s_.excess + long{t - first_} * m_.arcs;  // not in use yet
        for (Index k = row.begin + g_.rank(); k < row.end; k += g_.size()) {
            const Index a = m_.by_gateway.order[k];
            prices[k] = usable(t, a) ? price(t, a) : infinity;
        }
        for (Found last{-infinity, -1}; left > 0;) {
            const Found own = cheapest(t, row, prices, last, true);
            last = g_.foremost(own);
            if (last.value == infinity) break;
            left -= g_.most(own.place == last.place ? put(t, own.place, left, true) : 0.0);
        }
        if (!(left > 0)) return;
        const Found own = cheapest(t, row, prices, {-infinity, -1}, false), best = g_.foremost(own);
        if (best.value < infinity && own.place == best.place) put(t, own.place, left, false);
        g_.sync();
    }

    // Of the member's share of a row: the cheapest arc after `last`, one with room if it must be, by its
    // place in by_gateway; infinitely dear where there is none.
    EQUILOAD_HD Found cheapest(int t, Row row, const double* prices, Found last, bool with_room) const {
        Found best{infinity, -1};
        for (Index k = row.begin + g_.rank(); k < row.end; k += g_.size()) {
            const Found offer{prices[k], k};
            if (!offer.before(best) || !last.before(offer)) continue;
            if (!with_room || spare(t, m_.by_gateway.order[k]) > 0) best = offer;
        }
        return best;
    }
    EQUILOAD_HD double spare(int t, Index a) const {
        return capacity(t + m_.delay[a], m_.site[a]) - s_.load[cell_of(t, a)];
    }
    // Sends up to `most` along an arc, as much as fits or all of it. Returns how much.
    EQUILOAD_HD double put(int t, Index place, double most, bool as_fits) const {
        const Index a = m_.by_gateway.order[place];
        const double fits = as_fits ? spare(t, a) / m_.energy[a] : infinity;
        const double amount = most < fits ? most : fits;
        work(t, a) += amount;
        s_.load[cell_of(t, a)] += m_.energy[a] * amount;
        return amount;
    }

    // Takes work away from every over-full cell of a slot. False when some cell stays over-full.
    EQUILOAD_HD bool relieve_slot(int t) {
        bool all = true;
        const int row = (t - first_) * m_.sites;
        const double* const limit = m_.capacity.row(static_cast<std::size_t>(t));
        for (int i = g_.rank();;) {
            while (i < m_.sites && !(s_.load[row + i] > limit[i] * (1 + slack_))) i += g_.size();
            const int next = foremost(i, m_.sites);
            if (next == m_.sites) return all;
            if (next == i) i += g_.size();
            all = relieve(row + next) && all;
        }
    }

    // Takes work away from an over-full cell until it fits. False when no path has room.
    EQUILOAD_HD bool relieve(int origin) {
        const double limit = capacity(origin);
        for (int attempts = 0; s_.load[origin] > limit * (1 + slack_); ++attempts) {
            if (attempts > most_attempts || !search(origin)) return false;
            if (g_.rank() == 0) push(origin, s_.load[origin] - limit);
            g_.sync();
        }
        return true;
    }

    // What more may go into a cell.
    EQUILOAD_HD double room(int cell, double limit) const {
        if (exhaustive_) return 0.0;
        if (limit == infinity) return infinity;
        const double aim = slack_ > strict ? limit * (1 + 0.8 * slack_) : limit;
        const double spare = aim - s_.load[cell];
        return spare > 1e-14 * limit ? spare : 0.0;
    }

    // Dijkstra over reduced costs. Cell -> source is free (work in use is there at about the least price),
    // source -> cell costs what the arc exceeds the source's least price by. True when it found a cell with
    // room: end_, at the distance nearest_.
    EQUILOAD_HD bool search(int origin) {
        if (search_++ == 0) forget();
        nearest_ = infinity, waiting_ = 0;
        if (g_.rank() == 0) {
            reach(origin, {0.0, 1.0, -1, -1});
            enqueue({0.0, origin});
        }
        for (;;) {
            const Found next = dequeue();
            if (!(next.value < nearest_)) return nearest_ < infinity;
            const CellLabel from = s_.label[next.place];
            if (from.distance < next.value) continue;  // it had its turn
            settle(next.place, from);
            if (nearest_ <= next.value) return true;  // nothing can be nearer
        }
    }

    EQUILOAD_HD void forget() {
        for (int c = g_.rank(); c < cells(); c += g_.size()) s_.reached[c] = 0;
        for (int c = g_.rank(); c < (last_ - first_) * m_.gateways; c += g_.size())
            s_.passed[c] = s_.known[c] = 0;
        g_.sync();
    }

    EQUILOAD_HD void reach(int cell, const CellLabel& label) {
        s_.label[cell] = label;
        s_.reached[cell] = search_;
    }

    // Passes through each source whose work the cell holds, until a cell with room is as near as this one.
    EQUILOAD_HD void settle(int cell, const CellLabel& from) {
        const int t = first_ + cell / m_.sites, site = cell % m_.sites;
        const Index end = m_.by_site.start[site + 1];
        Index k = m_.by_site.start[site] + g_.rank();
        do {
            while (k < end && !leads_on(t, m_.by_site.order[k])) k += g_.size();
            const Index next = foremost(k, end);
            if (next == end) return;
            const Index b = m_.by_site.order[next];
            pass(t - m_.delay[b], b, cell, from);
        } while (nearest_ > from.distance);
    }
    // Does arc b have work in a cell of slot t, of a source that the search has not been at?
    EQUILOAD_HD bool leads_on(int t, Index b) const {
        const int sent = t - m_.delay[b];
        return sent >= first_ && work(sent, b) > 0 && s_.passed[source_of(sent, b)] != search_;
    }

    // Labels the cells of the other arcs of a source, which arc b of slot t has work of.
    EQUILOAD_HD void pass(int t, Index b, int cell, const CellLabel& from) {
        const int at = source_of(t, b);
        const double gain = from.gain / m_.energy[b];
        if (!s_.known[at]) reduce_costs(t, at);
        if (g_.rank() == 0) {
            s_.passage[at] = {gain, b, cell};
            s_.passed[at] = search_;
        }
        const Row row = row_of(m_.gateway[b]);
        const double* const excess = s_.excess + long{t - first_} * m_.arcs;
        double nearest = nearest_;
        Index found = row.end;
        for (Index k = row.begin + g_.rank(); k < row.end; k += g_.size()) {
            const double distance = from.distance + gain * excess[k];
            if (!(distance < nearest)) continue;  // a cell with room is as near, or this one out of reach
            const Index a = m_.by_gateway.order[k];
            const int next = cell_of(t, a);
            if (s_.reached[next] == search_ && s_.label[next].distance <= distance) continue;
            reach(next, {distance, gain * m_.energy[a], a, at});
            if (room(next, capacity(t + m_.delay[a], m_.site[a])) > 0)
                nearest = distance, found = k;
            else
                enqueue({distance, next});
        }
        agree_on_nearest(t, nearest, found);
    }

    // The nearest cell with room that any member has found, the first in the row among equals.
    EQUILOAD_HD void agree_on_nearest(int t, double own, Index found) {
        const Found nearest = g_.foremost(Found{own, found});
        if (!(nearest.value < nearest_)) return;
        nearest_ = nearest.value;
        end_ = cell_of(t, m_.by_gateway.order[nearest.place]);
    }

    // What each arc of a source costs more than its cheapest; kept, for v stays. Infinite for arcs that end
    // too late, for those into a cell that is closed, where nothing may come to rest, and for those that
    // never beat another to the same cell, so that a row leads to each cell once.
    EQUILOAD_HD void reduce_costs(int t, int source) {
        const Row row = row_of(source % m_.gateways);
        double* const excess = s_.excess + long{t - first_} * m_.arcs;
        double own = infinity;
        for (Index k = row.begin + g_.rank(); k < row.end; k += g_.size()) {
            const Index a = m_.by_gateway.order[k];
            excess[k] = usable(t, a) && open(t, a) && !beaten(t, row, k) ? price(t, a) : infinity;
            if (excess[k] < own) own = excess[k];
        }
        const double least = g_.least(own);
        if (g_.rank() == 0) s_.known[source] = 1;
        for (Index k = row.begin + g_.rank(); k < row.end; k += g_.size()) excess[k] -= least;
    }
    // A cut holds the closed cells as well: no work can flee there.
    EQUILOAD_HD bool open(int t, Index a) const {
        return exhaustive_ || capacity(t + m_.delay[a], m_.site[a]) > 0;
    }
    // By an arc to the same cell: such arcs stand side by side in a row.
    EQUILOAD_HD bool beaten(int t, Row row, Index place) const {
        const Index *const order = m_.by_gateway.order, a = order[place];
        for (Index k = place - 1; k >= row.begin && same_cell(order[k], a); --k)
            if (price(t, order[k]) <= price(t, a)) return true;
        for (Index k = place + 1; k < row.end && same_cell(order[k], a); ++k)
            if (price(t, order[k]) < price(t, a)) return true;
        return false;
    }
    EQUILOAD_HD bool same_cell(Index a, Index b) const {
        return m_.site[a] == m_.site[b] && m_.delay[a] == m_.delay[b];
    }

    // The next cell of all members' queues: infinitely far when they are empty.
    EQUILOAD_HD Found dequeue() {
        const Found own = waiting_ > 0 ? entry(0).found() : Found{infinity, cells()};
        const Found next = g_.foremost(own);
        if (next.value < infinity && own.value == next.value && own.place == next.place) drop_first();
        return next;
    }

    // A member's own queue: a binary heap.
    EQUILOAD_HD QueueEntry& entry(int n) const { return s_.queue[long{n} * g_.size() + g_.rank()]; }
    EQUILOAD_HD void enqueue(const QueueEntry& added) {
        int n = waiting_++;
        for (; n > 0 && added.before(entry((n - 1) / 2)); n = (n - 1) / 2) entry(n) = entry((n - 1) / 2);
        entry(n) = added;
    }
    EQUILOAD_HD void drop_first() {
        const QueueEntry last = entry(--waiting_);
        int n = 0;
        for (int child = 1; child < waiting_; child = 2 * n + 1) {
            if (child + 1 < waiting_ && entry(child + 1).before(entry(child))) ++child;
            if (!entry(child).before(last)) break;
            entry(n) = entry(child), n = child;
        }
        entry(n) = last;
    }

    // One member moves up to `excess` energy from the origin along the path that ends at end_.
    EQUILOAD_HD void push(int origin, double excess) {
        const double fits = room(end_, capacity(end_)) / s_.label[end_].gain;
        double amount = fits < excess ? fits : excess;
        for (int cell = end_; cell != origin;) {
            const SourceLabel& source = s_.passage[s_.label[cell].source];
            const double held = held_by(cell) / source.gain;
            if (held < amount) amount = held;
            cell = source.cell;
        }
        for (int cell = end_; cell != origin;) {
            const CellLabel& into = s_.label[cell];
            const SourceLabel& source = s_.passage[into.source];
            const int t = first_ + into.source / m_.gateways;
            double& held = work(t, source.arc);
            const double wanted = amount * source.gain;
            const double moved = wanted < held * (1 - 0x1p-51) ? wanted : held;  // all but a rounding is all
            held -= moved;
            work(t, into.arc) += moved;
            s_.load[source.cell] -= m_.energy[source.arc] * moved;
            s_.load[cell] += m_.energy[into.arc] * moved;
            cell = source.cell;
        }
        // A closed cell is left when nothing is there, not when roundings cancel what is.
        if (capacity(origin) == 0) s_.load[origin] = measured(first_ + origin / m_.sites, origin % m_.sites);
    }
    // The work on the arc that the path to a cell takes it from.
    EQUILOAD_HD double held_by(int cell) const {
        const int source = s_.label[cell].source;
        return work(first_ + source / m_.gateways, s_.passage[source].arc);
    }

    // The cells that the work of the cell that is over-full by most can reach: none has room, as a rule.
    EQUILOAD_HD void mark_cut() {
        Found worst{infinity, 0};  // by what it has left
        for (int c = g_.rank(); c < cells(); c += g_.size())
            if (const Found own{capacity(c) - s_.load[c], c}; own.before(worst)) worst = own;
        exhaustive_ = true, search_ = 0;
        search(g_.foremost(worst).place);
        for (int c = g_.rank(); c < cells(); c += g_.size()) s_.reached[c] = s_.reached[c] == search_;
        g_.sync();
    }

    const G& g_;
    const SlotProblem& m_;
    const RepairScratch s_;
    double* x_;        // (T, A)
    const double* v_;  // (T, I)
    int first_, last_;
    double slack_ = strict;
    bool exhaustive_ = false;    // no room ends a search
    int search_ = 0;             // the number of the present search
    double nearest_ = infinity;  // distance of the nearest cell with room that it has seen,
    int end_ = -1;               // and that cell
    int waiting_ = 0;            // entries in the member's own queue
};

// Makes x (T, A) keep the capacities of slots [first, last) at energy prices v (T, I): moves work along the
// cheapest residual paths, from what x holds there or, with `fill`, from a greedy first plan. Tells all
// members whether that is possible; if not, scratch.reached is 1 for the cells of a cut, 0 for the others.
template <Group G>
EQUILOAD_HD bool repair_window(const G& g, const SlotProblem& m, double* x, const double* v,
                               const RepairScratch& scratch, int first, int last, bool fill) {
    return RepairWindow<G>(g, m, x, v, scratch, first, last).run(fill);
}

}  // namespace equiload
