// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "watchdog"
#include "diag/pending_calls.hpp"
#include "log/no_memory.hpp"

#include <bdevkit/log.h>
#include <bdevkit/poller.h>
#include <bdevkit/thread.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <utility>

#include "thread/thread.hpp"

namespace bdk {

namespace {

constexpr uint64_t ns_per_ms = 1'000'000;

struct PendingCall {
    std::string what;
    std::function<std::string()> waits_for;
    uint64_t begin_ns;
    uint64_t report_ns;  ///< when to report it next
};

struct PendingCalls {
    std::atomic<uint64_t> limit_ns{0};
    std::mutex mutex;  ///< guards what follows
    uint64_t last_number = 0;
    uint64_t ended = 0;
    std::map<uint64_t, PendingCall> calls;  ///< by number: the oldest first

    // Of the app thread.
    bdk_poller* poller = nullptr;  ///< while there are calls, and a little longer
};

PendingCalls& state() {
    static PendingCalls instance;
    return instance;
}

std::string describe(const PendingCall& call, uint64_t now) {
    char seconds[32];
    std::snprintf(seconds, sizeof(seconds), "%.1f", static_cast<double>(now - call.begin_ns) / 1e9);
    return call.what + " has not ended for " + seconds + " s: " + call.waits_for();
}

void report(PendingCall& call, uint64_t now) {
    BDK_ERRLOG("%s", describe(call, now).c_str());
    call.report_ns = now + (now - call.begin_ns);
}

int look(void*) {
    uint64_t now = bdk_get_time_ns();
    std::scoped_lock lock(state().mutex);
    for (auto& [number, call] : state().calls)
        if (call.report_ns <= now) report(call, now);
    // Most calls end at once. The poller stays for a while, so that it need not be registered again for the
    // next call.
    if (state().calls.empty()) bdk_poller_unregister(&state().poller);
    return BDK_POLLER_IDLE;
}

/// [app thread]
void start_poller(void*) {
    if (state().limit_ns == 0 || state().poller != nullptr) return;
    uint64_t period_us = std::clamp<uint64_t>(state().limit_ns / 4000, 1000, 5'000'000);
    state().poller = bdk_poller_register(look, nullptr, period_us, "pending_calls");
}

void watch() {
    bdk_thread* app = bdk_thread_get_app_thread();
    if (current_thread() == app)
        start_poller(nullptr);
    else
        send_always(app, start_poller, nullptr);
}

}  // namespace

uint64_t pending_call_begin(std::initializer_list<std::string_view> what,
                            std::function<std::string()> waits_for) noexcept {
    uint64_t now = bdk_get_time_ns();
    watch();
    std::scoped_lock lock(state().mutex);
    uint64_t number = ++state().last_number;
    or_enomem([&] {
        std::string text;
        for (std::string_view part : what)
            text += part;
        PendingCall call{std::move(text), std::move(waits_for), now, now + state().limit_ns};
        state().calls.emplace(number, std::move(call));
        return 0;
    });  // without memory the call is not watched
    return number;
}

uint64_t pending_call_begin(std::initializer_list<std::string_view> what, std::string_view done) noexcept {
    std::function<std::string()> waits_for = [] { return std::string(); };
    or_enomem([&] {
        waits_for = [text = std::string(done) + "() is due"] { return text; };
        return 0;
    });
    return pending_call_begin(what, std::move(waits_for));
}

void pending_call_end(uint64_t call) {
    std::scoped_lock lock(state().mutex);
    state().ended += state().calls.erase(call);
}

uint64_t pending_calls_ended() {
    std::scoped_lock lock(state().mutex);
    return state().ended;
}

std::vector<std::string> describe_pending_calls() {
    uint64_t now = bdk_get_time_ns();
    std::vector<std::string> lines;
    std::scoped_lock lock(state().mutex);
    for (const auto& [number, call] : state().calls)
        lines.push_back(describe(call, now));
    return lines;
}

void pending_calls_start(uint32_t limit_ms) {
    pending_calls_stop();
    state().limit_ns = limit_ms * ns_per_ms;
}

void pending_calls_stop() {
    bdk_poller_unregister(&state().poller);
    std::scoped_lock lock(state().mutex);
    state().calls.clear();
}

}  // namespace bdk
