// The one place where a kind becomes a function.
#pragma once

#include <type_traits>

#include "algorithm/equity/functions.hpp"

namespace equiload {

template <class First, class... Rest, class Visit>
EQUILOAD_HD void visit_equity(int place, EquityList<First, Rest...>, Visit&& visit) {
    if (place == 0)
        visit(First{});
    else if constexpr (sizeof...(Rest) > 0)
        visit_equity(place - 1, EquityList<Rest...>{}, visit);
}

// visit(function) for the function of this kind; nothing where there is none.
template <class Visit>
EQUILOAD_HD void with_equity(EquityKind kind, Visit&& visit) {
    if (kind != EquityKind::none) visit_equity(static_cast<int>(kind), EquityFunctions{}, visit);
}

template <class Function, class First, class... Rest>
constexpr EquityKind equity_place(EquityList<First, Rest...>) {
    if constexpr (std::is_same_v<Function, First>)
        return EquityKind{};
    else
        return EquityKind{1 + static_cast<int>(equity_place<Function>(EquityList<Rest...>{}))};
}

template <class Function>
inline constexpr EquityKind equity_kind_of = equity_place<Function>(EquityFunctions{});

// pi <- argmax of the model, less the conjugate, over the dual set.
template <class G>
EQUILOAD_HD void maximise(G group, const EquityRule& rule, const PriceModel& model, double* pi) {
    with_equity(rule.kind, [&](auto function) { decltype(function)::maximise(group, rule, model, pi); });
}

}  // namespace equiload
