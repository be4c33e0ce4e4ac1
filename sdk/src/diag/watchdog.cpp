// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "watchdog"
#include "diag/watchdog.hpp"

#include <bdevkit/log.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "base/start_thread.hpp"
#include "diag/stack_capture.hpp"
#include "thread/io_device_table.hpp"
#include "thread/reactor.hpp"
#include "thread/thread_registry.hpp"
#include "thread/walk_list.hpp"

namespace bdk {
namespace {

std::atomic<uint64_t> g_reports{0};

/// Walks and unregistrations may take longer than calls: they may wait for I/O.
constexpr int wait_patience = 10;

long long in_ms(std::chrono::steady_clock::duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

std::string description(const StackCapture& capture) {
    if (capture.doing.empty()) {
        return "no module: its core is overloaded, or the fault is bdevkit's; backtrace:" + capture.backtrace;
    }
    std::string text = capture.doing;
    if (!capture.thread.empty()) text += " on thread '" + capture.thread + "'";
    text += " (rule 5: code on a reactor must not block)";
    if (capture.has_messages) {
        text += "; messages wait for this thread: if it waits for one of them, it waits for ever (rule 1)";
    }
    if (capture.ios != 0) {
        text +=
            "; " + std::to_string(capture.ios) +
            " I/Os of this thread are under way: they end in a later turn, so if it waits for one of them, "
            "it waits for ever (rule 1)";
    }
    return text + "; backtrace:" + capture.backtrace;
}

void report(Reactor& reactor, std::chrono::steady_clock::duration held) {
    const auto capture = capture_stack(reactor);
    const std::string what = capture ? description(*capture) : "a call that does not answer: no backtrace";
    const uint32_t level = capture && capture->doing.empty() ? BDK_LOG_WARN : BDK_LOG_ERROR;
    bdk_log(level, BDK_LOG_COMPONENT, __FILE__, __LINE__, "the reactor of core %u is held for %lld ms by %s",
            reactor.core(), in_ms(held), what.c_str());
    g_reports.fetch_add(1, std::memory_order_relaxed);
}

void report_waits(const std::vector<std::string>& waits) {
    for (const std::string& wait : waits) {
        BDK_WARNLOG("%s", wait.c_str());
        g_reports.fetch_add(1, std::memory_order_relaxed);
    }
}

}  // namespace

uint64_t watchdog_report_count() {
    return g_reports.load(std::memory_order_relaxed);
}

Watchdog::Watchdog(std::chrono::milliseconds limit)
    : limit_(limit), pthread_(start_thread("the thread of the watchdog", [this] { run(); })) {}

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    pthread_.join();
}

void Watchdog::run() {
    pthread_setname_np(pthread_self(), "bdk-watchdog");
    const auto interval = std::max(limit_ / 4, std::chrono::milliseconds(1));
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, interval, [this] { return stopping_; })) {
        const Clock::time_point now = Clock::now();
        for (Reactor* reactor : ThreadRegistry::instance().reactors())
            look_at(*reactor, now);
        report_waits(WalkList::instance().stuck(limit_ * wait_patience));
        report_waits(IoDeviceTable::instance().late_unregistrations(limit_ * wait_patience));
    }
}

void Watchdog::look_at(Reactor& reactor, Clock::time_point now) {
    Seen& seen = seen_[&reactor];
    const uint64_t steps = reactor.activity().steps();
    if (reactor.sleeping() || steps != seen.steps || seen.since == Clock::time_point()) {
        if (seen.reported) {
            BDK_NOTICELOG("the reactor of core %u goes on after about %lld ms", reactor.core(),
                          in_ms(now - seen.since));
        }
        seen = {.steps = steps, .since = now, .use = {}, .reported = false};
        return;
    }
    if (seen.reported) return;
    const ProcessorUse use = processor_use(reactor.tid());
    if (!seen.use) seen.use = use;
    if (held(seen, use, now) < limit_) return;
    seen.reported = true;
    report(reactor, held(seen, use, now));
}

/// A runnable reactor has been held for the time in which it ran. A reactor that sleeps in a call has been
/// held all the time, except while it was ready to run without a core.
Watchdog::Clock::duration Watchdog::held(const Seen& seen, const ProcessorUse& use, Clock::time_point now) {
    const auto so_far = now - seen.since;
    return use.is_ready ? std::min<Clock::duration>(so_far, use.ran - seen.use->ran)
                        : so_far - (use.waited - seen.use->waited);
}

}  // namespace bdk
