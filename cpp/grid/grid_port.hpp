// Large arrays on their way to a machine and back, piece by piece through page-locked memory.
#pragma once

#include <algorithm>
#include <vector>

#include "core/problem.hpp"
#include "core/team.hpp"
#include "grid/machine.hpp"

namespace equiload {

template <Machine M>
class GridPort {
 public:
    GridPort(M& machine, Team& team) : machine_(machine), team_(team) {}

    // For arrays of so many numbers as a rule: locking more memory than these need takes milliseconds.
    void open(std::size_t numbers) {
        piece_ = std::clamp<std::size_t>(numbers, 1, most);
        staging_ = machine_.template make_staging<double>(piece_);
    }

    void upload(const double* from, std::size_t numbers, double* to) {
        upload_pieces(numbers, to, [&](std::size_t first, std::size_t size, double* into) {
            std::copy_n(from + first, size, into);
        });
    }
    void upload(const Field& from, std::size_t slots, std::size_t items, double* to) {
        if (from.stride == items) return upload(from.values, slots * items, to);
        upload_pieces(slots * items, to, [&](std::size_t first, std::size_t size, double* into) {
            for (std::size_t k = 0; k < size; ++k)
                into[k] = from.row((first + k) / items)[(first + k) % items];
        });
    }
    void download(const double* from, std::size_t numbers, double* to) {
        for (std::size_t first = 0; first < numbers; first += piece_) {
            const std::size_t size = std::min(piece_, numbers - first);
            machine_.download(staging_.data(), from + first, size);
            machine_.synchronise();
            team_.split(size, [&](std::size_t begin, std::size_t end, int) {
                std::copy(staging_.data() + begin, staging_.data() + end, to + first + begin);
            });
        }
    }
    std::vector<double> read(const double* from, std::size_t numbers) {
        std::vector<double> values(numbers);
        download(from, numbers, values.data());
        return values;
    }

 private:
    static constexpr std::size_t most = std::size_t{1} << 21;  // numbers: 16 MB

    // fill(first, count, to) writes numbers of the host into page-locked memory.
    template <class FillIn>
    void upload_pieces(std::size_t numbers, double* to, FillIn fill) {
        for (std::size_t first = 0; first < numbers; first += piece_) {
            const std::size_t size = std::min(piece_, numbers - first);
            team_.split(size, [&](std::size_t begin, std::size_t end, int) {
                fill(first + begin, end - begin, staging_.data() + begin);
            });
            machine_.upload(to + first, staging_.data(), size);
            machine_.synchronise();
        }
    }

    M& machine_;
    Team& team_;
    std::size_t piece_ = 1;
    typename M::template Staging<double> staging_;
};

}  // namespace equiload
