// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <pthread.h>

#include <csignal>
#include <initializer_list>

namespace bdk {

/// Blocks signals while the library starts a pthread. The pthread inherits the mask, so the program's signals
/// go to the program's own pthreads.
class SignalsBlocked {
public:
    /// @param open signals that the pthread should receive
    explicit SignalsBlocked(std::initializer_list<int> open = {}) noexcept {
        sigset_t blocked;
        sigfillset(&blocked);
        for (const int signal : open)
            sigdelset(&blocked, signal);
        pthread_sigmask(SIG_SETMASK, &blocked, &saved_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t saved_{};
};

}  // namespace bdk
