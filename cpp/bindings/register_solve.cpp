#include <pybind11/functional.h>

#include "bound_problem.hpp"
#include "bound_result.hpp"
#include "core/build_info.hpp"
#include "core/error.hpp"
#include "registers.hpp"
#include "solver/solver.hpp"

namespace equiload::python {

namespace {

// A solution of before, by the attributes that it has in common with a result.
WarmStart warm_start_from(const py::object& from, const Problem& p, std::vector<py::object>& keep) {
    WarmStart start;
    if (from.is_none()) return start;
    const auto array = [&](const char* name, std::size_t columns) -> const double* {
        const py::object value = from.attr(name);
        if (value.is_none()) return nullptr;
        const auto values = value.cast<Doubles>();
        require_shape(values, {static_cast<py::ssize_t>(p.slots), static_cast<py::ssize_t>(columns)}, name);
        keep.push_back(values);
        return values.data();
    };
    start.allocation = array("allocation", p.arcs);
    start.shed = p.may_shed() ? array("shed", p.gateways) : nullptr;
    start.energy = array("energy_prices", p.sites);
    start.equity = from.attr("equity_prices").cast<std::vector<std::vector<double>>>();
    if (start.equity.size() != p.footprints.size())
        throw InputError("warm_start has another number of footprints");
    for (std::size_t r = 0; r < p.footprints.size(); ++r)
        if (start.equity[r].size() != p.footprints[r].regions())
            throw InputError("warm_start has another number of regions");
    return start;
}

// Ctrl-C stops the solve with the best answer so far, wherever Python hears of it; what other signal handlers
// and callbacks raise reaches the caller. Other threads never see signals.
bool interrupted() {
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() == 0) return false;
    if (!PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) throw py::error_already_set();
    PyErr_Clear();
    return true;
}

std::function<bool()> listening(bool& heard) {
    return [&heard] { return heard |= interrupted(); };
}

Callback watching(const Callback& callback, bool& heard) {
    if (!callback) return nullptr;
    return [&callback, &heard](const Progress& now) {
        const py::gil_scoped_acquire gil;
        try {
            return callback(now);
        } catch (const py::error_already_set& error) {
            if (!error.matches(PyExc_KeyboardInterrupt)) throw;
            return heard = true;
        }
    };
}

// Where the answer to a problem goes on its device.
struct BoundOutput {
    DeviceArray allocation, site_load, energy_prices, capacity_prices;
    std::optional<DeviceArray> shed;

    DeviceOutput view(const Problem& p) const {
        const auto array = [&](const DeviceArray& to, std::size_t items, const char* name) {
            require_shape(to.shape, {static_cast<py::ssize_t>(p.slots), static_cast<py::ssize_t>(items)},
                          name);
            if (to.device != p.device)
                throw InputError(std::string(name) + " is not on the problem's device");
            return to.data();
        };
        if (shed.has_value() != p.may_shed()) throw InputError("shed goes with a problem that may shed work");
        return {array(allocation, p.arcs, "allocation"), shed ? array(*shed, p.gateways, "shed") : nullptr,
                array(site_load, p.sites, "site_load"), array(energy_prices, p.sites, "energy_prices"),
                array(capacity_prices, p.sites, "capacity_prices")};
    }
};

// A problem on a device has its answer there, one on the host here.
std::optional<DeviceOutput> output_for(const Problem& problem, const BoundOutput* output) {
    if ((problem.device >= 0) != (output != nullptr))
        throw InputError("a problem on a device needs an output there, and no other takes one");
    if (!output) return std::nullopt;
    return output->view(problem);
}

BoundResult run(const BoundProblem& problem, const Settings& settings, const py::object& warm_start,
                const Callback& callback, const Tuning& tuning, const BoundOutput* output) {
    const auto to = output_for(problem.view, output);
    std::vector<py::object> keep;
    const WarmStart start = warm_start_from(warm_start, problem.view, keep);
    Solution solution;
    bool heard = false;
    {
        const py::gil_scoped_release release;
        solution = solve(problem.view, settings, start, {watching(callback, heard), listening(heard)}, tuning,
                         to.value_or(DeviceOutput{}));
    }
    return bind_result(std::move(solution), problem.view, to.has_value(), heard);
}

std::vector<BoundResult> run_batch(const std::vector<const BoundProblem*>& problems, const Settings& settings,
                                   const std::vector<py::object>& warm_starts, const Tuning& tuning,
                                   const std::vector<const BoundOutput*>& outputs) {
    std::vector<py::object> keep;
    std::vector<Scenario> scenarios;
    std::vector<std::optional<DeviceOutput>> to;
    for (std::size_t k = 0; k < problems.size(); ++k) {
        const Problem& problem = problems[k]->view;
        to.push_back(output_for(problem, outputs.empty() ? nullptr : outputs.at(k)));
        scenarios.push_back({&problem, warm_start_from(warm_starts.at(k), problem, keep),
                             to.back().value_or(DeviceOutput{})});
    }
    std::vector<Solution> solutions;
    bool heard = false;
    {
        const py::gil_scoped_release release;
        solutions = solve_batch(scenarios, settings, {{}, listening(heard)}, tuning);
    }
    std::vector<BoundResult> results;
    for (std::size_t k = 0; k < problems.size(); ++k)
        results.push_back(bind_result(std::move(solutions[k]), problems[k]->view, to[k].has_value(), heard));
    return results;
}

std::optional<py::dict> cuda_details() {
    const CudaInfo info = cuda_info();
    if (!info.built) return std::nullopt;
    py::dict d;
    d["toolkit"] = info.toolkit;
    d["targets"] = info.targets;
    d["devices"] = info.devices;
    d["reason"] = info.reason;
    return d;
}

}  // namespace

void register_solve(py::module_& module) {
    py::class_<BoundOutput>(module, "DeviceOutput")
        .def(py::init([](const DeviceArray& allocation, const DeviceArray& site_load,
                         const DeviceArray& energy_prices, const DeviceArray& capacity_prices,
                         const std::optional<DeviceArray>& shed) {
                 return BoundOutput{allocation, site_load, energy_prices, capacity_prices, shed};
             }),
             py::arg("allocation"), py::arg("site_load"), py::arg("energy_prices"),
             py::arg("capacity_prices"), py::arg("shed") = py::none());
    module.def("solve", &run, py::arg("problem"), py::arg("settings"), py::arg("warm_start") = py::none(),
               py::arg("callback") = nullptr, py::arg("tuning") = Tuning{}, py::arg("output") = py::none());
    module.def("solve_batch", &run_batch, py::arg("problems"), py::arg("settings"), py::arg("warm_starts"),
               py::arg("tuning") = Tuning{}, py::arg("outputs") = std::vector<const BoundOutput*>{});
    module.def("build_info", [] {
        const BuildInfo info = build_info();
        py::dict d;
        d["version"] = info.version;
        d["backends"] = info.backends;
        d["vector"] = info.vector;
        d["vectors"] = info.vectors;
        d["lanes"] = info.lanes;
        d["cuda"] = cuda_details();
        d["compiler"] = info.compiler;
        return d;
    });
}

}  // namespace equiload::python
