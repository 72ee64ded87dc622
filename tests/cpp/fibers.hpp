// Members of a group on one thread of the host: each runs on a stack of its own until it has to wait for the
// others. Which of those that can go on does so next is random, and there is always one that only goes on
// when no other can: what holds only in one order fails.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

#include "algorithm/group.hpp"

// The sanitizers must be told that the stack changes.
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace equiload::test {

using Where = std::source_location;

// Where `members` wait until all of them are there, time and again.
class Meeting {
 public:
    explicit Meeting(int members) : members_(members) {}
    void wait(const Where& where);
    long round() const { return round_; }

 private:
    const int members_;
    int here_ = 0;
    long round_ = 0;
    Where where_;
};

// The thread's own stack, or a fiber's: what it takes to leave it and to come back.
class Strand {
 public:
    Strand() = default;
    Strand(void (*entry)(), std::size_t bytes) : stack_(new char[bytes]) {
        getcontext(&context_);
        context_.uc_stack.ss_sp = stack_.get(), context_.uc_stack.ss_size = bytes;
        makecontext(&context_, entry, 0);
        bottom_ = stack_.get(), size_ = bytes;
#if defined(__SANITIZE_THREAD__)
        fiber_ = __tsan_create_fiber(0);
#endif
    }
    ~Strand() {
#if defined(__SANITIZE_THREAD__)
        if (stack_) __tsan_destroy_fiber(fiber_);
#endif
    }
    Strand(const Strand&) = delete;
    Strand& operator=(const Strand&) = delete;

    void switch_to(Strand& other) {
#if defined(__SANITIZE_ADDRESS__)
        __sanitizer_start_switch_fiber(&fake_stack_, other.bottom_, other.size_);
#endif
#if defined(__SANITIZE_THREAD__)
        if (!stack_) fiber_ = __tsan_get_current_fiber();
        __tsan_switch_to_fiber(other.fiber_, 0);
#endif
        other.from_ = this;
        swapcontext(&context_, &other.context_);
        arrive();
    }

    // To be called first thing on a new stack, too.
    void arrive() {
#if defined(__SANITIZE_ADDRESS__)
        __sanitizer_finish_switch_fiber(fake_stack_, &from_->bottom_, &from_->size_);
#endif
    }

 private:
    ucontext_t context_{};
    std::unique_ptr<char[]> stack_;
    Strand* from_ = nullptr;
    const void* bottom_ = nullptr;
    std::size_t size_ = 0;
    [[maybe_unused]] void* fake_stack_ = nullptr;
    [[maybe_unused]] void* fiber_ = nullptr;
};

class Fibers {
    static constexpr std::size_t stack_bytes = std::size_t{1} << 18;

 public:
    Fibers() = default;
    Fibers(const Fibers&) = delete;
    Fibers& operator=(const Fibers&) = delete;

    // body(0) .. body(count - 1). A fiber runs one after the other until one waits, then another takes over:
    // tasks that never wait cost no more than a loop. An exception ends the others where they wait.
    void run(int count, const std::function<void(int)>& body) {
        body_ = &body, begun_ = 0, failure_ = nullptr;
        tasks_.resize(static_cast<std::size_t>(count));
        std::iota(tasks_.begin(), tasks_.end(), 0);
        std::shuffle(tasks_.begin(), tasks_.end(), random_);
        while (!failure_ && (begun_ < tasks_.size() || !waiting_.empty())) sweep();
        while (!waiting_.empty()) resume(0);
        if (failure_) std::rethrow_exception(failure_);
    }

 private:
    friend class Meeting;
    struct Fiber {
        explicit Fiber(Fibers& owner) : fibers(owner), strand(&Fibers::enter, stack_bytes) {}
        bool can_go_on() const { return meeting->round() != round; }

        Fibers& fibers;
        Strand strand;
        const Meeting* meeting = nullptr;  // that it waits at, for the end of a round
        long round = 0;
        Where where;
    };
    struct Ended {};

    // The fibers that can go on do, and some tasks begin.
    void sweep() {
        std::size_t moved = 0;
        std::shuffle(waiting_.begin(), waiting_.end(), random_);
        for (std::size_t k = waiting_.size(); k-- > 0;)
            if (waiting_[k].get() != last_ && waiting_[k]->can_go_on()) resume(k), ++moved;
        if (begun_ < tasks_.size()) return begin(random_() % (tasks_.size() - begun_) + 1);
        if (moved == 0) wake_last();
    }

    void begin(std::size_t tasks) {
        const std::size_t until = begun_ + tasks;
        while (begun_ < until && !failure_) {
            if (idle_.empty()) idle_.push_back(std::make_unique<Fiber>(*this));
            waiting_.push_back(std::move(idle_.back()));
            idle_.pop_back();
            resume(waiting_.size() - 1);
        }
    }

    // Another one takes its turn to be last.
    void wake_last() {
        for (std::size_t k = 0; k < waiting_.size(); ++k)
            if (waiting_[k]->can_go_on()) {
                last_ = waiting_[random_() % waiting_.size()].get();
                return resume(k);
            }
        if (!waiting_.empty()) fail("the others have ended", waiting_.front()->where);
    }

    // Until it waits again, or has nothing left to do.
    void resume(std::size_t k) {
        Fiber& fiber = *waiting_[k];
        Fiber* const before = current_;
        current_ = &fiber;
        fiber.meeting = nullptr;
        thread_.switch_to(fiber.strand);
        current_ = before;
        if (fiber.meeting) {
            if (!last_) last_ = &fiber;
            return;
        }
        if (last_ == &fiber) last_ = nullptr;
        idle_.push_back(std::move(waiting_[k]));
        waiting_.erase(waiting_.begin() + static_cast<long>(k));
    }

    static void enter() {
        Fiber& fiber = *current_;
        fiber.strand.arrive();
        for (;;) {
            fiber.fibers.work();
            fiber.strand.switch_to(fiber.fibers.thread_);
        }
    }

    void work() {
        try {
            while (begun_ < tasks_.size() && !failure_) (*body_)(tasks_[begun_++]);
        } catch (const Ended&) {
        } catch (...) {
            if (!failure_) failure_ = std::current_exception();
        }
    }

    void fail(const std::string& what, const Where& where) {
        failure_ = std::make_exception_ptr(
            std::logic_error("members of a group parted: some wait at " + text(where) + ", " + what));
    }
    static std::string text(const Where& where) {
        return std::string(where.file_name()) + ":" + std::to_string(where.line());
    }

    inline static thread_local Fiber* current_ = nullptr;
    Strand thread_;
    std::vector<std::unique_ptr<Fiber>> waiting_, idle_;
    const Fiber* last_ = nullptr;
    std::vector<int> tasks_;
    std::size_t begun_ = 0;
    const std::function<void(int)>* body_ = nullptr;
    std::exception_ptr failure_;
    std::mt19937_64 random_{1};
};

inline void Meeting::wait(const Where& where) {
    Fibers::Fiber& me = *Fibers::current_;
    if (here_ == 0) where_ = where;
    if (where.line() != where_.line() || where.column() != where_.column() ||
        std::strcmp(where.file_name(), where_.file_name()) != 0) {
        me.fibers.fail("others at " + Fibers::text(where), where_);
        throw Fibers::Ended{};
    }
    me.meeting = this, me.round = round_, me.where = where;
    if (++here_ == members_) here_ = 0, ++round_;
    me.strand.switch_to(me.fibers.thread_);
    if (me.fibers.failure_) throw Fibers::Ended{};
}

// What the members of a group share.
struct Gathering {
    explicit Gathering(int members) : meeting(members) {
        for (std::vector<double>& round : values) round.resize(static_cast<std::size_t>(members));
    }
    Meeting meeting;
    std::array<std::vector<double>, 2> values;  // of every member, in rounds by turns
};

class FiberGroup {
 public:
    FiberGroup(Gathering& shared, int rank) : shared_(&shared), rank_(rank) {}
    int rank() const { return rank_; }
    int size() const { return static_cast<int>(shared_->values[0].size()); }
    void sync(Where where = Where::current()) const { shared_->meeting.wait(where); }
    double sum(double own, Where where = Where::current()) const {
        return reduce(own, where, [](double a, double b) { return a + b; });
    }
    Two sum(Two own, Where where = Where::current()) const {
        const double first = sum(own.first, where);
        return {first, sum(own.second, where)};
    }
    double least(double own, Where where = Where::current()) const {
        return reduce(own, where, [](double a, double b) { return b < a ? b : a; });
    }
    double most(double own, Where where = Where::current()) const {
        return reduce(own, where, [](double a, double b) { return a < b ? b : a; });
    }
    Two most(Two own, Where where = Where::current()) const {
        const double first = most(own.first, where);
        return {first, most(own.second, where)};
    }
    int foremost(int own, Where where = Where::current()) const {
        return static_cast<int>(least(own, where));
    }
    Found foremost(Found own, Where where = Where::current()) const {
        const double value = least(own.value, where);
        const bool has_it = own.value == value;
        return {value, foremost(has_it ? own.place : std::numeric_limits<int>::max(), where)};
    }

 private:
    // What a round has left is read before the next round but one writes there again.
    template <class Join>
    double reduce(double own, const Where& where, Join join) const {
        std::vector<double>& values = shared_->values[shared_->meeting.round() % 2];
        values[static_cast<std::size_t>(rank_)] = own;
        sync(where);
        return std::accumulate(values.begin() + 1, values.end(), values.front(), join);
    }

    Gathering* shared_;
    int rank_;
};
static_assert(Group<FiberGroup>);

// body(group) by every member of a group.
template <class Body>
void run_group(int members, Body body) {
    Gathering shared(members);
    Fibers fibers;
    fibers.run(members, [&](int rank) { body(FiberGroup(shared, rank)); });
}

}  // namespace equiload::test
