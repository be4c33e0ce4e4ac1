// SPDX-License-Identifier: BSD-3-Clause
// The running host of one stack. Driven from the main thread, which is not a bdk thread.
//
//     PluginLoader loader(...); loader.discover();
//     Stack stack = resolve_stack(...);
//     auto host = Host::start(stack, loader);
//     ... host->where() ...
//     host->stop();
#pragma once

#include <bdevkit/bdev.h>

#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "frontends/frontend.hpp"
#include "loader/plugin_loader.hpp"
#include "runtime/runtime.hpp"
#include "stack/stack.hpp"

namespace bdevkit::host {

class WaitingBdevs;

/// What one bdev has done so far.
struct BdevCounters {
    std::string name;
    std::string module;
    bdk_bdev_io_stat io;
};

class Host {
public:
    /// [main thread] Starts the runtime, loads the modules that the stack uses and those that examine,
    /// creates the bdevs, bases first, and starts the frontends. On error everything is undone, in reverse.
    /// @param stack, loader  outlive the host; the loader has discovered
    static tl::expected<std::unique_ptr<Host>, std::string> start(const Stack& stack, PluginLoader& loader);

    /// As stop().
    ~Host();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    /// [main thread] Where clients connect, one URI each.
    std::vector<std::string> where() const;

    /// [main thread] Requests in flight are answered, clients dropped; the bdevs stay.
    void stop_frontends();

    /// [main thread] The counters of every bdev, bases first.
    std::vector<BdevCounters> counters() const;

    /// [main thread] Stops the frontends, waits for calls of methods, removes the bdevs top-down, runs the
    /// modules' fini, stops the runtime. @return false when something did not go as it should, which the log
    /// tells.
    bool stop();

private:
    Host(const Stack& stack, PluginLoader& loader);

    tl::expected<void, std::string> start_all();
    tl::expected<void, std::string> load_modules();
    tl::expected<void, std::string> create_bdevs();
    tl::expected<void, std::string> start_frontends();
    static void wait_for_calls();
    bool remove_bdevs();

    const Stack& stack_;
    PluginLoader& loader_;
    std::unique_ptr<bdk::Runtime> runtime_;
    std::unique_ptr<WaitingBdevs> waiting_;
    std::vector<std::unique_ptr<Frontend>> frontends_;
};

}  // namespace bdevkit::host
