// A team of threads for one solve: started with it, ended with it, no global state.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace equiload {

class Team {
 public:
    explicit Team(int threads);  // at most most_pieces, fewer where the system grants no more
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    int size() const { return size_; }

    // Calls work(piece, member) once for each piece and waits until all are done. Each member takes the
    // pieces of its own range first, so that they stay in its cache, then those that nobody has taken: a
    // member that the system has not scheduled holds nobody up. The first exception is thrown again here.
    void run(std::size_t pieces, const std::function<void(std::size_t piece, int member)>& work);

    // Splits 0..count-1 into contiguous ranges: body(begin, end, member). Results must not depend on the
    // split.
    template <class Body>
    void split(std::size_t count, Body&& body) {
        const std::size_t pieces = std::min(count, most_pieces);
        run(pieces, [&](std::size_t piece, int member) {
            body(count * piece / pieces, count * (piece + 1) / pieces, member);
        });
    }

    static constexpr std::size_t most_pieces = 64;

 private:
    using Work = std::function<void(std::size_t, int)>;

    void serve(int member);
    void help(std::uint64_t call, int member);
    bool claim(std::size_t piece, std::uint64_t call);

    int size_;
    std::vector<std::thread> threads_;
    // A call is its number and its count of pieces in one word: a member that wakes up late can mistake
    // neither.
    std::atomic<std::uint64_t> call_{0};
    std::unique_ptr<std::atomic<std::uint64_t>[]> taken_;  // the call in which each piece was last taken
    std::atomic<const Work*> work_{nullptr};
    std::atomic<std::size_t> done_{0};
    std::atomic<bool> ending_{false};
    std::atomic_flag failed_ = ATOMIC_FLAG_INIT;
    std::exception_ptr error_;
};

// Cores that no other team's threads are at work on, at least 1: what a solve takes that was not told how
// many. Solves in several threads of one process then share the cores instead of multiplying them.
int idle_cores();

}  // namespace equiload
