// The same passes one slot at a time: the serial oracle that the other back ends are tested against.
#include "barrier/barrier_steps.hpp"
#include "host/blocks.hpp"

namespace equiload {

const KernelPair& kernels_reference() {
    static constexpr KernelPair kernels = kernel_pair<Scalar>();
    return kernels;
}

const BarrierKernels& barrier_reference() {
    static constexpr BarrierKernels kernels = barrier_kernels<Scalar>();
    return kernels;
}

}  // namespace equiload
