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

#include "callers.hpp"
#include "frontends/frontend.hpp"
#include "loader/plugin_loader.hpp"
#include "runtime/runtime.hpp"
#include "stack/stack.hpp"
#include "stop_limit.hpp"

namespace bdevkit::host {

class WaitingBdevs;

/// The counters of one bdev.
struct BdevCounters {
    std::string name;
    std::string module;
    bdk_bdev_io_stat io;
    std::string driver_specific;  ///< the module's own counters: a JSON object, or empty
};

class Host {
public:
    /// [main thread] Starts the runtime, loads the modules that the stack names, creates the bdevs, bases
    /// first, and starts the frontends. It waits for unfinished examinations only if the stack needs bdevs
    /// that they may find. On error everything is undone, in reverse order. @param stack, loader outlive the
    /// host; the loader has discovered @param stuck called when stopping makes no progress: see StopLimit
    static tl::expected<std::unique_ptr<Host>, std::string> start(const Stack& stack, PluginLoader& loader,
                                                                  StopLimit::Stuck stuck = log_stuck);

    /// Calls stop().
    ~Host();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    /// [not a bdk thread] The program's own threads enter before they use the host, here or through Changes.
    /// False: the host is stopping.
    Callers::Inside enter() { return callers_.enter(); }

    /// [not a bdk thread] The URIs at which clients connect.
    const std::vector<std::string>& where() const { return where_; }

    /// [not a bdk thread] Returns once every examination has ended or taken longer than `examine_limit`.
    static void wait_for_examine();

    /// [main thread] The first step of stop(): no thread may enter, requests in flight are answered, clients
    /// are dropped. The bdevs stay.
    void stop_frontends();

    /// [main thread, or inside] The counters of every bdev, bases first.
    std::vector<BdevCounters> counters() const;

    /// [main thread] Stops the frontends, waits for calls into modules, removes the bdevs top-down, waits for
    /// the threads inside, runs the modules' fini, stops the runtime. @return false when a step failed; the
    /// log has the details
    bool stop();

private:
    Host(const Stack& stack, PluginLoader& loader, StopLimit::Stuck stuck);
    static void log_stuck(const std::vector<std::string>& waits);

    tl::expected<void, std::string> start_all();
    tl::expected<void, std::string> load_modules();
    tl::expected<void, std::string> create_bdevs();
    tl::expected<void, std::string> start_frontends();
    void note_where(const Frontend& frontend);
    std::string describe_failure() const;
    static void wait_for_calls();
    bool remove_bdevs();

    const Stack& stack_;
    PluginLoader& loader_;
    std::unique_ptr<bdk::Runtime> runtime_;
    std::unique_ptr<WaitingBdevs> waiting_;
    std::vector<std::unique_ptr<Frontend>> frontends_;
    std::vector<std::string> where_;
    Callers callers_;
    StopLimit::Stuck stuck_;
    std::unique_ptr<StopLimit> stop_limit_;
};

}  // namespace bdevkit::host
