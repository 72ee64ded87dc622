// In which order the gateways of a slot are eliminated, and what their factor looks like: the same for every
// slot, found once a problem.
//
// Z couples two gateways where they share a site. Eliminated in order of least degree, those with few
// neighbours have sparse columns (the head); what is left when the rest is nearly complete is a dense
// triangle (the tail). A complete network is all tail.
#pragma once

#include <vector>

#include "core/problem.hpp"

namespace equiload {

// As the steps read it. A factor lies as [diagonal of the head][entries of the head][triangle of the tail,
// with one row to spare], each of them by slot.
struct Elimination {
    int size = 0, head = 0;
    int kept = 0;                   // gateways at the end of the tail that a slot leaves to others
    const int* place = nullptr;     // [gateway] when it is eliminated
    const int* start = nullptr;     // [head + 1] entries below the diagonal, column by column
    const int* row = nullptr;       // [entry] ascending in a column
    const int* diagonal = nullptr;  // [place] where its diagonal lies in the factor
    const int* update = nullptr;    // where the products of two entries of a column go, column by column
    // Arcs by site, in the order in which their gateways are eliminated.
    const int *in_start = nullptr, *in_arc = nullptr, *in_place = nullptr;
    // Where the products of two arcs of a site go, site by site, unless both are of the tail.
    const int* meeting = nullptr;

    int tail() const { return size - head; }
    int done() const { return tail() - kept; }
    int entries() const { return start[head]; }
    long tail_at() const { return head + static_cast<long>(entries()); }
    long factor_size() const { return tail_at() + static_cast<long>(tail() + 1) * (tail() + 2) / 2; }
};

class EliminationOrder {
 public:
    // Gateways in `last`, ascending, come last.
    explicit EliminationOrder(const Problem& problem, const std::vector<std::size_t>& last = {});
    EliminationOrder(const EliminationOrder&) = delete;
    EliminationOrder& operator=(const EliminationOrder&) = delete;

    const Elimination& view() const { return view_; }
    double operations() const;  // multiplications of a factorisation, with what it leaves to others
    // [place] the next gateway that its column reaches; the size for the last.
    const std::vector<int>& parent() const { return parent_; }

 private:
    using Neighbours = std::vector<std::vector<int>>;

    static Neighbours neighbours(const Problem& problem, const Grouping& by_site);
    void order(Neighbours graph, const std::vector<std::size_t>& last);
    void sort_columns(const Neighbours& columns, const std::vector<int>& order);
    void find_updates();
    void find_meetings(const Problem& problem, const Grouping& by_site);
    int entry(int row, int column) const;

    Elimination view_;
    std::vector<int> place_, start_, row_, diagonal_, update_, parent_;
    std::vector<int> in_start_, in_arc_, in_place_, meeting_;
};

}  // namespace equiload
