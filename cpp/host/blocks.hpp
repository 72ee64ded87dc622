// The passes over one block of slots, shared by the back ends that run on the host.
#pragma once

#include "algorithm/restart.hpp"
#include "algorithm/steps.hpp"

namespace equiload {

// Arc pass of a block. `g` is scratch for the longest row.
template <class V, class Stored>
inline void arc_block(const BlockProblem& m, const Iterate<Stored>& z, int block, const Pass& pass, V* g) {
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        V(0.0).store(z.inflow + at);
        if (pass.measure) V(0.0).store(z.inflow_plus + at);
    }
    V moved(0.0);
    for (int j = 0; j < m.gateways; ++j)
        moved = moved + arc_row<V>(m, z, block, j, pass, g, [&](int arc, V reflected, V plus) {
                    if (m.sent_index[arc] >= 0) {
                        reflected.store(z.sent + offset<V>(block, m.sent, m.sent_index[arc]));
                        return;
                    }
                    const long at = offset<V>(block, m.sites, m.site[arc]);
                    (V::load(z.inflow + at) + reflected).store(z.inflow + at);
                    if (pass.measure) (V::load(z.inflow_plus + at) + plus).store(z.inflow_plus + at);
                });
    moved.store(z.moved + slot_offset<V>(block));
}

template <class V, class Stored>
inline void receive_block(const BlockProblem& m, const Iterate<Stored>& z, int block, const Pass& pass) {
    for (int i = 0; i < m.sites; ++i) {
        const long at = offset<V>(block, m.sites, i);
        (V::load(z.inflow + at) + received<V>(m, z, block, i, false)).store(z.inflow + at);
        if (!pass.measure) continue;
        (V::load(z.inflow_plus + at) + received<V>(m, z, block, i, true)).store(z.inflow_plus + at);
    }
}

// Adds to totals, [quantity][site][lane].
template <class V, class Stored>
inline void burden_block(const BlockProblem& m, const Iterate<Stored>& z, int block, const double* lambda,
                         double floor, double* totals) {
    for (int i = 0; i < m.sites; ++i)
        add_burden<V>(m, z, block, i, lambda, floor, [&](int quantity, V burden) {
            double* const total = totals + offset<V>(quantity, m.sites, i);
            (V::load(total) + burden).store(total);
        });
}

// Site pass; leaves r^2 of each slot in `moved`.
template <class V, class Stored>
inline void site_block(const BlockProblem& m, const Iterate<Stored>& z, int block, const double* lambda,
                       const Pass& pass) {
    V residual(0.0), mismatch(0.0);
    for (int i = 0; i < m.sites; ++i) site_cell<V>(m, z, block, i, lambda, pass, residual, mismatch);
    if (!pass.decide) return;
    const long at = slot_offset<V>(block);
    max(V::load(z.moved + at) + residual, V(0.0)).store(z.moved + at);
    mismatch.store(z.mismatch + at);
}

// First weights of the slots.
template <class V, class Stored>
inline void weigh_block(const BlockProblem& m, const Iterate<Stored>& z, int block, const double* lambda) {
    FirstSums<V> sums;
    for (int j = 0; j < m.gateways; ++j) first_row<V>(m, block, j, lambda, sums);
    const V omega = first_weight(sums, m.gateways);
    omega.store(z.omega + slot_offset<V>(block));
    omega.store(z.omega_start + slot_offset<V>(block));
}

// 1/sigma of the block's cells.
template <class V, class Stored>
inline void refresh_block(const BlockProblem& m, const Iterate<Stored>& z, int block) {
    const V omega = V::load(z.omega + slot_offset<V>(block));
    for (int i = 0; i < m.sites; ++i) V(0.0).store(z.isig + offset<V>(block, m.sites, i));
    for (int j = 0; j < m.gateways; ++j) {
        const V tau = V::load(m.step + offset<V>(block, m.gateways, j)) / omega;
        for (int a = m.row[j]; a < m.row[j + 1]; ++a) {
            if (m.sent_index[a] >= 0) continue;
            double* const isig = z.isig + offset<V>(block, m.sites, m.site[a]);
            (V::load(isig) + V(m.energy[a] * m.energy[a]) * tau).store(isig);
        }
    }
    if (m.sent == 0) return;
    for (int i = 0; i < m.sites; ++i) {
        double* const isig = z.isig + offset<V>(block, m.sites, i);
        received_metric<V>(m, z, block, i, V::load(isig)).store(isig);
    }
}

// Moves the slots with due > 0 to T(z), which becomes their anchor, and measures what their weights learn
// from: sums = [D, DX^2, DY^2, cost][lane].
template <class V, class Stored>
inline void restart_block(const BlockProblem& m, const Iterate<Stored>& z, int block, const double* due,
                          double* sums) {
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
template <class V, class Stored>
inline void restart_due_slots(const BlockProblem& m, const Iterate<Stored>& z, int block, const Pass& pass,
                              const Tuning& tuning) {
    const long at = slot_offset<V>(block);
    double due[V::lanes], sums[4 * V::lanes];
    bool any_due = false;
    for (int w = 0; w < V::lanes; ++w) {
        const long t = at + w;
        const bool now = restart_due(z.moved[t], pass.iteration - z.restarted[t], pass.iteration,
                                     z.residual_start[t], z.residual_last[t], tuning);
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
        begin_epoch(z, t, change, pass);
    }
    refresh_block<V>(m, z, block);
}

template <class V, class Stored>
inline void dual_block(const BlockProblem& m, const Iterate<Stored>& z, int block, const double* lambda,
                       double* v_plus) {
    for (int i = 0; i < m.sites; ++i)
        dual_candidate<V>(m, z, block, i, lambda).store(v_plus + offset<V>(block, m.sites, i));
}

// The passes of one instruction set, as plain functions: dispatch happens once a solve.
template <class Stored>
struct BlockKernels {
    using Point = Iterate<Stored>;

    int lanes;
    void (*arc)(const BlockProblem&, const Point&, int block, const Pass&, double* scratch);
    void (*receive)(const BlockProblem&, const Point&, int block, const Pass&);
    void (*burden)(const BlockProblem&, const Point&, int block, const double* lambda, double floor,
                   double* totals);
    void (*site)(const BlockProblem&, const Point&, int block, const double* lambda, const Pass&);
    void (*restart_due)(const BlockProblem&, const Point&, int block, const Pass&, const Tuning&);
    void (*restart)(const BlockProblem&, const Point&, int block, const double* due, double* sums);
    void (*weigh)(const BlockProblem&, const Point&, int block, const double* lambda);
    void (*refresh)(const BlockProblem&, const Point&, int block);
    void (*dual)(const BlockProblem&, const Point&, int block, const double* lambda, double* v_plus);
};

template <class V, class Stored>
constexpr BlockKernels<Stored> block_kernels() {
    return {V::lanes,
            [](const BlockProblem& m, const Iterate<Stored>& z, int block, const Pass& pass,
               double* scratch) { arc_block<V>(m, z, block, pass, reinterpret_cast<V*>(scratch)); },
            receive_block<V>,
            burden_block<V>,
            site_block<V>,
            restart_due_slots<V>,
            restart_block<V>,
            weigh_block<V>,
            refresh_block<V>,
            dual_block<V>};
}

// The passes at both precisions of what there is of every arc.
struct KernelPair {
    BlockKernels<double> full;
    BlockKernels<float> mixed;
};

template <class V>
constexpr KernelPair kernel_pair() {
    return {block_kernels<V, double>(), block_kernels<V, float>()};
}

}  // namespace equiload
