#include "core/most_work.hpp"

#include <algorithm>
#include <cstdint>

#include "algorithm/slot_problem.hpp"

namespace equiload {

namespace {

// A generalised maximum flow, from cells by way of sources (a gateway's work of a slot) to the work served: a
// MWh of cell c is 1 / k_a of work by arc a. Each path is one of the largest gain (Onaga, "Dynamic
// programming of optimum flows in lossy communication nets", 1966), so that no cycle of the residual network
// ever has a gain above 1 and the gains to the end, where no path is left, are the prices that prove it:
//     value(source) = 1 where work is unserved, else the largest k_b value(cell of b) of the arcs b in use,
//     value(cell)   = the largest value(source) / k_a of the arcs into it.
// Then k_a value(cell of a) >= value(source) for all arcs, equal for those in use, and the cells of value > 0
// are full: sum d value(source) - sum value(cell) capacity = sum of the unserved work > 0.
class MostWorkFlow {
 public:
    MostWorkFlow(const Problem& p, std::size_t first, std::size_t last, double* allocation)
        : p_(p),
          first_(first),
          slots_(last - first),
          x_(allocation),
          by_gateway_(p.arc_gateway, p.gateways),
          by_site_(p.arc_site, p.sites),
          left_(slots_ * p.gateways),
          room_(slots_ * p.sites),
          nodes_(left_.size() + room_.size()) {
        for (std::size_t t = 0; t < slots_; ++t) {
            std::copy_n(p.demand.row(first + t), p.gateways, left_.begin() + at(t * p.gateways));
            for (std::size_t i = 0; i < p.sites; ++i)
                room_[t * p.sites + i] = p.capacity.row(first + t)[i] * (1 + accepted_excess);
            std::fill_n(x_ + (first + t) * p.arcs, p.arcs, 0.0);
        }
    }

    MostWork run() {
        while (label()) {
            const std::size_t best = best_cell();
            if (best == room_.size()) return {false, prices()};
            if (steps_ > most_steps || !augment(best)) return {};
        }
        return {true, {}};
    }

 private:
    // An arc from a slot on: where the work of a source goes, or a MWh of a cell comes to use.
    struct Step {
        std::size_t slot, arc;
    };
    struct Node {
        double value = 0;
        Step next{};  // of a cell the arc to a source, of a source the arc back to a cell
        bool waiting = false;
    };

    static constexpr double rounding = 1e-12;  // two gains that differ by less are the same
    static constexpr std::int64_t most_steps = 500'000'000;

    static std::ptrdiff_t at(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }
    double& work(Step s) const { return x_[(first_ + s.slot) * p_.arcs + s.arc]; }
    std::size_t source_of(Step s) const {
        return s.slot * p_.gateways + static_cast<std::size_t>(p_.arc_gateway[s.arc]);
    }
    std::size_t cell_of(Step s) const {
        return (s.slot + static_cast<std::size_t>(p_.arc_delay[s.arc])) * p_.sites +
               static_cast<std::size_t>(p_.arc_site[s.arc]);
    }
    bool usable(Step s) const { return s.slot + static_cast<std::size_t>(p_.arc_delay[s.arc]) < slots_; }
    Node& source(std::size_t s) { return nodes_[s]; }
    Node& cell(std::size_t c) { return nodes_[left_.size() + c]; }

    // Finds the largest gains. False when all work is served.
    bool label() {
        std::fill(nodes_.begin(), nodes_.end(), Node{});
        queue_.clear();
        for (std::size_t s = 0; s < left_.size(); ++s)
            if (left_[s] > 0) raise(s, 1.0, {});
        const bool any = !queue_.empty();
        for (std::size_t head = 0; head < queue_.size(); ++head) {
            const std::size_t node = queue_[head];
            nodes_[node].waiting = false;
            if (node < left_.size())
                label_cells_of(node);
            else
                label_sources_in(node - left_.size());
            if (steps_ > most_steps) break;
        }
        return any;
    }

    void raise(std::size_t n, double value, Step next) {
        Node& node = nodes_[n];
        if (!(value > node.value * (1 + rounding))) return;
        node.value = value, node.next = next;
        if (!node.waiting) queue_.push_back(n);
        node.waiting = true;
    }

    void label_cells_of(std::size_t s) {
        const std::size_t gateway = s % p_.gateways;
        for (Index k = by_gateway_.start[gateway]; k < by_gateway_.start[gateway + 1]; ++k, ++steps_) {
            const Step step{s / p_.gateways,
                            static_cast<std::size_t>(by_gateway_.order[static_cast<std::size_t>(k)])};
            if (usable(step))
                raise(left_.size() + cell_of(step), source(s).value / p_.arc_energy[step.arc], step);
        }
    }

    void label_sources_in(std::size_t c) {
        const std::size_t site = c % p_.sites, slot = c / p_.sites;
        for (Index k = by_site_.start[site]; k < by_site_.start[site + 1]; ++k, ++steps_) {
            const auto arc = static_cast<std::size_t>(by_site_.order[static_cast<std::size_t>(k)]);
            const auto delay = static_cast<std::size_t>(p_.arc_delay[arc]);
            if (delay > slot) continue;
            const Step step{slot - delay, arc};
            if (work(step) > 0 && !(left_[source_of(step)] > 0))
                raise(source_of(step), cell(c).value * p_.arc_energy[arc], step);
        }
    }

    std::size_t best_cell() {
        std::size_t best = room_.size();
        for (std::size_t c = 0; c < room_.size(); ++c)
            if (room_[c] > 0 && cell(c).value > (best < room_.size() ? cell(best).value : 0.0)) best = c;
        return best;
    }

    // Takes as much of a cell as the path from it has a use for. False where rounding has closed the path.
    bool augment(std::size_t from) {
        path_.clear();
        double gain = 1, amount = room_[from];  // work per MWh of the cell so far; MWh of the cell
        for (std::size_t c = from;;) {
            if (path_.size() > nodes_.size()) return false;
            const Step in = cell(c).next;
            const std::size_t s = source_of(in);
            path_.push_back(in);
            gain /= p_.arc_energy[in.arc];
            if (left_[s] > 0) {
                amount = std::min(amount, left_[s] / gain);
                break;
            }
            const Step out = source(s).next;
            path_.push_back(out);
            amount = std::min(amount, work(out) / gain);
            gain *= p_.arc_energy[out.arc];
            c = cell_of(out);
        }
        take(room_[from], amount);
        gain = 1;
        for (std::size_t n = 0; n < path_.size(); ++n) {
            const Step step = path_[n];
            if (n % 2 == 0) {
                gain /= p_.arc_energy[step.arc];
                work(step) += amount * gain;
            } else {
                take(work(step), amount * gain);
                gain *= p_.arc_energy[step.arc];
            }
        }
        take(left_[source_of(path_.back())], amount * gain);
        return true;
    }

    // What is left is 0 where it is rounding.
    static void take(double& from, double amount) {
        from = from - amount > 1e-14 * from ? from - amount : 0.0;
    }

    std::vector<double> prices() {
        std::vector<double> u(p_.slots * p_.sites, 0.0);
        for (std::size_t c = 0; c < room_.size(); ++c) u[first_ * p_.sites + c] = cell(c).value;
        return u;
    }

    const Problem& p_;
    const std::size_t first_, slots_;
    double* const x_;
    const Grouping by_gateway_, by_site_;
    std::vector<double> left_, room_;  // [source] work to serve, [cell] energy that is free
    std::vector<Node> nodes_;          // sources, then cells
    std::vector<std::size_t> queue_;
    std::vector<Step> path_;  // to a source, back to a cell, to a source, ...
    std::int64_t steps_ = 0;
};

}  // namespace

MostWork serve_most(const Problem& problem, std::size_t first, std::size_t last, double* allocation) {
    return MostWorkFlow(problem, first, last, allocation).run();
}

}  // namespace equiload
