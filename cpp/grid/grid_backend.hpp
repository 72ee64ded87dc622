// The back end for machines that run many threads at a time: data, iterates and candidates of one or many
// scenarios live on the machine, and only what a check reports comes down.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "algorithm/first_order.hpp"
#include "algorithm/run.hpp"
#include "core/answer.hpp"
#include "core/budgets.hpp"
#include "core/certificate.hpp"
#include "core/repair.hpp"
#include "grid/device_backend.hpp"
#include "grid/grid_caller.hpp"
#include "grid/grid_equity.hpp"
#include "grid/grid_network.hpp"
#include "grid/grid_port.hpp"
#include "grid/grid_rows.hpp"
#include "grid/grid_steps.hpp"
#include "grid/machine.hpp"

namespace equiload {

template <Machine M, class Stored>
class GridBackend final : public DeviceBackend {
 public:
    template <class... Arguments>
    GridBackend(Runs runs, Team& team, const Tuning& tuning, Arguments&&... machine)
        : runs_(runs.begin(), runs.end()),
          problem_(run(0).reduced),
          team_(team),
          tuning_(tuning),
          footprints_(run(0).equity.footprints()),
          together_(problem_.max_delay() > 0),
          budgets_(!run(0).equity.bounded()),
          machine_(std::forward<Arguments>(machine)...),
          port_(machine_, team),
          network_(problem_),
          equity_(run(0).equity, runs_.size()),
          reports_(runs_.size()) {
        if (original().device >= 0) caller_.emplace(original(), run(0).presolved);
        data_ = network_.sizes(footprints_);
        quantities_ = burden_quantities(data_.footprints);
        choose_chunks();
        reserve();
        point_at_arrays();
        network_.upload(machine_);
        if (caller_) caller_->upload(machine_);
        for (int s = 0; s < count(); ++s) upload_scenario(s);
        set_iteration(0);
        data_into_blocks();
    }

    // ------------------------------------------------------------------ candidates in rows

    void set_prices(int s, const std::vector<double>& v) override {
        port_.upload(v.data(), cells(), v_rows(s));
    }
    void set_allocation(int s, std::vector<double> x) override { port_.upload(x.data(), arcs(), x_rows(s)); }

    void price_at_cost(List list) override {
        for (int s : list) machine_.for_each(static_cast<long>(cells()), grid::Fill{v_rows(s), -infinity});
        complete(show(list));
    }

    void plan(List list) override { make_feasible(list, true); }
    void repair(List list) override { make_feasible(list, false); }

    void bound(List list) override {
        const Listed there = show(list);
        complete(there);
        machine_.for_each_group(there.size * data_.slots, slot_members,
                                grid::Bound{there.list, rows_, data_.slots, parts_.data()});
        sum_rows(parts_.data(), bounds_.there.data(), there, data_.slots, 1);
        fetch(list, bounds_.there, bounds_.here,
              [this](int s, const double* value) { reports_[at(s)].bound = *value; });
        fetch(list, equity_.pi(), pi_, [this](int s, const double* pi) {
            Report& report = reports_[at(s)];
            report.equity = region_prices(s, pi);
            report.bound += bound_apart(run(s).reduced, report.equity);
        });
    }

    void evaluate(List list) override {
        constexpr int numbers = grid::Evaluate::numbers;
        const Listed there = show(list);
        machine_.for_each_group(there.size * data_.slots, slot_members,
                                grid::Evaluate{there.list, rows_, data_.slots, parts_.data()});
        sum_rows(parts_.data(), costs_.there.data(), there, data_.slots, numbers);
        fetch(list, costs_.there, costs_.here, [this](int s, const double* cost) {
            Breakdown& costs = reports_[at(s)].costs;
            costs.arc = cost[0], costs.energy = cost[1], costs.quadratic = cost[2];
            costs.fixed = run(s).reduced.fixed_cost;
            reports_[at(s)].overload = cost[3];
        });
        const long each = static_cast<long>(data_.footprints) * data_.sites;
        machine_.for_each(
            there.size * row_chunks_ * each,
            grid::Burdens{there.list, rows_, row_chunks_, data_.sites, data_.footprints, parts_.data()});
        sum_rows(parts_.data(), burdens_.there.data(), there, row_chunks_, each);
        fetch(list, burdens_.there, burdens_.here, [this](int s, const double* burden) {
            Report& report = reports_[at(s)];
            report.totals = region_totals(s, burden);
            equity_cost(run(s).reduced, report.totals, report.costs.equity);
        });
    }

    void keep_prices(List list) override { copy_rows(list, cells(), v_there_, best_v_); }
    void keep_allocation(List list) override { copy_rows(list, arcs(), x_there_, best_x_); }
    void keep_room(List list) override { copy_rows(list, arcs(), x_there_, room_); }

    void blend(List list, std::span<const double> share_each) override {
        const Listed there = show(list);
        std::copy(share_each.begin(), share_each.end(), shares_.data());
        machine_.upload(shares_there_.data(), shares_.data(), share_each.size());
        const long each = static_cast<long>(arcs());
        machine_.for_each(there.size * each,
                          grid::Blend{there.list, each, shares_there_.data(), x_there_.data(), room_.data()});
        machine_.synchronise();  // the shares are the caller's next time
    }

    // ------------------------------------------------------------------ the iterate

    void start(List list) override {
        first_iterate(list);
        const Listed all = std::exchange(active_, show(list));
        arc_pass({});
        burden_pass(true, false);
        equity_step();
        active_ = all;
    }

    void start_over(List list) override {
        copy_rows(list, arcs(), best_x_, x_there_), copy_rows(list, cells(), best_v_, v_there_);
        for (int s : list) {
            run(s).equity.set_region_prices(run(s).best_equity);
            equity_.set_prices(machine_, at(s), run(s).equity);
        }
        start(list);
    }

    void work_on(List list, List careful) override {
        machine_.synchronise();
        active_ = show(list, active_list_), careful_ = show(careful, careful_list_);
        for (Repeated& kind : kinds_) kind = {};
    }

    void iterate(const Pass& pass) override {
        repeat(kinds_[pass.decide + 2 * pass.measure + 4 * pass.keep], [&] {
            machine_.for_each(1, grid::Advance{iteration_.data()});
            passes(pass);
            equity_step();
            inner_steps(tuning_.inner_steps);
            const Listed all = std::exchange(active_, careful_);
            inner_steps(many_inner_steps - std::min(many_inner_steps, tuning_.inner_steps));
            active_ = all;
        });
        if (++queued_ % most_queued == 0)
            machine_.synchronise();  // or the clock would run ahead of the machine
    }

    void candidate(List list) override {
        const Listed there = show(list);
        const Listed all = std::exchange(active_, there);
        machine_.for_each(lanes(data_.sites), grid::DualCandidate<Stored>{scenarios(), data_, z_, in_});
        out_of_blocks(z_.x_plus, x_there_.data(), data_.arcs);
        out_of_blocks(z_.v_plus, v_there_.data(), data_.sites);
        active_ = all;
    }

    void keep_reserve(int s, double worth) override {
        run(s).equity.set_region_prices(report(s).equity);
        run(s).equity.keep_reserve(worth);
        equity_.set_reserve(machine_, at(s), run(s).equity);
    }

    // ------------------------------------------------------------------ pass by pass

    void passes(const Pass& pass) override {
        site_pass(pass);
        if (pass.decide) restart();
        arc_pass(pass);
        burden_pass(true, pass.measure);
    }
    void burden() override { burden_pass(false, false); }
    void set_iteration(double iteration) override {
        machine_.for_each(1, grid::Fill{iteration_.data(), iteration});
    }
    void set_site_prices(int s, std::span<const double> lambda) override {
        equity_.set_site_prices(machine_, static_cast<std::size_t>(s), lambda);
    }
    std::vector<double> totals(int s) override {
        const std::size_t each = burden_count();
        return port_.read(totals_.data() + static_cast<std::size_t>(s) * each, each);
    }

    // ------------------------------------------------------------------ what comes down

    const Report& report(int s) override {
        wait();
        return reports_[at(s)];
    }

    const Prices& prices(int s) override {
        prices_.equity = report(s).equity;
        prices_.energy = port_.read(v_rows(s), cells());
        complete_prices(run(s).reduced, prices_, team_);
        return prices_;
    }

    void answer(int s, Solution& solution) override {
        if (original(s).device >= 0) return answer_there(s, solution);
        const std::size_t numbers = arcs();
        const auto allocation = std::make_unique_for_overwrite<double[]>(numbers);
        port_.download(best_x_.data() + at(s) * numbers, numbers, allocation.get());
        Prices best{port_.read(best_v_.data() + at(s) * cells(), cells()), {}, run(s).best_equity};
        certify(original(s), run(s).presolved, {allocation.get(), numbers}, best, team_, solution);
    }

    void read_candidate(int s, double* x, double* v) override {
        port_.download(x_rows(s), arcs(), x), port_.download(v_rows(s), cells(), v);
    }
    double restarts(int s) override {
        const std::size_t slots = static_cast<std::size_t>(data_.blocks) * Lane::width;
        const std::vector<double> each = port_.read(z_.restarts + static_cast<std::size_t>(s) * slots, slots);
        double total = 0;
        for (std::size_t t = 0; t < problem_.slots; ++t) total += each[t];
        return total;
    }

    // ------------------------------------------------------------------ problems of the machine's own memory

    std::vector<double> work(int s) override {
        const Problem& p = original(s);
        const Listed there = show(std::vector<int>{0});
        const std::size_t rows = p.demand.stride ? p.slots : 1;  // one row may stand for every slot
        sum_rows(p.demand.values, parts_.data(), there, static_cast<int>(rows),
                 static_cast<long>(p.gateways));
        std::vector<double> work = port_.read(parts_.data(), p.gateways);
        for (double& w : work) w *= static_cast<double>(p.slots / rows);
        return work;
    }

 private:
    template <class Number>
    using Array = typename M::template Array<Number>;
    template <class Number>
    using Staging = typename M::template Staging<Number>;
    using Sequence = typename M::Sequence;

    static constexpr double infinity = std::numeric_limits<double>::infinity();
    static constexpr int most_queued = 16;                  // iterations
    static constexpr int slot_members = M::few_members;     // there are thousands of slots
    static constexpr int equity_members = M::many_members;  // and a scenario has hundreds of regions

    struct Reported {  // numbers of every scenario, on the machine and where they come down
        Array<double> there;
        Staging<double> here;
    };

    struct Listed {  // scenarios, on the machine
        const int* list = nullptr;
        long size = 0;
    };

    // ------------------------------------------------------------------ sizes and storage

    static std::size_t at(int s) { return static_cast<std::size_t>(s); }
    int count() const { return static_cast<int>(runs_.size()); }
    Run& run(int s) const { return *runs_[at(s)]; }
    const Problem& original(int s = 0) const { return *run(s).scenario.problem; }
    std::size_t cells() const { return problem_.slots * problem_.sites; }  // of a scenario
    std::size_t arcs() const { return problem_.slots * problem_.arcs; }
    std::size_t burden_count() const { return static_cast<std::size_t>(quantities_) * problem_.sites; }
    std::size_t term_of(int s, int r) const { return static_cast<std::size_t>(s * data_.footprints + r); }
    double* x_rows(int s) const { return x_there_.data() + static_cast<std::size_t>(s) * arcs(); }
    double* v_rows(int s) const { return v_there_.data() + static_cast<std::size_t>(s) * cells(); }

    // Items of a launch over what there is `items` times a block: of the scenarios at work, of all.
    long blocks_each() const { return data_.blocks; }
    long lanes(int items) const { return active_.size * all_lanes(items) / count(); }
    long all_lanes(int items) const { return count() * blocks_each() * items * Lane::width; }
    grid::Scenarios scenarios() const { return {active_.list, data_.blocks}; }

    static std::size_t groups(std::size_t items) {
        return std::max<std::size_t>(1, (items + grid::SumItems::group - 1) / grid::SumItems::group);
    }

    // Parts of the horizon whose sums are formed apart. A scenario's own, so that it has the same bits
    // whichever others are solved beside it.
    void choose_chunks() {
        const auto enough = [&](std::size_t items, int most) {
            const std::size_t chunks = M::enough_items / std::max<std::size_t>(1, items);
            return static_cast<int>(std::clamp<std::size_t>(chunks, 1, static_cast<std::size_t>(most)));
        };
        chunks_ = enough(problem_.sites * Lane::width, data_.blocks);
        row_chunks_ = enough(problem_.sites * footprints_, data_.slots);
    }

    // visit(array, count) for all that lives on the machine.
    template <class Visit>
    void each_array(Visit visit) {
        const Problem& p = problem_;
        const std::size_t all = runs_.size(), footprints = footprints_;
        const std::size_t items = p.gateways + p.sites, slots = all * p.slots;
        const auto lanes = [&](std::size_t n) { return static_cast<std::size_t>(all_lanes(1)) * n; };
        network_.each_array(visit), equity_.each_array(visit);
        for (Array<int>* list : {&active_list_, &careful_list_, &checked_list_}) visit(*list, all);

        visit(demand_rows_, slots * p.gateways);
        for (Array<double>* field : {&price_rows_, &capacity_rows_, &v_there_, &best_v_, &load_})
            visit(*field, slots * p.sites);
        visit(quadratic_rows_, p.quadratic ? slots * p.sites : 0);
        visit(open_rows_, budgets_ ? slots * p.sites : 0);
        visit(footprint_rows_, slots * p.sites * footprints);
        for (Array<double>* x : {&x_there_, &best_x_}) visit(*x, slots * p.arcs);
        visit(room_, budgets_ ? slots * p.arcs : 0);
        visit(slot_problems_, all), visit(open_problems_, all);
        visit(footprint_fields_, all * footprints);

        for (Array<double>* array : {&demand_, &step_, &theta_}) visit(*array, lanes(p.gateways));
        for (Array<double>* array :
             {&price_, &capacity_, &v_, &v_anchor_, &v_plus_, &inflow_, &inflow_plus_, &isig_})
            visit(*array, lanes(p.sites));
        visit(quadratic_, p.quadratic ? lanes(p.sites) : 0);
        visit(footprint_, lanes(footprints * p.sites));
        for (Array<Stored>* array : {&x_, &x_anchor_, &x_plus_, &sent_}) visit(*array, lanes(p.arcs));
        for (Array<double>* array : {&omega_, &omega_start_, &restarted_, &restarts_, &moved_,
                                     &residual_start_, &residual_last_, &due_})
            visit(*array, lanes(1));
        visit(slot_sums_, lanes(2 + 4)), visit(pooled_, all * (2 + 4));

        const std::size_t horizon = all * burden_count() * Lane::width;
        const auto chunks = static_cast<std::size_t>(chunks_);
        const auto row_chunks = static_cast<std::size_t>(row_chunks_);
        visit(chunk_sums_, chunks * horizon), visit(site_sums_, horizon);
        visit(parts_, std::max({lanes(4 * std::max<std::size_t>(1, items)), 4 * slots,
                                all * row_chunks * footprints * p.sites, caller_sums()}));
        const std::size_t partial =
            std::max({lanes(4 * groups(items)), groups(chunks) * horizon, 4 * all * groups(p.slots),
                      all * groups(row_chunks) * footprints * p.sites, caller_sums()});
        for (Array<double>* array : {&partial_[0], &partial_[1]}) visit(*array, partial);
        visit(totals_, all * burden_count());

        visit(iteration_, 1);
        visit(bounds_.there, all), visit(costs_.there, all * grid::Evaluate::numbers);
        visit(failed_.there, all), visit(burdens_.there, all * footprints * p.sites);
        visit(shares_there_, all);
        visit(scratch_, places_of_repairs() * scratch_bytes_);
        if (caller_) caller_->each_array(visit);
    }

    // Groups that repair at the same time: no more than there are slots.
    std::size_t places_of_repairs() const {
        return std::min(static_cast<std::size_t>(machine_.places()), runs_.size() * problem_.slots);
    }

    // Numbers that the sums of an answer in the caller's terms have on their way.
    std::size_t caller_sums() const {
        if (!caller_) return 0;
        const Problem& p = original();
        const std::size_t burdens = static_cast<std::size_t>(row_chunks_) * p.footprints.size() * p.sites;
        return std::max({burdens, groups(p.slots) * p.gateways, p.slots * 4});
    }

    // Room for everything at once, so that what does not fit is said before anything is done.
    void reserve() {
        if (!together_)  // else repairs are the host's
            scratch_bytes_ =
                static_cast<std::size_t>(RepairScratch::bytes(slot_problem(problem_), slot_members));
        std::size_t bytes = 0;
        each_array([&](auto& array, std::size_t size) {
            bytes += (size * sizeof(*array.data()) + M::alignment - 1) / M::alignment * M::alignment;
        });
        machine_.reserve(bytes, std::max(network_.longest_row(), quantities_));
        each_array([&]<class Array>(Array& array, std::size_t size) {
            array = machine_.template make<std::remove_reference_t<decltype(*array.data())>>(size);
        });
        port_.open(std::max(arcs(), cells()));
        shares_ = machine_.template make_staging<double>(runs_.size());
        for (Reported* numbers : {&bounds_, &costs_, &failed_, &burdens_})
            numbers->here = machine_.template make_staging<double>(numbers->there.size());
        pi_ = machine_.template make_staging<double>(equity_.pi().size());
    }

    void point_at_arrays() {
        BlockProblem& m = data_;
        network_.point(m);
        m.demand = demand_.data(), m.step = step_.data(), m.price = price_.data();
        m.capacity = capacity_.data(), m.footprint = footprint_.data();
        if (problem_.quadratic) m.quadratic = quadratic_.data();
        z_.x = x_.data(), z_.x_anchor = x_anchor_.data(), z_.x_plus = x_plus_.data(), z_.sent = sent_.data();
        z_.v = v_.data(), z_.v_anchor = v_anchor_.data(), z_.v_plus = v_plus_.data();
        z_.inflow = inflow_.data(), z_.inflow_plus = inflow_plus_.data(), z_.isig = isig_.data();
        z_.theta = theta_.data(), z_.omega = omega_.data(), z_.omega_start = omega_start_.data();
        z_.restarted = restarted_.data(), z_.restarts = restarts_.data(), z_.moved = moved_.data();
        z_.residual_start = residual_start_.data(), z_.residual_last = residual_last_.data();
        const long prices = static_cast<long>(equity_.prices());
        in_ = {iteration_.data(), equity_.lambda(), prices};
        rows_ = {slot_problems_.data(), equity_.lambda(), prices,
                 x_there_.data(),       v_there_.data(),  load_.data()};
    }

    // ------------------------------------------------------------------ data

    void upload_scenario(int s) {
        const Problem& p = run(s).reduced;
        const auto rows = static_cast<std::size_t>(s) * p.slots;
        // A field by site: from the reduced problem, or from the caller's where the machine has it.
        const auto by_site = [&](const Field& reduced, const Field& callers, double otherwise,
                                 double* to) -> Field {
            if (caller_)
                caller_->select_sites(machine_, callers, otherwise, to);
            else
                port_.upload(reduced, p.slots, p.sites, to);
            return {to, p.sites};
        };
        SlotProblem m = slot_problem(p);
        m.footprints = data_.footprints;
        m.demand = {demand_rows_.data() + rows * p.gateways, p.gateways};
        if (caller_)
            caller_->pool_gateways(machine_, original(s).demand, demand_rows_.data() + rows * p.gateways);
        else
            port_.upload(p.demand, p.slots, p.gateways, demand_rows_.data() + rows * p.gateways);
        const Problem& own = original(s);
        const std::size_t first = rows * p.sites;
        m.capacity = by_site(p.capacity, own.capacity, infinity, capacity_rows_.data() + first);
        m.price = by_site(p.price, own.price, 0.0, price_rows_.data() + first);
        if (p.quadratic)
            m.quadratic = by_site(p.quadratic, own.quadratic, 0.0, quadratic_rows_.data() + first);
        std::vector<Field> footprints;
        for (std::size_t r = 0; r < footprints_; ++r) {
            const std::size_t f = run(s).equity.footprint(r);
            footprints.push_back(
                by_site(p.footprints[f].values, own.footprints[f].values, 0.0,
                        footprint_rows_.data() + (rows * footprints_ + r * p.slots) * p.sites));
        }
        m.footprint = footprint_fields_.data() + term_of(s, 0);
        if (!footprints.empty()) {
            machine_.upload(footprint_fields_.data() + term_of(s, 0), footprints.data(), footprints.size());
            machine_.synchronise();
        }
        network_.point(m);
        const SlotProblem open = open_problem(s, m);
        machine_.upload(slot_problems_.data() + s, &m, 1);
        machine_.upload(open_problems_.data() + s, &open, 1);
        machine_.synchronise();
        equity_.upload(machine_, static_cast<std::size_t>(s), run(s).equity);
    }

    // The same with the cells closed whose region's budget is spent by its history.
    SlotProblem open_problem(int s, SlotProblem m) {
        if (!budgets_) return m;
        const Problem& p = run(s).reduced;
        std::vector<double> capacity;
        const Problem closed = close_spent_cells(p, capacity);
        double* const there = open_rows_.data() + static_cast<std::size_t>(s) * cells();
        port_.upload(closed.capacity, p.slots, p.sites, there);
        m.capacity = {there, p.sites};
        return m;
    }

    void data_into_blocks() {
        std::vector<int> all(runs_.size());
        for (int s = 0; s < count(); ++s) all[static_cast<std::size_t>(s)] = s;
        const Listed there = show(all);
        into_blocks(there, demand_rows_.data(), demand_.data(), data_.gateways);
        into_blocks(there, price_rows_.data(), price_.data(), data_.sites);
        into_blocks(there, capacity_rows_.data(), capacity_.data(), data_.sites, large_capacity);
        if (problem_.quadratic) into_blocks(there, quadratic_rows_.data(), quadratic_.data(), data_.sites);
        const int wide = data_.footprints * data_.sites;
        machine_.for_each(all_lanes(wide), grid::FromFootprints{{there.list, data_.blocks},
                                                                footprint_rows_.data(),
                                                                footprint_.data(),
                                                                data_.footprints,
                                                                data_.sites,
                                                                data_.slots});
        machine_.for_each(all_lanes(data_.gateways), grid::Roots{demand_.data(), step_.data()});
        machine_.synchronise();
    }

    // ------------------------------------------------------------------ up and down

    // The list on the machine. It stays there until another one is shown.
    Listed show(List list) { return show(list, checked_list_); }
    Listed show(List list, Array<int>& array) {
        machine_.upload(array.data(), list.data(), list.size());
        machine_.synchronise();
        return {array.data(), static_cast<long>(list.size())};
    }

    // Brings down what every scenario reports; take(scenario, numbers) for those of the list after wait().
    template <class Take>
    void fetch(List list, const Array<double>& there, const Staging<double>& here, Take take) {
        machine_.download(here.data(), there.data(), there.size());
        const std::size_t each = there.size() / runs_.size();
        pending_.push_back([this, &here, each, take, chosen = std::vector<int>(list.begin(), list.end())] {
            for (int s : chosen) {
                const auto scenario = static_cast<std::size_t>(s);
                take(s, here.data() + scenario * each);
            }
        });
    }

    void wait() {
        if (pending_.empty()) return;
        machine_.synchronise();
        for (const auto& read : pending_) read();
        pending_.clear();
    }

    // lambda of each region of a scenario, [footprint][region].
    std::vector<std::vector<double>> region_prices(int s, const double* pi) const {
        std::vector<std::vector<double>> prices;
        for (std::size_t r = 0; r < footprints_; ++r) {
            const std::size_t f = run(s).equity.footprint(r);
            prices.resize(f);
            std::vector<double>& own = prices.emplace_back(pi, pi + equity_.regions()[r]);
            for (std::size_t g = 0; g < own.size(); ++g)
                own[g] *= run(s).reduced.footprints[f].sensitivity[g];
            pi += own.size();
        }
        return prices;
    }

    // Burdens of the regions, from those of the sites for the footprints with a price.
    Budgets::Totals region_totals(int s, const double* burden) const {
        Budgets::Totals totals;
        for (const Footprint& footprint : run(s).reduced.footprints)
            totals.emplace_back(footprint.history.begin(), footprint.history.end());
        for (std::size_t r = 0; r < footprints_; ++r) {
            const std::size_t f = run(s).equity.footprint(r);
            totals[f] = equiload::region_totals(run(s).reduced.footprints[f], burden + r * problem_.sites);
        }
        return totals;
    }

    // The answer in the caller's terms and its certificate, where the caller's arrays are.
    void answer_there(int s, Solution& solution) {
        const Problem& p = original(s);
        const DeviceOutput& to = run(s).scenario.output;
        const std::vector<std::vector<double>>& equity = run(s).best_equity;
        caller_->show_model(machine_, p, site_prices(p, equity));
        caller_->expand(machine_, p, run(s).reduced, best_x_.data() + at(s) * arcs(),
                        demand_rows_.data() + at(s) * problem_.slots * problem_.gateways,
                        best_v_.data() + at(s) * cells(), to);
        const Listed there = show(std::vector<int>{0});
        const grid::SlotCandidates rows = caller_->rows(to);
        const int slots = data_.slots, sites = static_cast<int>(p.sites);
        const int footprints = static_cast<int>(p.footprints.size());
        const long each = static_cast<long>(footprints) * sites;
        machine_.for_each_group(slots, slot_members, grid::Bound{there.list, rows, slots, parts_.data()});
        sum_rows(parts_.data(), caller_->sums(), there, slots, 1);
        machine_.for_each_group(slots, slot_members, grid::Evaluate{there.list, rows, slots, parts_.data()});
        sum_rows(parts_.data(), caller_->sums() + 1, there, slots, grid::Evaluate::numbers);
        machine_.for_each(row_chunks_ * each,
                          grid::Burdens{there.list, rows, row_chunks_, sites, footprints, parts_.data()});
        sum_rows(parts_.data(), caller_->burdens(), there, row_chunks_, each);
        if (p.may_shed()) {
            sum_rows(to.shed, parts_.data(), there, slots, static_cast<long>(p.gateways));
            sum_rows(parts_.data(), caller_->sums() + 5, there, static_cast<int>(p.gateways), 1);
        }
        const std::vector<double> sums = port_.read(caller_->sums(), p.may_shed() ? 6 : 5);
        const std::vector<double> burdens = port_.read(caller_->burdens(), static_cast<std::size_t>(each));
        for (std::size_t r = 0; r < p.footprints.size(); ++r)
            solution.totals.push_back(equiload::region_totals(p.footprints[r], burdens.data() + r * p.sites));
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

    // ------------------------------------------------------------------ launches on rows

    template <class Number>
    void into_blocks(Listed there, const double* rows, Number* blocks, int items, double most = infinity) {
        machine_.for_each(
            there.size * blocks_each() * items * Lane::width,
            grid::FromRows<Number>{{there.list, data_.blocks}, rows, blocks, items, data_.slots, most});
    }
    template <class Number>
    void out_of_blocks(const Number* blocks, double* rows, int items) {
        machine_.for_each(active_.size * data_.slots * items,
                          grid::ToRows<Number>{scenarios(), blocks, rows, items, data_.slots});
    }

    void complete(Listed there) {
        const long each = static_cast<long>(cells());
        machine_.for_each(there.size * each, grid::Complete{there.list, rows_, each});
    }

    void copy_rows(List list, std::size_t each, const Array<double>& from, Array<double>& to) {
        for (int s : list)
            machine_.copy(to.data() + static_cast<std::size_t>(s) * each,
                          from.data() + static_cast<std::size_t>(s) * each, each);
    }

    void make_feasible(List list, bool fill) {
        if (together_) return make_feasible_on_host(list, fill);
        const Listed there = show(list);
        machine_.for_each_group(there.size * data_.slots, slot_members,
                                grid::RepairSlot{there.list, rows_, open_problems_.data(), data_.slots, fill,
                                                 scratch_.data(), scratch_bytes_, parts_.data()});
        sum_rows(parts_.data(), failed_.there.data(), there, data_.slots, 1);
        fetch(list, failed_.there, failed_.here,
              [this](int s, const double* slots) { reports_[at(s)].feasible = *slots == 0; });
    }

    // Where delayed arcs couple the slots a repair is one long search, no work for a device.
    void make_feasible_on_host(List list, bool fill) {
        std::vector<double> x(arcs());
        for (int s : list) {
            std::vector<double> capacity;
            const Problem open = close_spent_cells(run(s).reduced, capacity);
            const Repair repair(open);
            const std::vector<double> v = port_.read(v_rows(s), cells());
            if (!fill) port_.download(x_rows(s), x.size(), x.data());
            const bool fits = fill ? repair.plan(x.data(), v.data(), team_).feasible
                                   : repair.run(x.data(), v.data(), team_).feasible;
            set_allocation(s, x);
            reports_[at(s)].feasible = fits;
        }
    }

    // ------------------------------------------------------------------ the launches of an iteration

    // From the candidates.
    void first_iterate(List list) {
        const Listed there = show(list), all = std::exchange(active_, there);
        into_blocks(there, x_there_.data(), z_.x_anchor, data_.arcs);
        into_blocks(there, v_there_.data(), z_.v, data_.sites);
        machine_.for_each(lanes(data_.arcs), grid::FirstArc<Stored>{scenarios(), z_, data_.arcs});
        machine_.for_each(lanes(data_.sites), grid::FirstCell<Stored>{scenarios(), z_, data_.sites});
        machine_.for_each(lanes(data_.gateways),
                          grid::FirstParts{scenarios(), data_, in_, z_.theta, parts_.data()});
        sum(parts_.data(), slot_sums_.data(), blocks_each(), data_.gateways, 3 * Lane::width);
        machine_.for_each(
            lanes(1),
            grid::FirstSlot<Stored>{scenarios(), data_, z_, in_, {slot_sums_.data(), 3, false}, due_.data()});
        refresh();
        active_ = all;
    }

    // Launches that are repeated. The first time they run as they come: a device loads a kernel when it is
    // first launched, which must not happen while it records. And some kinds are not asked for again before
    // scenarios end.
    struct Repeated {
        bool seen = false;
        std::optional<Sequence> sequence;
    };

    template <class Body>
    void repeat(Repeated& repeated, Body body) {
        if (!repeated.seen) {
            repeated.seen = true;
            return body();
        }
        if (!repeated.sequence) repeated.sequence = machine_.record(body);
        if (!repeated.sequence) return body();
        machine_.replay(*repeated.sequence);
    }

    void site_pass(const Pass& pass) {
        machine_.for_each(lanes(data_.sites),
                          grid::SitePass<Stored>{scenarios(), data_, z_, in_, pass, parts_.data()});
    }

    void arc_pass(const Pass& pass) {
        machine_.for_each(lanes(data_.gateways), network_.longest_row(),
                          grid::ArcPass<Stored>{scenarios(), data_, z_, in_, pass, parts_.data()});
        if (pass.measure) sum(parts_.data(), z_.moved, blocks_each(), data_.gateways, Lane::width);
    }

    // Leaves the burdens at every site in totals_.
    void burden_pass(bool receive, bool measure) {
        const grid::Scenarios chunks{active_.list, chunks_};
        machine_.for_each(active_.size * chunks_ * data_.sites * Lane::width, std::max(1, quantities_),
                          grid::BurdenPass<Stored>{chunks, data_, z_, in_, receive, measure,
                                                   tuning_.curvature_floor, chunk_sums_.data()});
        if (quantities_ == 0) return;
        const long each = static_cast<long>(burden_count());
        sum(chunk_sums_.data(), site_sums_.data(), 1, chunks_, each * Lane::width, {nullptr, nullptr});
        sum(site_sums_.data(), totals_.data(), each, Lane::width, 1);
    }

    void inner_steps(int count) {
        for (int inner = 0; inner < count && active_.size > 0; ++inner) {
            burden_pass(false, false);
            equity_step();
        }
    }

    void equity_step() {
        if (data_.footprints == 0) return;
        machine_.for_each_group(active_.size, equity_members,
                                grid::EquityStep{active_.list, equity_.states(), totals_.data(),
                                                 static_cast<long>(burden_count())});
    }

    // Restarts the slots that are due: each by itself, or together where delayed arcs couple them.
    void restart() {
        const int items = data_.gateways + data_.sites;
        double* const residual_sums = slot_sums_.data();
        double* const restart_sums = slot_sums_.data() + 2 * all_lanes(1);
        double* const pooled_restarts = pooled_.data() + 2 * runs_.size();
        sum(parts_.data(), residual_sums, blocks_each(), data_.sites, 2 * Lane::width);
        machine_.for_each(lanes(1), grid::Residuals{scenarios(), z_.moved, residual_sums});
        const grid::SlotSums residuals = over_slots(residual_sums, 2, pooled_.data());
        machine_.for_each(lanes(1),
                          grid::Decide<Stored>{scenarios(), z_, in_, residuals, tuning_, due_.data()});
        machine_.for_each(lanes(items),
                          grid::Restart<Stored>{scenarios(), data_, z_, due_.data(), parts_.data()});
        sum(parts_.data(), restart_sums, blocks_each(), items, 4 * Lane::width);
        const grid::SlotSums sums = over_slots(restart_sums, 4, pooled_restarts);
        machine_.for_each(lanes(1),
                          grid::Reweigh<Stored>{scenarios(), z_, in_, residuals, sums, tuning_, due_.data()});
        refresh();
    }

    void refresh() {
        machine_.for_each(lanes(data_.sites), grid::Refresh<Stored>{scenarios(), data_, z_, due_.data()});
    }

    // Of every scenario [block][quantity][lane] as it is, or summed up over the horizon.
    grid::SlotSums over_slots(const double* sums, int quantities, double* pooled) {
        if (!together_) return {sums, quantities, false};
        const long rows = blocks_each() * quantities;
        sum(sums, parts_.data(), rows, Lane::width, 1, {active_.list, nullptr});
        sum(parts_.data(), pooled, 1, data_.blocks, quantities);
        return {pooled, quantities, true};
    }

    // Packed rows of the list's scenarios, [place][items][inner] -> [scenario][inner].
    void sum_rows(const double* values, double* sums, Listed there, int items, long inner) {
        const Listed all = std::exchange(active_, there);
        sum(values, sums, 1, items, inner);
        active_ = all;
    }

    // Whether rows of scenarios are packed (null) or each in its scenario's own place.
    struct Ends {
        const int *from, *to;
    };

    // [place][outer][items][inner] -> [scenario][outer][inner] for the scenarios at work, in as many launches
    // as groups of groups take.
    void sum(const double* values, double* sums, long outer, int items, long inner) {
        sum(values, sums, outer, items, inner, {nullptr, active_.list});
    }
    void sum(const double* values, double* sums, long outer, int items, long inner, Ends ends) {
        for (int stage = 0;; ++stage) {
            const int count = static_cast<int>(groups(static_cast<std::size_t>(items)));
            double* const to = count == 1 ? sums : partial_[stage % 2].data();
            machine_.for_each(active_.size * outer * count * inner,
                              grid::SumItems{values, to, items, count, inner, outer, ends.from,
                                             count == 1 ? ends.to : nullptr});
            if (count == 1) return;
            values = to, items = count, ends.from = nullptr;
        }
    }

    const std::vector<Run*> runs_;
    const Problem& problem_;  // of the first: its network and sizes are those of all
    Team& team_;
    const Tuning tuning_;
    const std::size_t footprints_;  // with a price
    const bool together_, budgets_;
    BlockProblem data_;
    Iterate<Stored> z_;
    grid::Inputs in_{};
    grid::SlotCandidates rows_{};
    int quantities_ = 0, chunks_ = 1, row_chunks_ = 1;
    std::size_t scratch_bytes_ = 0;
    Listed active_, careful_;  // the scenarios at work, those with many inner steps

    M machine_;  // owns what it has made, and waits before it goes
    GridPort<M> port_;
    GridNetwork<M> network_;
    GridEquity<M> equity_;
    Array<int> active_list_, careful_list_, checked_list_;
    Array<double> demand_rows_, price_rows_, capacity_rows_, quadratic_rows_, open_rows_, footprint_rows_;
    Array<double> x_there_, v_there_, best_x_, best_v_, room_, load_;  // candidates, (T, ..) each
    Array<SlotProblem> slot_problems_, open_problems_;
    Array<Field> footprint_fields_;
    Array<double> demand_, step_, theta_, price_, capacity_, quadratic_, footprint_;
    Array<Stored> x_, x_anchor_, x_plus_, sent_;
    Array<double> v_, v_anchor_, v_plus_, inflow_, inflow_plus_, isig_;
    Array<double> omega_, omega_start_, restarted_, restarts_, moved_, residual_start_, residual_last_, due_;
    Array<double> slot_sums_, pooled_, parts_, chunk_sums_, site_sums_, totals_, iteration_;
    std::array<Array<double>, 2> partial_;
    Reported bounds_, costs_, failed_, burdens_;
    Array<double> shares_there_;
    Array<char> scratch_;
    Staging<double> pi_, shares_;
    std::optional<GridCaller<M>> caller_;  // where the fields are on the machine already
    std::array<Repeated, 8> kinds_;        // by what the pass is asked to do

    std::vector<std::function<void()>> pending_;  // what reads reports once they are here
    std::vector<Report> reports_;
    Prices prices_;
    int queued_ = 0;
};

}  // namespace equiload
