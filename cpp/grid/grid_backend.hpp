// The back end for machines that run many threads at a time: data, iterates and candidates of one or many
// scenarios live on the machine, and only what a check reports comes down.
#pragma once

#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "grid/device_backend.hpp"
#include "grid/grid_candidates.hpp"
#include "grid/grid_data.hpp"
#include "grid/grid_iteration.hpp"

namespace equiload {

template <Machine M, class Stored>
class GridBackend final : public DeviceBackend {
 public:
    template <class... Arguments>
    GridBackend(Runs runs, Team& team, const Tuning& tuning, Arguments&&... machine)
        : machine_(std::forward<Arguments>(machine)...),
          port_(machine_, team),
          lists_(machine_, runs.size()),
          data_(runs, machine_, port_, lists_),
          candidates_(data_, machine_, port_, lists_, team),
          iteration_(data_, candidates_, machine_, port_, lists_, tuning) {
        reserve();
        data_.upload();
        candidates_.open();
        iteration_.open();
    }

    Candidates& candidates() override { return candidates_; }
    Iteration& iteration() override { return iteration_; }
    std::vector<double> work(int s) override {
        return data_.caller()->work(port_, lists_, data_.original(s).demand);
    }

    void set_site_prices(int s, std::span<const double> lambda) override {
        data_.equity().set_site_prices(machine_, static_cast<std::size_t>(s), lambda);
    }
    void set_iteration(double iteration) override { iteration_.set_iteration(iteration); }
    void passes(const Pass& pass) override { iteration_.passes(pass); }
    void burden() override { iteration_.burden(); }
    std::vector<double> totals(int s) override { return iteration_.totals(s); }
    void read_candidate(int s, double* x, double* v) override {
        port_.download(candidates_.x(s), data_.arcs(), x), port_.download(candidates_.v(s), data_.cells(), v);
    }

 private:
    template <class Visit>
    void each_array(Visit visit) {
        lists_.each_array(visit), data_.each_array(visit);
        candidates_.each_array(visit), iteration_.each_array(visit);
    }

    // Room for everything at once, so that what does not fit is said before anything is done.
    void reserve() {
        std::size_t bytes = 0;
        each_array([&](auto& array, std::size_t size) {
            bytes += (size * sizeof(*array.data()) + M::alignment - 1) / M::alignment * M::alignment;
        });
        machine_.reserve(bytes, iteration_.scratch());
        each_array([&]<class Array>(Array& array, std::size_t size) {
            array = machine_.template make<std::remove_reference_t<decltype(*array.data())>>(size);
        });
        port_.open(std::max(data_.arcs(), data_.cells()));
    }

    M machine_;  // owns what it has made, and waits before it goes
    GridPort<M> port_;
    GridLists<M> lists_;
    GridData<M> data_;
    GridCandidates<M> candidates_;
    GridIteration<M, Stored> iteration_;
};

}  // namespace equiload
