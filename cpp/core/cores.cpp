#include "core/cores.hpp"

#include <algorithm>
#include <climits>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace equiload {

namespace {

// Cores of one group by its files: "QUOTA PERIOD" in cpu.max (version 2), or a file each (version 1), in
// microseconds. "max", -1 and a missing file mean no quota.
int cores_of_group(const std::string& folder) {
    double quota = 0, period = 0;
    if (std::ifstream both(folder + "/cpu.max"); !(both >> quota >> period)) {
        std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;
        std::ifstream(folder + "/cpu.cfs_period_us") >> period;
    }
    if (!(quota > 0) || !(period > 0)) return INT_MAX;
    return static_cast<int>(std::clamp(std::ceil(quota / period), 1.0, 1e6));
}

// A path of /proc/self/cgroup may start above what a container sees: groups that are not there say nothing.
int cores_along(const std::string& mount, std::string group) {
    int cores = cores_of_group(mount);
    for (; group.size() > 1; group.resize(group.rfind('/')))
        cores = std::min(cores, cores_of_group(mount + group));
    return cores;
}

}  // namespace

int quota_cores(const std::string& root) {
    int cores = INT_MAX;
    std::ifstream groups(root + "/proc/self/cgroup");  // lines of NUMBER:CONTROLLERS:PATH
    for (std::string line; std::getline(groups, line);) {
        const std::size_t first = line.find(':'), second = line.find(':', first + 1);
        if (second == std::string::npos || second + 1 >= line.size()) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const std::string group = line.substr(second + 1);
        if (controllers.empty()) {
            cores = std::min(cores, cores_along(root + "/sys/fs/cgroup", group));
            continue;
        }
        std::istringstream names(controllers);
        for (std::string name; std::getline(names, name, ',');)
            if (name == "cpu") cores = std::min(cores, cores_along(root + "/sys/fs/cgroup/cpu", group));
    }
    return cores == INT_MAX ? 0 : cores;
}

int usable_cores() {
#if defined(__linux__)
    static const int quota = quota_cores("");
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        const int cores = std::max(1, CPU_COUNT(&set));
        return quota > 0 ? std::min(cores, quota) : cores;
    }
#endif
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace equiload
