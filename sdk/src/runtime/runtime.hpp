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

struct RuntimeOptions {
    EnvOptions env;
    ReactorOptions reactors;
    BdevOptions bdev;
    ViolationPolicy violations = ViolationPolicy::fail_io;
    /// What holds a reactor longer than this is reported; 0: nobody looks.
    std::chrono::milliseconds blocked_limit{500};
    /// A host whose end does not get on for so long is given up; 0: never. The program looks after it.
    std::chrono::milliseconds stop_limit{30'000};
};

class BDK_INTERNAL Runtime {
public:
    /// [not a bdk thread] Starts everything. The error says what to do about it.
    static tl::expected<std::unique_ptr<Runtime>, std::string> start(const RuntimeOptions& options);

    /// [not a bdk thread] Unregisters the bdevs that are left, top-down; lets every thread exit; stops the
    /// reactors. Modules must have been removed (module_registry.hpp).
    ~Runtime();  // NOLINT(bugprone-exception-escape): see its definition

    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

private:
    Runtime();
    tl::expected<void, std::string> start_layers(const RuntimeOptions& options);

    // What has started, and is to be ended.
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
