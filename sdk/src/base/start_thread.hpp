// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/limit_text.hpp"

namespace bdk {

/// [any thread] Starts a pthread that runs fn(). Throws std::system_error when the system refuses it; the
/// text names the thread and the limit. @param what "the thread of a reactor"
template <typename Fn>
std::thread start_thread(const char* what, Fn&& fn) {
    try {
        return std::thread(std::forward<Fn>(fn));
    } catch (const std::system_error& error) {
        // The code's standard text follows.
        throw std::system_error(error.code(),
                                std::string(what) + " cannot be started" + limit_text(error.code().value()));
    }
}

}  // namespace bdk
