#include "host/dispatch.hpp"

#include "core/build_info.hpp"
#include "core/error.hpp"

namespace equiload {

const KernelPair& kernels_reference();
const KernelPair& kernels_baseline();
const BarrierKernels& barrier_reference();
const BarrierKernels& barrier_baseline();
#if defined(EQUILOAD_X86)
const KernelPair& kernels_avx2();
const KernelPair& kernels_avx512();
const BarrierKernels& barrier_avx2();
const BarrierKernels& barrier_avx512();
#endif

BuildInfo build_info() {
#if defined(__clang__)
    const std::string compiler = __VERSION__;  // names itself
#else
    const std::string compiler = "GCC " __VERSION__;
#endif
    std::vector<std::string> backends{"reference", "cpu"};
    if (cuda_info().built) backends.emplace_back("cuda");
    return {EQUILOAD_VERSION,
            compiler,
            backends,
            best_instructions(),
            built_instructions(),
            kernels_baseline().full.lanes};
}

std::vector<std::string> built_instructions() {
#if defined(EQUILOAD_X86)
    return {"baseline", "avx2", "avx512"};
#else
    return {"baseline"};
#endif
}

std::string best_instructions() {
#if defined(EQUILOAD_X86)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        return "avx512";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "avx2";
#endif
    return "baseline";
}

Kernels choose_kernels(const Settings& settings) {
    if (settings.device == "reference") return {kernels_reference(), barrier_reference()};
    const std::string best = best_instructions();
    const std::string wanted = settings.instructions == "auto" ? best : settings.instructions;
    if (wanted == "baseline") return {kernels_baseline(), barrier_baseline()};
#if defined(EQUILOAD_X86)
    if (wanted == "avx2" && best != "baseline") return {kernels_avx2(), barrier_avx2()};
    if (wanted == "avx512" && best == "avx512") return {kernels_avx512(), barrier_avx512()};
#endif
    throw InputError("instructions: this machine or this build has no " + wanted);
}

}  // namespace equiload
