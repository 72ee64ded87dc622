// A CUDA device as the grid back end's machine: one stream, one slab of memory, launches checked one by one.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "machine.hpp"

namespace equiload {

inline void check(cudaError_t status, const std::string& what) {
    if (status != cudaSuccess) throw std::runtime_error("CUDA: " + what + ": " + cudaGetErrorString(status));
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
        cudaStream_t stream;
        void operator()(void* p) const {
            cudaStreamSynchronize(stream);  // copies may be under way when a solve throws
            cudaFreeHost(p);
        }
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

    // `stream`: a cudaStream_t of the caller's to work in, or 0.
    CudaMachine(int ordinal, std::uintptr_t stream) : ordinal_(ordinal) {
        const CurrentDevice device(ordinal_);
        cudaStream_t own = nullptr;
        check(cudaStreamCreateWithFlags(&own, cudaStreamNonBlocking), "creating a stream");
        own_stream_.reset(own);
        stream_ = stream ? reinterpret_cast<cudaStream_t>(stream) : own;
        check(cudaDeviceGetAttribute(&processors_, cudaDevAttrMultiProcessorCount, ordinal_),
              "asking for the multiprocessors");
    }
    ~CudaMachine() { cudaStreamSynchronize(stream_); }  // nothing may be running in memory that goes
    CudaMachine(const CudaMachine&) = delete;
    CudaMachine& operator=(const CudaMachine&) = delete;

    // A part of the machine's memory.
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

    // Page-locked memory of the host, so that copies run beside it.
    template <class Number>
    class Staging {
     public:
        Staging() = default;
        Staging(Number* data, std::size_t size, cudaStream_t stream)
            : data_(data, FreeHost{stream}), size_(size) {}
        Number* data() const { return data_.get(); }
        std::size_t size() const { return size_; }

     private:
        std::unique_ptr<Number, FreeHost> data_{nullptr, FreeHost{nullptr}};
        std::size_t size_ = 0;
    };

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
            throw std::runtime_error("CUDA: the problem needs " + std::to_string(wanted) + " bytes, and " +
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
        return {static_cast<Number*>(data), count, stream_};
    }

    template <class Number>
    void upload(Number* to, const Number* from, std::size_t count) {
        copy(to, from, count * sizeof(Number), cudaMemcpyHostToDevice, "copying to the device");
    }
    template <class Number>
    void download(Number* to, const Number* from, std::size_t count) {
        copy(to, from, count * sizeof(Number), cudaMemcpyDeviceToHost, "copying from the device");
    }

    template <class Functor>
    void for_each(long count, Functor functor) {
        launch(run_items<Functor>, count, 256, 0, functor);
    }

    template <class Functor>
    void for_each(long count, int numbers, Functor functor) {
        const int threads = threads_with_shared(numbers);
        if (threads > 0) {
            const std::size_t bytes = sizeof(Lane) * static_cast<std::size_t>(numbers * threads);
            launch(run_with_shared<Functor>, count, threads, bytes, functor);
            return;
        }
        const long most = static_cast<long>(column_count());
        launch(run_with_columns<Functor>, count, column_threads, 0, functor, columns_, most);
    }

    // Captured in a stream of its own: the caller's may be one that cannot capture.
    template <class Body>
    Sequence record(Body body) {
        const CurrentDevice device(ordinal_);
        check(cudaStreamBeginCapture(own_stream_.get(), cudaStreamCaptureModeThreadLocal),
              "recording launches");
        const cudaStream_t running = stream_;
        stream_ = own_stream_.get();
        cudaGraph_t captured = nullptr;
        try {
            body();
        } catch (...) {
            stream_ = running;
            if (cudaStreamEndCapture(own_stream_.get(), &captured) == cudaSuccess) cudaGraphDestroy(captured);
            throw;
        }
        stream_ = running;
        check(cudaStreamEndCapture(own_stream_.get(), &captured), "recording launches");
        const Owned<cudaGraph_t, DestroyGraph> graph(captured);
        cudaGraphExec_t exec = nullptr;
        check(cudaGraphInstantiate(&exec, graph.get(), 0), "preparing recorded launches");
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

    std::string name() const { return "cuda:" + std::to_string(ordinal_); }

 private:
    static constexpr int column_threads = 128;

    // Threads of a block whose scratch fits into the 48 KB of shared memory that every device grants without
    // being asked; 0 where there would be too few of them.
    static int threads_with_shared(int numbers) {
        constexpr int most = 48 * 1024 / static_cast<int>(sizeof(Lane));
        return numbers * 128 <= most ? 128 : numbers * 64 <= most ? 64 : 0;
    }
    std::size_t column_count() const { return static_cast<std::size_t>(processors_) * 4 * column_threads; }

    void copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, const char* what) {
        if (bytes == 0) return;
        const CurrentDevice device(ordinal_);
        check(cudaMemcpyAsync(to, from, bytes, kind, stream_), what);
    }

    // At most `most` threads in all, where the kernel lets them take turns.
    template <class Functor, class... More>
    void launch(void (*kernel)(long, Functor, More...), long count, int threads, std::size_t shared,
                const Functor& functor, More... more) {
        launch_at_most(kernel, count, count, threads, shared, functor, more...);
    }
    template <class Functor>
    void launch(void (*kernel)(long, Functor, Lane*), long count, int threads, std::size_t shared,
                const Functor& functor, Lane* columns, long most) {
        launch_at_most(kernel, count, std::min(count, most), threads, shared, functor, columns);
    }
    template <class Functor, class... More>
    void launch_at_most(void (*kernel)(long, Functor, More...), long count, long items, int threads,
                        std::size_t shared, const Functor& functor, More... more) {
        if (count == 0) return;
        const CurrentDevice device(ordinal_);
        cudaLaunchConfig_t config{};
        config.gridDim = dim3(static_cast<unsigned>((items + threads - 1) / threads));
        config.blockDim = dim3(static_cast<unsigned>(threads));
        config.dynamicSmemBytes = shared;
        config.stream = stream_;
        check(cudaLaunchKernelEx(&config, kernel, count, Functor(functor), more...), "launching a kernel");
    }

    int ordinal_, processors_ = 0;
    Owned<cudaStream_t, DestroyStream> own_stream_;
    cudaStream_t stream_ = nullptr;
    std::unique_ptr<char, FreeDevice> slab_;
    std::size_t used_ = 0, reserved_ = 0;
    Lane* columns_ = nullptr;
};

static_assert(Machine<CudaMachine>);

}  // namespace equiload
