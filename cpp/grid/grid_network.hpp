// The network of a grid's scenarios on its machine, as the passes and as the steps by row read it.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "algorithm/slot_problem.hpp"
#include "core/arc_lists.hpp"
#include "grid/machine.hpp"

namespace equiload {

template <Machine M>
class GridNetwork {
 public:
    // Arcs must be sorted by gateway, as presolve leaves them.
    explicit GridNetwork(const Problem& problem)
        : problem_(problem),
          lists_(problem, ArcLists::Sent::all),
          by_site_(problem.arc_site, problem.sites),
          order_(problem.arcs) {
        std::iota(order_.begin(), order_.end(), 0);
    }

    int longest_row() const { return lists_.longest_row(); }
    BlockProblem sizes(std::size_t footprints) const {
        return lists_.sizes(problem_, footprints, Lane::width);
    }

    // visit(array, count) for all of it that lives on the machine.
    template <class Visit>
    void each_array(Visit visit) {
        each([&](auto& there, const auto& here) { visit(there, here.size()); });
    }

    void upload(M& machine) {
        each([&](auto& there, const auto& here) { machine.upload(there.data(), here.data(), here.size()); });
        machine.synchronise();
    }

    void point(BlockProblem& m) const {
        m.row = row_.data(), m.site = site_.data(), m.delay = delay_.data();
        m.sent_index = sent_index_.data(), m.in_start = in_start_.data();
        m.in_arc = in_arc_.data(), m.in_gateway = in_gateway_.data();
        m.energy = energy_.data(), m.cost = cost_.data();
    }
    void point(SlotProblem& m) const {
        m.gateway = gateway_.data(), m.site = site_.data(), m.delay = delay_.data();
        m.energy = energy_.data(), m.cost = cost_.data();
        m.by_gateway = {row_.data(), arcs_.data()}, m.by_site = {site_start_.data(), site_arcs_.data()};
    }

 private:
    template <class Number>
    using Array = typename M::template Array<Number>;

    template <class Visit>
    void each(Visit visit) {
        visit(row_, lists_.row), visit(site_, lists_.site), visit(delay_, lists_.delay);
        visit(sent_index_, lists_.sent_index), visit(in_start_, lists_.in_start);
        visit(in_arc_, lists_.in_arc), visit(in_gateway_, lists_.in_gateway);
        visit(gateway_, problem_.arc_gateway), visit(arcs_, order_);
        visit(site_start_, by_site_.start), visit(site_arcs_, by_site_.order);
        visit(energy_, problem_.arc_energy), visit(cost_, problem_.arc_cost);
    }

    const Problem& problem_;
    const ArcLists lists_;
    const Grouping by_site_;
    std::vector<int> order_;  // of the arcs by gateway
    Array<int> row_, site_, delay_, sent_index_, in_start_, in_arc_, in_gateway_;
    Array<int> gateway_, arcs_, site_start_, site_arcs_;
    Array<double> energy_, cost_;
};

}  // namespace equiload
