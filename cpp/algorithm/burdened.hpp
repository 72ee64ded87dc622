// What a unit of energy costs a cell with the burdens that it brings.
#pragma once

#include "core/portable.hpp"

namespace equiload {

// c0 = p + sum_r lambda_r f_r  of a site; `footprint(r)` is f_r, lambda [footprint][site].
template <class V, class FootprintOf>
EQUILOAD_HD V burdened(V price, int footprints, int sites, int site, const double* lambda,
                       FootprintOf footprint) {
    for (int r = 0; r < footprints; ++r) price = price + V(lambda[r * sites + site]) * footprint(r);
    return price;
}

}  // namespace equiload
