// SPDX-License-Identifier: BSD-3-Clause
// The exit of a thread: asked to exit, waiting for the objects that it owns, closed to new messages, gone.
#define BDK_LOG_COMPONENT "thread"
#include <bdevkit/log.h>
#include <errno.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "base/ticks.hpp"
#include "thread/io_channel.hpp"
#include "thread/place.hpp"
#include "thread/reactor.hpp"
#include "thread/thread.hpp"
#include "thread/thread_registry.hpp"

namespace bdk {
namespace {

/// Threads that have released everything before this time exit without a log line.
constexpr uint64_t quiet_wait_ns = 100'000'000;
std::atomic<uint64_t> g_exit_timeout_ns{5 * ns_per_second};

void append_kind(std::string& text, size_t count, const char* kind, const std::string& names = {}) {
    if (count == 0) return;
    if (!text.empty()) text += "; ";
    text += std::to_string(count) + " " + kind;
    if (!names.empty()) text += ": " + names;
}

/// The reason why the thread cannot exit yet; empty if it can.
std::string leftovers(const bdk_thread& thread) {
    std::string text;
    append_kind(text, thread.pollers.count(), "poller(s)", thread.pollers.names());
    append_kind(text, thread.interrupts.count(), "interrupt(s)", thread.interrupts.names());
    append_kind(text, thread.channels.count(), "io_channel(s)", thread.channels.names());
    append_kind(text, thread.open_handles.count(), "open desc(s)", thread.open_handles.names());
    append_kind(text, thread.unregisters_due.count(), "unregistration(s) under way");
    append_kind(text, thread.walks_due.count(), "for_each walk(s) under way");
    return text;
}

bool owns_nothing(const bdk_thread& thread) {
    return thread.pollers.count() == 0 && thread.interrupts.count() == 0 && thread.channels.count() == 0 &&
           thread.open_handles.count() == 0 && thread.unregisters_due.count() == 0 &&
           thread.walks_due.count() == 0;
}

bool has_no_messages(const bdk_thread& thread) {
    return thread.messages->empty() && thread.critical.load(std::memory_order_seq_cst) == nullptr &&
           !thread.has_overflow.load(std::memory_order_seq_cst) && thread.deferred.empty();
}

/// The io_devices of its channels that are still in use, such as descs with I/O in flight: "'a', 'b'".
std::string busy_channels(const bdk_thread& thread) {
    std::string names;
    for (bdk_io_channel* ch : thread.channels.all()) {
        if (ch->is_busy == nullptr || !ch->is_busy(io_channel_ctx(ch))) continue;
        names += (names.empty() ? "'" : ", '") + ch->device->name + "'";
    }
    return names;
}

/// True if the thread has I/O in flight. Then it stays as long as necessary, because the I/O completes on it.
bool must_stay(bdk_thread& thread, uint64_t now) {
    const std::string busy = busy_channels(thread);
    if (busy.empty()) return false;
    BDK_ERRLOG("thread '%s' cannot exit: the I/O in flight on %s has not ended", thread.name.c_str(),
               busy.c_str());
    thread.exit_turn = now + ticks_from_ns(g_exit_timeout_ns);
    return true;
}

/// Releases the objects that a thread did not release. The memory of its channels stays, because the faulty
/// module may still use it.
void take_leftovers(bdk_thread& thread) {
    BDK_ERRLOG("thread '%s' exits although it still has %s: its module did not clean up within %llu ms",
               thread.name.c_str(), leftovers(thread).c_str(),
               static_cast<unsigned long long>(g_exit_timeout_ns / 1'000'000));
    thread.pollers.unregister_all();
    while (thread.interrupts.count() != 0) {
        bdk_interrupt* interrupt = thread.interrupts.all().back().get();
        bdk_interrupt_unregister(&interrupt);
    }
    while (bdk_io_channel* newest = thread.channels.newest())
        destroy_abandoned_channel(newest);
    thread.open_handles.abandon_all();
    thread.unregisters_due.forget();
    thread.walks_due.forget();
}

void begin_exit(bdk_thread* thread) {
    const uint64_t now = rte_rdtsc();
    const uint64_t timeout_ns = g_exit_timeout_ns;
    thread->exit_deadline = now + ticks_from_ns(timeout_ns);
    thread->exit_turn = now + ticks_from_ns(std::min(quiet_wait_ns, timeout_ns));
    thread->state.store(ThreadState::exiting, std::memory_order_seq_cst);
}

void exit_msg(void*) {
    bdk_thread* thread = current_thread();
    if (bdk_thread_is_exiting(thread)) return;
    if (thread != bdk_thread_get_app_thread()) {
        BDK_WARNLOG("bdk_thread_exit() was not called on thread '%s' before the host stops",
                    thread->name.c_str());
    }
    begin_exit(thread);
}

}  // namespace

void set_exit_timeout(uint64_t ns) {
    g_exit_timeout_ns = ns;
}

void request_exit(bdk_thread* thread) {
    send_always(thread, exit_msg, nullptr);
}

void Reactor::after_turn(bdk_thread& thread) {
    if (thread.move_to != nullptr) {
        departed_ = true;
    } else {
        step_exit(thread);
    }
}

void Reactor::step_exit(bdk_thread& thread) {
    const ThreadState state = thread.state.load(std::memory_order_relaxed);
    const bool closed = state == ThreadState::closed;
    if (state == ThreadState::gone || (closed && !thread.senders_gone)) return;
    if (!owns_nothing(thread)) {
        const uint64_t now = rte_rdtsc();
        if (now < thread.exit_turn) return;
        if (now < thread.exit_deadline) {
            BDK_NOTICELOG("thread '%s' is exiting and waits for %s", thread.name.c_str(),
                          leftovers(thread).c_str());
            thread.exit_turn = thread.exit_deadline;
            return;
        }
        // Operations that end with a message must not be ended a second time.
        if (must_stay(thread, now) || !has_no_messages(thread)) return;
        take_leftovers(thread);
    }
    if (!has_no_messages(thread)) return;
    if (!closed) {
        close(thread);
        return;
    }
    thread.state.store(ThreadState::gone, std::memory_order_release);
    departed_ = true;
}

void Reactor::close(bdk_thread& thread) {
    thread.state.store(ThreadState::closed, std::memory_order_seq_cst);
    // A sender may have seen the thread open but not yet queued its message; that message will still run.
    ThreadRegistry::instance().when_senders_are_done(
        [this, target = &thread] { post([target] { target->senders_gone = true; }); });
}

}  // namespace bdk

int bdk_thread_exit(void) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return -EINVAL;
    bdk_thread* thread = bdk::current_thread();
    if (thread == bdk_thread_get_app_thread()) {
        BDK_ERRLOG("bdk_thread_exit() on the app thread: it lives as long as the host");
        return -EINVAL;
    }
    if (bdk_thread_is_exiting(thread)) return -EALREADY;
    bdk::begin_exit(thread);
    return 0;
}
