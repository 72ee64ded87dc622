// The data of a grid's scenarios on its machine: row by row for the steps that work slot by slot, and the
// same in blocks of lanes for the passes.
#pragma once

#include <limits>
#include <numeric>
#include <optional>
#include <vector>

#include "algorithm/run.hpp"
#include "core/budgets.hpp"
#include "grid/grid_caller.hpp"
#include "grid/grid_equity.hpp"
#include "grid/grid_lists.hpp"
#include "grid/grid_network.hpp"
#include "grid/grid_port.hpp"
#include "grid/grid_rows.hpp"
#include "grid/machine.hpp"

namespace equiload {

// The fields of all scenarios, [scenario](T, items), footprints one after the other; or in blocks,
// [scenario][block][item][lane].
template <Machine M>
struct GridFields {
    template <class Number>
    using Array = typename M::template Array<Number>;
    Array<double> demand, price, capacity, quadratic, footprint;

    // visit(array, count) for fields of so many slots in all.
    template <class Visit>
    void each_array(const Problem& p, std::size_t footprints, std::size_t slots, Visit visit) {
        visit(demand, slots * p.gateways);
        visit(price, slots * p.sites), visit(capacity, slots * p.sites);
        visit(quadratic, p.quadratic ? slots * p.sites : 0);
        visit(footprint, slots * footprints * p.sites);
    }
};

template <Machine M>
class GridData {
 public:
    template <class Number>
    using Array = typename M::template Array<Number>;

    GridData(Runs runs, M& machine, GridPort<M>& port, GridLists<M>& lists)
        : runs_(runs.begin(), runs.end()),
          machine_(machine),
          port_(port),
          lists_(lists),
          network_(reduced(), runs_.size()),
          equity_(run(0).equity, runs_.size()),
          blocks_(network_.sizes(footprints())) {
        if (original(0).device >= 0) caller_.emplace(original(0), run(0).presolved, lists);
    }

    // ---- what there is; the network and all sizes are those of the first scenario

    std::size_t scenarios() const { return runs_.size(); }
    Run& run(int s) const { return *runs_[static_cast<std::size_t>(s)]; }
    const Problem& original(int s) const { return *run(s).scenario.problem; }
    const Problem& reduced() const { return run(0).reduced; }
    std::size_t footprints() const { return run(0).equity.footprints(); }    // with a price
    bool limited() const { return !run(0).equity.bounded(); }                // are there budgets?
    bool together() const { return blocks_together_; }                       // do delayed arcs couple slots?
    std::size_t cells() const { return reduced().slots * reduced().sites; }  // of a scenario
    std::size_t arcs() const { return reduced().slots * reduced().arcs; }

    const GridNetwork<M>& network() const { return network_; }
    const BlockProblem& blocks() const { return blocks_; }
    const SlotProblem* by_slot() const { return by_slot_.data(); }  // [scenario]
    const SlotProblem* open() const { return open_.data(); }        // without the cells that no work may use
    const double* demand(int s) const { return rows_.demand.data() + first(s) * reduced().gateways; }
    GridEquity<M>& equity() { return equity_; }
    std::optional<GridCaller<M>>& caller() { return caller_; }  // where the fields are there already

    // ---- on the machine

    // visit(array, count) for all of it that lives on the machine.
    template <class Visit>
    void each_array(Visit visit) {
        const Problem& p = reduced();
        network_.each_array(visit), equity_.each_array(visit);
        rows_.each_array(p, footprints(), scenarios() * p.slots, visit);
        lanes_.each_array(p, footprints(), lanes(), visit);
        visit(step_, lanes() * p.gateways), visit(open_capacity_, limited() ? scenarios() * cells() : 0);
        visit(by_slot_, scenarios()), visit(open_, scenarios());
        visit(footprint_fields_, scenarios() * footprints());
        if (caller_) caller_->each_array(visit);
    }

    void upload() {
        point_blocks();
        network_.upload(machine_);
        if (caller_) caller_->upload(machine_);
        std::vector<int> all(scenarios());
        std::iota(all.begin(), all.end(), 0);
        for (int s : all) upload_scenario(s);
        fields_into_blocks(lists_.show(all));
        machine_.synchronise();
    }

    // ---- between [scenario](T, items) and [scenario][block][item][lane]

    // Items of a launch on `items` a block of the list's scenarios.
    long lanes(Listed there, int items) const { return there.size * blocks_.blocks * items * Lane::width; }
    std::size_t lanes() const {  // of all scenarios
        return scenarios() * static_cast<std::size_t>(blocks_.blocks) * Lane::width;
    }
    grid::Scenarios in_blocks(Listed there) const { return {there.list, blocks_.blocks}; }

    template <class Number>
    void into_blocks(Listed there, const double* rows, Number* blocks, int items, double most = infinity) {
        machine_.for_each(lanes(there, items),
                          grid::FromRows<Number>{in_blocks(there), rows, blocks, items, blocks_.slots, most});
    }
    template <class Number>
    void out_of_blocks(Listed there, const Number* blocks, double* rows, int items) {
        machine_.for_each(there.size * blocks_.slots * items,
                          grid::ToRows<Number>{in_blocks(there), blocks, rows, items, blocks_.slots});
    }

 private:
    static constexpr double infinity = std::numeric_limits<double>::infinity();

    std::size_t first(int s) const { return static_cast<std::size_t>(s) * reduced().slots; }

    void point_blocks() {
        network_.point(blocks_);
        blocks_.demand = lanes_.demand.data(), blocks_.step = step_.data(),
        blocks_.price = lanes_.price.data();
        blocks_.capacity = lanes_.capacity.data(), blocks_.footprint = lanes_.footprint.data();
        if (reduced().quadratic) blocks_.quadratic = lanes_.quadratic.data();
    }

    void upload_scenario(int s) {
        const Problem &p = run(s).reduced, &own = original(s);
        SlotProblem m = slot_problem(p);
        network_.point(m);
        double* const demand = rows_.demand.data() + first(s) * p.gateways;
        if (caller_)
            caller_->pool_gateways(machine_, own.demand, demand);
        else
            port_.upload(p.demand, p.slots, p.gateways, demand);
        m.demand = {demand, p.gateways};
        const std::size_t at = first(s) * p.sites;
        m.capacity = by_site(p.capacity, own.capacity, infinity, rows_.capacity.data() + at);
        m.price = by_site(p.price, own.price, 0.0, rows_.price.data() + at);
        if (p.quadratic) m.quadratic = by_site(p.quadratic, own.quadratic, 0.0, rows_.quadratic.data() + at);
        upload_footprints(s, m);
        const SlotProblem open = open_problem(s, m);
        machine_.upload(by_slot_.data() + s, &m, 1);
        machine_.upload(open_.data() + s, &open, 1);
        machine_.synchronise();
        equity_.upload(machine_, static_cast<std::size_t>(s), run(s).equity);
    }

    // A field by site: from the reduced problem, or from the caller's where the machine has it.
    Field by_site(const Field& from, const Field& callers, double otherwise, double* to) {
        if (caller_)
            caller_->select_sites(machine_, callers, otherwise, to);
        else
            port_.upload(from, reduced().slots, reduced().sites, to);
        return {to, reduced().sites};
    }

    void upload_footprints(int s, SlotProblem& m) {
        const Problem &p = run(s).reduced, &own = original(s);
        std::vector<Field> fields;
        for (std::size_t r = 0; r < footprints(); ++r) {
            const std::size_t f = run(s).equity.footprint(r);
            double* const to = rows_.footprint.data() + (first(s) * footprints() + r * p.slots) * p.sites;
            fields.push_back(by_site(p.footprints[f].values, own.footprints[f].values, 0.0, to));
        }
        Field* const there = footprint_fields_.data() + static_cast<std::size_t>(s) * footprints();
        m.footprints = static_cast<int>(fields.size()), m.footprint = there;
        if (fields.empty()) return;
        machine_.upload(there, fields.data(), fields.size());
        machine_.synchronise();
    }

    // The same with the cells closed whose region's budget is spent by its history.
    SlotProblem open_problem(int s, SlotProblem m) {
        if (!limited()) return m;
        const Problem& p = run(s).reduced;
        std::vector<double> capacity;
        const Problem closed = close_spent_cells(p, capacity);
        double* const there = open_capacity_.data() + first(s) * p.sites;
        port_.upload(closed.capacity, p.slots, p.sites, there);
        m.capacity = {there, p.sites};
        return m;
    }

    void fields_into_blocks(Listed all) {
        const BlockProblem& m = blocks_;
        into_blocks(all, rows_.demand.data(), lanes_.demand.data(), m.gateways);
        into_blocks(all, rows_.price.data(), lanes_.price.data(), m.sites);
        into_blocks(all, rows_.capacity.data(), lanes_.capacity.data(), m.sites, large_capacity);
        if (m.quadratic) into_blocks(all, rows_.quadratic.data(), lanes_.quadratic.data(), m.sites);
        machine_.for_each(lanes(all, m.footprints * m.sites),
                          grid::FromFootprints{in_blocks(all), rows_.footprint.data(),
                                               lanes_.footprint.data(), m.footprints, m.sites, m.slots});
        machine_.for_each(lanes(all, m.gateways), grid::Roots{lanes_.demand.data(), step_.data()});
    }

    const std::vector<Run*> runs_;
    M& machine_;
    GridPort<M>& port_;
    GridLists<M>& lists_;
    GridNetwork<M> network_;
    GridEquity<M> equity_;
    std::optional<GridCaller<M>> caller_;
    BlockProblem blocks_;
    const bool blocks_together_ = reduced().max_delay() > 0;
    GridFields<M> rows_, lanes_;
    Array<double> step_, open_capacity_;
    Array<SlotProblem> by_slot_, open_;
    Array<Field> footprint_fields_;
};

}  // namespace equiload
