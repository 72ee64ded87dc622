// As much of the CUDA runtime as cuda_machine.cuh uses, on the host: streams put off their work until they
// are waited for, kernels run block by block, their threads one after the other or, where they wait for each
// other, as fibers; any call can be made to fail, and what is alive is counted. Threads may call it at the
// same time, as long as each has a stream of its own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "../fibers.hpp"

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __shared__ __thread  // blocks follow each other

enum cudaError_t { cudaSuccess, cudaErrorMemoryAllocation, cudaErrorUnknown };
enum cudaMemcpyKind {
    cudaMemcpyHostToDevice,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice,
    cudaMemcpyDefault
};
enum cudaDeviceAttr {
    cudaDevAttrMultiProcessorCount,
    cudaDevAttrMaxSharedMemoryPerMultiprocessor,
    cudaDevAttrReservedSharedMemoryPerBlock
};
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal };
inline constexpr unsigned cudaStreamNonBlocking = 1;

namespace fake_cuda {

using Works = std::vector<std::function<void()>>;

struct Stream {
    Works works;
    bool capturing = false;
};
struct Graph {
    Works works;
};

struct State {
    int processors = 1, blocks_each = 32, shared_each = 228 * 1024, shared_reserved = 1024;
    std::size_t total_bytes = std::size_t{1} << 30;
    long calls = 0, fail_at = -1;  // the call that fails
    std::map<void*, std::size_t> device_memory;
    std::set<void*> host_memory, streams, graphs;

    std::size_t used() const {
        std::size_t sum = 0;
        for (const auto& [at, bytes] : device_memory) sum += bytes;
        return sum;
    }
    bool fails() { return calls++ == fail_at; }
    bool empty() const {
        return device_memory.empty() && host_memory.empty() && streams.empty() && graphs.empty();
    }
};
inline State state;
inline std::mutex state_mutex;
inline thread_local int current_device = 0;

// A stream by its handle; the default stream, one for each thread here, by 0 or by cudaStreamLegacy's number.
inline Stream& at(Stream* handle) {
    static thread_local Stream default_stream;
    return reinterpret_cast<std::uintptr_t>(handle) <= 1 ? default_stream : *handle;
}

}  // namespace fake_cuda

using cudaStream_t = fake_cuda::Stream*;
using cudaGraph_t = fake_cuda::Graph*;
struct fake_cuda_exec : fake_cuda::Graph {};
using cudaGraphExec_t = fake_cuda_exec*;

struct dim3 {
    unsigned x = 1;
};
inline thread_local dim3 blockIdx, threadIdx, blockDim, gridDim;

namespace equiload {
inline __thread double shared_scratch[48 * 1024 / sizeof(double)];  // a block's shared memory
}

// ------------------------------------------------------------------ threads that meet

namespace fake_cuda {

using equiload::test::Fibers;
using equiload::test::Meeting;
using equiload::test::Where;

inline constexpr unsigned warp = 32, most_threads = 1024;

// Where the threads of a block meet, and what they show each other, in rounds by turns.
struct Block {
    explicit Block(unsigned threads)
        : all(static_cast<int>(threads)), warps(threads / warp, Meeting(static_cast<int>(warp))) {
        if (threads % warp > 0) warps.emplace_back(static_cast<int>(threads % warp));
    }
    Meeting all;
    std::vector<Meeting> warps;
    double shown[2][most_threads];
};
inline thread_local Block* block = nullptr;

inline Meeting& own_warp() { return block->warps[threadIdx.x / warp]; }

inline void wait(Meeting& meeting, const Where& where) {
    const dim3 self = threadIdx;
    meeting.wait(where);
    threadIdx = self;
}

// kernel() by all threads of all blocks.
template <class Kernel>
void run(dim3 grid, dim3 threads, const Kernel& kernel) {
    static thread_local Fibers fibers;
    gridDim = grid, blockDim = threads;
    for (unsigned b = 0; b < grid.x; ++b) {
        Block here(threads.x);
        block = &here, blockIdx.x = b;
        fibers.run(static_cast<int>(threads.x), [&](int thread) {
            threadIdx.x = static_cast<unsigned>(thread);
            kernel();
        });
    }
}

}  // namespace fake_cuda

inline void __syncthreads(fake_cuda::Where where = fake_cuda::Where::current()) {
    fake_cuda::wait(fake_cuda::block->all, where);
}
inline void __syncwarp(fake_cuda::Where where = fake_cuda::Where::current()) {
    fake_cuda::wait(fake_cuda::own_warp(), where);
}
namespace fake_cuda {

// What the threads of a warp show each other, by thread of the block: integers of 32 bits, too.
inline const double* show(unsigned threads, double value, const Where& where) {
    if (threads != 0xffffffffu) throw std::logic_error("a part of a warp");
    double* const shown = block->shown[own_warp().round() % 2];
    shown[threadIdx.x] = value;
    wait(own_warp(), where);
    return shown;
}

}  // namespace fake_cuda

template <class T>
T __shfl_xor_sync(unsigned threads, T value, int distance,
                  fake_cuda::Where where = fake_cuda::Where::current()) {
    return static_cast<T>(
        fake_cuda::show(threads, value, where)[threadIdx.x ^ static_cast<unsigned>(distance)]);
}
template <class T>
T __reduce_min_sync(unsigned threads, T value, fake_cuda::Where where = fake_cuda::Where::current()) {
    const double* const first =
        fake_cuda::show(threads, value, where) + threadIdx.x / fake_cuda::warp * fake_cuda::warp;
    return static_cast<T>(*std::min_element(first, first + fake_cuda::warp));
}

// ------------------------------------------------------------------ the runtime

struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    std::size_t dynamicSmemBytes;
    cudaStream_t stream;
};

inline const char* cudaGetErrorString(cudaError_t status) {
    return status == cudaErrorMemoryAllocation ? "out of memory" : "made to fail";
}
inline cudaError_t cudaGetLastError() { return cudaSuccess; }

#define FAKE_CUDA_LOCK const std::lock_guard fake_cuda_lock(fake_cuda::state_mutex)
#define FAKE_CUDA_CALL \
    FAKE_CUDA_LOCK;    \
    if (fake_cuda::state.fails()) return cudaErrorUnknown

struct cudaDeviceProp {
    char name[256] = "stand-in on the host";
};

inline cudaError_t cudaGetDeviceCount(int* count) {
    FAKE_CUDA_CALL;
    *count = 1;
    return cudaSuccess;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    FAKE_CUDA_CALL;
    *properties = {};
    return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int* device) {
    FAKE_CUDA_CALL;
    *device = fake_cuda::current_device;
    return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int device) {
    FAKE_CUDA_CALL;
    fake_cuda::current_device = device;
    return cudaSuccess;
}
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int) {
    FAKE_CUDA_CALL;
    const fake_cuda::State& has = fake_cuda::state;
    *value = which == cudaDevAttrMultiProcessorCount                ? has.processors
             : which == cudaDevAttrMaxSharedMemoryPerMultiprocessor ? has.shared_each
                                                                    : has.shared_reserved;
    return cudaSuccess;
}
inline cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
    FAKE_CUDA_CALL;
    *total = fake_cuda::state.total_bytes, *free = *total - fake_cuda::state.used();
    return cudaSuccess;
}
inline cudaError_t cudaMalloc(void** at, std::size_t bytes) {
    FAKE_CUDA_CALL;
    if (bytes > fake_cuda::state.total_bytes - fake_cuda::state.used()) return cudaErrorMemoryAllocation;
    *at = ::operator new(bytes, std::align_val_t{256});
    std::memset(*at, 0xff, bytes);  // NaN
    fake_cuda::state.device_memory[*at] = bytes;
    return cudaSuccess;
}
inline cudaError_t cudaFree(void* at) {
    FAKE_CUDA_LOCK;
    fake_cuda::state.device_memory.erase(at);
    ::operator delete(at, std::align_val_t{256});
    return cudaSuccess;
}
inline cudaError_t cudaMallocHost(void** at, std::size_t bytes) {
    FAKE_CUDA_CALL;
    *at = ::operator new(bytes);
    std::memset(*at, 0xff, bytes);
    fake_cuda::state.host_memory.insert(*at);
    return cudaSuccess;
}
inline cudaError_t cudaFreeHost(void* at) {
    FAKE_CUDA_LOCK;
    fake_cuda::state.host_memory.erase(at);
    ::operator delete(at);
    return cudaSuccess;
}

inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    FAKE_CUDA_CALL;
    *stream = new fake_cuda::Stream;
    fake_cuda::state.streams.insert(*stream);
    return cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    FAKE_CUDA_LOCK;
    fake_cuda::state.streams.erase(stream);
    delete stream;
    return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    fake_cuda::Stream& own = fake_cuda::at(stream);
    if (own.capturing) return cudaErrorUnknown;
    fake_cuda::Works works;
    works.swap(own.works);
    {
        FAKE_CUDA_CALL;
    }
    for (const auto& work : works) work();
    return cudaSuccess;
}
// Host memory that is not page-locked has been read when the call returns, as CUDA says.
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                                   cudaStream_t stream) {
    FAKE_CUDA_CALL;
    fake_cuda::Works& works = fake_cuda::at(stream).works;
    const auto first = static_cast<const char*>(from);
    if (kind == cudaMemcpyHostToDevice && !fake_cuda::state.host_memory.contains(const_cast<void*>(from)))
        works.push_back([to, staged = std::vector<char>(first, first + bytes)] {
            std::memcpy(to, staged.data(), staged.size());
        });
    else
        works.push_back([=] { std::memcpy(to, from, bytes); });
    return cudaSuccess;
}

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments... arguments) {
    FAKE_CUDA_CALL;
    const dim3 grid = config->gridDim, block = config->blockDim;
    if (grid.x == 0 || block.x == 0 || block.x > fake_cuda::most_threads ||
        config->dynamicSmemBytes > sizeof(equiload::shared_scratch))
        return cudaErrorUnknown;
    fake_cuda::at(config->stream).works.push_back([=] {
        fake_cuda::run(grid, block, [&] { kernel(arguments...); });
    });
    return cudaSuccess;
}

template <class... Parameters>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void (*)(Parameters...), int,
                                                          std::size_t) {
    FAKE_CUDA_CALL;
    *blocks = fake_cuda::state.blocks_each;
    return cudaSuccess;
}

inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    FAKE_CUDA_CALL;
    if (!stream->works.empty()) throw std::logic_error("work under way in a stream that captures");
    stream->capturing = true;
    return cudaSuccess;
}
inline cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    stream->capturing = false;
    fake_cuda::Works works;
    works.swap(stream->works);
    FAKE_CUDA_CALL;
    *graph = new fake_cuda::Graph{works};
    fake_cuda::state.graphs.insert(*graph);
    return cudaSuccess;
}
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned) {
    FAKE_CUDA_CALL;
    *exec = new fake_cuda_exec{{graph->works}};
    fake_cuda::state.graphs.insert(*exec);
    return cudaSuccess;
}
inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    FAKE_CUDA_LOCK;
    fake_cuda::state.graphs.erase(graph);
    delete graph;
    return cudaSuccess;
}
inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    FAKE_CUDA_LOCK;
    fake_cuda::state.graphs.erase(exec);
    delete exec;
    return cudaSuccess;
}
inline cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    FAKE_CUDA_CALL;
    fake_cuda::Works& works = fake_cuda::at(stream).works;
    works.insert(works.end(), exec->works.begin(), exec->works.end());
    return cudaSuccess;
}
