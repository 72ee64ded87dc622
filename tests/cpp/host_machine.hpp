// A machine for tests of the grid back end, as unkind as a device may be: nothing happens before it must,
// fresh memory is poisoned, and every launch runs twice from the same state, in two random orders, which must
// leave the same bits. So do the members of groups between one meeting and the next.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

#include "fibers.hpp"
#include "grid/machine.hpp"

namespace equiload::test {

class HostMachine {
 public:
    static constexpr std::size_t enough_items = 2000;  // several blocks a chunk and several chunks
    static constexpr std::size_t alignment = 64;
    static constexpr int few_members = 5, many_members = 5;

    explicit HostMachine(std::size_t most_bytes = std::numeric_limits<std::size_t>::max())
        : most_bytes_(most_bytes) {}
    HostMachine(const HostMachine&) = delete;
    HostMachine& operator=(const HostMachine&) = delete;

    template <class Number>
    class Array {
     public:
        Array() = default;
        explicit Array(std::size_t count) : values_(count, poison()) {}
        Number* data() const { return const_cast<Number*>(values_.data()); }  // memory elsewhere
        std::size_t size() const { return values_.size(); }

     private:
        static Number poison() {
            if constexpr (std::is_class_v<Number>)
                return Number{};
            else if constexpr (std::is_integral_v<Number>)
                return std::numeric_limits<Number>::min();
            else
                return std::numeric_limits<Number>::signaling_NaN();
        }
        std::vector<Number> values_;
    };
    template <class Number>
    using Staging = Array<Number>;
    using Sequence = std::vector<std::function<void()>>;

    template <class Number>
    Array<Number> make(std::size_t count) {
        Array<Number> array(count);
        reserved_ -= static_cast<long>((count * sizeof(Number) + alignment - 1) / alignment * alignment);
        if (reserved_ < 0) throw std::logic_error("more made than reserved");
        memory_.push_back({reinterpret_cast<char*>(array.data()), count * sizeof(Number)});
        return array;
    }
    template <class Number>
    Staging<Number> make_staging(std::size_t count) {
        return Array<Number>(count);
    }
    void reserve(std::size_t bytes, int scratch_numbers) {
        if (bytes > most_bytes_) throw OutOfDeviceMemory("needs " + std::to_string(bytes) + " bytes");
        reserved_ = static_cast<long>(bytes), scratch_numbers_ = scratch_numbers;
    }

    template <class Number>
    void upload(Number* to, const Number* from, std::size_t count) {
        queue_.push_back([=] { std::copy_n(from, count, to); });
    }
    template <class Number>
    void download(Number* to, const Number* from, std::size_t count) {
        upload(to, from, count);
    }
    template <class Number>
    void copy(Number* to, const Number* from, std::size_t count) {
        upload(to, from, count);
    }

    template <class Functor>
    void for_each(long count, Functor functor) {
        queue_.push_back([=, this] {
            twice(typeid(Functor).name(), [&] { in_random_order(count, [&](long n) { functor(n); }); });
        });
    }
    template <class Functor>
    void for_each(long count, int numbers, Functor functor) {
        if (numbers > scratch_numbers_) throw std::logic_error("more scratch than reserved");
        queue_.push_back([=, this] {
            std::vector<Lane> scratch(2 * static_cast<std::size_t>(numbers) + 1);
            const auto item = [&](long n) {
                std::fill(scratch.begin(), scratch.end(), Lane(std::nan("")));
                functor(n, Scratch{scratch.data(), 2});
            };
            twice(typeid(Functor).name(), [&] { in_random_order(count, item); });
        });
    }

    // Whatever number of members is asked for, there is one that divides nothing.
    template <int, class Functor>
    void for_each_group(long count, Functor functor) {
        queue_.push_back([=, this] { twice(typeid(Functor).name(), [&] { in_groups(count, functor); }); });
    }
    template <int, class>
    int places() const {
        return at_work;
    }

    template <class Body>
    std::optional<Sequence> record(Body body) {
        Sequence before;
        before.swap(queue_);
        body();
        before.swap(queue_);
        return before;
    }
    void replay(const Sequence& sequence) {
        ++replays;
        queue_.insert(queue_.end(), sequence.begin(), sequence.end());
    }
    void synchronise() {
        ++synchronised;
        Sequence now;
        now.swap(queue_);
        for (const auto& work : now) work();
    }
    int replays = 0, synchronised = 0;
    static constexpr int at_work = 3;  // groups

 private:
    struct Range {
        char* begin;
        std::size_t bytes;
    };

    template <class Run>
    void twice(const char* name, Run run) {
        const std::vector<char> before = saved();
        run();
        const std::vector<char> first = saved();
        restore(before);
        run();
        if (saved() != first) throw std::logic_error(std::string("depends on the order: ") + name);
    }

    template <class Item>
    void in_random_order(long count, Item item) {
        std::vector<long> order(static_cast<std::size_t>(count));
        std::iota(order.begin(), order.end(), 0L);
        std::shuffle(order.begin(), order.end(), random_);
        for (long n : order) item(n);
    }

    // Every place has its items, for what they leave in its scratch is the same then; but the groups at work
    // get on at speeds of their own.
    template <class Functor>
    void in_groups(long count, const Functor& functor) {
        constexpr int members = 5;
        std::vector<Gathering> shared(static_cast<std::size_t>(at_work), Gathering(members));
        fibers_.run(at_work * members, [&](int task) {
            const int place = task / members;
            const FiberGroup group(shared[static_cast<std::size_t>(place)], task % members);
            for (long n = place; n < count; n += at_work) {
                functor(n, group, place);
                group.sync();
            }
        });
    }

    std::vector<char> saved() const {
        std::vector<char> all;
        for (const Range& range : memory_) all.insert(all.end(), range.begin, range.begin + range.bytes);
        return all;
    }
    void restore(const std::vector<char>& all) const {
        const char* from = all.data();
        for (const Range& range : memory_) {
            if (range.bytes > 0) std::memcpy(range.begin, from, range.bytes);
            from += range.bytes;
        }
    }

    std::size_t most_bytes_;
    long reserved_ = 0;
    int scratch_numbers_ = 0;
    std::vector<Range> memory_;  // as long as the machine: its arrays live as long
    Sequence queue_;
    std::mt19937_64 random_{1};
    Fibers fibers_;
};

static_assert(Machine<HostMachine>);

}  // namespace equiload::test
