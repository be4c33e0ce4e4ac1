// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "completion.hpp"

namespace bdevkit::python {

/// A call that may take long, in its own native thread.
class Background : public Completion {
public:
    explicit Background(std::function<void()> fn) : fn_(std::move(fn)) {}

    void start() override;
    py::object result() override { return py::none(); }

private:
    std::function<void()> fn_;
};

/// [with the GIL, not a bdk thread] Runs fn, which must not need the GIL, in its own thread, waits for it
/// without the GIL and returns its result. Ctrl-C ends the wait; then the call continues, and its thread
/// destroys the result.
template <typename Fn>
auto in_background(Fn fn) {
    using Result = decltype(fn());
    struct Ended {
        std::optional<Result> result;
        std::exception_ptr thrown;
    };
    auto ended = std::make_shared<Ended>();
    auto call = std::make_shared<Background>([ended, fn = std::move(fn)] {
        try {
            ended->result.emplace(fn());
        } catch (...) {
            ended->thrown = std::current_exception();
        }
    });
    call->start();
    call->wait();
    if (ended->thrown) std::rethrow_exception(ended->thrown);
    return std::move(*ended->result);
}

/// [with the GIL] Waits for calls whose wait was interrupted.
void wait_for_background();

}  // namespace bdevkit::python
