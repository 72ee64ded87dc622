#include "algorithm/equity_prox.hpp"

#include <algorithm>

namespace equiload {

EquityProx::EquityProx(const Problem& problem) {
    for (std::size_t f = 0; f < problem.footprints.size(); ++f) {
        const Footprint& footprint = problem.footprints[f];
        if (footprint.kind != EquityKind::none && footprint.weight != 0) add_term(f, footprint);
    }
    site_prices_.resize(owners_.size() * problem.sites);
    start_prices_.resize(site_prices_.size());
    burden_.resize(problem.sites);
    state_ = {static_cast<int>(terms_.size()),
              static_cast<int>(problem.sites),
              terms_.data(),
              site_prices_.data(),
              start_prices_.data(),
              burden_.data()};
    for (int r = 0; r < state_.count; ++r) spread_prices(Solo{}, state_, r);
}

void EquityProx::add_term(std::size_t f, const Footprint& footprint) {
    const std::size_t regions = footprint.regions();
    Owner owner{f, EquityFunction(footprint), Grouping(footprint.region, regions), {}, {}, {}};
    EquityTerm term{owner.function.rule()};
    std::size_t numbers = 0;
    each_working_array(term, [&](double*, std::size_t count) { numbers += count; });
    owner.working.resize(numbers);
    double* next = owner.working.data();
    each_working_array(term, [&](double*& array, std::size_t count) { array = next, next += count; });
    term.region = footprint.region.data();
    if (footprint.mapped()) add_map(footprint, owner, term);
    term.region_start = owner.sites.start.data(), term.region_sites = owner.sites.order.data();
    owner.function.start({term.pi, regions});
    std::fill_n(term.damping, regions, 1.0);
    terms_.push_back(term);
    owners_.push_back(std::move(owner));
}

// The grouping is one of the map's entries: their sites take the places of their numbers.
void EquityProx::add_map(const Footprint& footprint, Owner& owner, EquityTerm& term) {
    std::vector<Index> site_of;
    for (std::size_t i = 0; i + 1 < footprint.share_start.size(); ++i) {
        double sum = 0;
        footprint.each_region(
            i, [&](std::size_t, double share) { site_of.push_back(static_cast<Index>(i)), sum += share; });
        owner.most_share.push_back(sum);
    }
    for (Index& entry : owner.sites.order) {
        owner.shares.push_back(footprint.share[static_cast<std::size_t>(entry)]);
        entry = site_of[static_cast<std::size_t>(entry)];
    }
    term.share_start = footprint.share_start.data(), term.share = footprint.share.data();
    term.region_shares = owner.shares.data(), term.most_share = owner.most_share.data();
}

bool EquityProx::bounded() const {
    return std::none_of(terms_.begin(), terms_.end(), [](const EquityTerm& term) { return term.limit; });
}

std::vector<std::vector<double>> EquityProx::region_prices() const {
    std::vector<std::vector<double>> prices;
    for (std::size_t r = 0; r < terms_.size(); ++r) {
        const EquityTerm& term = terms_[r];
        prices.resize(owners_[r].footprint);
        prices.emplace_back(term.pi, term.pi + term.regions);
        for (std::size_t g = 0; g < prices.back().size(); ++g) prices.back()[g] *= term.sensitivity[g];
    }
    return prices;
}

void EquityProx::set_region_prices(const std::vector<std::vector<double>>& prices) {
    for (std::size_t r = 0; r < terms_.size(); ++r) {
        const std::span<double> pi(terms_[r].pi, static_cast<std::size_t>(terms_[r].regions));
        for (std::size_t g = 0; g < pi.size(); ++g)
            pi[g] = prices[owners_[r].footprint][g] / terms_[r].sensitivity[g];
        owners_[r].function.project(pi);  // the prices may come from a problem with other weights
        spread_prices(Solo{}, state_, static_cast<int>(r));
    }
}

void EquityProx::keep_reserve(double worth) { equiload::keep_reserve(Solo{}, state_, worth); }

double EquityProx::step(std::span<const double> totals) { return equity_step(Solo{}, state_, totals.data()); }

}  // namespace equiload
