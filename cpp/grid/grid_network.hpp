// The network of a grid's scenarios on its machine, as the passes and as the steps by row read it.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "algorithm/slot_problem.hpp"
#include "core/arc_lists.hpp"
#include "grid/grid_steps.hpp"
#include "grid/machine.hpp"

namespace equiload {

// Gateways with rows of similar length, which are launched together: [first, first + count) of all by length.
struct RowClass {
    int first, count, longest;
};

// The classes of rows in the order of their lengths. A long row takes more scratch, so that fewer fit on a
// device at a time: a class ends before the length doubles, but not before it has so many rows.
inline std::vector<RowClass> classes_of_rows(const std::vector<int>& lengths, int least) {
    std::vector<RowClass> classes;
    int limit = 32;  // below, scratch limits nothing
    for (int k = 0; k < static_cast<int>(lengths.size()); ++k) {
        const int length = lengths[static_cast<std::size_t>(k)];
        const bool longer = length > limit;
        while (limit < length) limit *= 2;
        if (classes.empty() || (longer && classes.back().count >= least)) classes.push_back({k, 0, 1});
        RowClass& own = classes.back();
        ++own.count, own.longest = std::max(own.longest, length);
    }
    return classes;
}

template <Machine M>
class GridNetwork {
 public:
    // Arcs must be sorted by gateway, as presolve leaves them.
    GridNetwork(const Problem& problem, std::size_t scenarios)
        : problem_(problem),
          lists_(problem, ArcLists::Sent::all),
          by_site_(problem.arc_site, problem.sites),
          order_(problem.arcs),
          by_length_(problem.gateways) {
        std::iota(order_.begin(), order_.end(), 0);
        std::iota(by_length_.begin(), by_length_.end(), 0);
        const auto length = [&](int j) {
            const auto gateway = static_cast<std::size_t>(j);
            return lists_.row[gateway + 1] - lists_.row[gateway];
        };
        std::ranges::stable_sort(by_length_, {}, length);
        std::vector<int> lengths(by_length_.size());
        std::ranges::transform(by_length_, lengths.begin(), length);
        const std::size_t each = std::max<std::size_t>(1, scenarios * problem.slots);
        classes_ = classes_of_rows(lengths, static_cast<int>(M::enough_items / each + 1));
    }

    int longest_row() const { return lists_.longest_row(); }
    const std::vector<RowClass>& row_classes() const { return classes_; }
    grid::Gateways gateways(const RowClass& rows) const {
        return {by_length_there_.data() + rows.first, rows.count};
    }
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
        visit(by_length_there_, by_length_);
    }

    const Problem& problem_;
    const ArcLists lists_;
    const Grouping by_site_;
    std::vector<int> order_;      // of the arcs by gateway
    std::vector<int> by_length_;  // the gateways, those with short rows first
    std::vector<RowClass> classes_;
    Array<int> row_, site_, delay_, sent_index_, in_start_, in_arc_, in_gateway_;
    Array<int> gateway_, arcs_, site_start_, site_arcs_, by_length_there_;
    Array<double> energy_, cost_;
};

}  // namespace equiload
