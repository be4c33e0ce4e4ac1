// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "thread"
#include "thread/thread.hpp"

#include <bdevkit/log.h>
#include <errno.h>

#include <algorithm>
#include <cstring>

#include "base/symbol.hpp"
#include "base/ticks.hpp"
#include "log/no_memory.hpp"
#include "log/violation.hpp"
#include "thread/place.hpp"
#include "thread/reactor.hpp"
#include "thread/thread_registry.hpp"

namespace bdk {

std::atomic<uint32_t> g_outside_senders{0};

namespace {

/// A send on a pthread that is not a reactor. (On a reactor, a send has ended when the turn ends.)
class OutsideSend {
public:
    OutsideSend() noexcept : outside_(t_current_reactor == nullptr) {
        if (outside_) g_outside_senders.fetch_add(1, std::memory_order_seq_cst);
    }
    ~OutsideSend() {
        if (outside_) g_outside_senders.fetch_sub(1, std::memory_order_seq_cst);
    }
    OutsideSend(const OutsideSend&) = delete;
    OutsideSend& operator=(const OutsideSend&) = delete;

private:
    const bool outside_;
};

bool takes_messages(const bdk_thread* thread) {
    return thread->state.load(std::memory_order_seq_cst) < ThreadState::closed;
}

void wake(bdk_thread* thread) {
    if (Reactor* reactor = thread->reactor.load(std::memory_order_seq_cst)) reactor->wake();
}

/// Names the starved reactor and the call that it runs, once a second.
void log_full_ring(bdk_thread* thread) {
    constexpr uint64_t interval_ns = 1'000'000'000;
    const uint64_t now = bdk_get_time_ns();
    uint64_t last = thread->full_logged_ns.load(std::memory_order_relaxed);
    if (last != 0 && now - last < interval_ns) return;
    if (!thread->full_logged_ns.compare_exchange_strong(last, now, std::memory_order_relaxed)) return;
    Reactor* reactor = thread->reactor.load(std::memory_order_seq_cst);
    const void* fn = reactor == nullptr ? nullptr : reactor->activity().fn();
    const std::string running = fn == nullptr ? "nothing at this moment" : symbol_name_of(fn);
    BDK_ERRLOG(
        "the message ring of thread '%s' is full (%llu messages): the reactor of core %u is starved; it "
        "runs %s",
        thread->name.c_str(), static_cast<unsigned long long>(MessageQueue::capacity),
        reactor == nullptr ? 0 : reactor->core(), running.c_str());
}

}  // namespace

bool send_always(bdk_thread* thread, bdk_msg_fn fn, void* ctx) {
    const OutsideSend sending;
    if (!takes_messages(thread)) return false;
    if (!thread->messages->push(fn, ctx)) {
        log_full_ring(thread);
        const std::lock_guard lock(thread->overflow_mutex);
        cannot_fail("a message beyond a full ring", [&] { thread->overflow.push_back({fn, ctx}); });
        thread->has_overflow.store(true, std::memory_order_seq_cst);
    }
    wake(thread);
    return true;
}

}  // namespace bdk

bdk_thread* bdk_get_thread(void) {
    return bdk::current_thread();
}

bdk_thread* bdk_thread_get_app_thread(void) {
    return bdk::ThreadRegistry::instance().app_thread();
}

bdk_thread* bdk_thread_create(const char* name, const uint64_t* cpumask, uint32_t words) {
    if (bdk::ThreadRegistry::instance().reactors().empty()) {
        bdk::report_violation({.rule = 4,
                               .what = "bdk_thread_create() while no host is running",
                               .object = name == nullptr ? "" : std::string_view(name),
                               .advice = "start the host first; a plugin creates threads from init on",
                               .return_address = __builtin_return_address(0)});
        return nullptr;
    }
    return bdk::or_null([&] { return bdk::ThreadRegistry::instance().create(name, cpumask, words); });
}

bool bdk_thread_is_exiting(const bdk_thread* thread) {
    return thread->state.load(std::memory_order_acquire) != bdk::ThreadState::running;
}

const char* bdk_thread_get_name(const bdk_thread* thread) {
    return thread->name.c_str();
}

uint64_t bdk_thread_get_id(const bdk_thread* thread) {
    return thread->id;
}

bdk_thread* bdk_thread_get_by_id(uint64_t id) {
    return bdk::ThreadRegistry::instance().find(id);
}

uint32_t bdk_thread_get_count(void) {
    return bdk::ThreadRegistry::instance().count();
}

int bdk_thread_send_msg(bdk_thread* thread, bdk_msg_fn fn, void* ctx) {
    if (fn == nullptr) return -EINVAL;
    const bdk::OutsideSend sending;
    if (!bdk::takes_messages(thread)) return -EIO;
    if (!thread->messages->push(fn, ctx)) {
        bdk::log_full_ring(thread);
        return -ENOMEM;
    }
    bdk::wake(thread);
    return 0;
}

int bdk_thread_exec_msg(bdk_thread* thread, bdk_msg_fn fn, void* ctx) {
    if (fn == nullptr) return -EINVAL;
    if (thread != bdk::current_thread()) return bdk_thread_send_msg(thread, fn, ctx);
    fn(ctx);
    return 0;
}

int bdk_thread_send_critical_msg(bdk_thread* thread, bdk_msg_fn fn) {
    if (fn == nullptr) return -EINVAL;
    const bdk::OutsideSend sending;
    if (!bdk::takes_messages(thread)) return -EIO;
    bdk_msg_fn empty = nullptr;
    if (!thread->critical.compare_exchange_strong(empty, fn, std::memory_order_seq_cst)) return -EBUSY;
    bdk::wake(thread);
    return 0;
}

int bdk_thread_get_stats(bdk_thread_stats* stats) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return -EINVAL;
    const bdk_thread* thread = bdk::current_thread();
    if (stats == nullptr || stats->size < sizeof(uint64_t)) return -EINVAL;
    const bdk_thread_stats full{.size = stats->size,
                                .reserved = 0,
                                .busy_ns = bdk::ns_from_ticks(thread->busy_ticks),
                                .idle_ns = bdk::ns_from_ticks(thread->idle_ticks),
                                .messages = thread->messages_run};
    std::memcpy(stats, &full, std::min<size_t>(stats->size, sizeof(full)));
    return 0;
}

int bdk_thread_set_core(uint32_t core) {
    if (!bdk::on_bdk_thread(BDK_ABI_CALL)) return -EINVAL;
    bdk_thread* thread = bdk::current_thread();
    bdk::Reactor* target = bdk::ThreadRegistry::instance().reactor_of_core(core);
    if (target == nullptr) return -ENODEV;
    thread->move_to = target == thread->reactor.load(std::memory_order_relaxed) ? nullptr : target;
    return 0;
}

uint32_t bdk_get_current_core(void) {
    return bdk::t_current_reactor == nullptr ? UINT32_MAX : bdk::t_current_reactor->core();
}
