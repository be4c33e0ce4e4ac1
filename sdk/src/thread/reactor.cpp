// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "reactor"
#include "thread/reactor.hpp"

#include <bdevkit/log.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/limit_text.hpp"
#include "base/signals_blocked.hpp"
#include "base/start_thread.hpp"
#include "base/ticks.hpp"
#include "thread/call.hpp"
#include "thread/reactor_signal.hpp"
#include "thread/thread.hpp"
#include "thread/thread_registry.hpp"

namespace bdk {

namespace {

/// The longest time that messages wait for further ones; see QueuePace.
constexpr uint64_t longest_pace_ns = 600;
/// See IdleTime.
constexpr uint64_t most_idle_ns_per_turn = 100'000;
/// See account().
constexpr uint8_t idle_turns_per_reading = 4;
/// Messages of one thread in one turn.
constexpr size_t message_burst = 64;

}  // namespace

Reactor::Reactor(std::optional<uint32_t> core, ReactorMode mode)
    : core_(core),
      mode_(mode),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      idle_(ticks_from_ns(most_idle_ns_per_turn)) {
    if (!epoll_ || !event_)
        throw std::system_error(errno, std::generic_category(),
                                "the descriptors of a reactor cannot be opened" + limit_text(errno));
    // Edge-triggered: each write wakes once, and no read is needed.
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event_.get(), &event);
    // Signals of a crash stay open, and so does the watchdog's signal.
    const SignalsBlocked blocked{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, reactor_signal()};
    pthread_ = start_thread("the thread of a reactor", [this] { run(); });
}

Reactor::~Reactor() {
    end();
}

void Reactor::end() {
    if (!pthread_.joinable()) return;
    post([this] { stopping_.store(true, std::memory_order_relaxed); });
    pthread_.join();
}

void Reactor::post(std::function<void()> op) {
    {
        const std::lock_guard lock(ops_mutex_);
        ops_.push_back(std::move(op));
    }
    has_ops_.store(true, std::memory_order_seq_cst);
    wake();
}

void Reactor::adopt(bdk_thread* thread) {
    thread_count_.fetch_add(1, std::memory_order_relaxed);
    thread->reactor.store(this, std::memory_order_seq_cst);
    post([this, thread] {
        threads_.push_back(thread);
        for (const auto& interrupt : thread->interrupts.all())
            watch(interrupt.get());
    });
}

Reactor* Reactor::current() noexcept {
    return t_current_reactor;
}

void Reactor::set_up() {
    t_current_reactor = this;
    tid_.store(gettid(), std::memory_order_relaxed);
    std::string name = "bdk-reactor-" + std::to_string(core());
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    prctl(PR_SET_TIMERSLACK, 1000);
    if (core_) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(*core_, &set);
        sched_setaffinity(0, sizeof(set), &set);
    }
    // An lcore number, by which mempools find their caches.
    if (rte_thread_register() != 0) {
        BDK_WARNLOG("the reactor of core %u works without mempool caches: DPDK has no lcore left", core());
    }
    last_ticks_ = rte_rdtsc();
    longest_pace_ = ticks_from_ns(longest_pace_ns);
}

void Reactor::run() {
    set_up();
    while (!stopping_.load(std::memory_order_relaxed))
        turn();
    rte_thread_unregister();
    t_current_reactor = nullptr;
}

void Reactor::turn() {
    activity_.step();
    bool busy = has_ops_.load(std::memory_order_relaxed) && run_ops();
    for (bdk_thread* thread : threads_)
        busy |= run_thread(*thread);
    if (departed_) remove_departed();
    // A check is a system call: expensive for a reactor that polls, cheap for a reactor that only waits for
    // descriptors.
    if (watched_ != 0 && (turns_to_look_-- == 0 || (!busy && !dozing_ && !has_busy_pollers()))) {
        constexpr timespec at_once{};
        busy |= poll_fds(&at_once);
    }
    rest(busy);
}

bool Reactor::run_ops() {
    std::vector<std::function<void()>> ops;
    {
        const std::lock_guard lock(ops_mutex_);
        has_ops_.store(false, std::memory_order_relaxed);
        ops.swap(ops_);
    }
    for (const auto& op : ops)
        op();
    return !ops.empty();
}

bool Reactor::run_thread(bdk_thread& thread) {
    t_current_thread = &thread;
    thread.turn_ticks = last_ticks_;
    thread.interrupts.collect();
    // Messages that exceeded the budget of the last turn.
    bool busy = !thread.deferred.empty();
    if (busy) settle(thread, nullptr);
    busy |= run_messages(thread);
    busy |= thread.pollers.run(thread, activity_, last_ticks_);
    busy |= !thread.deferred.empty();
    if (thread.state.load(std::memory_order_relaxed) != ThreadState::running || thread.move_to != nullptr) {
        after_turn(thread);
    }
    t_current_thread = nullptr;
    account(thread, busy);
    return busy;
}

void Reactor::run_message(bdk_thread& thread, bdk_msg_fn fn, void* ctx) {
    const void* address = reinterpret_cast<const void*>(fn);
    activity_.begin(address);
    call_module(thread, address, [&] { fn(ctx); });
    ++thread.messages_run;
}

bool Reactor::run_messages(bdk_thread& thread) {
    bool busy = false;
    if (thread.critical.load(std::memory_order_relaxed) != nullptr) [[unlikely]] {
        const bdk_msg_fn fn = thread.critical.exchange(nullptr, std::memory_order_acq_rel);
        run_message(thread, fn, nullptr);
        busy = true;
    }
    std::array<Message, message_burst> burst;
    size_t count = 0;
    if (thread.message_pace.due(thread.turn_ticks)) {
        count = thread.messages->pop(burst.data(), burst.size());
        thread.message_pace.looked(thread.turn_ticks, count, longest_pace_);
    }
    for (size_t i = 0; i < count; ++i)
        run_message(thread, burst[i].fn, burst[i].ctx);
    if (thread.has_overflow.load(std::memory_order_relaxed)) [[unlikely]]
        busy |= run_overflow(thread);
    if (count != 0 || busy) activity_.end();
    return busy || count != 0;
}

bool Reactor::run_overflow(bdk_thread& thread) {
    std::vector<Message> overflow;
    {
        const std::lock_guard lock(thread.overflow_mutex);
        thread.has_overflow.store(false, std::memory_order_relaxed);
        overflow.swap(thread.overflow);
    }
    for (const Message& message : overflow)
        run_message(thread, message.fn, message.ctx);
    return !overflow.empty();
}

void Reactor::account(bdk_thread& thread, bool busy) {
    // Reading the clock takes most of an idle turn. While all threads are idle, one reading serves several
    // turns; beside a busy thread, the idle thread uses the busy thread's reading.
    if (!busy && (!idle_.is_running() || ++unread_turns_ % idle_turns_per_reading != 0)) return;
    const uint64_t now = rte_rdtsc();
    (busy ? thread.busy_ticks : thread.idle_ticks) += now - last_ticks_;
    last_ticks_ = now;
}

void Reactor::remove_departed() {
    departed_ = false;
    std::erase_if(threads_, [this](bdk_thread* thread) {
        if (thread->move_to == nullptr &&
            thread->state.load(std::memory_order_relaxed) != ThreadState::gone) {
            return false;
        }
        if (thread->move_to != nullptr) {
            move_away(*thread);
        } else {
            thread_count_.fetch_sub(1, std::memory_order_relaxed);
            ThreadRegistry::instance().bury(thread);
        }
        return true;
    });
}

void Reactor::move_away(bdk_thread& thread) {
    for (const auto& interrupt : thread.interrupts.all())
        unwatch(interrupt.get());
    thread_count_.fetch_sub(1, std::memory_order_relaxed);
    Reactor* target = std::exchange(thread.move_to, nullptr);
    target->adopt(&thread);
}

}  // namespace bdk
