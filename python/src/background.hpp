// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "completion.hpp"
#include "pending.hpp"

namespace bdevkit::python {

/// A call that may take its time, in a native thread of its own. When nobody waits for it any more, it goes
/// on.
class Background : public Completion {
public:
    void start() override;

private:
    /// [the native thread]
    virtual void run() = 0;
};

/// A call of fn, which must not need the GIL. Python's result is what `present` makes, with the GIL, of what
/// fn has returned; neither holds objects of Python's, as the native thread may be the last that has this
/// call.
template <typename Fn, typename Present>
class BackgroundCall : public Background {
public:
    using Result = std::invoke_result_t<Fn>;

    BackgroundCall(Fn fn, Present present) : fn_(std::move(fn)), present_(std::move(present)) {}

    py::object result() override { return present_(take()); }

    /// [done] What fn has returned, once; throws what it has thrown.
    Result take() {
        if (thrown_) std::rethrow_exception(thrown_);
        return std::move(*result_);
    }

private:
    void run() override {
        try {
            result_.emplace((*fn_)());
        } catch (...) {
            thrown_ = std::current_exception();
        }
        fn_.reset();
    }

    std::optional<Fn> fn_;
    const Present present_;
    std::optional<Result> result_;
    std::exception_ptr thrown_;
};

/// [with the GIL] Starts fn() in the background, to be waited for or awaited.
template <typename Fn, typename Present>
Pending start_in_background(Fn fn, Present present) {
    return Pending(std::make_shared<BackgroundCall<Fn, Present>>(std::move(fn), std::move(present)));
}

/// [with the GIL, not a bdk thread] Runs fn() in the background, waits for it without the GIL and returns
/// what it has returned. Ctrl-C ends the wait.
template <typename Fn>
auto in_background(Fn fn) {
    const auto no_object = [](auto&&) { return py::object(py::none()); };
    const auto call = std::make_shared<BackgroundCall<Fn, decltype(no_object)>>(std::move(fn), no_object);
    call->start();
    call->wait();
    return call->take();
}

/// [with the GIL] Waits for calls whose wait was interrupted.
void wait_for_background();

}  // namespace bdevkit::python
