// A problem with the arrays that it is a view of.
#pragma once

#include <optional>

#include "arrays.hpp"

namespace equiload::python {

struct BoundFootprint {
    Table values;
    Doubles history, sensitivity;
    std::optional<Doubles> limit;
    Ints region;
    std::optional<Ints> share_start;  // of a burden map
    std::optional<Doubles> share;
    EquityKind kind;
    double weight, parameter;

    Footprint view(std::size_t slots, std::size_t sites) const;
};

struct BoundProblem {
    Table demand, capacity, price;
    std::optional<Table> quadratic;
    Ints gateway, site, delay;
    Doubles energy, cost;
    std::vector<BoundFootprint> footprints;
    Problem view;
};

}  // namespace equiload::python
