#include "core/settings.hpp"

#include <stdexcept>
#include <string>

#include "core/build_info.hpp"

namespace equiload {

namespace {

void require_cuda(int ordinal) {
    const CudaInfo cuda = cuda_info();
    if (!cuda.built) throw std::invalid_argument("device: this build has no CUDA back end");
    if (cuda.devices.empty()) throw std::invalid_argument("device: no CUDA device: " + cuda.reason);
    if (static_cast<std::size_t>(ordinal) >= cuda.devices.size())
        throw std::invalid_argument("device: there is no cuda:" + std::to_string(ordinal) + " among " +
                                    std::to_string(cuda.devices.size()) + " CUDA devices");
}

}  // namespace

void Settings::validate() const {
    if (!(tol >= 0)) throw std::invalid_argument("tol must be a number >= 0");
    if (max_iterations < 1) throw std::invalid_argument("max_iterations must be >= 1");
    if (!(time_limit > 0)) throw std::invalid_argument("time_limit must be > 0 seconds");
    if (threads < 0) throw std::invalid_argument("threads must be >= 0 (0: every core)");
    if (device != "auto" && device != "cpu" && device != "reference" && cuda_ordinal() < 0)
        throw std::invalid_argument("device must be one of auto, cpu, reference, cuda, cuda:N; got " +
                                    device);
    if (method != "auto" && method != "first-order" && method != "barrier")
        throw std::invalid_argument("method must be one of auto, first-order, barrier; got " + method);
    if (precision != "double" && precision != "mixed")
        throw std::invalid_argument("precision must be one of double, mixed; got " + precision);
    if (cuda_ordinal() >= 0 && method == "barrier")
        throw std::invalid_argument("method: barrier runs on the CPU, and device is " + device);
    if (cuda_ordinal() >= 0) require_cuda(cuda_ordinal());
}

int Settings::cuda_ordinal() const {
    if (device == "cuda") return 0;
    const std::string digits = device.starts_with("cuda:") ? device.substr(5) : "";
    const bool number =
        !digits.empty() && digits.size() <= 4 && digits.find_first_not_of("0123456789") == std::string::npos;
    return number ? std::stoi(digits) : -1;
}

}  // namespace equiload
