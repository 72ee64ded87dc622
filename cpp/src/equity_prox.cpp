#include "equiload/algorithm/equity_prox.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "equity/max.hpp"
#include "equity/sum.hpp"

namespace equiload {

std::unique_ptr<EquityFunction> make_equity(const Footprint& footprint) {
    switch (footprint.kind) {
        case EquityKind::max:
            return std::make_unique<MaxEquity>(footprint.weight);
        case EquityKind::sum:
            return std::make_unique<SumEquity>(footprint.weight);
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
        Term term{f, &footprint, make_equity(footprint), {}, {}, {}, {}};
        term.pi.resize(regions);
        term.centre.resize(regions);
        term.z.resize(regions);
        term.curvature.resize(regions);
        term.function->start(term.pi);
        terms_.push_back(std::move(term));
    }
    site_prices_.resize(terms_.size() * sites_);
    for (std::size_t r = 0; r < terms_.size(); ++r) spread(terms_[r], r);
    start_prices_ = site_prices_;
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
            term.centre[g] = prices[term.footprint][g] / term.data->sensitivity[g];
        std::fill(term.z.begin(), term.z.end(), 0.0);
        std::fill(term.curvature.begin(), term.curvature.end(), 1.0);
        term.function->maximise(term.z, term.curvature, term.centre, term.pi);  // the nearest point
        spread(term, r);
    }
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
        for (double& h : term.curvature) h = std::max(h, floor);
        const std::vector<double> before = term.pi;
        term.function->maximise(term.z, term.curvature, term.centre, term.pi);
        double scale = 1e-300;
        for (double p : term.pi) scale = std::max(scale, std::abs(p));
        for (std::size_t g = 0; g < before.size(); ++g)
            change = std::max(change, std::abs(term.pi[g] - before[g]) / scale);
        spread(term, r);
    }
    return change;
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
    return change;
}

}  // namespace equiload
