#include "barrier/barrier.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <utility>

#include "core/budgets.hpp"
#include "core/certificate.hpp"
#include "core/repair.hpp"

namespace equiload {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Where a slot fills its sites exactly, no interior exists and u has no bound: a little more capacity makes
// both, and costs a small part of the tolerance, which the repair moves elsewhere. With less than 1e-8 the
// rounding of such a slot's loads stops the primal steps; the smallest is what the certificate forgives.
double capacity_slack(double tol) { return std::clamp(0.03 * tol, 4e-10, 1e-7); }

// The room that budgets keep, in tolerances: more than the repair needs to move what the slack let in.
constexpr double budget_reserve = 0.2;

// Above this, what a factorisation takes is looked up before the method is chosen.
constexpr double small_slot = 512, most_factor_bytes = 4e9;
constexpr double most_operations = 500;  // of a slot's factorisation, an arc

constexpr int patience = 10;  // iterations in which the complementarity must halve
// Unknowns that the preconditioner couples: at most, and the least coupled part over the uncoupled that is
// worth it. Along a chain of queues and under dense burden maps each costs more.
struct DensePart {
    std::size_t most;
    double least;
};
constexpr DensePart slots_dense{192, 1e-3}, chain_dense{64, 0.1}, full_dense{64, 1e-3};
constexpr std::size_t full_share = 16;  // regions a site, from which on a map is dense
constexpr std::size_t all_dense = 32;   // up to here it couples all of them: exact, no iterations
constexpr double price_tolerance =
    1e-9;  // of the equity price system, relative; see row errors in direction()
constexpr double predictor_tolerance = 1e-2;
constexpr std::size_t matrix_pieces = 8;  // fixed, for the same bits on any team
constexpr double boundary = 0.95;         // share of the longest step
constexpr double most_centring = 0.1;     // the corrector aims at most at this share of the complementarity
constexpr double centred = 0.1;           // of mu: what a pair of an equity row is kept at
constexpr double least_step = 1e-3;       // shorter ones are rounding

double dot(const std::vector<double>& a, const std::vector<double>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// In eight sums side by side, for long ones.
double inner_product(const double* a, const double* b, std::size_t count) {
    double sums[8] = {};
    std::size_t k = 0;
    for (; k + 8 <= count; k += 8)
        for (std::size_t w = 0; w < 8; ++w) sums[w] += a[k + w] * b[k + w];
    for (; k < count; ++k) sums[k % 8] += a[k] * b[k];
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
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

// What a pass leaves of a direction in each lane: see Course.
constexpr std::size_t course_width = 5;

std::vector<std::size_t> queued_gateways(const Queues& queues) {
    std::vector<std::size_t> gateways;
    for (const Queue& queue : queues.queues()) gateways.push_back(queue.gateway);
    return gateways;
}

double step_to_zero(double value, double change) { return change < 0 ? -value / change : 1e30; }

}  // namespace

bool barrier_applies(const Problem& problem) {
    for (const Footprint& f : problem.footprints) {
        if (f.kind == EquityKind::none) continue;
        if (EquityFunction(f).dual_set().shape == DualSet::Shape::other) return false;
    }
    const Queues queues(problem);
    if (!queues.fit()) return false;
    const double gateways = static_cast<double>(problem.gateways), slots = static_cast<double>(problem.slots);
    if (gateways <= small_slot && slots * gateways * gateways * 4 < 1e9) return true;
    const EliminationOrder order(queues.base(), queued_gateways(queues));
    const double queued = static_cast<double>(queues.queues().size());
    const double numbers = static_cast<double>(order.view().factor_size()) + queued * (queued + 1);
    return slots * numbers * 8 < most_factor_bytes &&
           order.operations() + queued * queued * queued / 2 <=
               std::max(small_slot * small_slot * small_slot / 6,
                        most_operations * static_cast<double>(queues.base().arcs));
}

Barrier::Barrier(const Run& run, HostCandidates& candidates, const BarrierKernels& kernels, Team& team,
                 double tol)
    : standing_(run.best),
      equity_(run.equity),
      candidates_(candidates),
      tol_(tol),
      kernels_(kernels),
      queues_(run.reduced),
      open_cells_(close_spent_cells(queues_.base(), open_capacity_)),
      blocks_(open_cells_, equity_, kernels.lanes, team,
              queues_.queues().empty() ? capacity_slack(tol) : 0.0),
      data_(blocks_.data),
      order_(queues_.base(), queued_gateways(queues_)),
      chain_(blocks_, order_.view(), kernels),
      backlogs_(queues_.queues(), run.reduced.slots),
      sums_(blocks_, equity_.footprints()),
      first_sums_(blocks_, 3 * equity_.footprints()) {
    const Problem& problem = open_cells_;
    for (double** array : {&in_.x, &in_.z, &in_.inv_d, &in_.target}) *array = blocks_.make(problem.arcs);
    for (double** array : {&in_.s, &in_.u, &in_.ds, &in_.du, &in_.load, &in_.price, &in_.kappa, &in_.eta,
                           &in_.gamma, &in_.flow, &in_.shifted, &in_.push, &in_.dy})
        *array = blocks_.make(problem.sites);
    for (double** array : {&in_.theta, &in_.dtheta, &in_.response}) *array = blocks_.make(problem.gateways);
    in_.order = order_.view();
    in_.factor = blocks_.make(static_cast<std::size_t>(in_.order.factor_size()));
    std::size_t width = problem.sites;
    for (std::size_t i = 0; i < problem.sites; ++i)
        width = std::max(width, static_cast<std::size_t>(in_.order.in_start[i + 1] - in_.order.in_start[i]));
    for (int member = 0; member < team.size(); ++member) scratch_.emplace_back(width * blocks_.lanes);
    course_ = Lanes(blocks_.lane_count(course_width));

    std::size_t unknowns = 0;
    for (std::size_t r = 0; r < equity_.footprints(); ++r) {
        const Footprint& footprint = problem.footprints[equity_.footprint(r)];
        const std::size_t regions = footprint.regions();
        const DualSet set = EquityFunction(footprint).dual_set();
        if (set.shape == DualSet::Shape::point) continue;  // one price for good
        terms_.push_back({r, &footprint, unknowns, set.shape});
        mostly_full_ |= footprint.mapped() && footprint.share.size() > full_share * problem.sites;
        unknowns += regions;
        most_.resize(unknowns, set.most);
        pairs_ += static_cast<double>(set.most < infinity ? 2 * regions : regions);
    }
    for (std::vector<double>* values : {&pi_, &e_, &a_, &dpi_, &de_, &da_, &target_, &target_a_, &burden_,
                                        &limit_, &room_, &jacobi_, &base_, &bend_})
        values->assign(unknowns, 0.0);
    lift_.assign(unknowns, 1.0);
    set_work();
    set_limits();
}

// Where work may be served, and the pairs that come with it.
void Barrier::set_work() {
    const Problem& p = blocks_.problem;
    std::vector<double> work(p.slots * p.gateways);
    for (std::size_t t = 0; t < p.slots; ++t)
        std::copy_n(p.demand.row(t), p.gateways, work.begin() + static_cast<std::ptrdiff_t>(t * p.gateways));
    for (const Queue& queue : queues_.queues()) {
        queued_.push_back(static_cast<int>(queue.gateway));
        for (std::size_t t = 0; t < p.slots; ++t) work[t * p.gateways + queue.gateway] = queue.service[t];
    }
    double* const lanes = blocks_.make(p.gateways);
    blocks_.scatter(work.data(), p.gateways, lanes);
    in_.work = lanes;
    for (std::size_t t = 0; t < p.slots; ++t) {
        for (std::size_t a = 0; a < p.arcs; ++a)
            if (work[t * p.gateways + static_cast<std::size_t>(p.arc_gateway[a])] > 0) ++pairs_;
        for (std::size_t i = 0; i < p.sites; ++i)
            if (p.capacity.row(t)[i] > 0) ++pairs_;
    }
    pairs_ += backlogs_.pairs();
}

// Prices at the sites, [footprint][site], of pi by unknown; summed equity has one price for good.
std::vector<double> Barrier::site_prices(const std::vector<double>& pi, bool with_sums) const {
    const std::size_t sites = blocks_.problem.sites;
    std::vector<double> prices =
        with_sums ? equity_.site_prices() : std::vector<double>(equity_.footprints() * sites);
    for (const Term& term : terms_) {
        std::vector<double> lambda(pi.begin() + static_cast<std::ptrdiff_t>(term.first),
                                   pi.begin() + static_cast<std::ptrdiff_t>(term.end()));
        for (std::size_t g = 0; g < lambda.size(); ++g) lambda[g] *= term.data->sensitivity[g];
        for (std::size_t i = 0; i < sites; ++i) prices[term.r * sites + i] = term.data->at_site(lambda, i);
    }
    return prices;
}

// Sums over sites as sums over regions, weighted by sensitivity.
std::vector<double> Barrier::weighted(std::span<const double> site_totals, int power) const {
    const std::size_t sites = blocks_.problem.sites;
    std::vector<double> sums(pi_.size(), 0.0);
    for (const Term& term : terms_)
        for (std::size_t i = 0; i < sites; ++i)
            term.each_unknown(i, [&](std::size_t n, double w) {
                sums[n] += (power == 1 ? w : w * w) * site_totals[term.r * sites + i];
            });
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
            const double price =
                p.arc_cost[a] +
                p.arc_energy[a] * burdened(p.price.row(t)[i], data_.footprints, data_.sites, p.arc_site[a],
                                           equity_.site_prices().data(), [&](int r) {
                                               const auto f = equity_.footprint(static_cast<std::size_t>(r));
                                               return p.footprints[f].values.row(t)[i];
                                           });
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
        const double regions = static_cast<double>(term.data->regions());
        const double first = term.budget() ? money / mean_footprint(term)
                             : term.norm() ? term.data->weight * std::pow(regions, -1 / term.dual_power())
                                           : term.data->weight / regions;
        for (std::size_t n = term.first; n < term.end(); ++n) pi_[n] = first;
    }
    const std::vector<double> lambda = site_prices(pi_, true);
    blocks_.each_block([&](int block, int) { kernels_.start(data_, in_, block, lambda.data(), money); });
    if (!chain_.empty()) {
        chain_.gather(in_.theta, blocks_.problem.gateways, queued_, theta_);
        backlogs_.start(theta_, money);
    }
    prepare({0.0, 0.0});
    for (Term& term : terms_) {
        const auto from = burden_.begin() + static_cast<std::ptrdiff_t>(term.first);
        const double largest =
            *std::max_element(from, from + static_cast<std::ptrdiff_t>(term.data->regions()));
        if (!term.budget()) term.level = 1.1 * largest + 1e-9;
        if (term.norm()) lift_norm(term, largest);
        for (std::size_t n = term.first; n < term.end(); ++n) {
            e_[n] = std::max(term.level * lift_[n] + ceiling_[n] - burden_[n], 0.1 * ceiling_[n]);
            if (most_[n] < infinity) a_[n] = e_[n] * pi_[n] / (most_[n] - pi_[n]);
        }
    }
    complementarity_ += equity_pairs({0.0, 0.0});
    progress_ = complementarity_;
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
            double work = std::accumulate(p.demand.row(t), p.demand.row(t) + p.gateways, 0.0);
            for (const Queue& queue : queues_.queues()) work += t > 0 ? queue.most[t - 1] : 0.0;
            for (std::size_t i = 0; i < p.sites; ++i)
                term.data->each_region(i, [&](std::size_t g, double share) {
                    most[g] += share * (work * term.data->values.row(t)[i]);
                });
        }
        for (std::size_t g = 0; g < most.size(); ++g) {
            const double limit = term.data->limit[g], history = term.data->history[g];
            const double w = term.data->sensitivity[g];
            const bool open = std::isinf(limit) || is_spent(*term.data, g);  // or all its cells are closed
            limit_[term.first + g] = w * (open ? history + 2 * energy * most[g] + 1 : limit);
            if (!open) room_[term.first + g] = w * (limit - history);
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
            sum += term.data->values.row(t)[i] * term.data->at_site(term.data->sensitivity, i);
    return sum > 0 ? sum / static_cast<double>(p.slots * p.sites) : 1.0;
}

// What the equity rows add to the complementarity after a step.
double Barrier::equity_pairs(Step step) const {
    double sum = 0;
    for (std::size_t n = 0; n < pi_.size(); ++n) {
        const double pi = pi_[n] + step.dual * dpi_[n];
        sum += std::max(e_[n] + step.primal * de_[n], 0.0) * pi;
        if (most_[n] < infinity) sum += std::max(a_[n] + step.primal * da_[n], 0.0) * (most_[n] - pi);
    }
    return sum;
}

// Both halves of a solve with Z in place, block by block, and what couples the slots between them; `own`
// (T, queues) is added to the right-hand side.
template <class First, class Second>
const std::vector<double>& Barrier::halves(SiteSums& sums, double* values, const std::vector<double>& own,
                                           First first, Second second) const {
    if (chain_.empty())
        return sums.over_blocks([&](int block, double* totals, int member) {
            first(block, member);
            kernels_.solve_tail(in_, block, values);
            second(block, totals, member);
        });
    blocks_.each_block([&](int block, int member) {
        first(block, member);
        kernels_.forward_tail(in_, block, values);
    });
    chain_.solve(values, own);
    return sums.over_blocks([&](int block, double* totals, int member) {
        kernels_.backward_tail(in_, block, values);
        second(block, totals, member);
    });
}

// Takes a step, and all that the next one begins with, while a block is in cache: burdens, complementarity,
// the factor of Z, and the predictor at unchanged equity prices.
void Barrier::prepare(Step step) {
    const std::vector<double> lambda = site_prices(pi_, true);
    std::vector<double> lanes(blocks_.lane_count(1), 0.0);
    const std::size_t entries = equity_.footprints() * blocks_.problem.sites;
    const auto begin = [&](int block, double* sums, int member) {
        kernels_.move(data_, in_, block, lambda.data(), step.primal, step.dual,
                      lanes.data() + static_cast<std::size_t>(block) * blocks_.lanes, sums);
        kernels_.factor(data_, in_, block, scratch(member));
        kernels_.aim[0](data_, in_, block, 0.0, scratch(member));
    };
    const auto end = [&](int block, double* sums, int member) {
        kernels_.settle(data_, in_, block, sums + 2 * entries * blocks_.lanes, scratch(member));
    };
    const std::vector<double>* totals = nullptr;
    if (chain_.empty()) {
        totals = &first_sums_.over_blocks([&](int block, double* sums, int member) {
            begin(block, sums, member);
            kernels_.solve_tail(in_, block, in_.dtheta);
            end(block, sums, member);
        });
    } else {
        totals = &first_sums_.over_blocks([&](int block, double* sums, int member) {
            begin(block, sums, member);
            kernels_.forward_tail(in_, block, in_.dtheta);
        });
    }
    burden_ = weighted({totals->data(), entries}, 1);
    jacobi_ = weighted({totals->data() + entries, entries}, 2);
    if (!chain_.empty()) {
        backlogs_.move(step.primal, step.dual);
        chain_.gather(in_.theta, blocks_.problem.gateways, queued_, theta_);
        chain_.factor(in_.factor, backlogs_.weights());
        chain_.solve(in_.dtheta, backlogs_.aim(false, 0.0, theta_));
        totals = &first_sums_.over_blocks([&](int block, double* sums, int member) {
            kernels_.backward_tail(in_, block, in_.dtheta);
            end(block, sums, member);
        });
    }
    base_ = weighted({totals->data() + 2 * entries, entries}, 1);
    for (const Term& term : terms_)
        for (std::size_t g = 0; g < term.data->regions(); ++g)
            burden_[term.first + g] += term.data->sensitivity[g] * term.data->history[g];
    block_pairs_ = std::accumulate(lanes.begin(), lanes.end(), 0.0) + backlogs_.complementarity();
    complementarity_ = block_pairs_ + equity_pairs({0.0, 0.0});
}

// Dense among the regions whose prices matter, the diagonal for the rest.
void Barrier::build_preconditioner() {
    dense_.resize(pi_.size());
    std::iota(dense_.begin(), dense_.end(), std::size_t{0});
    std::vector<double> weight(pi_.size());
    for (std::size_t n = 0; n < pi_.size(); ++n) {
        weight[n] = jacobi_[n] / give(n);  // the coupled part over the uncoupled
        jacobi_[n] += give(n);
    }
    std::stable_sort(dense_.begin(), dense_.end(),
                     [&](std::size_t a, std::size_t b) { return weight[a] > weight[b]; });
    const DensePart part = !chain_.empty() ? chain_dense : mostly_full_ ? full_dense : slots_dense;
    std::size_t kept = std::min(dense_.size(), part.most);
    while (kept > all_dense && weight[dense_[kept - 1]] < part.least) --kept;
    dense_.resize(kept);
    add_dense_matrix();
    level_columns_.clear();
    for (const Term& term : terms_) {
        if (term.budget()) continue;
        std::vector<double> column(pi_.size(), 0.0);
        std::copy_n(lift_.begin() + static_cast<std::ptrdiff_t>(term.first), term.data->regions(),
                    column.begin() + static_cast<std::ptrdiff_t>(term.first));
        level_columns_.push_back(precondition(column));
    }
    const std::size_t count = level_columns_.size();
    level_factor_.assign(count * count, 0.0);
    for (std::size_t k = 0, row = 0; k < terms_.size(); ++k) {
        if (terms_[k].budget()) continue;
        for (std::size_t l = 0; l < count; ++l)
            level_factor_[row * count + l] = term_sum(terms_[k], level_columns_[l]);
        ++row;
    }
    scalar_cholesky(level_factor_, count);
}

// What the rows of the selected sites' tiles reach: the places of their gateways and all that these lead to.
Barrier::Reach Barrier::find_reach(const std::vector<int>& sites) const {
    Reach found;
    found.start.push_back(0), found.common_start.push_back(0);
    std::vector<int> seen(blocks_.problem.gateways, -1);
    const int left = in_.order.size - in_.order.kept;  // all tiles hand on to these
    for (std::size_t c = 0; c < sites.size(); c += tile) {
        const int mark = static_cast<int>(c);
        for (std::size_t k = c; k < std::min(c + tile, sites.size()); ++k)
            for (int e = in_.order.in_start[sites[k]]; e < in_.order.in_start[sites[k] + 1]; ++e)
                for (int at = in_.order.in_place[e];
                     at < in_.order.size && std::exchange(seen[static_cast<std::size_t>(at)], mark) != mark;
                     at = order_.parent()[static_cast<std::size_t>(at)])
                    found.place.push_back(at);
        for (int at = left; at < in_.order.size; ++at)
            if (seen[static_cast<std::size_t>(at)] != mark) found.place.push_back(at);
        std::sort(found.place.begin() + found.start.back(), found.place.end());
        const auto own = found.start.back();
        found.start.push_back(static_cast<int>(found.place.size()));
        const auto kept = in_.order.kept;
        for (std::size_t d = 0; d + 1 < found.start.size(); ++d) {
            std::set_intersection(
                found.place.begin() + own, found.place.end() - kept, found.place.begin() + found.start[d],
                found.place.begin() + found.start[d + 1] - kept, std::back_inserter(found.common));
            found.common_start.push_back(static_cast<int>(found.common.size()));
        }
    }
    return found;
}

void Barrier::add_dense_matrix() {
    const std::size_t n = dense_.size();
    dense_factor_.assign(n * n, 0.0);
    if (std::any_of(terms_.begin(), terms_.end(), [](const Term& term) { return term.data->mapped(); }))
        add_gathered_matrix();
    else
        add_site_matrix();
    for (std::size_t k = 0; k < n; ++k) dense_factor_[k * n + k] += give(dense_[k]);
    scalar_cholesky(dense_factor_, n);
}

// Where each site has one region: among the sites of the dense unknowns.
void Barrier::add_site_matrix() {
    const std::size_t sites = blocks_.problem.sites, footprints = equity_.footprints(), n = dense_.size();
    std::vector<int> place(pi_.size(), -1), selected;
    for (std::size_t k = 0; k < n; ++k) place[dense_[k]] = static_cast<int>(k);
    for (std::size_t i = 0; i < sites; ++i)
        if (std::any_of(terms_.begin(), terms_.end(),
                        [&](const Term& t) { return place[t.unknown(i)] >= 0; }))
            selected.push_back(static_cast<int>(i));
    // Sites of a tile share what they reach: those that begin at the same part of the elimination tree.
    const auto first = [&](int site) {
        const int e = in_.order.in_start[site];
        return e < in_.order.in_start[site + 1] ? in_.order.in_place[e] : in_.order.size;
    };
    std::stable_sort(selected.begin(), selected.end(), [&](int a, int b) { return first(a) < first(b); });
    const Reach reach = find_reach(selected);
    const MatrixPlan plan{
        static_cast<int>(selected.size()), selected.data(),    reach.start.data(), reach.place.data(),
        reach.common_start.data(),         reach.common.data()};
    const std::size_t count = selected.size(), rows = count * footprints;
    const std::vector<std::vector<double>> parts =
        chain_.empty() ? matrix_parts(plan) : matrix_along_time(plan, dense_factor_);
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
                    sum *= row.weight(i) * column.weight(k);
                    dense_factor_[static_cast<std::size_t>(at) * n + static_cast<std::size_t>(to)] += sum;
                    if (c != d)
                        dense_factor_[static_cast<std::size_t>(to) * n + static_cast<std::size_t>(at)] += sum;
                }
}

// Of burden maps a dense unknown may gather from all sites: its row is formed as a whole.
void Barrier::add_gathered_matrix() {
    const std::size_t n = dense_.size(), sites = blocks_.problem.sites, gateways = blocks_.problem.gateways;
    std::vector<double> share(n * sites, 0.0);
    std::vector<int> footprint(n), reach(gateways), place(pi_.size(), -1);
    std::iota(reach.begin(), reach.end(), 0);
    for (std::size_t k = 0; k < n; ++k) place[dense_[k]] = static_cast<int>(k);
    for (const Term& term : terms_) {
        for (std::size_t k = 0; k < n; ++k)
            if (dense_[k] >= term.first && dense_[k] < term.end()) footprint[k] = static_cast<int>(term.r);
        for (std::size_t i = 0; i < sites; ++i)
            term.each_unknown(i, [&](std::size_t u, double w) {
                if (place[u] >= 0) share[static_cast<std::size_t>(place[u]) * sites + i] += w;
            });
    }
    const GatherPlan plan{static_cast<int>(n), footprint.data(), reach.data(), share.data()};
    const std::size_t scratch = ((n + tile - 1) / tile * gateways + sites) * tile * blocks_.lanes;
    const std::vector<Gathered> parts =
        chain_.empty() ? gathered_parts(plan, scratch) : gathered_along_time(plan, scratch, dense_factor_);
    std::vector<double> own(parts.front().own.size(), 0.0);
    for (const Gathered& part : parts)
        for (std::size_t k = 0; k < own.size(); ++k) own[k] += part.own[k];
    std::vector<double> weighed(sites);
    for (std::size_t c = 0; c < n; ++c)
        for (std::size_t r = 0; r < equity_.footprints(); ++r) {
            const auto own_term = static_cast<std::size_t>(footprint[c]);
            const std::size_t later = std::max(own_term, r), earlier = std::min(own_term, r);
            const double* const of_sites = own.data() + (later * (later + 1) / 2 + earlier) * sites;
            for (std::size_t i = 0; i < sites; ++i) weighed[i] = share[c * sites + i] * of_sites[i];
            for (std::size_t d = 0; d <= c; ++d) {
                if (static_cast<std::size_t>(footprint[d]) != r) continue;
                double sum = inner_product(weighed.data(), share.data() + d * sites, sites);
                for (const Gathered& part : parts) sum += part.matrix[c * n + d];
                dense_factor_[c * n + d] += sum;
                if (c != d) dense_factor_[d * n + c] += sum;
            }
        }
}

std::vector<Barrier::Gathered> Barrier::gathered_parts(const GatherPlan& plan, std::size_t scratch) const {
    const auto n = static_cast<std::size_t>(plan.count);
    const std::size_t pairs = equity_.footprints() * (equity_.footprints() + 1) / 2;
    std::vector<Gathered> parts(matrix_pieces);
    std::vector<Lanes> work(static_cast<std::size_t>(blocks_.team.size()));
    blocks_.team.run(matrix_pieces, [&](std::size_t piece, int member) {
        Lanes& rows = work[static_cast<std::size_t>(member)];
        if (rows.size() != scratch) rows = Lanes(scratch);
        Gathered& part = parts[piece];
        part.matrix.assign(n * n, 0.0), part.own.assign(pairs * blocks_.problem.sites, 0.0);
        for (std::size_t b = blocks_.blocks() * piece / matrix_pieces;
             b < blocks_.blocks() * (piece + 1) / matrix_pieces; ++b)
            kernels_.gather(data_, in_, static_cast<int>(b), plan, part.matrix.data(), part.own.data(),
                            rows.data());
    });
    return parts;
}

std::vector<Barrier::Gathered> Barrier::gathered_along_time(const GatherPlan& plan, std::size_t scratch,
                                                            std::vector<double>& coupled) const {
    const std::size_t n = dense_.size(), queues = chain_.width(), lanes = blocks_.lanes;
    const std::size_t gateways = blocks_.problem.gateways, first_queue = gateways - queues;
    const std::size_t pairs = equity_.footprints() * (equity_.footprints() + 1) / 2;
    std::vector<Gathered> parts(2);
    for (Gathered& part : parts)
        part.matrix.assign(n * n, 0.0), part.own.assign(pairs * blocks_.problem.sites, 0.0);
    const auto begin = [&](std::size_t side, std::size_t block, double* rows) {
        kernels_.gather(data_, in_, static_cast<int>(block), plan, parts[side].matrix.data(),
                        parts[side].own.data(), rows);
    };
    const auto collect = [&](std::size_t t, const double* rows, std::size_t wide, double* values) {
        for (std::size_t q = 0; q < queues; ++q)
            for (std::size_t c = 0; c < n; ++c)
                values[q * wide + c] +=
                    rows[((c / tile * gateways + first_queue + q) * tile + c % tile) * lanes + t % lanes];
    };
    couple_along_time(scratch, begin, collect, coupled);
    return parts;
}

// What the gateways that each slot eliminates make of F K F' among the selected sites.
std::vector<std::vector<double>> Barrier::matrix_parts(const MatrixPlan& plan) const {
    const auto count = static_cast<std::size_t>(plan.count), rows = count * equity_.footprints();
    std::vector<std::vector<double>> parts(matrix_pieces);
    std::vector<Lanes> rows_of(static_cast<std::size_t>(blocks_.team.size()));
    blocks_.team.run(matrix_pieces, [&](std::size_t piece, int member) {
        Lanes& work = rows_of[static_cast<std::size_t>(member)];
        const std::size_t size = (count + tile - 1) / tile * tile * blocks_.problem.gateways * blocks_.lanes;
        if (work.size() != size) work = Lanes(size);
        parts[piece].assign(rows * rows, 0.0);
        for (std::size_t b = blocks_.blocks() * piece / matrix_pieces;
             b < blocks_.blocks() * (piece + 1) / matrix_pieces; ++b)
            kernels_.matrix(data_, in_, static_cast<int>(b), plan, parts[piece].data(), work.data());
    });
    return parts;
}

// The same with queues: what the slots leave to them goes forward through the chain, one right-hand side an
// unknown, and its products into `coupled`.
std::vector<std::vector<double>> Barrier::matrix_along_time(const MatrixPlan& plan,
                                                            std::vector<double>& coupled) const {
    struct Entry {
        std::size_t column, site, footprint;
        double sensitivity;
    };
    const std::size_t n = dense_.size(), queues = chain_.width(), lanes = blocks_.lanes;
    const auto count = static_cast<std::size_t>(plan.count), rows = count * equity_.footprints();
    std::vector<int> place(pi_.size(), -1);
    for (std::size_t k = 0; k < n; ++k) place[dense_[k]] = static_cast<int>(k);
    std::vector<Entry> entries;
    for (std::size_t c = 0; c < count; ++c)
        for (const Term& term : terms_) {
            const auto i = static_cast<std::size_t>(plan.sites[c]);
            if (const int k = place[term.unknown(i)]; k >= 0)
                entries.push_back({static_cast<std::size_t>(k), c, term.r, term.weight(i)});
        }
    const std::size_t gateways = blocks_.problem.gateways, first_queue = gateways - queues;
    // Right-hand sides of a slot, from the rows that the kernel has left of its block.
    const auto collect = [&](std::size_t t, const double* block_rows, std::size_t wide, double* values) {
        for (const Entry& entry : entries) {
            const double f =
                entry.sensitivity *
                data_
                    .footprint[((t / lanes * equity_.footprints() + entry.footprint) * blocks_.problem.sites +
                                static_cast<std::size_t>(plan.sites[entry.site])) *
                                   lanes +
                               t % lanes];
            const double* const from =
                block_rows +
                ((entry.site / tile * gateways + first_queue) * tile + entry.site % tile) * lanes + t % lanes;
            for (std::size_t q = 0; q < queues; ++q)
                values[q * wide + entry.column] += f * from[q * tile * lanes];
        }
    };
    std::vector<std::vector<double>> parts(2, std::vector<double>(rows * rows, 0.0));
    const auto begin = [&](std::size_t side, std::size_t block, double* work) {
        kernels_.matrix(data_, in_, static_cast<int>(block), plan, parts[side].data(), work);
    };
    couple_along_time((count + tile - 1) / tile * tile * gateways * lanes, begin, collect, coupled);
    return parts;
}

// Right-hand sides of the dense unknowns, which begin(side, block, work) leaves of a block and collect(slot,
// work, width, values) adds up of a slot, go forward through the chain from both ends.
template <class Begin, class Collect>
void Barrier::couple_along_time(std::size_t scratch, Begin begin, Collect collect,
                                std::vector<double>& coupled) const {
    const std::size_t n = dense_.size(), queues = chain_.width(), lanes = blocks_.lanes;
    const std::size_t wide = (n + Chain::column_step - 1) / Chain::column_step * Chain::column_step;
    std::vector<std::vector<double>> products(2), handed(2);
    std::vector<double> middle(queues * wide, 0.0);
    blocks_.team.run(2, [&](std::size_t side, int) {
        Lanes work(scratch);
        products[side].assign(wide * wide, 0.0);
        handed[side].assign(queues * wide, 0.0);
        std::vector<double> values(queues * wide);
        std::size_t block = blocks_.blocks();
        for (std::size_t k = 0; k < chain_.count(static_cast<int>(side)); ++k) {
            const std::size_t t = chain_.slot(static_cast<int>(side), k);
            if (std::exchange(block, t / lanes) != t / lanes) begin(side, t / lanes, work.data());
            std::swap(values, handed[side]);
            collect(t, work.data(), wide, values.data());
            chain_.forward(t, wide, values.data(), handed[side].data(), products[side].data());
        }
        if (side == 0) return;
        if (block != chain_.middle() / lanes) begin(side, chain_.middle() / lanes, work.data());
        collect(chain_.middle(), work.data(), wide, middle.data());
    });
    for (std::size_t k = 0; k < middle.size(); ++k) middle[k] += handed[0][k] + handed[1][k];
    chain_.forward(chain_.middle(), wide, middle.data(), handed[0].data(), products[0].data());
    for (std::size_t a = 0; a < n; ++a)
        for (std::size_t b = 0; b < n; ++b) {
            const std::size_t at = std::max(a, b) * wide + std::min(a, b);
            coupled[a * n + b] += products[0][at] + products[1][at];
        }
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
    const auto ask = [&](int block, int member) {
        kernels_.ask(data_, in_, block, dlambda.data(), scratch(member));
    };
    const auto leave = [&](int block, double* totals, int member) {
        kernels_.leave(data_, in_, block, dlambda.data(), totals, scratch(member));
    };
    std::vector<double> value = weighted(halves(sums_, in_.response, {}, ask, leave), 1);
    for (std::size_t n = 0; n < dpi.size(); ++n) value[n] += give(n) * dpi[n];
    return value;
}

// The price system with the preconditioner in the place of the matrix: prices whose sums by term are `sums`,
// and the levels. What the levels explain is taken out of the residual.
Barrier::PriceStep Barrier::precondition(std::vector<double>& residual,
                                         const std::vector<double>& sums) const {
    PriceStep step{precondition(residual), sums};
    std::size_t k = 0;
    for (const Term& term : terms_)
        if (!term.budget()) step.level[k] = term_sum(term, step.price) - step.level[k], ++k;
    scalar_solve(level_factor_, k, step.level);
    k = 0;
    for (const Term& term : terms_) {
        if (term.budget()) continue;
        for (std::size_t n = 0; n < residual.size(); ++n)
            step.price[n] -= level_columns_[k][n] * step.level[k];
        for (std::size_t n = term.first; n < term.end(); ++n) residual[n] -= lift_[n] * step.level[k];
        ++k;
    }
    return step;
}

//   C dpi + dlevel = rhs,  sum dpi = sums  by term,  by conjugate gradients among the dpi that keep the sums.
Barrier::PriceStep Barrier::solve_prices(std::vector<double> residual, const std::vector<double>& sums,
                                         double tolerance) const {
    PriceStep x = precondition(residual, sums);
    if (dense_.size() == residual.size()) return x;
    const double goal = tolerance * tolerance * std::abs(dot(residual, x.price));
    const std::vector<double> applied = apply(x.price), none(sums.size(), 0.0);
    for (std::size_t n = 0; n < residual.size(); ++n) residual[n] -= applied[n];
    const auto next = [&] {
        PriceStep z = precondition(residual, none);
        for (std::size_t k = 0; k < none.size(); ++k) x.level[k] += z.level[k];
        return std::move(z.price);
    };
    std::vector<double> z = next(), p = z;
    double rz = dot(residual, z);
    for (int k = 0; k < 100 && rz > goal; ++k) {
        const std::vector<double> ap = apply(p);
        const double alpha = rz / dot(p, ap);
        if (!std::isfinite(alpha)) break;
        for (std::size_t n = 0; n < residual.size(); ++n)
            x.price[n] += alpha * p[n], residual[n] -= alpha * ap[n];
        z = next();
        const double now = dot(residual, z), beta = now / rz;
        rz = now;
        for (std::size_t n = 0; n < residual.size(); ++n) p[n] = z[n] + beta * p[n];
    }
    return x;
}

// The relation of a norm's prices to its totals at the present point, linearised: see Term.
void Barrier::bend_norms() {
    for (const Term& term : terms_) {
        if (!term.norm()) continue;
        const double mu = term.data->weight, q = term.data->parameter, p = term.dual_power();
        for (std::size_t n = term.first; n < term.end(); ++n) {
            const double share = pi_[n] / mu;
            bend_[n] = q >= 2 ? term.level * (p - 1) / mu * std::pow(share, p - 2)
                              : term.level / (mu * (q - 1)) * std::pow(lift_[n], 2 - q);
            target_a_[n] = q >= 2 ? 0.0 : bend_[n] * (pi_[n] - mu * std::pow(lift_[n], q - 1));
        }
    }
}

// The totals v that a norm begins with: a little above the present ones.
void Barrier::lift_norm(Term& term, double largest) {
    const double mu = term.data->weight, q = term.data->parameter, p = term.dual_power();
    double sum = 0;
    for (std::size_t n = term.first; n < term.end(); ++n) {
        lift_[n] = q >= 2 ? std::pow(pi_[n] / mu, p - 1) : burden_[n] / std::max(largest, 1e-9) + 0.1;
        sum += std::pow(lift_[n], q);
    }
    const double size = std::pow(sum, 1 / q);
    term.level *= q >= 2 ? 1 / lift_[term.first] : size;
    for (std::size_t n = term.first; n < term.end() && q < 2; ++n) lift_[n] /= size;
}

// The shape v/m of a norm's totals after a step.
void Barrier::move_norm(Term& term, Step step) {
    const double mu = term.data->weight, q = term.data->parameter, p = term.dual_power();
    const double level = term.level + step.primal * term.dlevel;
    for (std::size_t n = term.first; n < term.end(); ++n)
        lift_[n] = q >= 2 ? std::pow(pi_[n] / mu, p - 1)
                          : (term.level * lift_[n] + step.primal * (lift_[n] * term.dlevel + da_[n])) / level;
}

// What the prices' sum, weighted by `lift`, lacks: of mu, or linearised of the unit sphere.
double Barrier::missing_sum(const Term& term) const {
    const double mu = term.data->weight, q = term.data->parameter, p = term.dual_power();
    if (!term.norm()) return mu - term_sum(term, pi_);
    double size = 0;  // sum (pi/mu)^p or sum (v/m)^q, 1 at the end
    for (std::size_t n = term.first; n < term.end(); ++n)
        size += q >= 2 ? std::pow(pi_[n] / mu, p) : std::pow(lift_[n], q);
    return q >= 2 ? mu / p * (1 - size) : mu * size + mu * (q - 1) / q * (1 - size) - term_sum(term, pi_);
}

// Of prices, what the weight limits: their sum, or their dual norm.
double Barrier::dual_size(const Term& term, std::span<const double> pi) const {
    const double largest = *std::max_element(pi.begin(), pi.end()), p = term.norm() ? term.dual_power() : 1.0;
    double sum = 0;
    for (double value : pi) sum += p == 1 ? value / largest : std::pow(value / largest, p);
    return largest * std::pow(sum, 1 / p);
}

void Barrier::set_targets(bool corrector, double mu) {
    bend_norms();
    for (std::size_t n = 0; n < pi_.size(); ++n) {
        target_[n] = -e_[n] + (corrector ? (mu - de_[n] * dpi_[n]) / pi_[n] : 0.0);
        if (most_[n] < infinity)
            target_a_[n] = -a_[n] + (corrector ? (mu + da_[n] * dpi_[n]) / (most_[n] - pi_[n]) : 0.0);
    }
}

// dpi and dlevel from  C dpi + dlevel = base - row error + target,  sum dpi = weight - sum pi (no level and
// no sum for budgets).
void Barrier::price_directions(double tolerance) {
    std::vector<double> rhs(pi_.size()), sums;
    for (const Term& term : terms_) {
        for (std::size_t n = term.first; n < term.end(); ++n)
            rhs[n] = base_[n] - row_error(term, n) + target_[n] - target_a_[n];
        if (!term.budget()) sums.push_back(missing_sum(term));
    }
    PriceStep step = solve_prices(std::move(rhs), sums, tolerance);
    dpi_ = std::move(step.price);
    std::size_t k = 0;
    for (Term& term : terms_)
        if (!term.budget()) term.dlevel = step.level[k++];
    for (std::size_t n = 0; n < pi_.size(); ++n)
        da_[n] = target_a_[n] + (most_[n] < infinity ? a_[n] / (most_[n] - pi_[n]) : bend_[n]) * dpi_[n];
}

// The corrector at unchanged equity prices.
void Barrier::correct(double mu) {
    const auto aim = [&](int block, int member) { kernels_.aim[1](data_, in_, block, mu, scratch(member)); };
    const auto settle = [&](int block, double* totals, int member) {
        kernels_.settle(data_, in_, block, totals, scratch(member));
    };
    base_ = weighted(halves(sums_, in_.dtheta, backlogs_.aim(true, mu, theta_), aim, settle), 1);
}

// The Newton direction for the present targets, on top of what was found at unchanged equity prices. The
// price system is solved only roughly: e takes up the error, so that the equity rows stay exact and only
// their complementarity is a little off its target.
Barrier::Step Barrier::direction(bool corrector) {
    set_targets(corrector, mu_);
    if (!terms_.empty()) price_directions(corrector ? price_tolerance : predictor_tolerance);
    const std::vector<double> dlambda = site_prices(dpi_, false);
    std::fill_n(course_.data(), course_.size(), 0.0);
    const auto ask = [&](int block, int member) {
        kernels_.ask(data_, in_, block, dlambda.data(), scratch(member));
    };
    const auto direct = [&](int block, double* totals, int member) {
        kernels_.direction[corrector](
            data_, in_, block, dlambda.data(), totals,
            course_.data() + static_cast<std::size_t>(block) * course_width * blocks_.lanes, scratch(member));
    };
    const std::vector<double> change = weighted(halves(sums_, in_.response, {}, ask, direct), 1);
    Backlogs::Course queued;
    if (!chain_.empty()) {
        std::vector<double> dtheta;
        chain_.gather(in_.dtheta, blocks_.problem.gateways, chain_.places(), dtheta);
        queued = backlogs_.direct(dtheta);
    }
    const bool rough = !corrector && dense_.size() < pi_.size();
    double fastest[2] = {queued.primal, queued.dual};  // the largest -dx/x and -dz/z
    growth_[0] = queued.growth_x, growth_[1] = queued.growth_z, growth_[2] = queued.second;
    for (std::size_t k = 0; k < course_.size(); ++k) {
        const std::size_t kind = k / blocks_.lanes % course_width;
        if (kind < 2)
            fastest[kind] = std::max(fastest[kind], course_.data()[k]);
        else
            growth_[kind - 2] += course_.data()[k];
    }
    Step longest{1 / std::max(fastest[0], 1e-30), 1 / std::max(fastest[1], 1e-30)};
    for (const Term& term : terms_)
        for (std::size_t n = term.first; n < term.end(); ++n) {
            const double rise = lift_[n] * term.dlevel + da_[n];
            de_[n] = row_error(term, n) - change[n] + rise;
            if (term.norm())
                longest.primal = std::min(longest.primal, step_to_zero(term.level * lift_[n], rise));
            longest.dual = std::min(longest.dual, step_to_zero(pi_[n], dpi_[n]));
            // Where a predictor's prices are rough, e, which takes up what they lack, says nothing about its
            // reach.
            if (!rough) longest.primal = std::min(longest.primal, step_to_zero(e_[n], de_[n]));
            if (most_[n] == infinity) continue;
            if (!rough) longest.primal = std::min(longest.primal, step_to_zero(a_[n], da_[n]));
            longest.dual = std::min(longest.dual, step_to_zero(most_[n] - pi_[n], -dpi_[n]));
        }
    Step step{std::min(1.0, boundary * longest.primal), std::min(1.0, boundary * longest.dual)};
    if (data_.quadratic) step.primal = step.dual = std::min(step.primal, step.dual);
    return step;
}

// Complementarity after this step along the predictor.
double Barrier::predicted(Step step) const {
    const double blocks = block_pairs_ + step.primal * growth_[0] + step.dual * growth_[1] +
                          step.primal * step.dual * growth_[2];
    return equity_pairs(step) + std::max(blocks, 0.0);
}

// The slack of an equity row takes up the errors of the price system, which may be larger than itself: on
// the boundary it would end all further steps, and its row can be a little off instead.
void Barrier::move(Step step) {
    for (std::size_t n = 0; n < pi_.size(); ++n) {
        e_[n] += step.primal * de_[n];
        if (most_[n] < infinity) a_[n] += step.primal * da_[n];
        pi_[n] += step.dual * dpi_[n];
        e_[n] = std::max(e_[n], centred * mu_ / pi_[n]);
    }
    for (Term& term : terms_) {
        if (term.norm()) move_norm(term, step);
        term.level += step.primal * term.dlevel;
    }
    prepare(step);
}

// The present point in the terms of the certificate; pi exactly in its dual set.
void Barrier::propose(List) {
    examined_ = complementarity_;
    const Problem& p = blocks_.problem;
    const auto [x, prices] = candidates_.next();
    std::vector<double> served(p.slots * p.arcs);
    blocks_.gather(in_.x, p.arcs, served.data());
    blocks_.gather(in_.price, p.sites, prices.energy.data());
    price_closed_cells(prices.energy);
    if (!chain_.empty()) {
        const std::vector<double> work = queues_.settle(served);
        Problem settled = p;
        settled.demand = {work.data(), p.gateways};
        Repair(settled).run(served.data(), prices.energy.data(), blocks_.team);
    }
    queues_.split(served, x, blocks_.team);
    prices.equity = equity_.region_prices();
    for (const Term& term : terms_) {
        std::vector<double>& lambda = prices.equity[equity_.footprint(term.r)];
        const auto from = pi_.begin() + static_cast<std::ptrdiff_t>(term.first);
        const double share = term.budget() ? 1.0 : term.data->weight / dual_size(term, {from, lambda.size()});
        for (std::size_t g = 0; g < lambda.size(); ++g) {
            const std::size_t n = term.first + g;
            const bool unlimited =
                term.budget() && (std::isinf(term.data->limit[g]) || is_spent(*term.data, g));
            lambda[g] = unlimited ? 0.0 : term.data->sensitivity[g] * std::min(pi_[n] * share, most_[n]);
        }
    }
    price_spent_budgets(prices);
}

// What keeps work away from the closed cells of a spent budget is the budget's price, and costs nothing.
void Barrier::price_spent_budgets(Prices& prices) const {
    const Problem& p = blocks_.problem;
    for (const Term& term : terms_) {
        if (!term.budget()) continue;
        const std::size_t footprint = equity_.footprint(term.r);
        std::vector<double>& lambda = prices.equity[footprint];
        std::vector<double> highest(lambda.size(), 0.0);
        const std::vector<double> others = equiload::site_prices(p, prices.equity);
        for (std::size_t i = 0; i < p.sites; ++i)
            term.data->each_region(i, [&](std::size_t g, double share) {
                for (std::size_t t = 0; t < p.slots && is_spent(*term.data, g); ++t) {
                    const double f = share * term.data->values.row(t)[i];
                    double cost = p.price.row(t)[i];
                    for (std::size_t r = 0; r < p.footprints.size(); ++r)
                        cost += others[r * p.sites + i] * p.footprints[r].values.row(t)[i];
                    if (f > 0) highest[g] = std::max(highest[g], (prices.energy[t * p.sites + i] - cost) / f);
                }
            });
        for (std::size_t g = 0; g < lambda.size(); ++g)
            if (is_spent(*term.data, g)) lambda[g] = highest[g];
    }
}

// A cell without capacity is left out of the iteration: it costs as much as keeps all work away.
void Barrier::price_closed_cells(std::vector<double>& energy) const {
    const Problem& p = blocks_.problem;
    std::vector<double> theta(p.slots * p.gateways), work(p.slots * p.gateways);
    blocks_.gather(in_.theta, p.gateways, theta.data());
    blocks_.gather(in_.work, p.gateways, work.data());
    for (std::size_t t = 0; t < p.slots; ++t)
        for (std::size_t a = 0; a < p.arcs; ++a) {
            const auto i = static_cast<std::size_t>(p.arc_site[a]),
                       j = static_cast<std::size_t>(p.arc_gateway[a]);
            if (p.capacity.row(t)[i] > 0 || work[t * p.gateways + j] <= 0) continue;
            double& v = energy[t * p.sites + i];
            v = std::max(v, (theta[t * p.gateways + j] - p.arc_cost[a]) / p.arc_energy[a]);
        }
}

// A predictor and a corrector.
Method::Turn Barrier::iterate(List, std::int64_t, bool last) {
    const double bound = std::max(1.0, std::abs(standing_.lower_bound));
    keep_reserve(budget_reserve * tol_, 0.1 * tol_ * bound);
    bend_norms();
    if (!terms_.empty()) build_preconditioner();
    const double share = predicted(direction(false)) / complementarity_;
    mu_ = std::min(share * share * share, most_centring) * complementarity_ / pairs_;
    correct(mu_);
    const Step step = direction(true);
    move(step);
    spent_ = !std::isfinite(complementarity_);
    if (spent_) return {};
    if (complementarity_ < 0.5 * progress_) progress_ = complementarity_, progress_at_ = steps_;
    spent_ = steps_++ - progress_at_ >= patience || std::max(step.primal, step.dual) < least_step;
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
