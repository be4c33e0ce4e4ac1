// SPDX-License-Identifier: BSD-3-Clause
// The running host: environment, reactors, app thread, bdev layer. One at a time in a process; a new one may
// start after the last has gone.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/done.hpp"
#include "base/export.hpp"
#include "bdev/model/bdev_options.hpp"
#include "env/env_options.hpp"
#include "log/violation.hpp"
#include "thread/reactor_options.hpp"

namespace bdk {

class ExitGuard;
class Watchdog;

/// How long a call may hold a reactor, unless the user says otherwise. A sanitizer makes code many times
/// slower, and a slow call is not a blocked one. The text is the value as an option's default.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::chrono::milliseconds default_blocked_limit{10'000};
inline constexpr const char* default_blocked_limit_text = "10s";
#else
inline constexpr std::chrono::milliseconds default_blocked_limit{500};
inline constexpr const char* default_blocked_limit_text = "500ms";
#endif

struct RuntimeOptions {
    EnvOptions env;
    ReactorOptions reactors;
    BdevOptions bdev;
    ViolationPolicy violations = ViolationPolicy::fail_io;
    /// A call that holds a reactor for longer is reported; 0: no check.
    std::chrono::milliseconds blocked_limit = default_blocked_limit;
    /// How long a stop may make no progress before the program gives the host up; 0: no limit. The program
    /// enforces it.
    std::chrono::milliseconds stop_limit{30'000};
};

class BDK_INTERNAL Runtime {
public:
    /// [not a bdk thread] Starts everything. The error includes advice.
    static tl::expected<std::unique_ptr<Runtime>, std::string> start(const RuntimeOptions& options);

    /// [not a bdk thread] Unregisters the remaining bdevs, top-down; lets every thread exit; stops the
    /// reactors. Modules must have been removed (module_registry.hpp).
    ~Runtime();  // NOLINT(bugprone-exception-escape): see its definition

    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

private:
    Runtime();
    tl::expected<void, std::string> start_layers(const RuntimeOptions& options);

    // The parts that have been started and must be stopped.
    bool reactors_ = false;
    bool iobuf_ = false;
    bool bdev_layer_ = false;
    std::unique_ptr<Watchdog> watchdog_;
    std::unique_ptr<ExitGuard> exit_guard_;
};

/// [not a bdk thread] Runs fn on the app thread and returns when it has. An exception of fn is thrown here.
BDK_INTERNAL void call_on_app_thread(const std::function<void()>& fn);

/// [not a bdk thread] Runs fn on the app thread and returns what it passes to its `done`, now or later.
BDK_INTERNAL int await_on_app_thread(const std::function<void(Done done)>& fn);

}  // namespace bdk
