#include "core/team.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "core/cores.hpp"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace equiload {

namespace {

void relax() {
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#endif
}

constexpr std::uint64_t one_call = std::uint64_t{1} << 16;  // above the count of pieces

// Iterations of small problems last microseconds: spin first, then give the core away.
template <class Done>
void wait_until(Done done) {
    for (int spin = 0; !done(); ++spin) {
        if (spin < 4000)
            relax();
        else
            std::this_thread::yield();
    }
}

std::atomic<int> helpers{0};  // threads of all teams beside those that called

}  // namespace

int idle_cores() { return std::max(1, usable_cores() - helpers.load(std::memory_order_relaxed)); }

Team::Team(int threads)
    : size_(std::clamp(threads, 1, static_cast<int>(most_pieces))),  // more would find nothing to do
      taken_(new std::atomic<std::uint64_t>[most_pieces]()) {
    try {
        for (int member = 1; member < size_; ++member)
            threads_.emplace_back([this, member] { serve(member); });
    } catch (const std::system_error&) {  // the system grants no more: go on with those there are
        size_ = static_cast<int>(threads_.size()) + 1;
    }
    helpers.fetch_add(size_ - 1, std::memory_order_relaxed);
}

Team::~Team() {
    helpers.fetch_sub(size_ - 1, std::memory_order_relaxed);
    ending_ = true;
    call_.fetch_add(one_call);
    call_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

// A piece is taken once a call; a member that wakes up late finds every piece of its call taken.
bool Team::claim(std::size_t piece, std::uint64_t call) {
    std::uint64_t before = taken_[piece].load(std::memory_order_relaxed);
    while (before < call)
        if (taken_[piece].compare_exchange_weak(before, call, std::memory_order_acq_rel)) return true;
    return false;
}

void Team::help(std::uint64_t call, int member) {
    const std::size_t pieces = call % one_call;
    const std::size_t own = pieces * static_cast<std::size_t>(member) / static_cast<std::size_t>(size_);
    for (std::size_t k = 0; k < pieces; ++k) {
        const std::size_t piece = (own + k) % pieces;
        if (!claim(piece, call)) continue;
        try {
            (*work_.load(std::memory_order_acquire))(piece, member);
        } catch (...) {
            if (!failed_.test_and_set()) error_ = std::current_exception();
        }
        done_.fetch_add(1, std::memory_order_acq_rel);
    }
}

void Team::run(std::size_t pieces, const Work& work) {
    if (size_ == 1 || pieces <= 1) {
        for (std::size_t piece = 0; piece < pieces; ++piece) work(piece, 0);
        return;
    }
    work_.store(&work, std::memory_order_release);
    done_.store(0, std::memory_order_relaxed);
    const std::uint64_t call = (call_.load(std::memory_order_relaxed) / one_call + 1) * one_call + pieces;
    call_.store(call, std::memory_order_release);
    call_.notify_all();
    help(call, 0);
    wait_until([&] { return done_.load(std::memory_order_acquire) == pieces; });
    if (error_) {
        failed_.clear();
        std::rethrow_exception(std::exchange(error_, nullptr));
    }
}

void Team::serve(int member) {
    std::uint64_t seen = 0;
    for (;;) {
        for (int spin = 0; call_.load(std::memory_order_acquire) == seen && spin < 20000; ++spin) relax();
        call_.wait(seen);  // sleeps only while nothing has been called since
        seen = call_.load(std::memory_order_acquire);
        if (ending_) return;
        help(seen, member);
    }
}

}  // namespace equiload
