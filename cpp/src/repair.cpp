#include "equiload/repair.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <queue>
#include <span>

namespace equiload {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double strict = 1e-13,
                 tolerated = 5e-10;  // relative overload: aimed at, and accepted where nothing fits

}  // namespace

// The slots [first, last) with every cell that their arcs reach, and a shortest-path search over them.
class Repair::Window {
 public:
    Window(const Repair& owner, double* allocation, const double* v)
        : o_(owner), p_(owner.problem_), x_(allocation), v_(v) {
        const std::size_t cells = o_.horizon_ * p_.sites, sources = o_.horizon_ * p_.gateways;
        load_.resize(cells);
        cell_.resize(cells);
        source_.resize(sources);
        known_.resize(sources);
        excess_.resize(o_.horizon_ * p_.arcs);
    }

    RepairOutcome run(std::size_t first, std::size_t last, bool fill) {
        first_ = first, last_ = last;
        std::fill(load_.begin(), load_.end(), 0.0);
        std::fill(known_.begin(), known_.end(), false);
        if (fill)
            for (std::size_t t = first_; t < last_; ++t) fill_slot(t);
        else
            measure_loads();
        for (double slack : {strict, tolerated})
            if (relieve_all(slack)) return {};
        return verdict();
    }

 private:
    struct Node {
        double distance;
        std::size_t
            via;      // cell: the global arc index (slot * arcs + arc) that enters; source: the arc it leaves
        double gain;  // energy at this cell per energy taken from the origin
        unsigned epoch = 0;  // labels of earlier searches are stale
        bool settled = false;
    };
    struct Entry {
        double distance;
        std::size_t cell;
        bool operator<(const Entry& other) const {
            return distance != other.distance ? distance > other.distance : cell > other.cell;
        }
    };

    std::size_t slot_of(std::size_t arc_at) const { return arc_at / p_.arcs; }
    std::size_t arc_of(std::size_t arc_at) const { return arc_at % p_.arcs; }
    // Cell that an arc of slot t feeds; the caller has checked the horizon.
    std::size_t cell_of(std::size_t t, std::size_t a) const {
        return (t + static_cast<std::size_t>(p_.arc_delay[a]) - first_) * p_.sites +
               static_cast<std::size_t>(p_.arc_site[a]);
    }
    std::size_t source_of(std::size_t t, std::size_t a) const {
        return (t - first_) * p_.gateways + static_cast<std::size_t>(p_.arc_gateway[a]);
    }
    bool usable(std::size_t t, std::size_t a) const {
        return t + static_cast<std::size_t>(p_.arc_delay[a]) < p_.slots;
    }
    double capacity(std::size_t cell) const {
        return p_.capacity.row(first_ + cell / p_.sites)[cell % p_.sites];
    }
    double price(std::size_t t, std::size_t a) const {
        return p_.arc_cost[a] + p_.arc_energy[a] * v_[first_ * p_.sites + cell_of(t, a)];
    }

    void measure_loads() {
        for (std::size_t t = first_; t < last_; ++t)
            for (std::size_t a = 0; a < p_.arcs; ++a)
                if (const double x = x_[t * p_.arcs + a]; x > 0) load_[cell_of(t, a)] += p_.arc_energy[a] * x;
    }

    void fill_slot(std::size_t t) {
        std::fill_n(x_ + t * p_.arcs, p_.arcs, 0.0);
        for (std::size_t j = 0; j < p_.gateways; ++j) {
            double left = p_.demand.row(t)[j];
            if (left <= 0) continue;
            order_.clear();
            for (Index e : o_.by_gateway_.of(j))
                if (const auto a = static_cast<std::size_t>(e); usable(t, a))
                    order_.push_back({price(t, a), a});
            if (order_.empty()) continue;
            std::sort(order_.begin(), order_.end());
            for (const auto& [unused, a] : order_) {
                const double room = std::max(0.0, capacity(cell_of(t, a)) - load_[cell_of(t, a)]);
                const double work = std::min(left, room / p_.arc_energy[a]);
                put(t, a, work);
                left -= work;
                if (left <= 0) break;
            }
            if (left > 0) put(t, order_.front().second, left);
        }
    }

    void put(std::size_t t, std::size_t a, double work) {
        x_[t * p_.arcs + a] += work;
        load_[cell_of(t, a)] += p_.arc_energy[a] * work;
    }

    // False when some cell stays over-full.
    bool relieve_all(double slack) {
        bool all = true;
        for (std::size_t t = first_, cell = 0; t < last_; ++t) {
            const double* const limit = p_.capacity.row(t);
            for (std::size_t i = 0; i < p_.sites; ++i, ++cell)
                if (load_[cell] > limit[i] * (1 + slack)) all = relieve(cell, slack) && all;
        }
        return all;
    }

    // Takes work away from an over-full cell until it fits. False when no path has room.
    bool relieve(std::size_t origin, double slack) {
        const double limit = capacity(origin) * (1 + slack);
        for (int attempts = 0; load_[origin] > limit; ++attempts) {
            if (attempts > 10000) return false;
            const std::size_t end = search(origin, slack);
            if (end == none) return false;
            push(origin, end, load_[origin] - capacity(origin), slack);
        }
        return true;
    }

    double room(std::size_t cell, double slack) const {
        const double limit = capacity(cell);
        if (limit == infinity) return infinity;
        const double spare = slack > strict ? limit * (1 + 0.8 * slack) - load_[cell] : limit - load_[cell];
        return spare > 1e-14 * limit ? spare : 0.0;
    }

    // Dijkstra over reduced costs. Cell -> source is free (work in use is there at about the least price),
    // source -> cell costs what the arc exceeds the source's least price by.
    std::size_t search(std::size_t origin, double slack) {
        ++epoch_;
        nearest_ = infinity;
        std::priority_queue<Entry> heap;
        label(cell_[origin], 0.0, none, 1.0);
        heap.push({0.0, origin});
        while (!heap.empty()) {
            const auto [distance, cell] = heap.top();
            heap.pop();
            if (distance >= nearest_) break;
            Node& node = cell_[cell];
            if (node.settled) continue;
            node.settled = true;
            for (Index e : o_.by_site_.of(cell % p_.sites)) {
                const auto b = static_cast<std::size_t>(e), delay = static_cast<std::size_t>(p_.arc_delay[b]);
                const std::size_t slot = first_ + cell / p_.sites;
                if (slot < first_ + delay || x_[(slot - delay) * p_.arcs + b] <= 0) continue;
                expand(slot - delay, b, node, slack, heap);
                if (nearest_ <= distance) return end_;  // nothing can be nearer
            }
        }
        return nearest_ < infinity ? end_ : none;
    }

    void expand(std::size_t t, std::size_t b, const Node& from, double slack,
                std::priority_queue<Entry>& heap) {
        const std::size_t at = source_of(t, b);
        Node& source = source_[at];
        if (source.epoch == epoch_) return;
        label(source, from.distance, t * p_.arcs + b, from.gain / p_.arc_energy[b]);
        const auto arcs = o_.by_gateway_.of(static_cast<std::size_t>(p_.arc_gateway[b]));
        const double* const excess = reduced_costs(at, t, arcs);
        for (std::size_t k = 0; k < arcs.size(); ++k) {
            const double distance = from.distance + source.gain * excess[k];
            if (!(distance < nearest_)) continue;  // some cell with room is as near, or this one out of reach
            const auto a = static_cast<std::size_t>(arcs[k]);
            if (!usable(t, a)) continue;
            const std::size_t next = cell_of(t, a);
            Node& node = cell_[next];
            if (node.epoch == epoch_ && (node.settled || node.distance <= distance)) continue;
            label(node, distance, t * p_.arcs + a, source.gain * p_.arc_energy[a]);
            if (room(next, slack) > 0)
                nearest_ = distance, end_ = next;
            else
                heap.push({distance, next});
        }
    }

    // What each arc of a source costs more than its cheapest. Kept, for v stays.
    const double* reduced_costs(std::size_t source, std::size_t t, std::span<const Index> arcs) {
        const auto row = static_cast<std::size_t>(arcs.data() - o_.by_gateway_.order.data());
        double* const excess = excess_.data() + (t - first_) * p_.arcs + row;
        if (known_[source]) return excess;
        known_[source] = true;
        double least = infinity;
        for (std::size_t k = 0; k < arcs.size(); ++k) {
            const auto a = static_cast<std::size_t>(arcs[k]);
            excess[k] = usable(t, a) ? price(t, a) : infinity;
            least = std::min(least, excess[k]);
        }
        for (std::size_t k = 0; k < arcs.size(); ++k) excess[k] -= least;
        return excess;
    }

    void label(Node& node, double distance, std::size_t via, double gain) {
        node = {distance, via, gain, epoch_, false};
    }

    // Moves up to `excess` energy from the origin along the path that ends at `end`.
    void push(std::size_t origin, std::size_t end, double excess, double slack) {
        double amount = std::min(excess, room(end, slack) / cell_[end].gain);
        for (std::size_t cell = end; cell != origin; cell = previous(cell)) {
            const Node& source = source_[source_of(slot_of(cell_[cell].via), arc_of(cell_[cell].via))];
            amount = std::min(amount, x_[source.via] / source.gain);
        }
        for (std::size_t cell = end; cell != origin;) {
            const std::size_t into = cell_[cell].via;
            const Node& source = source_[source_of(slot_of(into), arc_of(into))];
            const std::size_t before = previous(cell);
            const double work = std::min(amount * source.gain, x_[source.via]);
            const double rest = x_[source.via] - work;
            const bool emptied = amount * source.gain >= x_[source.via];
            x_[source.via] = emptied ? 0.0 : rest;
            x_[into] += work;
            load_[before] -= p_.arc_energy[arc_of(source.via)] * work;
            load_[cell] += p_.arc_energy[arc_of(into)] * work;
            cell = before;
        }
    }

    std::size_t previous(std::size_t cell) const {
        const std::size_t into = cell_[cell].via;
        const std::size_t left = source_[source_of(slot_of(into), arc_of(into))].via;
        return cell_of(slot_of(left), arc_of(left));
    }

    // The cells that a search reached from the cell that is over-full by most.
    RepairOutcome verdict() {
        std::size_t worst = 0;
        const auto excess = [&](std::size_t c) { return load_[c] - capacity(c); };
        for (std::size_t c = 1; c < (last_ - first_) * p_.sites; ++c)
            if (excess(c) > excess(worst)) worst = c;
        search(worst, tolerated);
        RepairOutcome outcome{false, {}};
        for (std::size_t c = 0; c < (last_ - first_) * p_.sites; ++c)
            if (cell_[c].epoch == epoch_) outcome.cut.push_back(first_ * p_.sites + c);
        return outcome;
    }

    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    const Repair& o_;
    const Problem& p_;
    double* x_;
    const double* v_;
    std::size_t first_ = 0, last_ = 0;
    std::vector<double> load_, excess_;
    std::vector<char> known_;    // sources whose reduced costs are in excess_
    double nearest_ = infinity;  // distance of the nearest cell with room that the present search has seen,
    std::size_t end_ = none;     // and that cell
    std::vector<std::pair<double, std::size_t>> order_;  // a gateway's arcs, by price
    std::vector<Node> cell_, source_;
    unsigned epoch_ = 0;
};

Repair::Repair(const Problem& problem)
    : problem_(problem),
      by_gateway_(problem.arc_gateway, problem.gateways),
      by_site_(problem.arc_site, problem.sites),
      horizon_(problem.max_delay() > 0 ? problem.slots : 1) {}

RepairOutcome Repair::run(double* allocation, const double* v, Team& team) const {
    serve(allocation, team);  // first: what it adds must fit as well
    return over_windows(allocation, v, team, false);
}

RepairOutcome Repair::plan(double* allocation, const double* v, Team& team) const {
    return over_windows(allocation, v, team, true);
}

RepairOutcome Repair::over_windows(double* allocation, const double* v, Team& team, bool fill) const {
    const std::size_t windows = (problem_.slots + horizon_ - 1) / horizon_;
    std::vector<RepairOutcome> outcomes(windows);
    team.split(windows, [&](std::size_t begin, std::size_t end, int) {
        Window window(*this, allocation, v);
        for (std::size_t k = begin; k < end; ++k)
            outcomes[k] = window.run(k * horizon_, std::min((k + 1) * horizon_, problem_.slots), fill);
    });
    serve(allocation, team);
    for (RepairOutcome& outcome : outcomes)
        if (!outcome.feasible) return std::move(outcome);
    return {};
}

std::vector<std::size_t> Repair::stranded() const {
    const Problem& p = problem_;
    std::vector<std::size_t> sources;
    std::vector<Index> shortest(p.gateways, static_cast<Index>(p.slots));
    for (std::size_t a = 0; a < p.arcs; ++a) {
        Index& delay = shortest[static_cast<std::size_t>(p.arc_gateway[a])];
        delay = std::min(delay, p.arc_delay[a]);
    }
    for (std::size_t t = 0; t < p.slots; ++t)
        for (std::size_t j = 0; j < p.gateways; ++j)
            if (p.demand.row(t)[j] > 0 && t + static_cast<std::size_t>(shortest[j]) >= p.slots)
                sources.push_back(t * p.gateways + j);
    return sources;
}

void Repair::serve(double* allocation, Team& team) const {
    const Problem& p = problem_;
    team.split(p.slots, [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t t = begin; t < end; ++t)
            for (std::size_t j = 0; j < p.gateways; ++j) {
                const auto arcs = by_gateway_.of(j);
                double* const x = allocation + t * p.arcs;
                double sum = 0;
                std::size_t largest = p.arcs;
                for (Index e : arcs) {
                    const auto a = static_cast<std::size_t>(e);
                    const bool usable = t + static_cast<std::size_t>(p.arc_delay[a]) < p.slots;
                    x[a] = usable && x[a] > 0 ? x[a] : 0.0;
                    if (!usable) continue;
                    sum += x[a];
                    if (largest == p.arcs || x[a] > x[largest]) largest = a;
                }
                const double demand = p.demand.row(t)[j];
                if (sum > 0 && std::abs(sum - demand) > 1e-6 * demand) {  // work of another demand
                    for (Index e : arcs) x[e] *= demand / sum;
                    sum = demand;
                }
                if (largest < p.arcs) x[largest] = std::max(0.0, x[largest] + (p.demand.row(t)[j] - sum));
            }
    });
}

}  // namespace equiload
