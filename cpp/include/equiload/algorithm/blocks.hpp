// The passes over one block of slots, shared by the back ends that run on the host.
#pragma once

#include "restart.hpp"
#include "steps.hpp"

namespace equiload {

// Arc pass of a block. `g` is scratch for the longest row.
template <class V>
inline void arc_block(const Model& m, const Iterate& z, int block, const Pass& pass, V* g) {
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        V(0.0).store(z.inflow + at);
        if (pass.measure) V(0.0).store(z.inflow_plus + at);
    }
    V moved(0.0);
    for (int j = 0; j < m.gateways; ++j)
        moved = moved + arc_row<V>(m, z, block, j, pass, g, [&](int arc, V reflected, V plus) {
                    const bool here = m.delay[arc] == 0;
                    const long at = here ? offset<V>(block, m.sites, m.site[arc])
                                         : offset<V>(block, m.delayed, m.delayed_index[arc]);
                    double* const inflow = (here ? z.inflow : z.sent) + at;
                    double* const inflow_plus = (here ? z.inflow_plus : z.sent_plus) + at;
                    if (!here) {
                        reflected.store(inflow);
                        if (pass.measure) plus.store(inflow_plus);
                        return;
                    }
                    (V::load(inflow) + reflected).store(inflow);
                    if (pass.measure) (V::load(inflow_plus) + plus).store(inflow_plus);
                });
    moved.store(z.moved + static_cast<long>(block) * V::lanes);
}

template <class V>
inline void receive_block(const Model& m, const Iterate& z, int block, const Pass& pass) {
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        (V::load(z.inflow + at) + delayed_inflow<V>(m, z.sent, block, i)).store(z.inflow + at);
        if (!pass.measure) continue;
        double* const plus = z.inflow_plus + at;
        (V::load(plus) + delayed_inflow<V>(m, z.sent_plus, block, i)).store(plus);
    }
}

template <class V>
inline void burden_block(const Model& m, const Iterate& z, int block, const double* lambda, double floor,
                         double* totals) {
    for (int i = 0; i < m.sites; ++i) add_burden<V>(m, z, block, i, lambda, floor, totals);
}

// Site pass; leaves r^2 of each slot in `moved`.
template <class V>
inline void site_block(const Model& m, const Iterate& z, int block, const double* lambda, const Pass& pass) {
    const long at = static_cast<long>(block) * V::lanes;
    V residual(0.0), mismatch(0.0);
    for (int i = 0; i < m.sites; ++i) site_cell<V>(m, z, block, i, lambda, pass, residual, mismatch);
    (V::load(z.steps + at) + V(1.0)).store(z.steps + at);
    if (!pass.decide) return;
    max(V::load(z.moved + at) + residual, V(0.0)).store(z.moved + at);
    mismatch.store(z.mismatch + at);
}

// Moves the slots with due > 0 to T(z), which becomes their anchor, and measures what their weights learn
// from: sums = [D, DX^2, DY^2, cost][lane].
template <class V>
inline void restart_block(const Model& m, const Iterate& z, int block, const double* due, double* sums) {
    const auto restarting = V(0.5) < V::load(due);
    RestartSums<V> total;
    for (int j = 0; j < m.gateways; ++j) restart_row<V>(m, z, block, j, restarting, total);
    for (int i = 0; i < m.sites; ++i) restart_cell<V>(m, z, block, i, restarting, total);
    total.overpaid.store(sums);
    total.dx.store(sums + V::lanes);
    total.dy.store(sums + 2 * V::lanes);
    total.cost.store(sums + 3 * V::lanes);
}

// Restarts the slots of a block that are due, each by itself.
template <class V>
inline void restart_due_slots(const Model& m, const Iterate& z, int block, const Pass& pass,
                              const Tuning& tuning) {
    const long at = static_cast<long>(block) * V::lanes;
    double due[V::lanes], sums[4 * V::lanes];
    bool any_due = false;
    for (int w = 0; w < V::lanes; ++w) {
        const long t = at + w;
        const bool now = restart_due(z.moved[t], z.steps[t], pass.iteration, z.residual_start[t],
                                     z.residual_last[t], tuning);
        due[w] = now ? 1.0 : 0.0;
        any_due = any_due || now;
    }
    if (!any_due) return;
    restart_block<V>(m, z, block, due, sums);
    for (int w = 0; w < V::lanes; ++w) {
        if (due[w] == 0.0) continue;
        const long t = at + w;
        const double change = weight_change(z.mismatch[t], sums[w], sums[V::lanes + w],
                                            sums[2 * V::lanes + w], sums[3 * V::lanes + w], tuning);
        z.omega[t] = bounded_weight(z.omega[t] * change, z.omega_start[t]);
        z.steps[t] = 0.0, z.residual_start[t] = -1.0, z.restarts[t] += 1.0;
    }
    refresh_metric<V>(m, z, block);
}

template <class V>
inline void dual_block(const Model& m, const Iterate& z, int block, const double* lambda, double* v_plus) {
    for (int i = 0; i < m.sites; ++i)
        dual_candidate<V>(m, z, block, i, lambda).store(v_plus + offset<V>(block, m.sites, i));
}

// The passes of one instruction set, as plain functions: dispatch happens once a solve.
struct BlockKernels {
    const char* name;
    int lanes;
    void (*arc)(const Model&, const Iterate&, int block, const Pass&, double* scratch);
    void (*receive)(const Model&, const Iterate&, int block, const Pass&);
    void (*burden)(const Model&, const Iterate&, int block, const double* lambda, double floor,
                   double* totals);
    void (*site)(const Model&, const Iterate&, int block, const double* lambda, const Pass&);
    void (*restart_due)(const Model&, const Iterate&, int block, const Pass&, const Tuning&);
    void (*restart)(const Model&, const Iterate&, int block, const double* due, double* sums);
    void (*refresh)(const Model&, const Iterate&, int block);
    void (*dual)(const Model&, const Iterate&, int block, const double* lambda, double* v_plus);
};

template <class V>
constexpr BlockKernels block_kernels(const char* name) {
    return {name,
            V::lanes,
            [](const Model& m, const Iterate& z, int block, const Pass& pass, double* scratch) {
                arc_block<V>(m, z, block, pass, reinterpret_cast<V*>(scratch));
            },
            receive_block<V>,
            burden_block<V>,
            site_block<V>,
            restart_due_slots<V>,
            restart_block<V>,
            refresh_metric<V>,
            dual_block<V>};
}

}  // namespace equiload
