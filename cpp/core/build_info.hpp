// What this build is, and what it finds on this machine.
#pragma once

#include <string>
#include <vector>

namespace equiload {

struct CudaInfo {
    bool built = false;
    std::string toolkit, targets;      // of the build
    std::vector<std::string> devices;  // of this machine
    std::string reason;                // why there are none
};

struct BuildInfo {
    std::string version, compiler;
    std::vector<std::string> backends;
    std::string vector;                // instruction set that solves use on this machine
    std::vector<std::string> vectors;  // those in this build
    int lanes;                         // slots that a register pass works on side by side
};

BuildInfo build_info();
CudaInfo cuda_info();

}  // namespace equiload
