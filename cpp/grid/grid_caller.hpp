// The caller's own problem on a machine that holds its fields already: what a solve's data are reduced from,
// and what its answer is written and certified in. Work is served in the slot of its release.
#pragma once

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "algorithm/run.hpp"
#include "core/certificate.hpp"
#include "grid/grid_certificate.hpp"
#include "grid/grid_lists.hpp"
#include "grid/grid_port.hpp"
#include "grid/grid_rows.hpp"
#include "grid/machine.hpp"

namespace equiload {

template <Machine M>
class GridCaller {
 public:
    GridCaller(const Problem& original, const Presolved& presolved, GridLists<M>& lists)
        : original_(original),
          columns_(presolved.columns()),
          by_gateway_(original.arc_gateway, original.gateways),
          by_site_(original.arc_site, original.sites) {
        lists.expect_into_parts(1, original.slots, original.gateways);
        if (original.may_shed()) lists.expect(1, original.gateways, 1);
    }

    // The sums of an answer's certificate.
    void expect(GridCertificate<M>& certificate) const {
        certificate.expect(1, original_.sites, original_.footprints.size());
    }

    // visit(array, count) for all of it that lives on the machine.
    template <class Visit>
    void each_array(Visit visit) {
        each_list([&](Array<int>& there, const std::vector<Index>& here) { visit(there, here.size()); });
        for (Array<int>* arcs : {&gateway_, &site_, &delay_}) visit(*arcs, original_.arcs);
        for (Array<double>* arcs : {&energy_, &cost_}) visit(*arcs, original_.arcs);
        visit(lambda_, original_.footprints.size() * original_.sites);
        visit(burdens_, original_.footprints.size() * original_.sites);
        visit(footprints_, original_.footprints.size());
        visit(by_slot_, 1), visit(sums_, 6);
    }

    // The network, which all scenarios share.
    void upload(M& machine) {
        const auto send = [&](auto& there, const auto& here) {
            machine.upload(there.data(), here.data(), here.size());
        };
        each_list(send);
        send(gateway_, original_.arc_gateway), send(site_, original_.arc_site);
        send(delay_, original_.arc_delay), send(energy_, original_.arc_energy);
        send(cost_, original_.arc_cost);
        machine.synchronise();
    }

    // Fields of the reduced problem, slot by slot, from the caller's.
    void pool_gateways(M& machine, const Field& from, double* to) const {
        reduce(machine, from, pool_start_, pooled_, to, 0.0);
    }
    void select_sites(M& machine, const Field& from, double otherwise, double* to) const {
        reduce(machine, from, site_start_, kept_, to, otherwise);
    }

    // The work of each gateway over the horizon.
    std::vector<double> work(GridPort<M>& port, GridLists<M>& lists, const Field& demand) const {
        const std::size_t rows = demand.stride ? original_.slots : 1;  // one row may stand for every slot
        sum_gateways(lists, demand.values, rows);
        std::vector<double> work = port.read(lists.parts(), original_.gateways);
        for (double& w : work) w *= static_cast<double>(original_.slots / rows);
        return work;
    }

    // The answer of a run and its certificate, where the caller's arrays are; from the reduced problem's
    // (T, A) allocation, (T, J) demand and (T, I) prices.
    void answer(M& machine, GridPort<M>& port, GridLists<M>& lists, GridCertificate<M>& certificate,
                const Run& run, const double* x, const double* pooled, const double* v, Solution& solution) {
        const Problem& p = *run.scenario.problem;
        const DeviceOutput& to = run.scenario.output;
        show(machine, p, site_prices(p, run.best_equity));
        expand(machine, p, run.reduced, x, pooled, v, to);
        const Listed there = lists.show(std::vector<int>{0});
        const grid::SlotCandidates all{by_slot_.data(), lambda_.data(),   0,
                                       to.allocation,   to.energy_prices, to.site_load};
        double* const sums = sums_.data();  // bound, four costs, work shed
        certificate.bound(there, all, sums);
        certificate.costs(there, all, sums + 1);
        certificate.burdens(there, all, p.sites, p.footprints.size(), burdens_.data());
        if (p.may_shed()) {
            sum_gateways(lists, to.shed, p.slots);
            lists.sum(there, lists.parts(), sums + 5, 1, static_cast<int>(p.gateways), 1);
        }
        report(p, port.read(sums, p.may_shed() ? 6 : 5), port.read(burdens_.data(), burdens_.size()),
               run.best_equity, solution);
    }

 private:
    template <class Number>
    using Array = typename M::template Array<Number>;

    // (T, J) numbers into parts, [gateway].
    void sum_gateways(GridLists<M>& lists, const double* values, std::size_t rows) const {
        const Listed there = lists.show(std::vector<int>{0});
        lists.sum(there, values, lists.parts(), 1, static_cast<int>(rows),
                  static_cast<long>(original_.gateways));
    }

    static void report(const Problem& p, const std::vector<double>& sums, const std::vector<double>& burdens,
                       const std::vector<std::vector<double>>& equity, Solution& solution) {
        for (std::size_t r = 0; r < p.footprints.size(); ++r)
            solution.totals.push_back(
                region_totals(p.footprints[r], {burdens.data() + r * p.sites, p.sites}));
        Breakdown& costs = solution.breakdown;
        costs.arc = sums[1], costs.energy = sums[2], costs.quadratic = sums[3];
        costs.shed = p.may_shed() ? p.shed_cost * sums[5] : 0.0;
        costs.fixed = p.fixed_cost;
        equity_cost(p, solution.totals, costs.equity);
        solution.prices.equity = equity;
        solution.objective = costs.total();
        solution.lower_bound = sums[0] + bound_apart(p, equity);
        solution.gap = relative_gap(solution.objective, solution.lower_bound);
    }

    // A scenario's original problem; `lambda` of its sites, [footprint][site].
    void show(M& machine, const Problem& p, const std::vector<double>& lambda) {
        std::vector<Field> footprints;
        for (const Footprint& footprint : p.footprints) footprints.push_back(footprint.values);
        SlotProblem m = slot_problem(p);
        m.footprints = static_cast<int>(footprints.size());
        m.footprint = footprints_.data();
        m.gateway = gateway_.data(), m.site = site_.data(), m.delay = delay_.data();
        m.energy = energy_.data(), m.cost = cost_.data();
        m.by_gateway = {gateway_start_.data(), gateway_arcs_.data()};
        m.by_site = {site_start_of_arcs_.data(), site_arcs_.data()};
        machine.upload(footprints_.data(), footprints.data(), footprints.size());
        machine.upload(lambda_.data(), lambda.data(), lambda.size());
        machine.upload(by_slot_.data(), &m, 1);
        machine.synchronise();
    }

    void expand(M& machine, const Problem& p, const Problem& reduced, const double* x, const double* pooled,
                const double* v, const DeviceOutput& to) const {
        const auto send = [&](const Array<int>& arc, const int* gateway, double* out, std::size_t columns) {
            machine.for_each(
                static_cast<long>(p.slots * columns),
                grid::Expand{x, static_cast<int>(reduced.arcs), arc.data(), gateway, pool_.data(),
                             pool_start_.data(), p.demand, pooled, static_cast<int>(reduced.gateways), out,
                             static_cast<int>(columns)});
        };
        send(arc_, gateway_.data(), to.allocation, p.arcs);
        if (p.may_shed()) send(shed_, nullptr, to.shed, p.gateways);
        const long cells = static_cast<long>(p.slots * p.sites);
        machine.for_each(cells, grid::ExpandPrices{v, static_cast<int>(reduced.sites), reduced_site_.data(),
                                                   to.energy_prices, static_cast<int>(p.sites)});
        machine.for_each(
            cells, grid::CompleteAll{by_slot_.data(), lambda_.data(), to.energy_prices, to.capacity_prices});
    }

    template <class Visit>
    void each_list(Visit visit) {
        visit(pool_start_, columns_.pool_start), visit(pooled_, columns_.pooled);
        visit(site_start_, columns_.site_start), visit(kept_, columns_.site);
        visit(reduced_site_, columns_.reduced_site), visit(pool_, columns_.pool);
        visit(arc_, columns_.arc), visit(shed_, columns_.shed);
        visit(gateway_start_, by_gateway_.start), visit(gateway_arcs_, by_gateway_.order);
        visit(site_start_of_arcs_, by_site_.start), visit(site_arcs_, by_site_.order);
    }

    void reduce(M& machine, const Field& from, const Array<int>& start, const Array<int>& order, double* to,
                double otherwise) const {
        const std::size_t columns = start.size() - 1;
        machine.for_each(
            static_cast<long>(original_.slots * columns),
            grid::Reduce{from, start.data(), order.data(), to, static_cast<int>(columns), otherwise});
    }

    const Problem& original_;  // of the first scenario: its network and sizes
    const Columns columns_;
    const Grouping by_gateway_, by_site_;
    Array<int> pool_start_, pooled_, site_start_, kept_, reduced_site_, pool_, arc_, shed_;
    Array<int> gateway_start_, gateway_arcs_, site_start_of_arcs_, site_arcs_, gateway_, site_, delay_;
    Array<double> energy_, cost_, lambda_, burdens_, sums_;
    Array<Field> footprints_;
    Array<SlotProblem> by_slot_;
};

}  // namespace equiload
