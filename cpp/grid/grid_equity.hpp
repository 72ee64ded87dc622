// The equity terms of a grid's scenarios on its machine. Prices of sites and of regions lie apart, scenario
// by scenario, where passes and reports look for them.
#pragma once

#include <array>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "algorithm/equity_prox.hpp"
#include "algorithm/equity_steps.hpp"
#include "grid/machine.hpp"

namespace equiload {

template <Machine M>
class GridEquity {
 public:
    // For so many scenarios with the footprints and regions of `first`.
    GridEquity(const EquityProx& first, std::size_t scenarios)
        : scenarios_(scenarios), footprints_(first.footprints()), prices_(first.site_prices().size()) {
        Copy copy(first);
        copy.each_array([&](auto* array, std::size_t size) { sizes_[kind_of(array)] += size; });
        for (const EquityTerm& term : copy.terms) regions_.push_back(static_cast<std::size_t>(term.regions));
        for (std::size_t regions : regions_) all_regions_ += regions;
    }

    // visit(array, count) for all of it that lives on the machine.
    template <class Visit>
    void each_array(Visit visit) {
        visit(numbers_, scenarios_ * sizes_[0]), visit(indices_, scenarios_ * sizes_[1]);
        visit(terms_, scenarios_ * footprints_), visit(states_, scenarios_);
        visit(lambda_, scenarios_ * prices_), visit(pi_, scenarios_ * all_regions_);
    }

    void upload(M& machine, std::size_t s, const EquityProx& equity) {
        Copy copy(equity);
        double* numbers = numbers_.data() + s * sizes_[0];
        int* indices = indices_.data() + s * sizes_[1];
        copy.each_array([&]<class Number>(Number*& array, std::size_t size) {
            const auto send = [&](auto*& there) {
                machine.upload(there, array, size);
                array = std::exchange(there, there + size);
            };
            if constexpr (std::is_same_v<std::remove_const_t<Number>, double>)
                send(numbers);
            else
                send(indices);
        });
        double* pi = pi_.data() + s * all_regions_;
        for (EquityTerm& term : copy.terms) term.pi = std::exchange(pi, pi + term.regions);
        copy.state.site_prices = lambda_.data() + s * prices_;
        copy.state.terms = terms_.data() + s * footprints_;
        machine.upload(copy.state.terms, copy.terms.data(), copy.terms.size());
        machine.upload(states_.data() + s, &copy.state, 1);
        machine.synchronise();
        here_.insert(here_.end(), copy.terms.begin(), copy.terms.end());
        set_prices(machine, s, equity);
    }

    // Prices of the regions and of the sites.
    void set_prices(M& machine, std::size_t s, const EquityProx& equity) {
        double* to = pi_.data() + s * all_regions_;
        for (std::size_t r = 0; r < footprints_; ++r) {
            machine.upload(to, equity.state().terms[r].pi, regions_[r]);
            to += regions_[r];
        }
        set_site_prices(machine, s, equity.site_prices());
    }
    void set_site_prices(M& machine, std::size_t s, std::span<const double> lambda) {
        machine.upload(lambda_.data() + s * prices_, lambda.data(), lambda.size());
        machine.synchronise();
    }

    // What a budget's room keeps in reserve.
    void set_reserve(M& machine, std::size_t s, const EquityProx& equity) {
        EquityTerm* const terms = here_.data() + s * footprints_;
        for (std::size_t r = 0; r < footprints_; ++r) terms[r].reserve = equity.state().terms[r].reserve;
        machine.synchronise();
        machine.upload(terms_.data() + s * footprints_, terms, footprints_);
        machine.synchronise();
    }

    std::size_t prices() const { return prices_; }           // of sites, in a scenario
    const double* lambda() const { return lambda_.data(); }  // [scenario][term][site]
    const EquityState* states() const { return states_.data(); }
    const typename M::template Array<double>& pi() const { return pi_; }  // [scenario][term][region]

 private:
    template <class Number>
    using Array = typename M::template Array<Number>;

    // Terms whose pointers may be changed.
    struct Copy {
        EquityState state;
        std::vector<EquityTerm> terms;

        explicit Copy(const EquityProx& equity)
            : state(equity.state()), terms(state.terms, state.terms + state.count) {}
        template <class Visit>
        void each_array(Visit visit) {
            equiload::each_array(state, visit);
            for (EquityTerm& term : terms) equiload::each_array(term, state.sites, visit);
        }
    };
    static std::size_t kind_of(const double*) { return 0; }
    static std::size_t kind_of(const Index*) { return 1; }

    std::size_t scenarios_, footprints_, prices_, all_regions_ = 0;
    std::array<std::size_t, 2> sizes_{};  // numbers and indices of a scenario
    std::vector<std::size_t> regions_;
    std::vector<EquityTerm> here_;  // the terms as they are on the machine
    Array<double> numbers_, lambda_, pi_;
    Array<int> indices_;
    Array<EquityTerm> terms_;
    Array<EquityState> states_;
};

}  // namespace equiload
