// What the algorithm asks of a machine. A back end owns the iterate and the data in its own layout; the
// algorithm sees whole passes over the horizon and never a thread, a block or a kernel.
#pragma once

#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "algorithm/steps.hpp"

namespace equiload {

template <class B>
concept Backend =
    requires(B b, std::span<const double> lambda, const Pass& pass, double* out, const double* in) {
        // Sets the iterate and its anchors to (x, v), both (T, ..) row-major; the first weights from the
        // arcs' costs at `lambda`.
        { b.start(in, in, lambda) };
        // The first arc pass, and the burden at `lambda`: [E_1 .. E_R, H_11, H_21, H_22, ..][site].
        { b.begin(lambda) } -> std::same_as<std::span<const double>>;
        // Finishes an iteration with the site pass at `lambda`, restarts the slots that are due, starts the
        // next one with its arc pass, and returns the burden at `lambda`.
        { b.iterate(lambda, pass) } -> std::same_as<std::span<const double>>;
        // The burden of the present point at another `lambda`.
        { b.burden(lambda) } -> std::same_as<std::span<const double>>;
        // T(z): x+ (T, A), kept by a pass that was asked to, and v+ (T, I) at `lambda`.
        { b.candidate(lambda, out, out) };
        { b.restarts() } -> std::same_as<double>;
        { b.name() } -> std::convertible_to<std::string>;
    };

// A back end that is chosen at run time, once a solve: whole passes make virtual calls cost nothing.
class AnyBackend {
 public:
    virtual ~AnyBackend() = default;
    virtual void start(const double* x, const double* v, std::span<const double> lambda) = 0;
    virtual std::span<const double> begin(std::span<const double> lambda) = 0;
    virtual std::span<const double> iterate(std::span<const double> lambda, const Pass& pass) = 0;
    virtual std::span<const double> burden(std::span<const double> lambda) = 0;
    virtual void candidate(std::span<const double> lambda, double* x_plus, double* v_plus) = 0;
    virtual double restarts() = 0;
    virtual std::string name() const = 0;
};
static_assert(Backend<AnyBackend>);

template <Backend B>
class Boxed final : public AnyBackend {
 public:
    template <class... Arguments>
    explicit Boxed(Arguments&&... arguments) : backend_(std::forward<Arguments>(arguments)...) {}

    void start(const double* x, const double* v, std::span<const double> lambda) override {
        backend_.start(x, v, lambda);
    }
    std::span<const double> begin(std::span<const double> lambda) override { return backend_.begin(lambda); }
    std::span<const double> iterate(std::span<const double> lambda, const Pass& pass) override {
        return backend_.iterate(lambda, pass);
    }
    std::span<const double> burden(std::span<const double> lambda) override {
        return backend_.burden(lambda);
    }
    void candidate(std::span<const double> lambda, double* x_plus, double* v_plus) override {
        backend_.candidate(lambda, x_plus, v_plus);
    }
    double restarts() override { return backend_.restarts(); }
    std::string name() const override { return backend_.name(); }

 private:
    B backend_;
};

}  // namespace equiload
