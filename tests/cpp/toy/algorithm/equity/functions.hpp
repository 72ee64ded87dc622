// The list of cpp/algorithm/equity/functions.hpp with one entry more: found before it by the program of this
// folder.
#pragma once

#include "algorithm/equity/budget.hpp"
#include "algorithm/equity/half.hpp"
#include "algorithm/equity/max.hpp"
#include "algorithm/equity/norm.hpp"
#include "algorithm/equity/sum.hpp"
#include "algorithm/equity/topmean.hpp"

namespace equiload {

using EquityFunctions = EquityList<MaxEquity, SumEquity, NormEquity, TopMeanEquity, BudgetEquity, HalfEquity>;

}  // namespace equiload
