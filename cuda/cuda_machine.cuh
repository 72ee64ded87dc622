// A CUDA device as the grid back end's machine: one stream, one slab of memory, launches checked one by one.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
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

// A block as a group. Its reductions have one order, that of the threads, so that all of them, and every
// device, get the same bits.
class BlockGroup {
 public:
    static constexpr int warp = EQUILOAD_WARP;
    static constexpr int largest =
        warp == 1 ? 1 : 256;  // each thread may have all the registers that there are for one

    // `of_warps`: shared memory for a number of each warp.
    __device__ explicit BlockGroup(double* of_warps) : of_warps_(of_warps) {}
    __device__ int rank() const { return static_cast<int>(threadIdx.x); }
    __device__ int size() const { return static_cast<int>(blockDim.x); }
    __device__ void sync() const {
        if (size() == warp)
            __syncwarp();
        else
            __syncthreads();
    }
    __device__ double sum(double own) const { return reduce<Sum>(own); }
    __device__ double least(double own) const { return reduce<Least>(own); }
    __device__ double most(double own) const { return reduce<Most>(own); }

 private:
    struct Sum {
        __device__ static double join(double a, double b) { return a + b; }
    };
    struct Least {
        __device__ static double join(double a, double b) { return b < a ? b : a; }
    };
    struct Most {
        __device__ static double join(double a, double b) { return a < b ? b : a; }
    };

    template <class By>
    __device__ double reduce(double own) const {
        for (int step = 1; step < warp; step *= 2) {
            const double other = __shfl_xor_sync(0xffffffffu, own, step);
            own = rank() & step ? By::join(other, own) : By::join(own, other);
        }
        if (size() > warp) {
            if (rank() % warp == 0) of_warps_[rank() / warp] = own;
            sync();
            own = of_warps_[0];
            for (int w = 1; w < size() / warp; ++w) own = By::join(own, of_warps_[w]);
        }
        sync();  // before the next one writes; and what was written before is seen, as after any sync
        return own;
    }

    double* of_warps_;
};

// An item a block, `blockIdx.x` its place. The bound makes sure that the block can be launched, on whatever
// device, as the number of threads decides how sums are rounded.
template <class Functor>
__global__ void __launch_bounds__(BlockGroup::largest) run_groups(long count, Functor functor) {
    extern __shared__ double shared_scratch[];
    const BlockGroup group(shared_scratch);
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
    static constexpr int few_members = BlockGroup::warp, many_members = BlockGroup::largest;

    // `stream`: a cudaStream_t of the caller's to work in, or 0.
    CudaMachine(int ordinal, std::uintptr_t stream) : ordinal_(ordinal) {
        const CurrentDevice device(ordinal_);
        recording_.reset(new_stream());
        if (!stream) own_.reset(new_stream());
        stream_ = stream ? reinterpret_cast<cudaStream_t>(stream) : own_.get();
        check(cudaDeviceGetAttribute(&processors_, cudaDevAttrMultiProcessorCount, ordinal_),
              "asking for the multiprocessors");
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

    template <class Functor>
    void for_each_group(long count, int members, Functor functor) {
        const int warps = (members + BlockGroup::warp - 1) / BlockGroup::warp;
        const int threads = std::clamp(warps * BlockGroup::warp, BlockGroup::warp, BlockGroup::largest);
        const std::size_t bytes = sizeof(double) * static_cast<std::size_t>(threads / BlockGroup::warp);
        launch(run_groups<Functor>, std::min<long>(count, places()), threads, bytes, count, functor);
    }
    int places() const { return processors_ * 32; }  // as many blocks as a multiprocessor takes at most

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

    // Threads of a block whose scratch fits into the 48 KB of shared memory that every device grants without
    // being asked; 0 where there would be too few of them.
    static int threads_with_shared(int numbers) {
        constexpr int most = 48 * 1024 / static_cast<int>(sizeof(Lane));
        return numbers * 128 <= most ? 128 : numbers * 64 <= most ? 64 : 0;
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

    int ordinal_, processors_ = 0;
    Owned<cudaStream_t, DestroyStream> own_, recording_;
    cudaStream_t stream_ = nullptr;
    std::unique_ptr<char, FreeDevice> slab_;
    std::vector<std::unique_ptr<void, FreeHost>> locked_;
    std::size_t used_ = 0, reserved_ = 0;
    Lane* columns_ = nullptr;
};

static_assert(Machine<CudaMachine>);

}  // namespace equiload
