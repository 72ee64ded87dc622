#include "algorithm/equity.hpp"

#include "algorithm/equity/with_equity.hpp"

namespace equiload {

namespace {

template <class... Functions>
std::vector<std::string> names(EquityList<Functions...>) {
    return {Functions::name...};
}

}  // namespace

EquityFunction::EquityFunction(const Footprint& footprint) {
    if (footprint.kind == EquityKind::none)
        throw InputError("a footprint without equity has no equity function");
    equity_weights.require("weight", footprint.weight);
    with_equity(footprint.kind, [&](auto function) {
        function.parameters.require(std::string(function.name) + " parameter", footprint.parameter);
        function.check(footprint);
    });
    rule_.kind = footprint.kind, rule_.regions = static_cast<int>(footprint.regions());
    rule_.weight = footprint.weight, rule_.parameter = footprint.parameter;
    rule_.sensitivity = footprint.sensitivity.data(), rule_.history = footprint.history.data();
    rule_.limit = footprint.limited() ? footprint.limit.data() : nullptr;
}

DualSet dual_set(const EquityRule& rule) {
    DualSet set;
    with_equity(rule.kind, [&](auto function) { set = function.dual_set(rule); });
    return set;
}

double EquityFunction::value(std::span<const double> z) const {
    double value = 0;
    with_equity(rule_.kind, [&](auto function) { value = function.value(rule_, z); });
    return value;
}

double EquityFunction::conjugate(std::span<const double> pi) const {
    double value = 0;
    with_equity(rule_.kind, [&](auto function) { value = function.conjugate(rule_, pi); });
    return value;
}

EquityRule EquityFunction::sized(std::size_t regions) const {
    EquityRule rule = rule_;
    rule.regions = static_cast<int>(regions);
    return rule;
}

void EquityFunction::project(std::span<double> pi) const {
    with_equity(rule_.kind, [&](auto function) { function.project(sized(pi.size()), pi); });
}

void EquityFunction::start(std::span<double> pi) const {
    with_equity(rule_.kind, [&](auto function) { function.start(rule_, pi); });
}

void EquityFunction::maximise(std::span<const double> z, std::span<const double> curvature,
                              std::span<const double> centre, std::span<double> pi) const {
    equiload::maximise(Solo{}, sized(pi.size()), {z.data(), curvature.data(), centre.data()}, pi.data());
}

const char* to_string(DualSet::Shape shape) {
    constexpr const char* names[] = {"point", "simplex", "ball", "orthant", "other"};
    return names[static_cast<int>(shape)];
}

Range equity_parameters(EquityKind kind) {
    Range range;
    with_equity(kind, [&](auto function) { range = function.parameters; });
    return range;
}

std::vector<std::string> equity_names() { return names(EquityFunctions{}); }

EquityKind equity_kind(const std::string& name) {
    if (name == "none") return EquityKind::none;
    const std::vector<std::string> known = equity_names();
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) throw InputError("there is no equity function named " + name);
    return EquityKind{static_cast<int>(found - known.begin())};
}

}  // namespace equiload
