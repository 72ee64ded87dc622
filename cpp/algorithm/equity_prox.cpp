#include "algorithm/equity_prox.hpp"

#include <algorithm>
#include <stdexcept>

#include "algorithm/equity/budget.hpp"
#include "algorithm/equity/max.hpp"
#include "algorithm/equity/norm.hpp"
#include "algorithm/equity/sum.hpp"
#include "algorithm/equity/topmean.hpp"

namespace equiload {

void EquityFunction::project(std::span<double> pi) const {
    const std::vector<double> zero(pi.size(), 0.0), one(pi.size(), 1.0), centre(pi.begin(), pi.end());
    maximise(zero, one, centre, pi);
}

void EquityFunction::maximise(std::span<const double> z, std::span<const double> curvature,
                              std::span<const double> centre, std::span<double> pi) const {
    EquityRule rule = rule_;
    rule.regions = static_cast<int>(pi.size());
    equiload::maximise(Solo{}, rule, {z.data(), curvature.data(), centre.data()}, pi.data());
}

EquityRule equity_rule(const Footprint& footprint) {
    EquityRule rule;
    rule.kind = footprint.kind, rule.regions = static_cast<int>(footprint.regions());
    rule.weight = footprint.weight, rule.parameter = footprint.parameter;
    rule.sensitivity = footprint.sensitivity.data(), rule.history = footprint.history.data();
    rule.limit = footprint.limit.data();
    return rule;
}

std::unique_ptr<EquityFunction> make_equity(const Footprint& footprint) {
    const EquityRule rule = equity_rule(footprint);
    switch (footprint.kind) {
        case EquityKind::max:
            return std::make_unique<MaxEquity>(rule);
        case EquityKind::sum:
            return std::make_unique<SumEquity>(rule);
        case EquityKind::norm:
            return std::make_unique<NormEquity>(rule);
        case EquityKind::topmean:
            return std::make_unique<TopMeanEquity>(rule);
        case EquityKind::budget:
            return std::make_unique<BudgetEquity>(rule);
        case EquityKind::none:
            break;
    }
    throw std::invalid_argument("a footprint without equity has no equity function");
}

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
    EquityTerm term{equity_rule(footprint)};
    Owner owner{f, make_equity(footprint), Grouping(footprint.region, regions), {}};
    std::size_t numbers = 0;
    each_working_array(term, [&](double*, std::size_t count) { numbers += count; });
    owner.working.resize(numbers);
    double* next = owner.working.data();
    each_working_array(term, [&](double*& array, std::size_t count) { array = next, next += count; });
    term.region = footprint.region.data();
    term.region_start = owner.sites.start.data(), term.region_sites = owner.sites.order.data();
    owner.function->start({term.pi, regions});
    std::fill_n(term.damping, regions, 1.0);
    terms_.push_back(term);
    owners_.push_back(std::move(owner));
}

bool EquityProx::bounded() const {
    return std::none_of(terms_.begin(), terms_.end(),
                        [](const EquityTerm& term) { return term.kind == EquityKind::budget; });
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
        owners_[r].function->project(pi);  // the prices may come from a problem with other weights
        spread_prices(Solo{}, state_, static_cast<int>(r));
    }
}

void EquityProx::keep_reserve(double worth) { equiload::keep_reserve(Solo{}, state_, worth); }

double EquityProx::step(std::span<const double> totals) { return equity_step(Solo{}, state_, totals.data()); }

}  // namespace equiload
