// SPDX-License-Identifier: BSD-3-Clause
// The handling of std::bad_alloc. It never leaves a function of the ABI. A function with a result returns
// -ENOMEM or NULL and has done nothing. A step whose caller could not try again, such as a close, ends the
// process.
#pragma once

#include <cerrno>
#include <new>
#include <utility>

#include "base/export.hpp"

namespace bdk {

/// fn()'s errno, or -ENOMEM when it runs out of memory.
template <typename Fn>
int or_enomem(Fn&& fn) noexcept {
    try {
        return std::forward<Fn>(fn)();
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    }
}

/// fn()'s pointer, or nullptr when it runs out of memory.
template <typename Fn>
auto or_null(Fn&& fn) noexcept -> decltype(fn()) {
    try {
        return std::forward<Fn>(fn)();
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

/// Marks the calling thread as inside a step that cannot fail, for tests that make allocations fail.
class BDK_INTERNAL CannotFail {
public:
    CannotFail() noexcept;
    ~CannotFail();
    CannotFail(const CannotFail&) = delete;
    CannotFail& operator=(const CannotFail&) = delete;

    /// [any thread] True while the calling thread is inside such a step.
    static bool here() noexcept;
    /// Reports that memory has run out in `what`, and aborts.
    [[noreturn]] static void ends_the_process(const char* what) noexcept;
};

/// Runs fn(), a step that can neither be refused nor postponed and that needs a few small pieces of memory.
/// @param what the step's name, for the message when memory runs out
template <typename Fn>
auto cannot_fail(const char* what, Fn&& fn) noexcept -> decltype(fn()) {
    const CannotFail mark;
    try {
        return std::forward<Fn>(fn)();
    } catch (const std::bad_alloc&) {
        CannotFail::ends_the_process(what);
    }
}

}  // namespace bdk
