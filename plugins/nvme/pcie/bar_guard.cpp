// SPDX-License-Identifier: BSD-3-Clause
#include "bar_guard.hpp"

#include <bdevkit/error.hpp>

#include <signal.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <mutex>

namespace nvme::pcie {

namespace {

struct Range {
    std::atomic<uintptr_t> start{0};  ///< 0: free
    std::atomic<size_t> size{0};
};

std::mutex mutex;
std::array<Range, 64> ranges;
size_t guards = 0;
struct sigaction before;

/// Maps memory of ones over the range that has vanished. Runs in a signal handler: uses system calls and
/// memory only.
bool replace(uintptr_t address) {
    for (Range& range : ranges) {
        const uintptr_t start = range.start.load(std::memory_order_acquire);
        if (start == 0 || address - start >= range.size.load(std::memory_order_relaxed)) continue;
        auto* place = reinterpret_cast<void*>(start);
        const size_t size = range.size.load(std::memory_order_relaxed);
        if (mmap(place, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
            place)
            return false;
        std::memset(place, 0xff, size);
        return true;
    }
    return false;
}

void on_sigbus(int signal, siginfo_t* info, void* context) {
    const int saved = errno;
    const bool replaced = replace(reinterpret_cast<uintptr_t>(info->si_addr));
    errno = saved;
    if (replaced) return;
    if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr)
        return before.sa_sigaction(signal, info, context);
    if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) return before.sa_handler(signal);
    ::signal(SIGBUS, SIG_DFL);  // the access is repeated, and ends the process
}

}  // namespace

BarGuard::BarGuard(void* start, size_t size) {
    const std::lock_guard lock(mutex);
    for (slot_ = 0; slot_ < ranges.size() && ranges[slot_].start != 0;)
        slot_++;
    if (slot_ == ranges.size())
        throw bdevkit::Error(ENOMEM, "more than 64 controllers are in use: remove one");
    if (guards++ == 0) {
        struct sigaction own {};
        own.sa_sigaction = on_sigbus;
        own.sa_flags = SA_SIGINFO;
        sigaction(SIGBUS, &own, &before);
    }
    ranges[slot_].size = size;
    ranges[slot_].start.store(reinterpret_cast<uintptr_t>(start), std::memory_order_release);
}

BarGuard::~BarGuard() {
    const std::lock_guard lock(mutex);
    ranges[slot_].start = 0;
    if (--guards == 0) sigaction(SIGBUS, &before, nullptr);
}

}  // namespace nvme::pcie
