// SPDX-License-Identifier: BSD-3-Clause
// What becomes of std::bad_alloc. It never leaves a function of the ABI: one that has a result says -ENOMEM
// or NULL, and has done nothing; a step that nobody could be told to try again, such as a close, ends the
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

/// Marks the calling thread as in a step that cannot fail, for tests that make allocations fail.
class BDK_INTERNAL CannotFail {
public:
    CannotFail() noexcept;
    ~CannotFail();
    CannotFail(const CannotFail&) = delete;
    CannotFail& operator=(const CannotFail&) = delete;

    /// [any thread] True while the calling thread is in one.
    static bool here() noexcept;
    /// Says that memory has run out in `what`, and aborts.
    [[noreturn]] static void ends_the_process(const char* what) noexcept;
};

/// Runs fn(), a step that can neither be refused nor put off and takes a few small pieces of memory.
/// @param what  for the message should there be none
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
