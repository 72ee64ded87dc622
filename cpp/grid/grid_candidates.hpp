// Candidates of a grid's scenarios in rows, and the best of each so far, on the machine; only what a
// certificate reports comes down.
#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "algorithm/backend.hpp"
#include "core/answer.hpp"
#include "core/budgets.hpp"
#include "core/certificate.hpp"
#include "core/repair.hpp"
#include "grid/grid_certificate.hpp"
#include "grid/grid_data.hpp"
#include "grid/grid_port.hpp"

namespace equiload {

template <Machine M>
class GridCandidates final : public Candidates {
 public:
    GridCandidates(GridData<M>& data, M& machine, GridPort<M>& port, GridLists<M>& lists, Team& team)
        : data_(data),
          machine_(machine),
          port_(port),
          lists_(lists),
          team_(team),
          certificate_(machine, lists, data.reduced().slots, data.reduced().sites, data.footprints()),
          reports_(data.scenarios()) {
        const Problem& p = data.reduced();
        certificate_.expect(data.scenarios(), p.sites, data.footprints());
        if (data.caller()) data.caller()->expect(certificate_);
        if (!data.together())  // else repairs are the host's
            scratch_bytes_ =
                static_cast<std::size_t>(RepairScratch::bytes(slot_problem(p), certificate_.members));
    }

    // visit(array, count) for all of it that lives on the machine.
    template <class Visit>
    void each_array(Visit visit) {
        const std::size_t all = data_.scenarios();
        for (Point* point : {&now_, &best_})
            visit(point->x, all * data_.arcs()), visit(point->v, all * data_.cells());
        visit(room_, data_.limited() ? all * data_.arcs() : 0), visit(load_, all * data_.cells());
        visit(bounds_.there, all), visit(costs_.there, all * grid::Evaluate::numbers);
        visit(failed_.there, all);
        visit(burdens_.there, all * data_.footprints() * data_.reduced().sites);
        visit(shares_.there, all), visit(scratch_, places_of_repairs() * scratch_bytes_);
    }

    // Once that is there.
    void open() {
        for (Numbers* numbers : {&bounds_, &costs_, &failed_, &burdens_, &shares_})
            numbers->here = machine_.template make_staging<double>(numbers->there.size());
        pi_ = machine_.template make_staging<double>(data_.equity().pi().size());
        all_ = {data_.by_slot(), data_.equity().lambda(), static_cast<long>(data_.equity().prices()),
                now_.x.data(),   now_.v.data(),           load_.data()};
    }

    double* x(int s) const { return now_.x.data() + static_cast<std::size_t>(s) * data_.arcs(); }
    double* v(int s) const { return now_.v.data() + static_cast<std::size_t>(s) * data_.cells(); }
    void take_best(List list) {
        copy(list, data_.arcs(), best_.x, now_.x), copy(list, data_.cells(), best_.v, now_.v);
    }

    // ------------------------------------------------------------------ the first of all

    void set_prices(int s, const std::vector<double>& prices) override {
        port_.upload(prices.data(), data_.cells(), v(s));
    }
    void set_allocation(int s, std::vector<double> allocation) override {
        port_.upload(allocation.data(), data_.arcs(), x(s));
    }
    void price_at_cost(List list) override {
        for (int s : list)
            machine_.for_each(static_cast<long>(data_.cells()),
                              grid::Fill{v(s), -std::numeric_limits<double>::infinity()});
        complete(lists_.show(list));
    }
    void plan(List list) override { make_feasible(list, true); }

    // ------------------------------------------------------------------ certificates

    void bound(List list) override {
        const Listed there = lists_.show(list);
        complete(there);
        certificate_.bound(there, all_, bounds_.there.data());
        fetch(list, bounds_, [](Report& report, int, const double* sum) { report.bound = *sum; });
        fetch(list, data_.equity().pi(), pi_, [this](Report& report, int s, const double* pi) {
            report.equity = region_prices(s, pi);
            report.bound += bound_apart(data_.run(s).reduced, report.equity);
        });
    }

    void evaluate(List list) override {
        const Listed there = lists_.show(list);
        certificate_.costs(there, all_, costs_.there.data());
        fetch(list, costs_, [this](Report& report, int s, const double* cost) {
            report.costs.arc = cost[0], report.costs.energy = cost[1], report.costs.quadratic = cost[2];
            report.costs.fixed = data_.run(s).reduced.fixed_cost;
            report.overload = cost[3];
        });
        certificate_.burdens(there, all_, data_.reduced().sites, data_.footprints(), burdens_.there.data());
        fetch(list, burdens_, [this](Report& report, int s, const double* burden) {
            report.totals = totals_of_regions(s, burden);
            equity_cost(data_.run(s).reduced, report.totals, report.costs.equity);
        });
    }

    void repair(List list) override { make_feasible(list, false); }

    void blend(List list, std::span<const double> share_each) override {
        const Listed there = lists_.show(list);
        std::copy(share_each.begin(), share_each.end(), shares_.here.data());
        machine_.upload(shares_.there.data(), shares_.here.data(), share_each.size());
        const long each = static_cast<long>(data_.arcs());
        machine_.for_each(there.size * each,
                          grid::Blend{there.list, each, shares_.there.data(), now_.x.data(), room_.data()});
        machine_.synchronise();  // the shares are the caller's next time
    }

    const Report& report(int s) override {
        if (!pending_.empty()) machine_.synchronise();
        for (const auto& read : std::exchange(pending_, {})) read();
        return reports_[static_cast<std::size_t>(s)];
    }

    const Prices& prices(int s) override {
        prices_.equity = report(s).equity;
        prices_.energy = port_.read(v(s), data_.cells());
        complete_prices(data_.run(s).reduced, prices_, team_);
        return prices_;
    }

    // ------------------------------------------------------------------ what is worth keeping

    void keep_prices(List list) override { copy(list, data_.cells(), now_.v, best_.v); }
    void keep_room(List list) override { copy(list, data_.arcs(), now_.x, room_); }
    void keep_allocation(List list) override { copy(list, data_.arcs(), now_.x, best_.x); }

    void answer(int s, Solution& solution) override {
        const Run& run = data_.run(s);
        const double* const x = best_.x.data() + static_cast<std::size_t>(s) * data_.arcs();
        const double* const v = best_.v.data() + static_cast<std::size_t>(s) * data_.cells();
        if (data_.caller())
            return data_.caller()->answer(machine_, port_, lists_, certificate_, run, x, data_.demand(s), v,
                                          solution);
        const auto allocation = std::make_unique_for_overwrite<double[]>(data_.arcs());
        port_.download(x, data_.arcs(), allocation.get());
        Prices best{port_.read(v, data_.cells()), {}, run.best_equity};
        certify(data_.original(s), run.presolved, {allocation.get(), data_.arcs()}, best, team_, solution);
    }

 private:
    template <class Number>
    using Array = typename M::template Array<Number>;
    template <class Number>
    using Staging = typename M::template Staging<Number>;

    struct Point {  // [scenario](T, A), (T, I)
        Array<double> x, v;
    };

    struct Numbers {  // of every scenario, on the machine and where they come down or go up
        Array<double> there;
        Staging<double> here;
    };

    // Groups that repair at the same time: no more than there are slots.
    std::size_t places_of_repairs() const {
        const int places = machine_.template places<GridCertificate<M>::members, grid::RepairSlot>();
        return std::min(static_cast<std::size_t>(places), data_.scenarios() * data_.reduced().slots);
    }

    void complete(Listed there) {
        const long each = static_cast<long>(data_.cells());
        machine_.for_each(there.size * each, grid::Complete{there.list, all_, each});
    }

    void copy(List list, std::size_t each, const Array<double>& from, Array<double>& to) {
        for (int s : list)
            machine_.copy(to.data() + static_cast<std::size_t>(s) * each,
                          from.data() + static_cast<std::size_t>(s) * each, each);
    }

    // ------------------------------------------------------------------ repairs

    void make_feasible(List list, bool fill) {
        if (data_.together()) return make_feasible_on_host(list, fill);
        const Listed there = lists_.show(list);
        const int slots = data_.blocks().slots;
        machine_.template for_each_group<GridCertificate<M>::members>(
            there.size * slots, grid::RepairSlot{there.list, all_, data_.open(), slots, fill, scratch_.data(),
                                                 scratch_bytes_, lists_.parts()});
        lists_.sum(there, lists_.parts(), failed_.there.data(), 1, slots, 1);
        fetch(list, failed_,
              [](Report& report, int, const double* failed) { report.feasible = *failed == 0; });
    }

    // Where delayed arcs couple the slots a repair is one long search, no work for a device.
    void make_feasible_on_host(List list, bool fill) {
        std::vector<double> allocation(data_.arcs());
        for (int s : list) {
            std::vector<double> capacity;
            const Problem open = close_spent_cells(data_.run(s).reduced, capacity);
            const Repair repair(open);
            const std::vector<double> prices = port_.read(v(s), data_.cells());
            if (!fill) port_.download(x(s), allocation.size(), allocation.data());
            const RepairOutcome outcome = fill ? repair.plan(allocation.data(), prices.data(), team_)
                                               : repair.run(allocation.data(), prices.data(), team_);
            set_allocation(s, allocation);
            reports_[static_cast<std::size_t>(s)].feasible = outcome.feasible;
        }
    }

    // ------------------------------------------------------------------ reports

    // Brings down what every scenario has; take(report, scenario, numbers) for those of the list, once it is
    // here.
    template <class Take>
    void fetch(List list, const Numbers& numbers, Take take) {
        fetch(list, numbers.there, numbers.here, take);
    }
    template <class Take>
    void fetch(List list, const Array<double>& there, const Staging<double>& here, Take take) {
        machine_.download(here.data(), there.data(), there.size());
        const std::size_t each = there.size() / data_.scenarios();
        pending_.push_back([this, &here, each, take, chosen = std::vector<int>(list.begin(), list.end())] {
            for (int s : chosen) {
                const auto scenario = static_cast<std::size_t>(s);
                take(reports_[scenario], s, here.data() + scenario * each);
            }
        });
    }

    // lambda of each region of a scenario, [footprint][region].
    std::vector<std::vector<double>> region_prices(int s, const double* pi) const {
        const Run& run = data_.run(s);
        std::vector<std::vector<double>> prices;
        for (std::size_t r = 0; r < data_.footprints(); ++r) {
            const Footprint& footprint = run.reduced.footprints[run.equity.footprint(r)];
            prices.resize(run.equity.footprint(r));
            std::vector<double>& own = prices.emplace_back(pi, pi + footprint.regions());
            for (std::size_t g = 0; g < own.size(); ++g) own[g] *= footprint.sensitivity[g];
            pi += own.size();
        }
        return prices;
    }

    // Burdens of the regions, from those of the sites for the footprints with a price.
    Budgets::Totals totals_of_regions(int s, const double* burden) const {
        const Run& run = data_.run(s);
        Budgets::Totals totals;
        for (const Footprint& footprint : run.reduced.footprints)
            totals.emplace_back(footprint.history.begin(), footprint.history.end());
        for (std::size_t r = 0; r < data_.footprints(); ++r) {
            const std::size_t f = run.equity.footprint(r);
            const std::size_t sites = data_.reduced().sites;
            totals[f] = region_totals(run.reduced.footprints[f], {burden + r * sites, sites});
        }
        return totals;
    }

    GridData<M>& data_;
    M& machine_;
    GridPort<M>& port_;
    GridLists<M>& lists_;
    Team& team_;
    GridCertificate<M> certificate_;
    Point now_, best_;
    Array<double> room_, load_;
    grid::SlotCandidates all_{};
    Numbers bounds_, costs_, failed_, burdens_, shares_;
    Staging<double> pi_;
    Array<char> scratch_;
    std::size_t scratch_bytes_ = 0;
    std::vector<std::function<void()>> pending_;  // what reads reports once they are here
    std::vector<Report> reports_;
    Prices prices_;
};

}  // namespace equiload
