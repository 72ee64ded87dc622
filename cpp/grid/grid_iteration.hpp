// The first-order iteration of a grid's scenarios: launches over blocks, queued and recorded, with the sums
// and the equity steps between them.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>
#include <vector>

#include "algorithm/first_order.hpp"
#include "grid/grid_candidates.hpp"
#include "grid/grid_data.hpp"
#include "grid/grid_port.hpp"
#include "grid/grid_steps.hpp"

namespace equiload {

template <Machine M, class Stored>
class GridIteration final : public Iteration {
 public:
    GridIteration(GridData<M>& data, GridCandidates<M>& candidates, M& machine, GridPort<M>& port,
                  GridLists<M>& lists, const Tuning& tuning)
        : data_(data),
          candidates_(candidates),
          machine_(machine),
          port_(port),
          lists_(lists),
          tuning_(tuning),
          m_(data.blocks()),
          quantities_(burden_quantities(m_.footprints)),
          chunks_(static_cast<int>(std::clamp<std::size_t>(
              M::enough_items / std::max<std::size_t>(1, data.reduced().sites * Lane::width), 1,
              static_cast<std::size_t>(m_.blocks)))) {
        const Problem& p = data.reduced();
        const std::size_t rows = data.lanes() / Lane::width;  // blocks of all scenarios
        lists.expect(rows, p.sites, 2 * Lane::width);
        lists.expect(rows, p.gateways, 3 * Lane::width);
        lists.expect(rows, p.gateways + p.sites, 4 * Lane::width);
        lists.expect(data.scenarios(), static_cast<std::size_t>(m_.blocks), 4);
        lists.expect(data.scenarios(), static_cast<std::size_t>(chunks_), burden_count() * Lane::width);
        equiload::each_array(z_, m_, [&](auto*& pointer, int) { arrays_of(pointer).emplace_back(); });
    }

    // Numbers of scratch of an item.
    int scratch() const { return std::max(data_.network().longest_row(), quantities_); }

    // visit(array, count) for all of it that lives on the machine.
    template <class Visit>
    void each_array(Visit visit) {
        const std::size_t all = data_.scenarios();
        each_part([&](auto& array, auto*&, int items) {
            visit(array, data_.lanes() * static_cast<std::size_t>(items));
        });
        visit(active_list_, all), visit(careful_list_, all), visit(due_, data_.lanes());
        visit(slot_sums_, data_.lanes() * (2 + 4)), visit(pooled_, all * (2 + 4));
        visit(site_sums_, all * burden_count() * Lane::width), visit(totals_, all * burden_count());
        visit(iteration_, 1);
    }

    // Once that is there.
    void open() {
        each_part([](auto& array, auto*& pointer, int) { pointer = array.data(); });
        in_ = {iteration_.data(), data_.equity().lambda(), static_cast<long>(data_.equity().prices())};
        set_iteration(0);
    }

    // ------------------------------------------------------------------ as the algorithm asks

    void start(List list) override {
        const Listed there = lists_.show(list);
        first_iterate(there);
        arc_pass(there, {});
        burden_pass(there, true, false);
        equity_step(there);
    }

    void start_over(List list) override {
        candidates_.take_best(list);
        for (int s : list) {
            Run& run = data_.run(s);
            run.equity.set_region_prices(run.best_equity);
            data_.equity().set_prices(machine_, static_cast<std::size_t>(s), run.equity);
        }
        start(list);
    }

    void work_on(List list, List careful) override {
        machine_.synchronise();
        active_ = lists_.show(list, active_list_), careful_ = lists_.show(careful, careful_list_);
        for (Repeated& kind : kinds_) kind = {};
    }

    void iterate(const Pass& pass) override {
        repeat(kinds_[pass.decide + 2 * pass.measure + 4 * pass.keep], [&] {
            machine_.for_each(1, grid::Advance{iteration_.data()});
            passes(pass);
            equity_step(active_);
            inner_steps(active_, tuning_.inner_steps);
            inner_steps(careful_, many_inner_steps - std::min(many_inner_steps, tuning_.inner_steps));
        });
        if (++queued_ % most_queued == 0)
            machine_.synchronise();  // or the clock would run ahead of the machine
    }

    void candidate(List list) override {
        const Listed there = lists_.show(list);
        each(there, m_.sites, grid::DualCandidate<Stored>{on(there)});
        data_.out_of_blocks(there, z_.x_plus, candidates_.x(0), m_.arcs);
        data_.out_of_blocks(there, z_.v_plus, candidates_.v(0), m_.sites);
    }

    void keep_reserve(int s, double worth) override {
        EquityProx& equity = data_.run(s).equity;
        equity.set_region_prices(candidates_.report(s).equity);
        equity.keep_reserve(worth);
        data_.equity().set_reserve(machine_, static_cast<std::size_t>(s), equity);
    }

    double restarts(int s) override {
        const std::size_t slots = static_cast<std::size_t>(m_.blocks) * Lane::width;
        const std::vector<double> each = port_.read(z_.restarts + static_cast<std::size_t>(s) * slots, slots);
        double total = 0;
        for (std::size_t t = 0; t < data_.reduced().slots; ++t) total += each[t];
        return total;
    }

    // ------------------------------------------------------------------ pass by pass

    void passes(const Pass& pass) {
        site_pass(pass);
        if (pass.decide) restart();
        arc_pass(active_, pass);
        burden_pass(active_, true, pass.measure);
    }
    void burden() { burden_pass(active_, false, false); }
    void set_iteration(double iteration) { machine_.for_each(1, grid::Fill{iteration_.data(), iteration}); }
    std::vector<double> totals(int s) {
        const std::size_t each = burden_count();
        return port_.read(totals_.data() + static_cast<std::size_t>(s) * each, each);
    }

 private:
    template <class Number>
    using Array = typename M::template Array<Number>;
    using Sequence = typename M::Sequence;

    static constexpr int most_queued = 16;                  // iterations
    static constexpr int equity_members = M::many_members;  // a scenario has hundreds of regions

    // visit(array, pointer, items a slot) for all that the iterate has.
    template <class Visit>
    void each_part(Visit visit) {
        std::size_t doubles = 0, floats = 0;
        equiload::each_array(z_, m_, [&]<class Number>(Number*& pointer, int items) {
            std::size_t& next = std::is_same_v<Number, double> ? doubles : floats;
            visit(arrays_of(pointer)[next++], pointer, items);
        });
    }
    auto& arrays_of(const double*) { return doubles_; }
    auto& arrays_of(const float*) { return floats_; }

    std::size_t burden_count() const { return static_cast<std::size_t>(quantities_) * data_.reduced().sites; }

    // ------------------------------------------------------------------ the launches of an iteration

    grid::Blocks<Stored> on(Listed there) const { return {data_.in_blocks(there), m_, z_, in_}; }
    template <class Step>
    void each(Listed there, int items, const Step& step) {
        machine_.for_each(data_.lanes(there, items), step);
    }

    // body(std::bool_constant) for steps that are compiled with and without delays.
    template <class Body>
    void where_delayed(Body body) {
        if (data_.together())
            body(std::true_type());
        else
            body(std::false_type());
    }

    // From the candidates.
    void first_iterate(Listed there) {
        data_.into_blocks(there, candidates_.x(0), z_.x_anchor, m_.arcs);
        data_.into_blocks(there, candidates_.v(0), z_.v, m_.sites);
        each(there, m_.arcs, grid::FirstArc<Stored>{on(there)});
        each(there, m_.sites, grid::FirstCell<Stored>{on(there)});
        each(there, m_.gateways, grid::FirstParts<Stored>{on(there), lists_.parts()});
        sum_parts(there, slot_sums_.data(), m_.gateways, 3 * Lane::width);
        each(there, 1, grid::FirstSlot<Stored>{on(there), {slot_sums_.data(), 3, false}, due_.data()});
        each(there, m_.sites, grid::Refresh<Stored>{on(there), due_.data()});
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
        each(active_, m_.sites, grid::SitePass<Stored>{on(active_), pass, lists_.parts()});
    }

    void arc_pass(Listed there, const Pass& pass) {
        for (const RowClass& rows : data_.network().row_classes())
            where_delayed([&]<bool Delayed>(std::bool_constant<Delayed>) {
                const grid::ArcPass<Stored, Delayed> step{on(there), data_.network().gateways(rows), pass,
                                                          lists_.parts()};
                machine_.for_each(data_.lanes(there, rows.count), rows.longest, step);
            });
        if (pass.measure) sum_parts(there, z_.moved, m_.gateways, Lane::width);
    }

    // Leaves the burdens at every site in totals_.
    void burden_pass(Listed there, bool receive, bool measure) {
        where_delayed([&]<bool Delayed>(std::bool_constant<Delayed>) {
            const grid::BurdenPass<Stored, Delayed> step{
                on(there), chunks_, receive, measure, tuning_.curvature_floor, lists_.parts()};
            machine_.for_each(there.size * chunks_ * m_.sites * Lane::width, std::max(1, quantities_), step);
        });
        if (quantities_ == 0) return;
        const long each = static_cast<long>(burden_count());
        lists_.sum(there, lists_.parts(), site_sums_.data(), 1, chunks_, each * Lane::width, {});
        lists_.sum(there, site_sums_.data(), totals_.data(), each, Lane::width, 1);
    }

    void inner_steps(Listed there, int count) {
        for (int inner = 0; inner < count && there.size > 0; ++inner) {
            burden_pass(there, false, false);
            equity_step(there);
        }
    }

    void equity_step(Listed there) {
        if (m_.footprints == 0) return;
        machine_.template for_each_group<equity_members>(
            there.size, grid::EquityStep{there.list, data_.equity().states(), totals_.data(),
                                         static_cast<long>(burden_count())});
    }

    // Restarts the slots that are due: each by itself, or together where delayed arcs couple them.
    void restart() {
        const int items = m_.gateways + m_.sites;
        double* const residual_sums = slot_sums_.data();
        double* const restart_sums = slot_sums_.data() + 2 * data_.lanes();
        sum_parts(active_, residual_sums, m_.sites, 2 * Lane::width);
        each(active_, 1, grid::Residuals{data_.in_blocks(active_), z_.moved, residual_sums});
        const grid::SlotSums residuals = over_slots(residual_sums, 2, pooled_.data());
        each(active_, 1, grid::Decide<Stored>{on(active_), residuals, tuning_, due_.data()});
        each(active_, items, grid::Restart<Stored>{on(active_), due_.data(), lists_.parts()});
        sum_parts(active_, restart_sums, items, 4 * Lane::width);
        const grid::SlotSums sums = over_slots(restart_sums, 4, pooled_.data() + 2 * data_.scenarios());
        each(active_, 1, grid::Reweigh<Stored>{on(active_), residuals, sums, tuning_, due_.data()});
        each(active_, m_.sites, grid::Refresh<Stored>{on(active_), due_.data()});
    }

    // Over the items of every block.
    void sum_parts(Listed there, double* sums, int items, long inner) {
        lists_.sum(there, lists_.parts(), sums, m_.blocks, items, inner);
    }

    // Of every scenario [block][quantity][lane] as it is, or summed up over the horizon.
    grid::SlotSums over_slots(const double* sums, int quantities, double* pooled) {
        if (!data_.together()) return {sums, quantities, false};
        const long rows = static_cast<long>(m_.blocks) * quantities;
        lists_.sum(active_, sums, lists_.parts(), rows, Lane::width, 1, {active_.list, nullptr});
        lists_.sum(active_, lists_.parts(), pooled, 1, m_.blocks, quantities);
        return {pooled, quantities, true};
    }

    GridData<M>& data_;
    GridCandidates<M>& candidates_;
    M& machine_;
    GridPort<M>& port_;
    GridLists<M>& lists_;
    const Tuning tuning_;
    const BlockProblem& m_;
    const int quantities_;  // of a burden and its curvatures
    const int chunks_;      // of a scenario's blocks, that are added up apart
    Iterate<Stored> z_;
    grid::Inputs in_{};
    Listed active_, careful_;             // the scenarios at work, those with many inner steps
    std::vector<Array<double>> doubles_;  // of the iterate
    std::vector<Array<float>> floats_;
    Array<int> active_list_, careful_list_;
    Array<double> due_, slot_sums_, pooled_, site_sums_, totals_, iteration_;
    std::array<Repeated, 8> kinds_;  // by what the pass is asked to do
    int queued_ = 0;
};

}  // namespace equiload
