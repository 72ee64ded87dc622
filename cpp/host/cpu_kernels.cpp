// The passes over a block for one instruction set. Compiled once for each, with its own flags; the tag type
// keeps the copies apart (see pack.hpp).
#include "barrier/barrier_steps.hpp"
#include "host/blocks.hpp"

#define EQUILOAD_JOIN_(a, b) a##b
#define EQUILOAD_JOIN(a, b) EQUILOAD_JOIN_(a, b)

namespace equiload {

struct EQUILOAD_JOIN(Isa_, EQUILOAD_ISA);

const KernelPair& EQUILOAD_JOIN(kernels_, EQUILOAD_ISA)() {
    static constexpr KernelPair kernels = kernel_pair<Pack<EQUILOAD_JOIN(Isa_, EQUILOAD_ISA)>>();
    return kernels;
}

const BarrierKernels& EQUILOAD_JOIN(barrier_, EQUILOAD_ISA)() {
    static constexpr BarrierKernels kernels = barrier_kernels<Pack<EQUILOAD_JOIN(Isa_, EQUILOAD_ISA)>>();
    return kernels;
}

}  // namespace equiload
