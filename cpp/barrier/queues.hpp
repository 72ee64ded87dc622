// Waiting work as queues. A gateway whose arcs are the same at every delay 0 .. D, at a cost of c a slot,
// needs no arc for each delay: with x[t, a] the work served in slot t, whenever it was released, and b[t]
// what is left at the slot's end,
//     sum_a x[t, a] + b[t] - b[t-1] = d[t],   0 <= b[t] <= d[t-D+1] + .. + d[t],   b[T-1] = 0,
// at c for every unit of b. The bound says that nothing is older than D slots. Serving first in, first out
// gives the arcs with delays back.
//
// An arc without delays may lead beside the others to a site that costs nothing and has no limit (there work
// is shed): when it is used makes no difference there, and the sooner, the less it waits.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/problem.hpp"
#include "core/team.hpp"

namespace equiload {

struct Queue {
    std::size_t gateway;
    Index longest;             // D, slots
    double cost;               // c, USD per unit of work and slot
    std::vector<double> most;  // (T,) of the backlog
    std::vector<double>
        service;  // (T,) served while the backlog stays at half of that, some where work may be
};

class Queues {
 public:
    explicit Queues(const Problem& problem);
    Queues(const Queues&) = delete;
    Queues& operator=(const Queues&) = delete;

    bool fit() const { return fit_; }  // has every gateway with delays this form?
    const std::vector<Queue>& queues() const { return queues_; }
    // The problem with one arc for all delays: what the queues serve.
    const Problem& base() const { return base_; }

    // Makes `served` (T, base arcs) keep the backlogs' bounds. Returns what each gateway then serves, (T, J).
    std::vector<double> settle(std::vector<double>& served) const;

    // The allocation (T, A) of the problem that serves `served` (T, base arcs) first in, first out.
    void split(const std::vector<double>& served, std::vector<double>& allocation, Team& team) const;

 private:
    struct Form {
        std::vector<Index> arcs;  // the base arcs, and each delay's copies of them after that
        std::vector<Index> aside;
        Index longest;
        double cost;
    };

    std::optional<Form> find_form(std::vector<Index> arcs) const;
    bool costs_nothing(std::size_t site) const;
    void add_queue(std::size_t gateway, const Form& form);
    void add_arc(Index arc, Index copies);
    void split_queue(const Queue& queue, const double* served, double* allocation) const;

    const Problem& problem_;
    Problem base_;
    bool fit_ = true;
    std::vector<Queue> queues_;
    std::vector<Index> arc_gateway_, arc_site_, arc_delay_;
    std::vector<double> arc_energy_, arc_cost_;
    std::vector<Index> row_;         // [gateway + 1] its base arcs
    std::vector<Index> copy_start_;  // [base arc + 1]: its arcs by delay, one where delays make no difference
    std::vector<Index> copy_;
};

}  // namespace equiload
