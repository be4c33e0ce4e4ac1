// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "thread"
#include "thread/interrupt.hpp"
#include "log/no_memory.hpp"

#include <bdevkit/log.h>

#include <algorithm>
#include <utility>

#include "base/errno_text.hpp"
#include "base/symbol.hpp"
#include "thread/place.hpp"
#include "thread/reactor.hpp"
#include "thread/thread.hpp"

namespace bdk {

bdk_interrupt* InterruptList::add(std::unique_ptr<bdk_interrupt> interrupt) {
    all_.push_back(std::move(interrupt));  // make_room() was called before
    return all_.back().get();
}

void InterruptList::make_room() {
    const auto reserve = [](auto& list, size_t wanted) {
        if (list.capacity() < wanted) list.reserve(2 * wanted);
    };
    reserve(all_, all_.size() + 1);
    reserve(removed_, removed_.size() + all_.size() + 1);
}

void InterruptList::remove(bdk_interrupt* interrupt) {
    interrupt->registered = false;
    const auto found =
        std::find_if(all_.begin(), all_.end(), [&](const auto& i) { return i.get() == interrupt; });
    if (found == all_.end()) return;
    removed_.push_back(std::move(*found));
    all_.erase(found);
}

std::string InterruptList::names() const {
    std::string text;
    for (const auto& interrupt : all_)
        text += (text.empty() ? "'" : ", '") + interrupt->name + "'";
    return text;
}

namespace {

/// Throws std::bad_alloc.
bdk_interrupt* add_interrupt(bdk_thread* thread, int fd, uint32_t events, bdk_interrupt_fn fn, void* ctx,
                             const char* name) {
    auto interrupt = std::make_unique<bdk_interrupt>();
    interrupt->fd = fd;
    interrupt->events = events;
    interrupt->fn = fn;
    interrupt->ctx = ctx;
    interrupt->thread = thread;
    interrupt->name = name != nullptr ? name : symbol_name_of(reinterpret_cast<const void*>(fn));
    thread->interrupts.make_room();
    const int rc = thread->reactor.load(std::memory_order_relaxed)->watch(interrupt.get());
    if (rc != 0) {
        BDK_ERRLOG("interrupt '%s': fd %d: %s", interrupt->name.c_str(), fd, errno_text(rc).c_str());
        return nullptr;
    }
    return thread->interrupts.add(std::move(interrupt));
}

}  // namespace

}  // namespace bdk

namespace {

constexpr uint32_t known_events = BDK_INTERRUPT_IN | BDK_INTERRUPT_OUT;

bool on_own_thread(const bdk_interrupt* interrupt, bdk::AbiCall call) {
    return bdk::on_thread_of(interrupt->thread, call, {"interrupt", interrupt->name});
}

}  // namespace

bdk_interrupt* bdk_interrupt_register(int fd, uint32_t events, bdk_interrupt_fn fn, void* ctx,
                                      const char* name) {
    bdk_thread* thread = bdk::current_thread();
    const std::string_view label = name == nullptr ? std::string_view() : name;
    if (!bdk::on_bdk_thread(BDK_ABI_CALL, {"interrupt", label})) return nullptr;
    if (fn == nullptr || (events & ~known_events) != 0) {
        BDK_ERRLOG("interrupt '%s': expected a function and events of BDK_INTERRUPT_IN and _OUT",
                   name == nullptr ? "" : name);
        return nullptr;
    }
    return bdk::or_null([&] { return bdk::add_interrupt(thread, fd, events, fn, ctx, name); });
}

int bdk_interrupt_set_events(bdk_interrupt* interrupt, uint32_t events) {
    if (!on_own_thread(interrupt, BDK_ABI_CALL) || (events & ~known_events) != 0) return -EINVAL;
    if (events == interrupt->events) return 0;
    const uint32_t before = std::exchange(interrupt->events, events);
    const int rc = interrupt->thread->reactor.load(std::memory_order_relaxed)->rewatch(interrupt);
    if (rc != 0) interrupt->events = before;
    return rc;
}

void bdk_interrupt_unregister(bdk_interrupt** interrupt) {
    if (interrupt == nullptr || *interrupt == nullptr) return;
    if (!on_own_thread(*interrupt, BDK_ABI_CALL)) return;
    bdk_interrupt* gone = *interrupt;
    *interrupt = nullptr;
    gone->thread->reactor.load(std::memory_order_relaxed)->unwatch(gone);
    gone->thread->interrupts.remove(gone);
}
