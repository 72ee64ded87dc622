// A CUDA device as the grid back end's machine: one stream, one slab of memory, launches checked one by one.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "grid/machine.hpp"

namespace equiload {

inline void check(cudaError_t status, const std::string& what) {
    if (status == cudaSuccess) return;
    cudaGetLastError();  // told here, not to the next caller
    throw std::runtime_error("CUDA: " + what + ": " + cudaGetErrorString(status));
}

// An item a thread.
template <class Functor>
__global__ void run_items(long count, Functor functor) {
    const long n = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (n < count) functor(n);
}

// The same with scratch in shared memory, a column for each thread: no two of a warp meet in a bank.
template <class Functor>
__global__ void run_with_shared(long count, Functor functor) {
    extern __shared__ double shared_scratch[];
    const long n = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (n < count)
        functor(
            n, Scratch{reinterpret_cast<Lane*>(shared_scratch) + threadIdx.x, static_cast<long>(blockDim.x)});
}

// Rows too long for shared memory: as many threads as there are columns in `columns` take turns.
template <class Functor>
__global__ void run_with_columns(long count, Functor functor, Lane* columns) {
    const long threads = static_cast<long>(gridDim.x) * blockDim.x;
    const long thread = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (long n = thread; n < count; n += threads) functor(n, Scratch{columns + thread, threads});
}

// Threads of a warp. With one, groups have no other member: for whole solves on the stand-in for the runtime,
// where each is a fiber.
#ifndef EQUILOAD_WARP
#define EQUILOAD_WARP 32
#endif
inline constexpr int warp_size = EQUILOAD_WARP;

// A double as an integer of the same order, NaN beyond the infinities, and back.
__device__ inline std::uint64_t in_order(double value) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | std::uint64_t{1} << 63;
}
__device__ inline double from_order(std::uint64_t key) {
    const std::uint64_t bits = key >> 63 ? key & ~(std::uint64_t{1} << 63) : ~key;
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

// What another lane of the warp holds.
__device__ inline double of_lane(double own, int step) { return __shfl_xor_sync(0xffffffffu, own, step); }
__device__ inline int of_lane(int own, int step) { return __shfl_xor_sync(0xffffffffu, own, step); }
__device__ inline Two of_lane(Two own, int step) {
    return {of_lane(own.first, step), of_lane(own.second, step)};
}
__device__ inline Found of_lane(Found own, int step) {
    return {of_lane(own.value, step), of_lane(own.place, step)};
}

// What two members' numbers are together.
struct Join {
    struct Sum {
        __device__ double operator()(double a, double b) const { return a + b; }
        __device__ Two operator()(Two a, Two b) const { return {a.first + b.first, a.second + b.second}; }
    };
    struct Least {
        __device__ double operator()(double a, double b) const { return b < a ? b : a; }
    };
    struct Most {
        __device__ double operator()(double a, double b) const { return a < b ? b : a; }
        __device__ Two operator()(Two a, Two b) const {
            return {(*this)(a.first, b.first), (*this)(a.second, b.second)};
        }
    };
    struct Foremost {
        __device__ int operator()(int a, int b) const { return b < a ? b : a; }
        __device__ Found operator()(Found a, Found b) const { return b.before(a) ? b : a; }
    };
};

// Reductions of a warp, in an order that does not depend on which lane asks.
struct WarpByShuffles {
    template <class By, class T>
    __device__ static T reduce(By join, T own) {
        const int lane = static_cast<int>(threadIdx.x);
        for (int step = 1; step < warp_size; step *= 2) {
            const T other = of_lane(own, step);
            own = lane & step ? join(other, own) : join(own, other);
        }
        return own;
    }
};

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
// The same bits where the device has an instruction for the least integer of a warp, from compute capability
// 8.0 on: a search asks for the foremost of all candidates thousands of times a slot.
struct WarpByIntegers : WarpByShuffles {
    using WarpByShuffles::reduce;
    __device__ static int reduce(Join::Foremost, int own) { return __reduce_min_sync(0xffffffffu, own); }
    __device__ static double reduce(Join::Least, double own) { return from_order(least(in_order(own))); }
    __device__ static double reduce(Join::Most, double own) { return from_order(~least(~in_order(own))); }
    __device__ static Found reduce(Join::Foremost join, Found own) {
        const std::uint64_t key = in_order(own.value), first = least(key);
        const int nowhere = std::numeric_limits<int>::max();
        return {from_order(first), reduce(join, key == first ? own.place : nowhere)};
    }

 private:
    __device__ static std::uint64_t least(std::uint64_t own) {
        const auto high = static_cast<unsigned>(own >> 32);
        const unsigned first = __reduce_min_sync(0xffffffffu, high);
        const unsigned low = high == first ? static_cast<unsigned>(own) : ~0u;
        return std::uint64_t{first} << 32 | __reduce_min_sync(0xffffffffu, low);
    }
};

using Warp = std::conditional_t<warp_size == 1, WarpByShuffles, WarpByIntegers>;
#else
using Warp = WarpByShuffles;
#endif

// A block of so many threads as a group. Its reductions have one order, that of the threads, so that all of
// them, and every device, get the same bits. Of zeros the least and the most are +0.
template <int threads>
class BlockGroup {
 public:
    static constexpr int warps = threads / warp_size;
    static constexpr std::size_t shared_bytes = warps > 1 ? sizeof(Two) * warps : 0;

    // `of_warps`: shared memory for what each warp has found.
    __device__ explicit BlockGroup(double* of_warps) : of_warps_(of_warps) {}
    __device__ int rank() const { return static_cast<int>(threadIdx.x); }
    __device__ int size() const { return threads; }
    __device__ void sync() const {
        if constexpr (warps == 1)
            __syncwarp();
        else
            __syncthreads();
    }
    __device__ double sum(double own) const { return reduce(Join::Sum(), own); }
    __device__ Two sum(Two own) const { return reduce(Join::Sum(), own); }
    __device__ double least(double own) const { return reduce(Join::Least(), own + 0.0); }
    __device__ double most(double own) const { return reduce(Join::Most(), own + 0.0); }
    __device__ Two most(Two own) const {
        return reduce(Join::Most(), Two{own.first + 0.0, own.second + 0.0});
    }
    __device__ int foremost(int own) const { return reduce(Join::Foremost(), own); }
    __device__ Found foremost(Found own) const {
        return reduce(Join::Foremost(), Found{own.value + 0.0, own.place});
    }

 private:
    template <class By, class T>
    __device__ T reduce(By join, T own) const {
        own = Warp::reduce(join, own);
        if constexpr (warps > 1) {
            T* const of_warps = reinterpret_cast<T*>(of_warps_);
            if (rank() % warp_size == 0) of_warps[rank() / warp_size] = own;
            sync();
            own = of_warps[0];
            for (int w = 1; w < warps; ++w) own = join(own, of_warps[w]);
        }
        sync();  // before the next one writes; and what was written before is seen, as after any sync
        return own;
    }

    double* of_warps_;
};

// Threads for about so many members: whole warps, and no more than may have all the registers that there are
// for one.
constexpr int block_of(int members) {
    const int most = warp_size == 1 ? 1 : 256;
    return std::clamp((members + warp_size - 1) / warp_size * warp_size, warp_size, most);
}

// Groups that a multiprocessor should have room for, where a functor says so; 0 leaves it to the compiler.
template <class Functor>
constexpr int groups_each() {
    if constexpr (requires { Functor::groups_each; })
        return Functor::groups_each;
    else
        return 0;
}

// An item a block, `blockIdx.x` its place. The bounds make sure that the block can be launched, on whatever
// device, as the number of threads decides how sums are rounded.
template <int threads, class Functor>
__global__ void __launch_bounds__(threads, groups_each<Functor>()) run_groups(long count, Functor functor) {
    extern __shared__ double shared_scratch[];
    const BlockGroup<threads> group(shared_scratch);
    for (long n = blockIdx.x; n < count; n += gridDim.x) {
        functor(n, group, static_cast<int>(blockIdx.x));
        group.sync();
    }
}

// Makes a device current for a scope: the caller's thread may have another one.
class CurrentDevice {
 public:
    explicit CurrentDevice(int ordinal) {
        check(cudaGetDevice(&before_), "reading the current device");
        if (before_ == ordinal) return;
        check(cudaSetDevice(ordinal), "choosing device " + std::to_string(ordinal));
        changed_ = true;
    }
    ~CurrentDevice() {
        if (changed_) cudaSetDevice(before_);
    }
    CurrentDevice(const CurrentDevice&) = delete;
    CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
    int before_ = 0;
    bool changed_ = false;
};

class CudaMachine {
    struct FreeDevice {
        void operator()(char* p) const { cudaFree(p); }
    };
    struct FreeHost {
        void operator()(void* p) const { cudaFreeHost(p); }
    };
    struct DestroyStream {
        void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
    };
    struct DestroyGraph {
        void operator()(cudaGraph_t graph) const { cudaGraphDestroy(graph); }
    };
    struct DestroyExec {
        void operator()(cudaGraphExec_t exec) const { cudaGraphExecDestroy(exec); }
    };
    template <class Handle, class Destroy>
    using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy>;

 public:
    static constexpr std::size_t enough_items = std::size_t{1} << 18;  // to fill a large device
    static constexpr std::size_t alignment = 256;
    static constexpr int few_members = warp_size, many_members = block_of(256);

    // `stream`: a cudaStream_t of the caller's to work in, or 0.
    CudaMachine(int ordinal, std::uintptr_t stream) : ordinal_(ordinal) {
        const CurrentDevice device(ordinal_);
        recording_.reset(new_stream());
        if (!stream) own_.reset(new_stream());
        stream_ = stream ? reinterpret_cast<cudaStream_t>(stream) : own_.get();
        processors_ = attribute(cudaDevAttrMultiProcessorCount);
        shared_ = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
        reserved_shared_ = attribute(cudaDevAttrReservedSharedMemoryPerBlock);
    }
    // When a solve throws, launches and copies may be under way in memory that goes. The device must be the
    // current one: that decides what the name of a default stream means.
    ~CudaMachine() {
        try {
            synchronise();
        } catch (const std::exception&) {  // there is nobody left to tell
        }
    }
    CudaMachine(const CudaMachine&) = delete;
    CudaMachine& operator=(const CudaMachine&) = delete;

    // A part of the machine's memory, or page-locked memory of the host, so that copies run beside it.
    template <class Number>
    class Array {
     public:
        Array() = default;
        Array(Number* data, std::size_t size) : data_(data), size_(size) {}
        Number* data() const { return data_; }
        std::size_t size() const { return size_; }

     private:
        Number* data_ = nullptr;
        std::size_t size_ = 0;
    };

    template <class Number>
    using Staging = Array<Number>;
    using Sequence = Owned<cudaGraphExec_t, DestroyExec>;

    // One allocation for all that will be made, and for scratch that shared memory does not hold.
    void reserve(std::size_t bytes, int scratch_numbers) {
        const CurrentDevice device(ordinal_);
        const std::size_t columns =
            threads_with_shared(scratch_numbers) > 0
                ? 0
                : sizeof(Lane) * static_cast<std::size_t>(scratch_numbers) * column_count();
        const std::size_t wanted = bytes + columns;
        std::size_t free = 0, total = 0;
        check(cudaMemGetInfo(&free, &total), "asking for the free memory");
        void* slab = nullptr;
        const cudaError_t status = wanted > 0 ? cudaMalloc(&slab, wanted) : cudaSuccess;
        if (status == cudaErrorMemoryAllocation) {
            cudaGetLastError();  // not the next caller's
            throw OutOfDeviceMemory("CUDA: the problem needs " + std::to_string(wanted) + " bytes, and " +
                                    std::to_string(free) + " of the " + std::to_string(total) +
                                    " bytes of device " + std::to_string(ordinal_) + " are free");
        }
        check(status, "allocating " + std::to_string(wanted) + " bytes");
        slab_.reset(static_cast<char*>(slab));
        columns_ = reinterpret_cast<Lane*>(slab_.get());
        used_ = columns, reserved_ = wanted;
    }

    template <class Number>
    Array<Number> make(std::size_t count) {
        const std::size_t at = used_;
        used_ += (count * sizeof(Number) + alignment - 1) / alignment * alignment;
        if (used_ > reserved_) throw std::logic_error("CUDA: more made than reserved");
        return {reinterpret_cast<Number*>(slab_.get() + at), count};
    }

    template <class Number>
    Staging<Number> make_staging(std::size_t count) {
        const CurrentDevice device(ordinal_);
        const std::size_t bytes = std::max<std::size_t>(1, count) * sizeof(Number);
        void* data = nullptr;
        check(cudaMallocHost(&data, bytes), "locking " + std::to_string(bytes) + " bytes of host memory");
        locked_.emplace_back(data);
        return {static_cast<Number*>(data), count};
    }

    template <class Number>
    void upload(Number* to, const Number* from, std::size_t count) {
        copy(to, from, count * sizeof(Number), cudaMemcpyHostToDevice, "copying to the device");
    }
    template <class Number>
    void download(Number* to, const Number* from, std::size_t count) {
        copy(to, from, count * sizeof(Number), cudaMemcpyDeviceToHost, "copying from the device");
    }
    template <class Number>
    void copy(Number* to, const Number* from, std::size_t count) {
        copy(to, from, count * sizeof(Number), cudaMemcpyDeviceToDevice, "copying on the device");
    }

    template <class Functor>
    void for_each(long count, Functor functor) {
        launch(run_items<Functor>, blocks(count, 256), 256, 0, count, functor);
    }

    template <class Functor>
    void for_each(long count, int numbers, Functor functor) {
        const int threads = threads_with_shared(numbers);
        if (threads > 0) {
            const std::size_t bytes = sizeof(Lane) * static_cast<std::size_t>(numbers * threads);
            launch(run_with_shared<Functor>, blocks(count, threads), threads, bytes, count, functor);
            return;
        }
        const long columns = std::min(count, static_cast<long>(column_count()));
        launch(run_with_columns<Functor>, blocks(columns, column_threads), column_threads, 0, count, functor,
               columns_);
    }

    template <int members, class Functor>
    void for_each_group(long count, Functor functor) {
        constexpr int threads = block_of(members);
        launch(run_groups<threads, Functor>, std::min<long>(count, places<members, Functor>()), threads,
               BlockGroup<threads>::shared_bytes, count, functor);
    }
    // As many blocks as are at work at the same time.
    template <int members, class Functor>
    int places() const {
        const CurrentDevice device(ordinal_);
        constexpr int threads = block_of(members);
        int blocks = 0;
        check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, run_groups<threads, Functor>, threads,
                                                            BlockGroup<threads>::shared_bytes),
              "asking how many blocks fit");
        return processors_ * std::max(1, blocks);
    }

    // Captured in a stream that is there for nothing else: work may be under way in the other, and the
    // caller's may be one that cannot capture. Another thread ends the capture when it waits for the whole
    // device, as other libraries do: what was at fault shows when the launches run plainly.
    template <class Body>
    std::optional<Sequence> record(Body body) {
        const CurrentDevice device(ordinal_);
        if (cudaStreamBeginCapture(recording_.get(), cudaStreamCaptureModeThreadLocal) != cudaSuccess)
            return not_recorded();
        const cudaStream_t running = std::exchange(stream_, recording_.get());
        bool complete = true;
        try {
            body();
        } catch (const std::runtime_error&) {
            complete = false;
        }
        stream_ = running;
        cudaGraph_t captured = nullptr;
        const cudaError_t ended = cudaStreamEndCapture(recording_.get(), &captured);
        const Owned<cudaGraph_t, DestroyGraph> graph(captured);
        if (ended != cudaSuccess || !complete) return not_recorded();
        cudaGraphExec_t exec = nullptr;
        if (cudaGraphInstantiate(&exec, graph.get(), 0) != cudaSuccess) return not_recorded();
        return Sequence(exec);
    }
    void replay(const Sequence& sequence) {
        const CurrentDevice device(ordinal_);
        check(cudaGraphLaunch(sequence.get(), stream_), "launching an iteration");
    }

    void synchronise() {
        const CurrentDevice device(ordinal_);
        check(cudaStreamSynchronize(stream_), "running on device " + std::to_string(ordinal_));
    }

 private:
    static constexpr int column_threads = 128;

    int attribute(cudaDeviceAttr which) const {
        int value = 0;
        check(cudaDeviceGetAttribute(&value, which, ordinal_), "asking what the device has");
        return value;
    }

    // Threads of a block whose scratch is in shared memory, so that as many warps as a multiprocessor's
    // registers let work have theirs; 0 where there would be too few of them to keep its memory busy. A block
    // gets the 48 KB that every device grants without being asked.
    int threads_with_shared(int numbers) const {
        constexpr int enough = 24, least = 8, granted = 48 * 1024;  // warps, warps, bytes
        int chosen = 0, most = least - 1;
        for (int threads : {128, 64, 32}) {
            const int bytes = numbers * threads * static_cast<int>(sizeof(Lane));
            const int blocks = bytes <= granted ? shared_ / (bytes + reserved_shared_) : 0;
            const int warps = std::min(enough, blocks * threads / 32);
            if (warps > most) chosen = threads, most = warps;
        }
        return chosen;
    }
    std::size_t column_count() const { return static_cast<std::size_t>(processors_) * 4 * column_threads; }

    static std::nullopt_t not_recorded() {
        cudaGetLastError();  // not the next caller's
        return std::nullopt;
    }

    static cudaStream_t new_stream() {
        cudaStream_t stream = nullptr;
        check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
        return stream;
    }

    void copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, const char* what) {
        if (bytes == 0) return;
        const CurrentDevice device(ordinal_);
        check(cudaMemcpyAsync(to, from, bytes, kind, stream_), what);
    }

    static long blocks(long items, int threads) { return (items + threads - 1) / threads; }

    template <class... Parameters>
    void launch(void (*kernel)(Parameters...), long blocks, int threads, std::size_t shared,
                const std::type_identity_t<Parameters>&... arguments) {
        static_assert((sizeof(Parameters) + ... + 0) <= 4000, "what a launch can hand to every device");
        if (blocks == 0) return;
        const CurrentDevice device(ordinal_);
        cudaLaunchConfig_t config{};
        config.gridDim = dim3(static_cast<unsigned>(blocks));
        config.blockDim = dim3(static_cast<unsigned>(threads));
        config.dynamicSmemBytes = shared;
        config.stream = stream_;
        check(cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...), "launching a kernel");
    }

    int ordinal_, processors_ = 0, shared_ = 0,
                  reserved_shared_ = 0;  // bytes of a multiprocessor, of a block
    Owned<cudaStream_t, DestroyStream> own_, recording_;
    cudaStream_t stream_ = nullptr;
    std::unique_ptr<char, FreeDevice> slab_;
    std::vector<std::unique_ptr<void, FreeHost>> locked_;
    std::size_t used_ = 0, reserved_ = 0;
    Lane* columns_ = nullptr;
};

static_assert(Machine<CudaMachine>);

}  // namespace equiload
