// The back end for machines that run many threads at a time: data and iterate live on the machine, the host
// sees what the equity prox needs, a few thousand numbers an iteration, and now and then a candidate.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arc_lists.hpp"
#include "equiload/algorithm/equity_prox.hpp"
#include "equiload/backend.hpp"
#include "equiload/team.hpp"
#include "grid_steps.hpp"
#include "machine.hpp"

namespace equiload {

template <Machine M, class Stored>
class GridBackend {
 public:
    template <class... Arguments>
    GridBackend(const Problem& problem, const EquityProx& equity, Team& team, const Tuning& tuning,
                Arguments&&... machine)
        : problem_(problem),
          team_(team),
          tuning_(tuning),
          lists_(problem, ArcLists::Sent::all),
          together_(problem.max_delay() > 0),
          machine_(std::forward<Arguments>(machine)...) {
        model_ = lists_.sizes(problem, equity.footprints(), Lane::width);
        quantities_ = burden_quantities(model_.footprints);
        const std::size_t cells = std::max<std::size_t>(1, problem.sites * Lane::width);
        chunks_ = static_cast<int>(
            std::clamp<std::size_t>(M::enough_items / cells, 1, static_cast<std::size_t>(model_.blocks)));
        std::size_t bytes = 0;
        each_array([&](auto& array, std::size_t count) {
            const std::size_t size = count * sizeof(*array.data());
            bytes += (size + M::alignment - 1) / M::alignment * M::alignment;
        });
        machine_.reserve(bytes, std::max(lists_.longest_row(), quantities_));
        each_array([&]<class Array>(Array& array, std::size_t count) {
            array = machine_.template make<std::remove_reference_t<decltype(*array.data())>>(count);
        });
        inputs_ = machine_.template make_staging<double>(input_count());
        totals_ = machine_.template make_staging<double>(burden_count());
        rows_ = machine_.template make_staging<double>(rows_count());
        point_at_arrays();
        upload_network();
        upload_data(equity);
    }

    // Sets the iterate and the weights.
    void start(const double* x, const double* v, std::span<const double> lambda) {
        upload_rows(problem_.arcs, z_.x_anchor, [&](std::size_t t, double* row) {
            std::copy_n(x + t * problem_.arcs, problem_.arcs, row);
        });
        upload_rows(problem_.sites, z_.v, [&](std::size_t t, double* row) {
            std::copy_n(v + t * problem_.sites, problem_.sites, row);
        });
        set_inputs(0, lambda);
        upload_inputs();
        machine_.for_each(lane_count(model_.arcs), grid::FirstArc<Stored>{z_});
        machine_.for_each(lane_count(model_.sites), grid::FirstCell<Stored>{z_});
        machine_.for_each(lane_count(model_.gateways), grid::Fill{z_.theta, 0.0});
        machine_.for_each(lane_count(model_.gateways), grid::FirstParts{model_, in_, parts_.data()});
        sum(parts_.data(), slot_sums_.data(), model_.blocks, model_.gateways, 3 * Lane::width);
        machine_.for_each(slot_count(), grid::FirstSlot<Stored>{model_, z_, {slot_sums_.data(), 3, false}});
        machine_.for_each(slot_count(), grid::Fill{due_.data(), 1.0});
        refresh();
        machine_.synchronise();
    }

    std::span<const double> begin(std::span<const double> lambda) {
        set_inputs(0, lambda);
        upload_inputs();
        arc_pass({});
        burden_pass(true, false);
        return totals();
    }

    std::span<const double> iterate(std::span<const double> lambda, const Pass& pass) {
        set_inputs(pass.iteration, lambda);
        repeat(kinds_[pass.decide + 2 * pass.measure + 4 * pass.keep], [&] {
            upload_inputs();
            site_pass(pass);
            if (pass.decide) restart();
            arc_pass(pass);
            burden_pass(true, pass.measure);
        });
        return totals();
    }

    std::span<const double> burden(std::span<const double> lambda) {
        set_inputs(0, lambda);
        repeat(burden_alone_, [&] {
            upload_inputs();
            burden_pass(false, false);
        });
        return totals();
    }

    void candidate(std::span<const double> lambda, double* x_plus, double* v_plus) {
        set_inputs(0, lambda);
        upload_inputs();
        machine_.for_each(lane_count(model_.sites), grid::DualCandidate<Stored>{model_, z_, in_});
        download_rows(z_.x_plus, problem_.arcs, x_plus);
        download_rows(z_.v_plus, problem_.sites, v_plus);
    }

    double restarts() {
        std::vector<double> each(static_cast<std::size_t>(slot_count()));
        machine_.download(each.data(), z_.restarts, each.size());
        machine_.synchronise();
        double sum = 0;
        for (std::size_t t = 0; t < problem_.slots; ++t) sum += each[t];
        return sum;
    }

    std::string name() const { return machine_.name(); }

 private:
    template <class Number>
    using Array = typename M::template Array<Number>;
    template <class Number>
    using Staging = typename M::template Staging<Number>;
    using Sequence = typename M::Sequence;

    // ------------------------------------------------------------------ sizes and storage

    long slot_count() const { return lane_count(1); }
    long lane_count(int items) const { return static_cast<long>(model_.blocks) * items * Lane::width; }
    std::size_t lanes(std::size_t items) const {
        return static_cast<std::size_t>(model_.blocks) * items * Lane::width;
    }
    std::size_t burden_count() const { return static_cast<std::size_t>(quantities_) * problem_.sites; }
    std::size_t input_count() const {
        return 1 + static_cast<std::size_t>(model_.footprints) * problem_.sites;
    }
    std::size_t chunk_count() const { return static_cast<std::size_t>(chunks_); }
    static std::size_t groups(std::size_t items) {
        return std::max<std::size_t>(1, (items + grid::SumItems::group - 1) / grid::SumItems::group);
    }

    // Rows that travel together: whole blocks, about 16 MB.
    std::size_t most_items() const {
        const std::size_t footprints = static_cast<std::size_t>(model_.footprints);
        return std::max({problem_.arcs, problem_.gateways, problem_.sites, footprints * problem_.sites});
    }
    std::size_t rows_count() const {
        return std::min(lanes(most_items()),
                        std::max<std::size_t>(std::size_t{1} << 21, Lane::width * most_items()));
    }

    // visit(array, count) for all that lives on the machine.
    template <class Visit>
    void each_array(Visit visit) {
        const Problem& p = problem_;
        const std::size_t items = p.gateways + p.sites;
        const auto footprints = static_cast<std::size_t>(model_.footprints);
        for (Array<int>* list : {&row_, &site_, &delay_, &sent_index_, &in_start_, &in_arc_, &in_gateway_})
            visit(*list, std::max({p.arcs, p.gateways, p.sites}) + 1);
        visit(energy_, p.arcs);
        visit(cost_, p.arcs);
        for (Array<double>* array : {&demand_, &step_, &theta_}) visit(*array, lanes(p.gateways));
        for (Array<double>* array :
             {&price_, &capacity_, &v_, &v_anchor_, &v_plus_, &inflow_, &inflow_plus_, &isig_})
            visit(*array, lanes(p.sites));
        if (p.quadratic) visit(quadratic_, lanes(p.sites));
        visit(footprint_, lanes(footprints * p.sites));
        for (Array<Stored>* array : {&x_, &x_anchor_, &x_plus_, &sent_}) visit(*array, lanes(p.arcs));
        for (Array<double>* array : {&omega_, &omega_start_, &restarted_, &restarts_, &moved_,
                                     &residual_start_, &residual_last_, &due_})
            visit(*array, lanes(1));
        visit(slot_sums_, lanes(2 + 4));
        visit(pooled_, 2 + 4);
        visit(parts_, lanes(4 * std::max<std::size_t>(1, items)));
        const std::size_t horizon = burden_count() * Lane::width;
        visit(chunk_sums_, chunk_count() * horizon);
        visit(site_sums_, horizon);
        const std::size_t partial = std::max(lanes(4 * groups(items)), groups(chunk_count()) * horizon);
        for (Array<double>* array : {&partial_[0], &partial_[1]}) visit(*array, partial);
        visit(inputs_there_, input_count());
        visit(totals_there_, burden_count());
        visit(rows_there_, rows_count());
    }

    void point_at_arrays() {
        Model& m = model_;
        m.row = row_.data(), m.site = site_.data(), m.delay = delay_.data();
        m.sent_index = sent_index_.data(), m.in_start = in_start_.data();
        m.in_arc = in_arc_.data(), m.in_gateway = in_gateway_.data();
        m.energy = energy_.data(), m.cost = cost_.data();
        m.demand = demand_.data(), m.step = step_.data(), m.price = price_.data();
        m.capacity = capacity_.data(), m.footprint = footprint_.data();
        if (problem_.quadratic) m.quadratic = quadratic_.data();
        z_.x = x_.data(), z_.x_anchor = x_anchor_.data(), z_.x_plus = x_plus_.data(), z_.sent = sent_.data();
        z_.v = v_.data(), z_.v_anchor = v_anchor_.data(), z_.v_plus = v_plus_.data();
        z_.inflow = inflow_.data(), z_.inflow_plus = inflow_plus_.data(), z_.isig = isig_.data();
        z_.theta = theta_.data(), z_.omega = omega_.data(), z_.omega_start = omega_start_.data();
        z_.restarted = restarted_.data(), z_.restarts = restarts_.data(), z_.moved = moved_.data();
        z_.residual_start = residual_start_.data(), z_.residual_last = residual_last_.data();
        in_ = {inputs_there_.data()};
    }

    void upload_network() {
        const auto upload = [&](auto& array, const auto& values) {
            machine_.upload(array.data(), values.data(), values.size());
        };
        upload(row_, lists_.row), upload(site_, lists_.site), upload(delay_, lists_.delay);
        upload(sent_index_, lists_.sent_index), upload(in_start_, lists_.in_start);
        upload(in_arc_, lists_.in_arc), upload(in_gateway_, lists_.in_gateway);
        upload(energy_, problem_.arc_energy), upload(cost_, problem_.arc_cost);
        machine_.synchronise();
    }

    void upload_data(const EquityProx& equity) {
        const auto upload = [&](Array<double>& array, const Field& field, std::size_t items) {
            upload_rows(items, array.data(),
                        [&](std::size_t t, double* row) { std::copy_n(field.row(t), items, row); });
        };
        upload(demand_, problem_.demand, problem_.gateways);
        upload(price_, problem_.price, problem_.sites);
        if (problem_.quadratic) upload(quadratic_, problem_.quadratic, problem_.sites);
        upload_rows(problem_.sites, capacity_.data(), [&](std::size_t t, double* row) {
            for (std::size_t i = 0; i < problem_.sites; ++i)
                row[i] = std::min(problem_.capacity.row(t)[i], large_capacity);
        });
        upload_rows(equity.footprints() * problem_.sites, footprint_.data(), [&](std::size_t t, double* row) {
            for (std::size_t r = 0; r < equity.footprints(); ++r)
                std::copy_n(problem_.footprints[equity.footprint(r)].values.row(t), problem_.sites,
                            row + r * problem_.sites);
        });
        machine_.for_each(lane_count(model_.gateways), grid::Roots{demand_.data(), step_.data()});
        machine_.synchronise();
    }

    // ------------------------------------------------------------------ rows

    // body(first block, blocks, first slot, slots) for pieces that fit into rows_.
    template <class Body>
    void each_piece(std::size_t items, Body body) {
        if (items == 0) return;
        const std::size_t width = Lane::width;
        const std::size_t blocks = rows_count() / (items * width);
        const auto all = static_cast<std::size_t>(model_.blocks);
        for (std::size_t block = 0; block < all; block += blocks) {
            const std::size_t count = std::min(blocks, all - block), first = block * width;
            body(static_cast<int>(block), static_cast<int>(count), first,
                 std::min(count * width, problem_.slots - first));
        }
    }

    // fill(slot, row) writes a slot's row on the host.
    template <class Number, class FillRow>
    void upload_rows(std::size_t items, Number* to, FillRow fill) {
        each_piece(items, [&](int block, int blocks, std::size_t first, std::size_t slots) {
            team_.split(slots, [&](std::size_t begin, std::size_t end, int) {
                for (std::size_t t = begin; t < end; ++t) fill(first + t, rows_.data() + t * items);
            });
            machine_.upload(rows_there_.data(), rows_.data(), slots * items);
            const int wide = static_cast<int>(items);
            machine_.for_each(static_cast<long>(blocks) * wide * Lane::width,
                              grid::FromRows<Number>{rows_there_.data(), to, wide, model_.slots, block});
            machine_.synchronise();
        });
    }

    template <class Number>
    void download_rows(const Number* from, std::size_t items, double* to) {
        each_piece(items, [&](int block, int, std::size_t first, std::size_t slots) {
            const int wide = static_cast<int>(items);
            machine_.for_each(static_cast<long>(slots * items),
                              grid::ToRows<Number>{from, rows_there_.data(), wide, block});
            machine_.download(rows_.data(), rows_there_.data(), slots * items);
            machine_.synchronise();
            team_.split(slots, [&](std::size_t begin, std::size_t end, int) {
                std::copy(rows_.data() + begin * items, rows_.data() + end * items,
                          to + (first + begin) * items);
            });
        });
    }

    // ------------------------------------------------------------------ the launches of an iteration

    void set_inputs(double iteration, std::span<const double> lambda) {
        inputs_.data()[0] = iteration;
        std::copy(lambda.begin(), lambda.end(), inputs_.data() + 1);
    }
    void upload_inputs() { machine_.upload(inputs_there_.data(), inputs_.data(), input_count()); }

    // Launches that are repeated. The first time they run as they come: a device loads a kernel when it is
    // first launched, which must not happen while it records.
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
        if (!repeated.sequence) repeated.sequence.emplace(machine_.record(body));
        machine_.replay(*repeated.sequence);
    }

    void site_pass(const Pass& pass) {
        machine_.for_each(lane_count(model_.sites),
                          grid::SitePass<Stored>{model_, z_, in_, pass, parts_.data()});
    }

    void arc_pass(const Pass& pass) {
        machine_.for_each(lane_count(model_.gateways), lists_.longest_row(),
                          grid::ArcPass<Stored>{model_, z_, in_, pass, parts_.data()});
        if (pass.measure) sum(parts_.data(), z_.moved, model_.blocks, model_.gateways, Lane::width);
    }

    // Leaves the burdens at every site on their way to totals_.
    void burden_pass(bool receive, bool measure) {
        const long inner = static_cast<long>(burden_count()) * Lane::width;
        machine_.for_each(static_cast<long>(chunks_) * model_.sites * Lane::width, quantities_,
                          grid::BurdenPass<Stored>{model_, z_, in_, receive, measure, tuning_.curvature_floor,
                                                   chunks_, chunk_sums_.data()});
        if (burden_count() == 0) return;
        sum(chunk_sums_.data(), site_sums_.data(), 1, chunks_, inner);
        sum(site_sums_.data(), totals_there_.data(), static_cast<long>(burden_count()), Lane::width, 1);
        machine_.download(totals_.data(), totals_there_.data(), burden_count());
    }

    std::span<const double> totals() {
        machine_.synchronise();
        return {totals_.data(), burden_count()};
    }

    // Restarts the slots that are due: each by itself, or together where delayed arcs couple them.
    void restart() {
        const int items = model_.gateways + model_.sites;
        double* const residual_sums = slot_sums_.data();
        double* const restart_sums = slot_sums_.data() + lanes(2);
        sum(parts_.data(), residual_sums, model_.blocks, model_.sites, 2 * Lane::width);
        machine_.for_each(slot_count(), grid::Residuals{z_.moved, residual_sums});
        const grid::SlotSums residuals = over_slots(residual_sums, 2, pooled_.data());
        machine_.for_each(slot_count(), grid::Decide<Stored>{z_, in_, residuals, tuning_, due_.data()});
        machine_.for_each(lane_count(items), grid::Restart<Stored>{model_, z_, due_.data(), parts_.data()});
        sum(parts_.data(), restart_sums, model_.blocks, items, 4 * Lane::width);
        const grid::SlotSums sums = over_slots(restart_sums, 4, pooled_.data() + 2);
        machine_.for_each(slot_count(),
                          grid::Reweigh<Stored>{z_, in_, residuals, sums, tuning_, due_.data()});
        refresh();
    }

    void refresh() {
        machine_.for_each(lane_count(model_.sites), grid::Refresh<Stored>{model_, z_, due_.data()});
    }

    // [block][quantity][lane] as it is, or summed up over the horizon.
    grid::SlotSums over_slots(const double* sums, int quantities, double* pooled) {
        if (!together_) return {sums, quantities, false};
        sum(sums, parts_.data(), static_cast<long>(model_.blocks) * quantities, Lane::width, 1);
        sum(parts_.data(), pooled, 1, model_.blocks, quantities);
        return {pooled, quantities, true};
    }

    // [outer][items][inner] -> [outer][inner], in as many launches as groups of groups take.
    void sum(const double* values, double* sums, long outer, int items, long inner) {
        for (int stage = 0;; ++stage) {
            const int count = static_cast<int>(groups(static_cast<std::size_t>(items)));
            double* const to = count == 1 ? sums : partial_[stage % 2].data();
            machine_.for_each(outer * count * inner, grid::SumItems{values, to, items, count, inner});
            if (count == 1) return;
            values = to, items = count;
        }
    }

    const Problem& problem_;
    Team& team_;
    Tuning tuning_;
    const ArcLists lists_;
    const bool together_;
    Model model_;
    Iterate<Stored> z_;
    grid::Inputs in_{};
    int quantities_ = 0, chunks_ = 1;

    M machine_;  // outlives what it has made
    Array<int> row_, site_, delay_, sent_index_, in_start_, in_arc_, in_gateway_;
    Array<double> energy_, cost_, demand_, step_, theta_, price_, capacity_, quadratic_, footprint_;
    Array<Stored> x_, x_anchor_, x_plus_, sent_;
    Array<double> v_, v_anchor_, v_plus_, inflow_, inflow_plus_, isig_;
    Array<double> omega_, omega_start_, restarted_, restarts_, moved_, residual_start_, residual_last_, due_;
    Array<double> slot_sums_, pooled_, parts_, chunk_sums_, site_sums_, inputs_there_, totals_there_,
        rows_there_;
    std::array<Array<double>, 2> partial_;
    Staging<double> inputs_, totals_, rows_;
    std::array<Repeated, 8> kinds_;  // by what the pass is asked to do
    Repeated burden_alone_;
};

}  // namespace equiload
