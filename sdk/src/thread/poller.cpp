// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "thread"
#include "thread/poller.hpp"

#include <bdevkit/log.h>
#include <rte_cycles.h>

#include <algorithm>
#include <cstring>

#include "base/symbol.hpp"
#include "base/ticks.hpp"
#include "log/no_memory.hpp"
#include "log/violation.hpp"
#include "thread/activity.hpp"
#include "thread/call.hpp"
#include "thread/place.hpp"
#include "thread/thread.hpp"

namespace bdk {
namespace {

uint64_t period_in_ticks(uint64_t period_us) {
    // A very long time that does not overflow when added to the present.
    constexpr uint64_t longest_us = 100ull * 365 * 24 * 3600 * 1'000'000;
    if (period_us == 0) return 0;
    return std::max<uint64_t>(ticks_from_ns(std::min(period_us, longest_us) * 1000), 1);
}

/// Calls the poller once and counts.
bool run_poller(bdk_thread& thread, Activity& activity, bdk_poller* poller) {
    const void* address = reinterpret_cast<const void*>(poller->fn);
    activity.begin(address, poller);
    const int result = call_module(thread, address, [&] { return poller->fn(poller->ctx); });
    ++poller->runs;
    if (result == BDK_POLLER_IDLE) return false;
    ++poller->busy_runs;
    return true;
}

}  // namespace

PollerList::~PollerList() {
    unregister_all();
}

bdk_poller* PollerList::add(bdk_thread* thread, bdk_poller_fn fn, void* ctx, uint64_t period_us,
                            const char* name) {
    auto poller = std::make_unique<bdk_poller>();
    poller->fn = fn;
    poller->ctx = ctx;
    poller->thread = thread;
    poller->period_ticks = period_in_ticks(period_us);
    poller->name = name != nullptr ? name : symbol_name_of(reinterpret_cast<const void*>(fn));
    make_room();
    poller->place = all_.size();
    all_.push_back(std::move(poller));
    start(all_.back().get());
    return all_.back().get();
}

bdk_poller* register_poller_always(bdk_poller_fn fn, void* ctx, uint64_t period_us, const char* name) {
    bdk_thread* thread = current_thread();
    return cannot_fail("a poller", [&] { return thread->pollers.add(thread, fn, ctx, period_us, name); });
}

void PollerList::make_room() {
    const size_t count = all_.size() + 1;
    const auto reserve = [](auto& list, size_t wanted) {
        if (list.capacity() < wanted) list.reserve(2 * wanted);
    };
    reserve(all_, count);
    reserve(busy_, count);
    reserve(dirty_, count);
    reserve(unregistered_, unregistered_.size() + count);
}

void PollerList::unregister(bdk_poller* poller) {
    if (poller->state == bdk_poller::State::unregistered) return;
    poller->state = bdk_poller::State::unregistered;
    stop(poller);
    const size_t place = poller->place;
    // A poller that is still listed is freed after it has been taken out of the list.
    unregistered_.push_back(std::move(all_[place]));
    if (place + 1 != all_.size()) {
        all_[place] = std::move(all_.back());
        all_[place]->place = place;
    }
    all_.pop_back();
}

void PollerList::pause(bdk_poller* poller) {
    if (poller->state != bdk_poller::State::active) return;
    poller->state = bdk_poller::State::paused;
    stop(poller);
}

void PollerList::resume(bdk_poller* poller) {
    if (poller->state != bdk_poller::State::paused) return;
    poller->state = bdk_poller::State::active;
    start(poller);
}

void PollerList::start(bdk_poller* poller) {
    if (poller->period_ticks != 0) {
        // A running timed poller is armed again when it returns.
        if (!poller->running) arm(poller, rte_rdtsc() + poller->period_ticks);
        return;
    }
    if (poller->listed) return;
    poller->listed = true;
    poller->index = static_cast<uint32_t>(busy_.size());
    busy_.push_back(poller);
}

void PollerList::stop(bdk_poller* poller) {
    if (poller->period_ticks != 0) {
        if (poller->timer_hook.is_linked()) timers_.erase(timers_.iterator_to(*poller));
        note_next_timer();
    } else if (poller->listed && !poller->dirty) {
        poller->dirty = true;
        dirty_.push_back(poller);
        if (!iterating_) tidy_busy();
    }
}

void PollerList::arm(bdk_poller* poller, uint64_t next_run) {
    poller->next_run = next_run;
    timers_.insert(*poller);
    note_next_timer();
}

void PollerList::tidy_busy() {
    for (bdk_poller* poller : dirty_) {
        poller->dirty = false;
        if (poller->state == bdk_poller::State::active) continue;  // resumed meanwhile
        busy_[poller->index] = busy_.back();
        busy_[poller->index]->index = poller->index;
        busy_.pop_back();
        poller->listed = false;
    }
    dirty_.clear();
}

bool PollerList::run_busy(bdk_thread& thread, Activity& activity) {
    bool busy = false;
    iterating_ = true;
    // By index, because a poller may register another one, which is called from the next turn on.
    const size_t count = busy_.size();
    for (size_t i = 0; i < count; ++i) {
        bdk_poller* poller = busy_[i];
        if (poller->state == bdk_poller::State::active) busy |= run_poller(thread, activity, poller);
    }
    iterating_ = false;
    activity.end();
    if (!dirty_.empty()) tidy_busy();
    return busy;
}

bool PollerList::run_timers(bdk_thread& thread, Activity& activity, uint64_t now) {
    bool busy = false;
    while (!timers_.empty() && timers_.begin()->next_run <= now) {
        bdk_poller* poller = &*timers_.begin();
        timers_.erase(timers_.begin());
        poller->running = true;
        busy |= run_poller(thread, activity, poller);
        poller->running = false;
        if (poller->state != bdk_poller::State::active) continue;
        // Keeps the rhythm. A late poller starts a new rhythm and does not make up for missed calls.
        const uint64_t next = poller->next_run + poller->period_ticks;
        arm(poller, next > now ? next : now + poller->period_ticks);
    }
    activity.end();
    note_next_timer();
    return busy;
}

std::string PollerList::names() const {
    std::string text;
    for (const auto& poller : all_)
        text += (text.empty() ? "'" : ", '") + poller->name + "'";
    return text;
}

void PollerList::unregister_all() {
    while (!all_.empty())
        unregister(all_.back().get());
}

}  // namespace bdk

namespace {

bool on_own_thread(const bdk_poller* poller, bdk::AbiCall call) {
    return bdk::on_thread_of(poller->thread, call, {"poller", poller->name});
}

}  // namespace

bdk_poller* bdk_poller_register(bdk_poller_fn fn, void* ctx, uint64_t period_us, const char* name) {
    bdk_thread* thread = bdk::current_thread();
    const std::string_view label = name == nullptr ? std::string_view() : name;
    if (!bdk::on_bdk_thread(BDK_ABI_CALL, {"poller", label})) return nullptr;
    if (fn == nullptr) {
        bdk::report_violation({.rule = 0,
                               .what = "bdk_poller_register() without a function",
                               .object = label,
                               .advice = "give it the function to call",
                               .return_address = __builtin_return_address(0)});
        return nullptr;
    }
    return bdk::or_null([&] { return thread->pollers.add(thread, fn, ctx, period_us, name); });
}

void bdk_poller_unregister(bdk_poller** poller) {
    if (poller == nullptr || *poller == nullptr) return;
    if (!on_own_thread(*poller, BDK_ABI_CALL)) return;
    bdk_poller* gone = *poller;
    *poller = nullptr;
    gone->thread->pollers.unregister(gone);
}

void bdk_poller_pause(bdk_poller* poller) {
    if (on_own_thread(poller, BDK_ABI_CALL)) poller->thread->pollers.pause(poller);
}

void bdk_poller_resume(bdk_poller* poller) {
    if (on_own_thread(poller, BDK_ABI_CALL)) poller->thread->pollers.resume(poller);
}

int bdk_poller_get_stats(const bdk_poller* poller, bdk_poller_stats* stats) {
    if (poller == nullptr || stats == nullptr || stats->size < sizeof(uint64_t)) return -EINVAL;
    if (!on_own_thread(poller, BDK_ABI_CALL)) return -EINVAL;
    bdk_poller_stats full{
        .size = stats->size, .reserved = 0, .runs = poller->runs, .busy_runs = poller->busy_runs};
    std::memcpy(stats, &full, std::min<size_t>(stats->size, sizeof(full)));
    return 0;
}
