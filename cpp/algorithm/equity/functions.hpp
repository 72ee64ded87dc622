// The equity functions: one header and one entry of the list each. A function's kind is its place here.
#pragma once

#include "algorithm/equity/budget.hpp"
#include "algorithm/equity/max.hpp"
#include "algorithm/equity/norm.hpp"
#include "algorithm/equity/sum.hpp"
#include "algorithm/equity/topmean.hpp"

namespace equiload {

using EquityFunctions = EquityList<MaxEquity, SumEquity, NormEquity, TopMeanEquity, BudgetEquity>;

}  // namespace equiload
