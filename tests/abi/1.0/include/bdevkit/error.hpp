// SPDX-License-Identifier: BSD-3-Clause
/// @file error.hpp
/// Exceptions inside a plugin. None crosses the ABI: each callback of this layer runs in guarded(), which
/// turns what escapes into a negative errno and a log line that names the callback.
#pragma once

#include <bdevkit/log.hpp>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace BDEVKIT_HIDDEN bdevkit {

/// What a plugin throws: a message for the log, and the errno that the host or the I/O gets.
class Error : public std::runtime_error {
public:
    /// @param error    an errno such as EINVAL, of either sign, not 0
    /// @param message  what was expected and what to do
    Error(int error, const std::string& message) : std::runtime_error(message), rc_(-std::abs(error)) {}

    /// The negative errno.
    int rc() const noexcept { return rc_; }

private:
    int rc_;
};

/// Throws Error when `rc`, the result of an ABI function, is negative.
inline int check(int rc, const char* what) {
    if (rc < 0) throw Error(rc, std::string(what) + ": " + std::generic_category().message(-rc));
    return rc;
}

namespace detail {

/// Inside a catch block: logs the exception and says which errno it is. Cold, so that the callers stay small.
[[gnu::cold, gnu::noinline]] inline int handle_exception(const char* component,
                                                         const char* callback) noexcept {
    const auto report = [&](const char* what) {
        bdk_log(BDK_LOG_ERROR, component, __FILE__, __LINE__, "%s: %s", callback, what);
    };
    try {
        throw;
    } catch (const Error& e) {
        report(e.what());
        return e.rc();
    } catch (const std::bad_alloc&) {
        report("out of memory");
        return -ENOMEM;
    } catch (const std::system_error& e) {
        report(e.what());
        const std::error_condition condition = e.code().default_error_condition();
        return condition.category() == std::generic_category() && condition.value() > 0 ? -condition.value()
                                                                                        : -EIO;
    } catch (const std::exception& e) {
        report(e.what());
        return -EIO;
    } catch (...) {
        report("exception of a type that is no std::exception");
        return -EIO;
    }
}

/// Runs fn, which returns int or nothing. @return fn's result (0 for nothing), or the errno of what it threw.
template <class Fn>
int guarded(const char* component, const char* callback, Fn&& fn) noexcept {
    try {
        if constexpr (std::is_void_v<decltype(fn())>) {
            std::forward<Fn>(fn)();
            return 0;
        } else {
            return int(std::forward<Fn>(fn)());
        }
    } catch (...) {
        return handle_exception(component, callback);
    }
}

}  // namespace detail
}  // namespace bdevkit
