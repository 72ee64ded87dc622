#include "equiload/algorithm/equity_prox.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "equity/budget.hpp"
#include "equity/max.hpp"
#include "equity/norm.hpp"
#include "equity/sum.hpp"
#include "equity/topmean.hpp"

namespace equiload {

namespace {

// w times a value of each region.
std::vector<double> weighted(const Footprint& footprint, std::span<const double> values) {
    std::vector<double> result(values.begin(), values.end());
    for (std::size_t g = 0; g < result.size(); ++g) result[g] *= footprint.sensitivity[g];
    return result;
}

constexpr double most_reserve = 1e-3;  // a first point within the budgets, while their prices are unknown

}  // namespace

void EquityFunction::project(std::span<double> pi) const {
    const std::vector<double> zero(pi.size(), 0.0), one(pi.size(), 1.0), centre(pi.begin(), pi.end());
    maximise(zero, one, centre, pi);
}

std::unique_ptr<EquityFunction> make_equity(const Footprint& footprint) {
    switch (footprint.kind) {
        case EquityKind::max:
            return std::make_unique<MaxEquity>(footprint.weight);
        case EquityKind::sum:
            return std::make_unique<SumEquity>(footprint.weight);
        case EquityKind::norm:
            return std::make_unique<NormEquity>(footprint.weight, footprint.parameter);
        case EquityKind::topmean:
            return std::make_unique<TopMeanEquity>(footprint.weight, footprint.parameter);
        case EquityKind::budget:
            return std::make_unique<BudgetEquity>(weighted(footprint, footprint.limit),
                                                  weighted(footprint, footprint.history));
        case EquityKind::none:
            break;
    }
    throw std::invalid_argument("a footprint without equity has no equity function");
}

EquityProx::EquityProx(const Problem& problem) : sites_(problem.sites) {
    for (std::size_t f = 0; f < problem.footprints.size(); ++f) {
        const Footprint& footprint = problem.footprints[f];
        if (footprint.kind == EquityKind::none || footprint.weight == 0) continue;
        const std::size_t regions = footprint.regions();
        Term term{f, &footprint, make_equity(footprint), {}, {}, {}, {}, {}, {}, {}};
        term.pi.resize(regions);
        term.centre.resize(regions);
        term.z.resize(regions);
        term.curvature.resize(regions);
        term.moved.assign(regions, 0.0);
        term.damping.assign(regions, 1.0);
        term.function->start(term.pi);
        terms_.push_back(std::move(term));
    }
    site_prices_.resize(terms_.size() * sites_);
    for (std::size_t r = 0; r < terms_.size(); ++r) spread(terms_[r], r);
    start_prices_ = site_prices_;
}

bool EquityProx::bounded() const {
    return std::none_of(terms_.begin(), terms_.end(),
                        [](const Term& term) { return term.data->kind == EquityKind::budget; });
}

void EquityProx::spread(const Term& term, std::size_t r) {
    for (std::size_t i = 0; i < sites_; ++i) {
        const auto g = static_cast<std::size_t>(term.data->region[i]);
        site_prices_[r * sites_ + i] = term.pi[g] * term.data->sensitivity[g];
    }
}

std::vector<std::vector<double>> EquityProx::region_prices() const {
    std::vector<std::vector<double>> prices;
    for (const Term& term : terms_) {
        prices.resize(term.footprint);
        prices.emplace_back(term.pi);
        for (std::size_t g = 0; g < term.pi.size(); ++g) prices.back()[g] *= term.data->sensitivity[g];
    }
    return prices;
}

void EquityProx::set_region_prices(const std::vector<std::vector<double>>& prices) {
    for (std::size_t r = 0; r < terms_.size(); ++r) {
        Term& term = terms_[r];
        for (std::size_t g = 0; g < term.pi.size(); ++g)
            term.pi[g] = prices[term.footprint][g] / term.data->sensitivity[g];
        term.function->project(term.pi);  // the prices may come from a problem with other weights
        spread(term, r);
    }
}

// Dropping a share of the room sum lambda (B - h) costs that share of its worth.
void EquityProx::keep_reserve(double worth) {
    double whole = 0;
    for (const Term& term : terms_) {
        if (term.data->kind != EquityKind::budget) continue;
        for (std::size_t g = 0; g < term.pi.size(); ++g)
            if (term.pi[g] > 0)
                whole += term.pi[g] * term.data->sensitivity[g] *
                         std::max(0.0, term.data->limit[g] - term.data->history[g]);
    }
    const double share = whole > 0 ? std::min(most_reserve, worth / whole) : most_reserve;
    if (share > 0.5 * reserve_ && share < 2 * reserve_) return;  // a moving target is harder to hit
    reserve_ = share;
    for (Term& term : terms_) term.function->keep_reserve(share);
}

std::span<const double> EquityProx::curvature(std::span<const double> totals, std::size_t r,
                                              std::size_t s) const {
    const std::size_t quantity = terms_.size() + std::max(r, s) * (std::max(r, s) + 1) / 2 + std::min(r, s);
    return totals.subspan(quantity * sites_, sites_);
}

// Gauss-Seidel over the footprints of the quadratic model around start_prices_.
double EquityProx::sweep(std::span<const double> totals) {
    double change = 0;
    for (std::size_t r = 0; r < terms_.size(); ++r) {
        Term& term = terms_[r];
        const auto own = curvature(totals, r, r);
        std::copy(term.data->history.begin(), term.data->history.end(), term.z.begin());
        std::fill(term.curvature.begin(), term.curvature.end(), 0.0);
        for (std::size_t i = 0; i < sites_; ++i) {
            const auto g = static_cast<std::size_t>(term.data->region[i]);
            double burden = totals[r * sites_ + i];
            for (std::size_t s = 0; s < terms_.size(); ++s) {
                if (s == r) continue;
                burden -= curvature(totals, r, s)[i] *
                          (site_prices_[s * sites_ + i] - start_prices_[s * sites_ + i]);
            }
            term.z[g] += burden;
            term.curvature[g] += own[i];
        }
        double largest = 0;
        for (std::size_t g = 0; g < term.z.size(); ++g) {
            const double w = term.data->sensitivity[g];
            term.z[g] *= w;
            term.curvature[g] *= w * w;
            largest = std::max(largest, term.curvature[g]);
        }
        // A region whose cells are all at a bound has no curvature: keep the model strictly concave.
        const double floor = largest > 0 ? 1e-6 * largest : 1.0;
        for (std::size_t g = 0; g < term.z.size(); ++g)
            term.curvature[g] = term.damping[g] * std::max(term.curvature[g], floor);
        term.before = term.pi;
        term.function->maximise(term.z, term.curvature, term.centre, term.pi);
        double scale = 1e-300;
        for (double p : term.pi) scale = std::max(scale, std::abs(p));
        for (std::size_t g = 0; g < term.pi.size(); ++g)
            change = std::max(change, std::abs(term.pi[g] - term.before[g]) / scale);
        spread(term, r);
    }
    return change;
}

// A region whose cells jump between their bounds as its price moves has less curvature at either end than in
// between: Newton's steps then swing to and fro for ever. A step that undoes most of the last one is the
// sign.
void EquityProx::damp(Term& term) {
    for (std::size_t g = 0; g < term.pi.size(); ++g) {
        const double move = term.pi[g] - term.centre[g];
        const bool swings = move * term.moved[g] < 0 && std::abs(move) > 0.5 * std::abs(term.moved[g]);
        term.damping[g] = swings ? std::min(term.damping[g] * 2, 64.0) : std::max(term.damping[g] / 2, 1.0);
        term.moved[g] = move;
    }
}

double EquityProx::step(std::span<const double> totals) {
    start_prices_ = site_prices_;
    for (Term& term : terms_) term.centre = term.pi;
    const int sweeps = terms_.size() > 1 ? 12 : 1;
    double change = 0;
    for (int k = 0; k < sweeps; ++k) {
        const double moved = sweep(totals);
        change = std::max(change, moved);
        if (moved < 1e-14) break;
    }
    for (Term& term : terms_) damp(term);
    return change;
}

}  // namespace equiload
