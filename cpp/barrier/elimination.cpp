#include "barrier/elimination.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <set>
#include <utility>

namespace equiload {

namespace {

// The rest is a tail when even its least connected member knows this share of the others: dense columns need
// no lists, and their blocked elimination is several times faster an operation.
constexpr double dense_share = 0.7;

}  // namespace

EliminationOrder::EliminationOrder(const Problem& problem, const std::vector<std::size_t>& last) {
    const Grouping by_site(problem.arc_site, problem.sites);
    view_.size = static_cast<int>(problem.gateways);
    view_.kept = static_cast<int>(last.size());
    order(neighbours(problem, by_site), last);
    find_updates();
    find_meetings(problem, by_site);
    view_.place = place_.data(), view_.start = start_.data(), view_.row = row_.data();
    view_.diagonal = diagonal_.data(), view_.update = update_.data();
    view_.in_start = in_start_.data(), view_.in_arc = in_arc_.data(), view_.in_place = in_place_.data();
    view_.meeting = meeting_.data();
}

// Gateways that share a site, ascending.
EliminationOrder::Neighbours EliminationOrder::neighbours(const Problem& p, const Grouping& by_site) {
    Neighbours graph(p.gateways);
    const Grouping by_gateway(p.arc_gateway, p.gateways);
    std::vector<std::size_t> met(p.gateways, p.gateways);
    for (std::size_t j = 0; j < p.gateways; ++j) {
        met[j] = j;
        for (Index a : by_gateway.of(j)) {
            if (graph[j].size() + 1 == p.gateways) break;
            for (Index b : by_site.of(static_cast<std::size_t>(p.arc_site[static_cast<std::size_t>(a)]))) {
                const auto other = static_cast<std::size_t>(p.arc_gateway[static_cast<std::size_t>(b)]);
                if (std::exchange(met[other], j) != j) graph[j].push_back(static_cast<int>(other));
            }
        }
        std::sort(graph[j].begin(), graph[j].end());
    }
    return graph;
}

// Least degree first, ties by number.
void EliminationOrder::order(Neighbours graph, const std::vector<std::size_t>& last) {
    std::vector<bool> kept(graph.size(), false);
    for (std::size_t j : last) kept[j] = true;
    std::set<std::pair<std::size_t, int>> open;
    for (std::size_t j = 0; j < graph.size(); ++j)
        if (!kept[j]) open.emplace(graph[j].size(), static_cast<int>(j));
    std::vector<int> order;
    Neighbours columns;
    while (!open.empty()) {
        const auto [degree, j] = *open.begin();
        const std::size_t others = open.size() - 1 + last.size();
        if (static_cast<double>(degree) >= dense_share * static_cast<double>(others)) break;
        open.erase(open.begin());
        const std::vector<int> column = std::move(graph[static_cast<std::size_t>(j)]);
        for (int other : column) {  // its neighbours now know each other
            std::vector<int>& known = graph[static_cast<std::size_t>(other)];
            const bool free = !kept[static_cast<std::size_t>(other)];
            if (free) open.erase({known.size(), other});
            std::vector<int> joined;
            joined.reserve(known.size() + column.size());
            std::set_union(known.begin(), known.end(), column.begin(), column.end(),
                           std::back_inserter(joined));
            std::erase_if(joined, [&, self = j](int k) { return k == self || k == other; });
            known = std::move(joined);
            if (free) open.emplace(known.size(), other);
        }
        order.push_back(j);
        columns.push_back(column);
    }
    view_.head = static_cast<int>(order.size());
    std::vector<int> rest;
    for (const auto& [degree, j] : open) rest.push_back(j);
    std::sort(rest.begin(), rest.end());
    rest.insert(rest.end(), last.begin(), last.end());
    order.insert(order.end(), rest.begin(), rest.end());
    sort_columns(columns, order);
}

// Renumbers so that what reaches each other lies together: children before their parent in the elimination
// tree, each subtree in one piece.
void EliminationOrder::sort_columns(const Neighbours& columns, const std::vector<int>& order) {
    const auto size = static_cast<std::size_t>(view_.size), head = static_cast<std::size_t>(view_.head);
    std::vector<std::size_t> eliminated(size);
    for (std::size_t k = 0; k < size; ++k) eliminated[static_cast<std::size_t>(order[k])] = k;
    std::vector<std::size_t> parent(head, size);
    std::vector<std::vector<std::size_t>> children(size + 1);
    for (std::size_t k = 0; k < head; ++k) {
        for (int other : columns[k])
            parent[k] = std::min(parent[k], eliminated[static_cast<std::size_t>(other)]);
        children[parent[k] < head ? parent[k] : size].push_back(k);
    }
    std::vector<std::size_t> stack(children[size].rbegin(), children[size].rend()), sequence;
    while (!stack.empty()) {  // parents first, then turned round
        const std::size_t k = stack.back();
        stack.pop_back();
        sequence.push_back(k);
        stack.insert(stack.end(), children[k].begin(), children[k].end());
    }
    std::reverse(sequence.begin(), sequence.end());
    place_.resize(size);
    for (std::size_t k = 0; k < head; ++k)
        place_[static_cast<std::size_t>(order[sequence[k]])] = static_cast<int>(k);
    for (std::size_t k = head; k < size; ++k)
        place_[static_cast<std::size_t>(order[k])] = static_cast<int>(k);
    start_.assign(1, 0), parent_.assign(size, view_.size);
    for (std::size_t k = 0; k < head; ++k) {
        for (int other : columns[sequence[k]]) row_.push_back(place_[static_cast<std::size_t>(other)]);
        std::sort(row_.begin() + start_.back(), row_.end());
        if (static_cast<int>(row_.size()) > start_.back())
            parent_[k] = row_[static_cast<std::size_t>(start_.back())];
        start_.push_back(static_cast<int>(row_.size()));
    }
    for (std::size_t k = head; k + 1 < size; ++k) parent_[k] = static_cast<int>(k) + 1;
    view_.start = start_.data(), view_.row = row_.data();
    diagonal_.resize(size);
    for (int k = 0; k < view_.size; ++k)
        diagonal_[static_cast<std::size_t>(k)] = k < view_.head ? k : entry(k, k);
}

double EliminationOrder::operations() const {
    const double tail = view_.tail();
    return static_cast<double>(update_.size()) + tail * tail * tail / 6;
}

// Where an entry below the diagonal lies in the factor.
int EliminationOrder::entry(int row, int column) const {
    if (column >= view_.head) {
        const int i = row - view_.head, k = column - view_.head;
        return static_cast<int>(view_.tail_at()) + i * (i + 1) / 2 + k;
    }
    const auto from = row_.begin() + start_[static_cast<std::size_t>(column)],
               to = row_.begin() + start_[static_cast<std::size_t>(column) + 1];
    return view_.head + static_cast<int>(std::lower_bound(from, to, row) - row_.begin());
}

void EliminationOrder::find_updates() {
    for (int k = 0; k < view_.head; ++k) {
        const int from = start_[static_cast<std::size_t>(k)], to = start_[static_cast<std::size_t>(k) + 1];
        for (int a = from; a < to; ++a)
            for (int b = a + 1; b < to; ++b)
                update_.push_back(
                    entry(row_[static_cast<std::size_t>(b)], row_[static_cast<std::size_t>(a)]));
    }
}

void EliminationOrder::find_meetings(const Problem& p, const Grouping& by_site) {
    const int spare =
        entry(view_.size, view_.head);  // what a gateway's own arcs have together is not asked for
    in_start_ = by_site.start, in_arc_ = by_site.order;
    const auto place = [&](int a) {
        return place_[static_cast<std::size_t>(p.arc_gateway[static_cast<std::size_t>(a)])];
    };
    for (std::size_t i = 0; i < p.sites; ++i)
        std::stable_sort(in_arc_.begin() + in_start_[i], in_arc_.begin() + in_start_[i + 1],
                         [&](int a, int b) { return place(a) < place(b); });
    for (int a : in_arc_) in_place_.push_back(place(a));
    for (std::size_t i = 0; i < p.sites; ++i)
        for (auto e = static_cast<std::size_t>(in_start_[i]); e < static_cast<std::size_t>(in_start_[i + 1]);
             ++e)
            for (std::size_t f = e + 1;
                 in_place_[e] < view_.head && f < static_cast<std::size_t>(in_start_[i + 1]); ++f)
                meeting_.push_back(in_place_[e] == in_place_[f] ? spare : entry(in_place_[f], in_place_[e]));
}

}  // namespace equiload
