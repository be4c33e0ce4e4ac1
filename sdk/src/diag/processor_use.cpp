// SPDX-License-Identifier: BSD-3-Clause
#include "diag/processor_use.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace bdk {

namespace {

using Text = std::array<char, 512>;

/// The beginning of /proc/self/task/TID/NAME; empty when it cannot be read.
Text read_of_task(pid_t tid, const char* name) noexcept {
    Text text{};
    std::snprintf(text.data(), text.size(), "/proc/self/task/%d/%s", static_cast<int>(tid), name);
    const int fd = ::open(text.data(), O_RDONLY | O_CLOEXEC);
    text = {};
    if (fd < 0) return text;
    const ssize_t bytes = ::read(fd, text.data(), text.size() - 1);
    if (bytes < 0) text = {};
    ::close(fd);
    return text;
}

/// The CPU-time clock of a pthread, as from pthread_getcpuclockid(), but without a pthread_t.
std::chrono::nanoseconds time_on_cores(pid_t tid) noexcept {
    constexpr clockid_t of_one_thread = 4;
    constexpr clockid_t scheduler = 2;
    const auto clock = static_cast<clockid_t>((~static_cast<unsigned>(tid) << 3) | of_one_thread | scheduler);
    timespec time{};
    if (clock_gettime(clock, &time) != 0) return {};
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

ProcessorUse processor_use(pid_t tid) noexcept {
    ProcessorUse use;
    const Text stat = read_of_task(tid, "stat");
    const char* name_end = std::strrchr(stat.data(), ')');
    use.is_ready = name_end != nullptr && name_end[1] == ' ' && name_end[2] == 'R';
    use.ran = time_on_cores(tid);
    const Text schedstat = read_of_task(tid, "schedstat");
    uint64_t ran = 0;
    uint64_t waited = 0;
    if (std::sscanf(schedstat.data(), "%" SCNu64 " %" SCNu64, &ran, &waited) == 2)
        use.waited = std::chrono::nanoseconds(waited);
    return use;
}

}  // namespace bdk
