// A problem in block layout, [block][item][lane]: what every method that works on eight slots at a time
// starts from.
#pragma once

#include <algorithm>
#include <memory>
#include <new>
#include <vector>

#include "algorithm/equity_prox.hpp"
#include "algorithm/steps.hpp"
#include "core/arc_lists.hpp"
#include "core/problem.hpp"
#include "core/team.hpp"

namespace equiload {

// Cache-line aligned, zero-filled storage.
template <class Number>
class LanesOf {
 public:
    LanesOf() = default;
    explicit LanesOf(std::size_t count) : data_(new (std::align_val_t{64}) Number[count]()), count_(count) {}
    Number* data() const { return data_.get(); }
    std::size_t size() const { return count_; }

 private:
    struct Free {
        void operator()(Number* p) const { ::operator delete[](p, std::align_val_t{64}); }
    };
    std::unique_ptr<Number[], Free> data_;
    std::size_t count_ = 0;
};
using Lanes = LanesOf<double>;

class HostBlocks {
 public:
    // Capacities are (1 + capacity_slack) times the problem's.
    HostBlocks(const Problem& problem, const EquityProx& equity, int lanes, Team& team,
               double capacity_slack = 0);
    HostBlocks(const HostBlocks&) = delete;
    HostBlocks& operator=(const HostBlocks&) = delete;

    const Problem& problem;
    Team& team;
    const std::size_t lanes;
    BlockProblem data;
    std::size_t chunks =
        1;  // parts of the horizon whose sums are formed apart; they do not depend on the team

    std::size_t blocks() const { return static_cast<std::size_t>(data.blocks); }
    std::size_t lane_count(std::size_t items) const { return blocks() * items * lanes; }
    std::size_t longest_row() const { return static_cast<std::size_t>(lists_.longest_row()); }
    std::pair<int, int> blocks_of(std::size_t chunk) const;

    double* make(std::size_t items);  // zeros, [block][item][lane]

    // Between [block][item][lane] and the (T, items) rows of everybody else.
    template <class Stored>
    void scatter(const double* rows, std::size_t items, Stored* values) const {
        team.split(problem.slots, [&](std::size_t begin, std::size_t end, int) {
            for (std::size_t t = begin; t < end; ++t)
                for (std::size_t n = 0; n < items; ++n)
                    values[(t / lanes * items + n) * lanes + t % lanes] =
                        static_cast<Stored>(rows[t * items + n]);
        });
    }
    template <class Stored>
    void gather(const Stored* values, std::size_t items, double* rows) const {
        team.split(problem.slots, [&](std::size_t begin, std::size_t end, int) {
            for (std::size_t t = begin; t < end; ++t)
                for (std::size_t n = 0; n < items; ++n)
                    rows[t * items + n] =
                        static_cast<double>(values[(t / lanes * items + n) * lanes + t % lanes]);
        });
    }

    template <class Body>
    void each_block(Body body) const {  // body(block, member)
        team.run(chunks, [&](std::size_t chunk, int member) {
            const auto [first, last] = blocks_of(chunk);
            for (int block = first; block < last; ++block) body(block, member);
        });
    }

 private:
    double* pack(const Field& field, std::size_t items);
    void build_data(const EquityProx& equity, double capacity_slack);

    const ArcLists lists_;
    std::vector<Lanes> store_;
};

// Sums over the horizon, [quantity][site]: each chunk adds up its blocks, then the chunks are added in order.
class SiteSums {
 public:
    SiteSums(const HostBlocks& blocks, std::size_t quantities);

    // Adds up what body(block, sums, member) adds to its chunk's sums.
    template <class Body>
    const std::vector<double>& over_blocks(Body body) {
        blocks_.team.run(blocks_.chunks, [&](std::size_t chunk, int member) {
            double* const sums = clear(chunk);
            const auto [first, last] = blocks_.blocks_of(chunk);
            for (int block = first; block < last; ++block) body(block, sums, member);
        });
        return reduce();
    }

 private:
    double* clear(std::size_t chunk);  // [quantity][site][lane]
    const std::vector<double>& reduce();

    const HostBlocks& blocks_;
    std::size_t entries_;
    Lanes chunks_;
    std::vector<double> totals_;
};

}  // namespace equiload
