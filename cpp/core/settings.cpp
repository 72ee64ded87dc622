#include "core/settings.hpp"

#include <string>

#include "core/build_info.hpp"
#include "core/error.hpp"

namespace equiload {

namespace {

void require_cuda(int ordinal) {
    const CudaInfo cuda = cuda_info();
    if (!cuda.built) throw InputError("device: this build has no CUDA back end");
    if (cuda.devices.empty()) throw InputError("device: no CUDA device: " + cuda.reason);
    if (static_cast<std::size_t>(ordinal) >= cuda.devices.size())
        throw InputError("device: there is no cuda:" + std::to_string(ordinal) + " among " +
                         std::to_string(cuda.devices.size()) + " CUDA devices");
}

template <std::size_t Count>
void require_choice(const std::string& name, const std::string& chosen,
                    const std::array<const char*, Count>& choices) {
    std::string list;
    for (const std::string choice : choices) {
        if (choice == chosen) return;
        list += (list.empty() ? "" : ", ") + choice;
    }
    throw InputError(name + " is '" + chosen + "'; it must be one of " + list);
}

}  // namespace

void Settings::validate() const {
    tols.require("tol", tol);
    iteration_counts.require("max_iterations", static_cast<double>(max_iterations));
    time_limits.require("time_limit", time_limit);
    if (threads != 0) thread_counts.require("threads", threads);
    if (cuda_ordinal() < 0) require_choice("device", device, devices);
    require_choice("method", method, methods);
    require_choice("precision", precision, precisions);
    if (cuda_ordinal() >= 0 && method == "barrier")
        throw InputError("method: barrier runs on the CPU, and device is " + device);
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
