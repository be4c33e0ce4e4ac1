// SPDX-License-Identifier: BSD-3-Clause
#include "diag/stack_capture.hpp"

#include <execinfo.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <mutex>
#include <string_view>

#include "base/symbol.hpp"
#include "log/violation.hpp"
#include "thread/poller.hpp"
#include "thread/reactor.hpp"
#include "thread/reactor_signal.hpp"
#include "thread/thread.hpp"

namespace bdk {
namespace {

/// Filled by the signal handler, so it allocates nothing.
struct RawCapture {
    std::array<void*, 64> frames;
    int frame_count = 0;
    const void* fn = nullptr;
    const char* kind = "message";
    char name[64] = "";
    char thread[64] = "";
    bool has_messages = false;
    uint64_t ios = 0;
    sem_t filled;
};

RawCapture g_raw;
std::mutex g_mutex;
/// The reactor that must answer. The handler answers only on this reactor, and only once.
std::atomic<const Reactor*> g_asked{nullptr};

void copy_name(char (&to)[64], const std::string& from) {
    const size_t length = std::min(from.size(), sizeof(to) - 1);
    std::memcpy(to, from.data(), length);
    to[length] = '\0';
}

void handle_signal(int) {
    const int saved = errno;
    const Reactor* reactor = t_current_reactor;
    const Reactor* asked = reactor;
    if (reactor != nullptr && g_asked.compare_exchange_strong(asked, nullptr)) {
        const Activity& activity = reactor->activity();
        g_raw.fn = activity.fn();
        g_raw.kind = "message";
        g_raw.name[0] = '\0';
        g_raw.thread[0] = '\0';
        if (activity.kind() != nullptr) {
            g_raw.kind = activity.kind();
        } else if (g_raw.fn != nullptr && activity.poller() != nullptr) {
            g_raw.kind = "poller";
            copy_name(g_raw.name, activity.poller()->name);
        } else if (g_raw.fn != nullptr && activity.interrupt() != nullptr) {
            g_raw.kind = "interrupt";
            copy_name(g_raw.name, activity.interrupt()->name);
        }
        const bdk_thread* thread = current_thread();
        if (thread != nullptr) copy_name(g_raw.thread, thread->name);
        g_raw.has_messages = thread != nullptr && !thread->messages->empty();
        g_raw.ios = thread != nullptr && thread->ios_in_use != nullptr ? *thread->ios_in_use : 0;
        g_raw.frame_count = backtrace(g_raw.frames.data(), static_cast<int>(g_raw.frames.size()));
        sem_post(&g_raw.filled);
    }
    errno = saved;
}

/// False when the signal has another handler.
bool install_handler() {
    static const bool installed = [] {
        sem_init(&g_raw.filled, 0, 0);
        // The first call loads a library, which no handler may do.
        backtrace(g_raw.frames.data(), 1);
        struct sigaction before {};
        sigaction(reactor_signal(), nullptr, &before);
        if ((before.sa_flags & SA_SIGINFO) != 0 || before.sa_handler != SIG_DFL) return false;
        struct sigaction action {};
        action.sa_handler = handle_signal;
        action.sa_flags = SA_RESTART;
        return sigaction(reactor_signal(), &action, nullptr) == 0;
    }();
    return installed;
}

/// The first two frames are the handler and the return from it.
constexpr int own_frames = 2;

bool is_library(std::string_view object) {
    return object.starts_with("libbdevkit.so");
}

bool is_runtime(std::string_view object) {
    constexpr std::string_view prefixes[] = {"libc.so",  "libstdc++",  "libgcc_s",       "libm.so",
                                             "ld-linux", "linux-vdso", "libbdevkit-tls", "libasan",
                                             "libtsan",  "?"};
    return std::any_of(std::begin(prefixes), std::end(prefixes),
                       [object](std::string_view prefix) { return object.starts_with(prefix); });
}

/// The outermost frame of the backtrace that is outside the library but was called by it: a callback of a
/// module. nullptr if there is none.
const void* called_by_library(const RawCapture& raw) {
    bool in_library = false;
    for (int i = raw.frame_count - 1; i >= own_frames; --i) {
        const void* address = raw.frames[static_cast<size_t>(i)];
        const std::string_view object = object_name_of(address);
        if (in_library && !is_library(object) && !is_runtime(object)) return address;
        in_library = in_library || is_library(object);
    }
    return nullptr;
}

std::string describe_call(const RawCapture& raw) {
    if (raw.fn == nullptr) return {};
    // A message or poller of the library. Usually a callback that it has called holds it.
    const void* callback = is_library(object_name_of(raw.fn)) ? called_by_library(raw) : nullptr;
    if (callback != nullptr)
        return "a callback in " + location_of(callback) + " of " + std::string(object_name_of(callback));
    std::string text(raw.kind);
    if (raw.name[0] != '\0') {
        text.append(" '").append(raw.name).append("'");
    } else {
        text.append(" ").append(symbol_name_of(raw.fn));
    }
    return text.append(" of ").append(object_name_of(raw.fn));
}

std::string describe_frames(const RawCapture& raw) {
    std::string text;
    for (int i = own_frames; i < raw.frame_count; ++i) {
        const void* address = raw.frames[static_cast<size_t>(i)];
        text += "\n    #" + std::to_string(i - own_frames) + " ";
        text += location_of(address);
    }
    return text;
}

}  // namespace

std::optional<StackCapture> capture_stack(Reactor& reactor) {
    const std::lock_guard lock(g_mutex);
    if (!install_handler()) return std::nullopt;
    g_asked.store(&reactor);
    if (pthread_kill(reactor.pthread(), reactor_signal()) != 0) return std::nullopt;
    timespec deadline{};
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 1;
    while (sem_timedwait(&g_raw.filled, &deadline) != 0) {
        if (errno == EINTR) continue;
        const Reactor* asked = &reactor;
        // Withdraws the request, unless the answer is being written at this moment.
        if (g_asked.compare_exchange_strong(asked, nullptr)) return std::nullopt;
        deadline.tv_sec += 1;
    }
    return StackCapture{describe_call(g_raw), g_raw.ios, g_raw.thread, g_raw.has_messages,
                        describe_frames(g_raw)};
}

}  // namespace bdk
