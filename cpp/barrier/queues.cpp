#include "barrier/queues.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

namespace equiload {

namespace {

constexpr double rounding = 1e-12;  // of costs, relative

}  // namespace

Queues::Queues(const Problem& problem) : problem_(problem), base_(problem), row_(1, 0), copy_start_(1, 0) {
    const Grouping by_gateway(problem.arc_gateway, problem.gateways);
    for (std::size_t j = 0; j < problem.gateways && fit_; ++j) {
        const auto arcs = by_gateway.of(j);
        const auto delayed = [&](Index a) { return problem.arc_delay[static_cast<std::size_t>(a)] > 0; };
        if (std::any_of(arcs.begin(), arcs.end(), delayed)) {
            const std::optional<Form> form = find_form({arcs.begin(), arcs.end()});
            fit_ = form.has_value();
            if (form) add_queue(j, *form);
        } else {
            for (Index a : arcs) {
                copy_.push_back(a);
                add_arc(a, 1);
            }
        }
        row_.push_back(static_cast<Index>(arc_site_.size()));
    }
    base_.arcs = arc_site_.size();
    arc_delay_.assign(base_.arcs, 0);
    base_.arc_gateway = arc_gateway_, base_.arc_site = arc_site_, base_.arc_delay = arc_delay_;
    base_.arc_energy = arc_energy_, base_.arc_cost = arc_cost_;
}

// Only sites that cost nothing may have arcs of their own at delay 0.
std::optional<Queues::Form> Queues::find_form(std::vector<Index> arcs) const {
    const Problem& p = problem_;
    const auto describe = [&](Index e) {
        const auto a = static_cast<std::size_t>(e);
        return std::tuple(p.arc_delay[a], p.arc_site[a], p.arc_energy[a], p.arc_cost[a]);
    };
    std::stable_sort(arcs.begin(), arcs.end(), [&](Index a, Index b) { return describe(a) < describe(b); });
    const auto delay = [&](Index a) { return p.arc_delay[static_cast<std::size_t>(a)]; };
    const auto later = std::find_if(arcs.begin(), arcs.end(), [&](Index a) { return delay(a) > 0; });
    const auto next = std::find_if(later, arcs.end(), [&](Index a) { return delay(a) > 1; });
    const auto count = static_cast<std::size_t>(next - later);
    Form form{{}, {}, delay(arcs.back()), 0};
    for (auto arc = arcs.begin(); arc != later; ++arc) {
        const auto site = p.arc_site[static_cast<std::size_t>(*arc)];
        const bool again = std::any_of(
            later, next, [&](Index b) { return p.arc_site[static_cast<std::size_t>(b)] == site; });
        if (!again && !costs_nothing(static_cast<std::size_t>(site))) return std::nullopt;
        (again ? form.arcs : form.aside).push_back(*arc);
    }
    form.arcs.insert(form.arcs.end(), later, arcs.end());
    if (count == 0 || form.arcs.size() != count * (static_cast<std::size_t>(form.longest) + 1))
        return std::nullopt;
    const auto cost = [&](std::size_t k) { return p.arc_cost[static_cast<std::size_t>(form.arcs[k])]; };
    form.cost = cost(count) - cost(0);
    for (std::size_t k = 0; k < form.arcs.size(); ++k) {
        const auto copy = describe(form.arcs[k]), first = describe(form.arcs[k % count]);
        const double expected = std::get<3>(first) + form.cost * static_cast<double>(k / count);
        const double scale = std::abs(cost(k)) + std::abs(std::get<3>(first)) + std::abs(cost(count));
        if (std::get<0>(copy) != static_cast<Index>(k / count) || std::get<1>(copy) != std::get<1>(first) ||
            std::get<2>(copy) != std::get<2>(first) ||
            !(std::abs(std::get<3>(copy) - expected) <= rounding * scale * static_cast<double>(form.longest)))
            return std::nullopt;
    }
    // Waiting that pays would keep work from being shed at once.
    if (form.cost < 0 && !form.aside.empty()) return std::nullopt;
    return form;
}

bool Queues::costs_nothing(std::size_t site) const {
    for (std::size_t t = 0; t < problem_.slots; ++t) {
        if (!std::isinf(problem_.capacity.row(t)[site]) || problem_.price.row(t)[site] != 0) return false;
        if (problem_.quadratic && problem_.quadratic.row(t)[site] != 0) return false;
        for (const Footprint& f : problem_.footprints)
            if (f.values.row(t)[site] != 0) return false;
    }
    return true;
}

void Queues::add_queue(std::size_t gateway, const Form& form) {
    const std::size_t copies = static_cast<std::size_t>(form.longest) + 1, count = form.arcs.size() / copies;
    for (std::size_t k = 0; k < count; ++k) {
        for (std::size_t s = 0; s < copies; ++s) copy_.push_back(form.arcs[s * count + k]);
        add_arc(form.arcs[k], static_cast<Index>(copies));
    }
    for (Index a : form.aside) {
        copy_.push_back(a);
        add_arc(a, 1);
    }
    const std::size_t slots = problem_.slots, longest = copies - 1;
    Queue queue{gateway, form.longest, form.cost, {}, {}};
    queue.most.assign(slots, 0.0), queue.service.resize(slots);
    const auto demand = [&](std::size_t t) { return problem_.demand.row(t)[gateway]; };
    for (std::size_t t = 0; t + 1 < slots; ++t)
        for (std::size_t s = 0; s < std::min(longest, t + 1); ++s) queue.most[t] += demand(t - s);
    for (std::size_t t = 0; t < slots; ++t) {
        const double before = t > 0 ? queue.most[t - 1] : 0.0, most = demand(t) + before;
        queue.service[t] =
            std::max(demand(t) + 0.5 * (before - queue.most[t]), 0.1 * most / static_cast<double>(copies));
    }
    queues_.push_back(std::move(queue));
}

void Queues::add_arc(Index arc, Index copies) {
    const auto a = static_cast<std::size_t>(arc);
    arc_gateway_.push_back(problem_.arc_gateway[a]), arc_site_.push_back(problem_.arc_site[a]);
    arc_energy_.push_back(problem_.arc_energy[a]), arc_cost_.push_back(problem_.arc_cost[a]);
    copy_start_.push_back(copy_start_.back() + copies);
}

std::vector<double> Queues::settle(std::vector<double>& served) const {
    const std::size_t slots = problem_.slots, gateways = problem_.gateways;
    std::vector<double> work(slots * gateways);
    for (std::size_t t = 0; t < slots; ++t)
        std::copy_n(problem_.demand.row(t), gateways,
                    work.begin() + static_cast<std::ptrdiff_t>(t * gateways));
    for (const Queue& queue : queues_) {
        const auto first = static_cast<std::size_t>(row_[queue.gateway]),
                   last = static_cast<std::size_t>(row_[queue.gateway + 1]);
        double backlog = 0;
        for (std::size_t t = 0; t < slots; ++t) {
            double* const row = served.data() + t * base_.arcs;
            double sum = 0;
            for (std::size_t a = first; a < last; ++a) sum += row[a] = std::max(row[a], 0.0);
            double& own = work[t * gateways + queue.gateway];
            const double most = backlog + own;
            own = std::clamp(sum, std::max(most - queue.most[t], 0.0), most);
            backlog = most - own;
            for (std::size_t a = first; a < last; ++a)
                row[a] = sum > 0 ? row[a] * (own / sum) : own / static_cast<double>(last - first);
        }
    }
    return work;
}

void Queues::split(const std::vector<double>& served, std::vector<double>& allocation, Team& team) const {
    team.split(problem_.slots, [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t t = begin; t < end; ++t) {
            double* const row = allocation.data() + t * problem_.arcs;
            std::fill_n(row, problem_.arcs, 0.0);
            for (std::size_t a = 0; a < base_.arcs; ++a)
                row[copy_[static_cast<std::size_t>(copy_start_[a])]] = served[t * base_.arcs + a];
        }
    });
    team.split(queues_.size(), [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t n = begin; n < end; ++n) split_queue(queues_[n], served.data(), allocation.data());
    });
}

// What has waited too long, or was served before its release, is rounding or the iterate's own error, which
// whoever makes the rows sum to their demand mends.
void Queues::split_queue(const Queue& queue, const double* served, double* allocation) const {
    const auto first = static_cast<std::size_t>(row_[queue.gateway]),
               last = static_cast<std::size_t>(row_[queue.gateway + 1]);
    const auto demand = [&](std::size_t t) { return problem_.demand.row(t)[queue.gateway]; };
    for (std::size_t t = 0; t < problem_.slots; ++t)
        for (std::size_t a = first; a < last; ++a)
            allocation[t * problem_.arcs +
                       static_cast<std::size_t>(copy_[static_cast<std::size_t>(copy_start_[a])])] = 0.0;
    std::size_t released = 0;
    double left = demand(0);
    for (std::size_t t = 0; t < problem_.slots; ++t) {
        const double* const row = served + t * base_.arcs;
        const auto add = [](double sum, double x) { return sum + std::max(x, 0.0); };
        const double all = std::accumulate(row + first, row + last, 0.0, add);
        for (double open = all; open > 0 && released <= t;) {
            const std::size_t delay = t - released;
            if (left <= 0 || delay > static_cast<std::size_t>(queue.longest)) {
                if (++released <= t) left = demand(released);
                continue;
            }
            const double amount = std::min(left, open);
            double* const into = allocation + released * problem_.arcs;
            for (std::size_t a = first; a < last; ++a) {
                const auto at = static_cast<std::size_t>(copy_start_[a]);
                const bool timeless = copy_start_[a + 1] == copy_start_[a] + 1;
                into[copy_[at + (timeless ? 0 : delay)]] += amount * std::max(row[a], 0.0) / all;
            }
            left -= amount, open -= amount;
        }
        if (released == t + 1 && released < problem_.slots) left = demand(released);
    }
}

}  // namespace equiload
