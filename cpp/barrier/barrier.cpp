#include "barrier/barrier.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace equiload {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Where a slot fills its sites exactly, no interior exists and u has no bound: a little more capacity makes
// both, and costs a small part of the tolerance, which the repair moves elsewhere. With less than 1e-8 the
// rounding of such a slot's loads stops the primal steps; the smallest is what the certificate forgives.
double capacity_slack(double tol) { return std::clamp(0.03 * tol, 4e-10, 1e-7); }

// The room that budgets keep, in tolerances: more than the repair needs to move what the slack let in.
constexpr double budget_reserve = 0.2;

constexpr int patience = 10;             // iterations in which the complementarity must halve
constexpr std::size_t most_dense = 192;  // unknowns that the preconditioner couples
constexpr std::size_t all_dense = 32;    // up to here it couples all of them: exact, no iterations
constexpr double price_tolerance =
    1e-9;  // of the equity price system, relative; see row errors in direction()
constexpr std::size_t matrix_pieces = 8;  // fixed, for the same bits on any team
constexpr double boundary = 0.95;         // share of the longest step
constexpr double centred = 0.1;           // of mu: what a pair of an equity row is kept at
constexpr double least_step = 1e-3;       // shorter ones are rounding

double dot(const std::vector<double>& a, const std::vector<double>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// In place, row-major lower triangle; a lost pivot freezes its row.
void scalar_cholesky(std::vector<double>& a, std::size_t n) {
    for (std::size_t k = 0; k < n; ++k) {
        const double diagonal = a[k * n + k];
        double pivot = diagonal;
        for (std::size_t h = 0; h < k; ++h) pivot -= a[k * n + h] * a[k * n + h];
        a[k * n + k] = pivot > 1e-14 * diagonal ? 1 / std::sqrt(pivot) : 0.0;
        for (std::size_t j = k + 1; j < n; ++j) {
            double sum = a[j * n + k];
            for (std::size_t h = 0; h < k; ++h) sum -= a[k * n + h] * a[j * n + h];
            a[j * n + k] = sum * a[k * n + k];
        }
    }
}

void scalar_solve(const std::vector<double>& l, std::size_t n, std::vector<double>& value) {
    for (std::size_t j = 0; j < n; ++j) {
        for (std::size_t h = 0; h < j; ++h) value[j] -= l[j * n + h] * value[h];
        value[j] *= l[j * n + j];
    }
    for (std::size_t j = n; j-- > 0;) {
        value[j] *= l[j * n + j];
        for (std::size_t h = 0; h < j; ++h) value[h] -= l[j * n + h] * value[j];
    }
}

double step_to_zero(double value, double change) { return change < 0 ? -value / change : 1e30; }

}  // namespace

bool barrier_applies(const Problem& problem) {
    if (problem.max_delay() > 0) return false;
    for (const Footprint& f : problem.footprints) {
        if (f.kind == EquityKind::none) continue;
        const DualSet::Shape shape = EquityFunction(f).dual_set().shape;
        if (shape == DualSet::Shape::ball || shape == DualSet::Shape::other) return false;
        if (!f.limited()) continue;
        for (std::size_t g = 0; g < f.regions(); ++g)  // a budget that is spent leaves no interior
            if (!(f.limit[g] > f.history[g] * (1 + 1e-6))) return false;
    }
    const double gateways = static_cast<double>(problem.gateways), slots = static_cast<double>(problem.slots);
    const double factor_bytes = slots * gateways * gateways / 2 * 8;
    return gateways <= 512 && factor_bytes < 1e9;
}

Barrier::Barrier(const Run& run, HostCandidates& candidates, const BarrierKernels& kernels, Team& team,
                 double tol)
    : standing_(run.best),
      equity_(run.equity),
      candidates_(candidates),
      tol_(tol),
      kernels_(kernels),
      blocks_(run.reduced, equity_, kernels.lanes, team, capacity_slack(tol)),
      model_(blocks_.model),
      by_site_(run.reduced.arc_site, run.reduced.sites),
      sums_(blocks_, equity_.footprints()) {
    const Problem& problem = run.reduced;
    for (double** array : {&in_.x, &in_.z, &in_.inv_d, &in_.dx, &in_.target_x})
        *array = blocks_.make(problem.arcs);
    for (double** array :
         {&in_.s, &in_.u, &in_.ds, &in_.du, &in_.target_s, &in_.load, &in_.kappa, &in_.eta, &in_.price})
        *array = blocks_.make(problem.sites);
    for (double** array : {&in_.theta, &in_.dtheta}) *array = blocks_.make(problem.gateways);
    in_.factor = blocks_.make((problem.gateways + 1) * (problem.gateways + 2) / 2);
    in_.in_start = by_site_.start.data();
    in_.in_arc = by_site_.order.data();
    in_.gateway = problem.arc_gateway.data();
    const std::size_t width = 2 * problem.sites + problem.gateways;
    for (int member = 0; member < team.size(); ++member) scratch_.emplace_back(width * blocks_.lanes);

    std::size_t unknowns = 0;
    for (std::size_t r = 0; r < equity_.footprints(); ++r) {
        const Footprint& footprint = problem.footprints[equity_.footprint(r)];
        const std::size_t regions = footprint.regions();
        const DualSet set = EquityFunction(footprint).dual_set();
        if (set.shape == DualSet::Shape::point) continue;  // one price for good
        terms_.push_back({r, &footprint, unknowns});
        unknowns += regions;
        most_.resize(unknowns, set.most);
        pairs_ += static_cast<double>(set.most < infinity ? 2 * regions : regions);
    }
    for (std::vector<double>* values :
         {&pi_, &e_, &a_, &dpi_, &de_, &da_, &target_, &target_a_, &burden_, &limit_, &room_, &jacobi_})
        values->assign(unknowns, 0.0);
    set_limits();

    for (std::size_t t = 0; t < problem.slots; ++t) {
        for (std::size_t a = 0; a < problem.arcs; ++a)
            if (problem.demand.row(t)[static_cast<std::size_t>(problem.arc_gateway[a])] > 0) ++pairs_;
        for (std::size_t i = 0; i < problem.sites; ++i)
            if (problem.capacity.row(t)[i] > 0) ++pairs_;
    }
}

template <class Add>
double Barrier::sum_blocks(Add add) const {
    std::vector<double> sums(blocks_.lane_count(1), 0.0);
    blocks_.each_block(
        [&](int block, int) { add(block, sums.data() + static_cast<std::size_t>(block) * blocks_.lanes); });
    return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// Prices at the sites, [footprint][site], of pi by unknown; summed equity has one price for good.
std::vector<double> Barrier::site_prices(const std::vector<double>& pi, bool with_sums) const {
    const std::size_t sites = blocks_.problem.sites;
    std::vector<double> prices =
        with_sums ? equity_.site_prices() : std::vector<double>(equity_.footprints() * sites);
    for (const Term& term : terms_)
        for (std::size_t i = 0; i < sites; ++i)
            prices[term.r * sites + i] =
                pi[term.unknown(i)] * term.data->sensitivity[static_cast<std::size_t>(term.data->region[i])];
    return prices;
}

// Sums over sites as sums over regions, weighted by sensitivity.
std::vector<double> Barrier::weighted(const std::vector<double>& site_totals) const {
    const std::size_t sites = blocks_.problem.sites;
    std::vector<double> sums(pi_.size(), 0.0);
    for (const Term& term : terms_)
        for (std::size_t i = 0; i < sites; ++i)
            sums[term.unknown(i)] += term.data->sensitivity[static_cast<std::size_t>(term.data->region[i])] *
                                     site_totals[term.r * sites + i];
    return sums;
}

// What a unit of work is worth more or less from arc to arc: the scale of the first multipliers.
double Barrier::first_money() const {
    const Problem& p = blocks_.problem;
    double spread = 0, size = 0, level = 0;
    std::vector<double> least(p.gateways), most(p.gateways);
    for (std::size_t t = 0; t < p.slots; ++t) {
        std::fill(least.begin(), least.end(), 1e300);
        std::fill(most.begin(), most.end(), -1e300);
        for (std::size_t a = 0; a < p.arcs; ++a) {
            const auto j = static_cast<std::size_t>(p.arc_gateway[a]),
                       i = static_cast<std::size_t>(p.arc_site[a]);
            double price = p.price.row(t)[i];
            for (std::size_t r = 0; r < equity_.footprints(); ++r)
                price += equity_.site_prices()[r * p.sites + i] *
                         p.footprints[equity_.footprint(r)].values.row(t)[i];
            price = p.arc_cost[a] + p.arc_energy[a] * price;
            least[j] = std::min(least[j], price), most[j] = std::max(most[j], price);
        }
        for (std::size_t j = 0; j < p.gateways; ++j)
            if (const double d = p.demand.row(t)[j]; d > 0) {
                spread += d * (most[j] - least[j]), level += d * std::abs(least[j]), size += d;
            }
    }
    return size > 0 ? std::max({spread / size, 1e-3 * level / size, 1e-9}) : 1.0;
}

void Barrier::start(List) {
    const double money = first_money();
    for (const Term& term : terms_) {
        const double first = term.budget() ? money / mean_footprint(term)
                                           : term.data->weight / static_cast<double>(term.data->regions());
        for (std::size_t n = term.first; n < term.end(); ++n) pi_[n] = first;
    }
    const std::vector<double> lambda = site_prices(pi_, true);
    blocks_.each_block([&](int block, int) { kernels_.start(model_, in_, block, lambda.data(), money); });
    measure();
    for (Term& term : terms_) {
        const auto from = burden_.begin() + static_cast<std::ptrdiff_t>(term.first);
        const double largest =
            *std::max_element(from, from + static_cast<std::ptrdiff_t>(term.data->regions()));
        if (!term.budget()) term.level = 1.1 * largest + 1e-9;
        for (std::size_t n = term.first; n < term.end(); ++n) {
            e_[n] = std::max(term.level + ceiling_[n] - burden_[n], 0.1 * ceiling_[n]);
            if (most_[n] < infinity) a_[n] = e_[n] * pi_[n] / (most_[n] - pi_[n]);
        }
    }
    complementarity_ += equity_pairs({0.0, 0.0});
    progress_ = complementarity_, progress_at_ = 1;
}

// The limits of budgets; where there is none, one out of reach.
void Barrier::set_limits() {
    const Problem& p = blocks_.problem;
    double energy = 0;
    for (double k : p.arc_energy) energy = std::max(energy, k);
    for (const Term& term : terms_) {
        if (!term.budget()) continue;
        std::vector<double> most(term.data->regions(), 0.0);  // burden of all sites at work on all demand
        for (std::size_t t = 0; t < p.slots; ++t) {
            const double work = std::accumulate(p.demand.row(t), p.demand.row(t) + p.gateways, 0.0);
            for (std::size_t i = 0; i < p.sites; ++i)
                most[static_cast<std::size_t>(term.data->region[i])] += work * term.data->values.row(t)[i];
        }
        for (std::size_t g = 0; g < most.size(); ++g) {
            const double limit = term.data->limit[g], history = term.data->history[g];
            const double w = term.data->sensitivity[g];
            limit_[term.first + g] = w * (std::isinf(limit) ? history + 2 * energy * most[g] + 1 : limit);
            if (!std::isinf(limit)) room_[term.first + g] = w * (limit - history);
        }
    }
    ceiling_ = limit_;
}

// Aims a little below the budgets, so that the repaired iterates keep them: by at most this share of their
// room, and at the present prices for at most `worth`, USD.
void Barrier::keep_reserve(double most_share, double worth) {
    const double price = dot(pi_, room_);
    const double share = price > 0 ? std::min(most_share, worth / price) : most_share;
    for (std::size_t n = 0; n < ceiling_.size(); ++n) ceiling_[n] = limit_[n] - share * room_[n];
}

double Barrier::mean_footprint(const Term& term) const {
    const Problem& p = blocks_.problem;
    double sum = 0;
    for (std::size_t t = 0; t < p.slots; ++t)
        for (std::size_t i = 0; i < p.sites; ++i)
            sum += term.data->values.row(t)[i] *
                   term.data->sensitivity[static_cast<std::size_t>(term.data->region[i])];
    return sum > 0 ? sum / static_cast<double>(p.slots * p.sites) : 1.0;
}

// What the equity rows add to the complementarity after a step.
double Barrier::equity_pairs(Step step) const {
    double sum = 0;
    for (std::size_t n = 0; n < pi_.size(); ++n) {
        const double pi = pi_[n] + step.dual * dpi_[n];
        sum += (e_[n] + step.primal * de_[n]) * pi;
        if (most_[n] < infinity) sum += (a_[n] + step.primal * da_[n]) * (most_[n] - pi);
    }
    return sum;
}

// Loads, prices, burdens and complementarity at the present point.
void Barrier::measure() {
    const std::vector<double> lambda = site_prices(pi_, true);
    std::vector<double> sums(blocks_.lane_count(1), 0.0);
    burden_ = weighted(sums_.over_blocks([&](int block, double* totals, int) {
        kernels_.measure(model_, in_, block, lambda.data(),
                         sums.data() + static_cast<std::size_t>(block) * blocks_.lanes, totals);
    }));
    for (const Term& term : terms_)
        for (std::size_t g = 0; g < term.data->regions(); ++g)
            burden_[term.first + g] += term.data->sensitivity[g] * term.data->history[g];
    complementarity_ = std::accumulate(sums.begin(), sums.end(), 0.0) + equity_pairs({0.0, 0.0});
}

void Barrier::factor() {
    blocks_.each_block([&](int block, int) { kernels_.factor(model_, in_, block); });
    if (terms_.empty()) return;
    build_preconditioner();
    level_columns_.clear();
    for (const Term& term : terms_) {
        if (term.budget()) continue;
        std::vector<double> ones(pi_.size(), 0.0);
        std::fill_n(ones.begin() + static_cast<std::ptrdiff_t>(term.first), term.data->regions(), 1.0);
        level_columns_.push_back(solve_prices(ones));
    }
}

// Dense among the regions whose prices matter, the diagonal for the rest.
void Barrier::build_preconditioner() {
    const std::size_t sites = blocks_.problem.sites;
    const std::vector<double>& own = sums_.over_blocks(
        [&](int block, double* totals, int) { kernels_.diagonal(model_, in_, block, totals); });
    std::fill(jacobi_.begin(), jacobi_.end(), 0.0);
    for (const Term& term : terms_)
        for (std::size_t i = 0; i < sites; ++i) {
            const double w = term.data->sensitivity[static_cast<std::size_t>(term.data->region[i])];
            jacobi_[term.unknown(i)] += w * w * own[term.r * sites + i];
        }
    dense_.resize(pi_.size());
    std::iota(dense_.begin(), dense_.end(), std::size_t{0});
    std::vector<double> weight(pi_.size());
    for (std::size_t n = 0; n < pi_.size(); ++n) {
        weight[n] = jacobi_[n] / give(n);  // the coupled part over the uncoupled
        jacobi_[n] += give(n);
    }
    std::stable_sort(dense_.begin(), dense_.end(),
                     [&](std::size_t a, std::size_t b) { return weight[a] > weight[b]; });
    std::size_t kept = std::min(dense_.size(), most_dense);
    while (kept > all_dense && weight[dense_[kept - 1]] < 1e-3) --kept;
    dense_.resize(kept);
    add_dense_matrix();
}

void Barrier::add_dense_matrix() {
    const std::size_t sites = blocks_.problem.sites, footprints = equity_.footprints(), n = dense_.size();
    std::vector<int> place(pi_.size(), -1), selected;
    for (std::size_t k = 0; k < n; ++k) place[dense_[k]] = static_cast<int>(k);
    for (std::size_t i = 0; i < sites; ++i)
        if (std::any_of(terms_.begin(), terms_.end(),
                        [&](const Term& t) { return place[t.unknown(i)] >= 0; }))
            selected.push_back(static_cast<int>(i));
    // Sites fed by late gateways first: their rows begin late, and products run over what both rows have.
    const auto first = [&](int site) { return first_gateway(model_, in_, &site, 1); };
    std::stable_sort(selected.begin(), selected.end(), [&](int a, int b) { return first(a) > first(b); });
    const std::size_t count = selected.size(), rows = count * footprints;
    std::vector<std::vector<double>> parts(matrix_pieces);
    std::vector<Lanes> rows_of(static_cast<std::size_t>(blocks_.team.size()));
    blocks_.team.run(matrix_pieces, [&](std::size_t piece, int member) {
        Lanes& work = rows_of[static_cast<std::size_t>(member)];
        const std::size_t size = (count + tile - 1) / tile * tile * blocks_.problem.gateways * blocks_.lanes;
        if (work.size() != size) work = Lanes(size);
        parts[piece].assign(rows * rows, 0.0);
        for (std::size_t b = blocks_.blocks() * piece / matrix_pieces;
             b < blocks_.blocks() * (piece + 1) / matrix_pieces; ++b)
            kernels_.matrix(model_, in_, static_cast<int>(b), selected.data(), static_cast<int>(count),
                            parts[piece].data(), work.data());
    });
    dense_factor_.assign(n * n, 0.0);
    for (std::size_t c = 0; c < count; ++c)
        for (std::size_t d = 0; d <= c; ++d)
            for (const Term& row : terms_)
                for (const Term& column : terms_) {
                    const auto i = static_cast<std::size_t>(selected[c]),
                               k = static_cast<std::size_t>(selected[d]);
                    const int at = place[row.unknown(i)], to = place[column.unknown(k)];
                    if (at < 0 || to < 0) continue;
                    double sum = 0;
                    for (const std::vector<double>& part : parts)
                        sum += part[(c * footprints + row.r) * rows + d * footprints + column.r];
                    sum *= row.data->sensitivity[static_cast<std::size_t>(row.data->region[i])] *
                           column.data->sensitivity[static_cast<std::size_t>(column.data->region[k])];
                    dense_factor_[static_cast<std::size_t>(at) * n + static_cast<std::size_t>(to)] += sum;
                    if (c != d)
                        dense_factor_[static_cast<std::size_t>(to) * n + static_cast<std::size_t>(at)] += sum;
                }
    for (std::size_t k = 0; k < n; ++k) dense_factor_[k * n + k] += give(dense_[k]);
    scalar_cholesky(dense_factor_, n);
}

std::vector<double> Barrier::precondition(const std::vector<double>& residual) const {
    std::vector<double> value(residual.size()), part(dense_.size());
    for (std::size_t n = 0; n < residual.size(); ++n) value[n] = residual[n] / jacobi_[n];
    for (std::size_t k = 0; k < dense_.size(); ++k) part[k] = residual[dense_[k]];
    scalar_solve(dense_factor_, dense_.size(), part);
    for (std::size_t k = 0; k < dense_.size(); ++k) value[dense_[k]] = part[k];
    return value;
}

// (w F K F' w + diag(give)) dpi
std::vector<double> Barrier::apply(const std::vector<double>& dpi) const {
    const std::vector<double> dlambda = site_prices(dpi, false);
    std::vector<double> value = weighted(sums_.over_blocks([&](int block, double* totals, int member) {
        kernels_.response(model_, in_, block, dlambda.data(), totals, scratch(member));
    }));
    for (std::size_t n = 0; n < dpi.size(); ++n) value[n] += give(n) * dpi[n];
    return value;
}

// Preconditioned conjugate gradients.
std::vector<double> Barrier::solve_prices(const std::vector<double>& rhs) const {
    if (dense_.size() == rhs.size()) return precondition(rhs);
    std::vector<double> x(rhs.size(), 0.0), residual = rhs, z = precondition(residual), p = z;
    double rz = dot(residual, z);
    const double goal = price_tolerance * price_tolerance * rz;
    for (int k = 0; k < 100 && rz > goal && rz > 0; ++k) {
        const std::vector<double> ap = apply(p);
        const double alpha = rz / dot(p, ap);
        if (!std::isfinite(alpha)) break;
        for (std::size_t n = 0; n < x.size(); ++n) x[n] += alpha * p[n], residual[n] -= alpha * ap[n];
        z = precondition(residual);
        const double next = dot(residual, z), beta = next / rz;
        rz = next;
        for (std::size_t n = 0; n < x.size(); ++n) p[n] = z[n] + beta * p[n];
    }
    return x;
}

void Barrier::set_targets(bool corrector, double mu) {
    blocks_.each_block([&](int block, int) { kernels_.targets(model_, in_, block, corrector, mu); });
    for (std::size_t n = 0; n < pi_.size(); ++n) {
        target_[n] = -e_[n] + (corrector ? (mu - de_[n] * dpi_[n]) / pi_[n] : 0.0);
        if (most_[n] < infinity)
            target_a_[n] = -a_[n] + (corrector ? (mu + da_[n] * dpi_[n]) / (most_[n] - pi_[n]) : 0.0);
    }
}

// dpi and dlevel from  C dpi + dlevel = base - row error + target,  sum dpi = weight - sum pi (no level and
// no sum for budgets).
void Barrier::price_directions(const std::vector<double>& base) {
    std::vector<double> rhs(pi_.size());
    for (const Term& term : terms_)
        for (std::size_t n = term.first; n < term.end(); ++n)
            rhs[n] = base[n] - row_error(term, n) + target_[n] - target_a_[n];
    dpi_ = solve_prices(rhs);
    std::vector<Term*> level;
    for (Term& term : terms_)
        if (!term.budget()) level.push_back(&term);
    const std::size_t count = level.size();
    std::vector<double> matrix(count * count), levels(count);
    const auto term_sum = [&](const Term& term, const std::vector<double>& values) {
        return std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(term.first),
                               values.begin() + static_cast<std::ptrdiff_t>(term.end()), 0.0);
    };
    for (std::size_t k = 0; k < count; ++k) {
        levels[k] = term_sum(*level[k], dpi_) - (level[k]->data->weight - term_sum(*level[k], pi_));
        for (std::size_t l = 0; l < count; ++l)
            matrix[k * count + l] = term_sum(*level[k], level_columns_[l]);
    }
    for (std::size_t k = 0; k < count; ++k)  // inexact solves leave it slightly unsymmetric
        for (std::size_t l = 0; l < k; ++l)
            matrix[k * count + l] = matrix[l * count + k] =
                (matrix[k * count + l] + matrix[l * count + k]) / 2;
    scalar_cholesky(matrix, count);
    scalar_solve(matrix, count, levels);
    for (std::size_t k = 0; k < count; ++k) {
        level[k]->dlevel = levels[k];
        for (std::size_t n = 0; n < dpi_.size(); ++n) dpi_[n] -= level_columns_[k][n] * levels[k];
    }
    for (std::size_t n = 0; n < pi_.size(); ++n)
        if (most_[n] < infinity) da_[n] = target_a_[n] + a_[n] / (most_[n] - pi_[n]) * dpi_[n];
}

// The Newton direction for the present targets. The price system is solved only roughly: e takes up the
// error, so that the equity rows stay exact and only their complementarity is a little off its target.
Barrier::Step Barrier::direction() {
    std::vector<double> dlambda;
    if (!terms_.empty()) {
        price_directions(weighted(sums_.over_blocks([&](int block, double* totals, int member) {
            kernels_.base(model_, in_, block, totals, scratch(member));
        })));
    }
    dlambda = site_prices(dpi_, false);
    std::vector<double> steps(2 * blocks_.lane_count(1), 1e30);
    const std::vector<double> change = weighted(sums_.over_blocks([&](int block, double* totals, int member) {
        kernels_.direction(model_, in_, block, dlambda.data(), totals,
                           steps.data() + static_cast<std::size_t>(block) * 2 * blocks_.lanes,
                           scratch(member));
    }));
    Step longest{1e30, 1e30};
    for (std::size_t k = 0; k < steps.size(); ++k) {
        double& step = k / blocks_.lanes % 2 ? longest.dual : longest.primal;
        step = std::min(step, steps[k]);
    }
    for (const Term& term : terms_)
        for (std::size_t n = term.first; n < term.end(); ++n) {
            de_[n] = row_error(term, n) - change[n] + term.dlevel + da_[n];
            longest.primal = std::min(longest.primal, step_to_zero(e_[n], de_[n]));
            longest.dual = std::min(longest.dual, step_to_zero(pi_[n], dpi_[n]));
            if (most_[n] == infinity) continue;
            longest.primal = std::min(longest.primal, step_to_zero(a_[n], da_[n]));
            longest.dual = std::min(longest.dual, step_to_zero(most_[n] - pi_[n], -dpi_[n]));
        }
    Step step{std::min(1.0, boundary * longest.primal), std::min(1.0, boundary * longest.dual)};
    if (model_.quadratic) step.primal = step.dual = std::min(step.primal, step.dual);
    return step;
}

double Barrier::predicted(Step step) const {
    return equity_pairs(step) + sum_blocks([&](int block, double* lanes) {
               kernels_.predict(model_, in_, block, step.primal, step.dual, lanes);
           });
}

// The slack of an equity row takes up the errors of the price system, which may be larger than itself: on
// the boundary it would end all further steps, and its row can be a little off instead.
void Barrier::move(Step step, double mu) {
    blocks_.each_block([&](int block, int) { kernels_.move(model_, in_, block, step.primal, step.dual); });
    for (std::size_t n = 0; n < pi_.size(); ++n) {
        e_[n] += step.primal * de_[n];
        a_[n] += step.primal * da_[n];
        pi_[n] += step.dual * dpi_[n];
        e_[n] = std::max(e_[n], centred * mu / pi_[n]);
    }
    for (Term& term : terms_) term.level += step.primal * term.dlevel;
}

// The present point in the terms of the certificate; pi exactly in its dual set.
void Barrier::propose(List) {
    examined_ = complementarity_;
    const Problem& p = blocks_.problem;
    const auto [x, prices] = candidates_.next();
    blocks_.gather(in_.x, p.arcs, x.data());
    blocks_.gather(in_.price, p.sites, prices.energy.data());
    price_closed_cells(prices.energy);
    prices.equity = equity_.region_prices();
    for (const Term& term : terms_) {
        std::vector<double>& lambda = prices.equity[equity_.footprint(term.r)];
        const auto from = pi_.begin() + static_cast<std::ptrdiff_t>(term.first);
        const double sum = std::accumulate(from, from + static_cast<std::ptrdiff_t>(lambda.size()), 0.0);
        const double share = term.budget() ? 1.0 : term.data->weight / sum;
        for (std::size_t g = 0; g < lambda.size(); ++g) {
            const std::size_t n = term.first + g;
            const bool unlimited = term.budget() && std::isinf(term.data->limit[g]);
            lambda[g] = unlimited ? 0.0 : term.data->sensitivity[g] * std::min(pi_[n] * share, most_[n]);
        }
    }
}

// A cell without capacity is left out of the iteration: it costs as much as keeps all work away.
void Barrier::price_closed_cells(std::vector<double>& energy) const {
    const Problem& p = blocks_.problem;
    std::vector<double> theta(p.slots * p.gateways);
    blocks_.gather(in_.theta, p.gateways, theta.data());
    for (std::size_t t = 0; t < p.slots; ++t)
        for (std::size_t a = 0; a < p.arcs; ++a) {
            const auto i = static_cast<std::size_t>(p.arc_site[a]),
                       j = static_cast<std::size_t>(p.arc_gateway[a]);
            if (p.capacity.row(t)[i] > 0 || p.demand.row(t)[j] <= 0) continue;
            double& v = energy[t * p.sites + i];
            v = std::max(v, (theta[t * p.gateways + j] - p.arc_cost[a]) / p.arc_energy[a]);
        }
}

// A predictor and a corrector.
Method::Turn Barrier::iterate(List, std::int64_t iteration, bool last) {
    const double bound = std::max(1.0, std::abs(standing_.lower_bound));
    keep_reserve(budget_reserve * tol_, 0.1 * tol_ * bound);
    factor();
    set_targets(false, 0.0);
    const double share = predicted(direction()) / complementarity_;
    const double mu = share * share * share * complementarity_ / pairs_;
    set_targets(true, mu);
    const Step step = direction();
    move(step, mu);
    measure();
    spent_ = !std::isfinite(complementarity_);
    if (spent_) return {};
    if (complementarity_ < 0.5 * progress_) progress_ = complementarity_, progress_at_ = iteration;
    spent_ = iteration - progress_at_ >= patience || std::max(step.primal, step.dual) < least_step;
    return last || spent_ || worth_a_check() ? Turn{{0}, {0}} : Turn{{}, {0}};
}

// Near the tolerance, and now and then on the way: rounding may end the progress short of it. The first bound
// may be far below: the first plan is seldom ten times too dear.
bool Barrier::worth_a_check() const {
    const double planned = std::isfinite(standing_.objective) ? 0.1 * standing_.objective : 0.0;
    const double scale = std::max({1.0, std::abs(standing_.lower_bound), std::abs(planned)});
    return complementarity_ <= 2 * tol_ * scale ||
           (complementarity_ <= 1e-3 * scale && complementarity_ <= 0.01 * examined_);
}

}  // namespace equiload
