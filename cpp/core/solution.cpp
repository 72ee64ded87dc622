#include "core/solution.hpp"

namespace equiload {

const char* to_string(Status status) {
    switch (status) {
        case Status::optimal:
            return "optimal";
        case Status::feasible:
            return "feasible";
        case Status::interrupted:
            return "interrupted";
        case Status::infeasible:
            return "infeasible";
        case Status::unsolved:
            return "unsolved";
    }
    return "unsolved";
}

}  // namespace equiload
