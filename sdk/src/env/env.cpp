// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "env"
#include "env/env.hpp"

#include <bdevkit/log.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <stdio.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "base/cpus.hpp"
#include "base/limit_text.hpp"
#include "env/descriptors.hpp"
#include "env/heap.hpp"
#include "env/hugepages.hpp"

namespace bdk {
namespace {

/// Bytes of DPDK's own heap when the host uses another one.
constexpr uint64_t unused_heap = 64ull << 20;

std::mutex g_mutex;
bool g_started = false;

/// DPDK's own lines, as lines of our log.
ssize_t write_eal_log(void*, const char* text, size_t length) {
    std::string_view line(text, length);
    while (line.ends_with('\n'))
        line.remove_suffix(1);
    BDK_INFOLOG("EAL: %.*s", static_cast<int>(line.size()), line.data());
    return static_cast<ssize_t>(length);
}

void route_eal_log() {
    FILE* stream = fopencookie(nullptr, "w", {nullptr, write_eal_log, nullptr, nullptr});
    if (stream == nullptr) return;
    setvbuf(stream, nullptr, _IOLBF, BUFSIZ);
    rte_openlog_stream(stream);
}

/// DPDK does not manage hugepages: see heap.hpp.
std::vector<std::string> eal_arguments(uint64_t memory) {
    const uint64_t mib = std::max<uint64_t>(memory >> 20, 64);
    return {
        "bdevkit",     "--no-pci",         "--no-telemetry", "--no-huge",
        "--no-shconf", "--iova-mode=va",   "--lcores",       "0@(" + format_cores(available_cores()) + ")",
        "-m",          std::to_string(mib)};
}

/// @param memory  bytes of DPDK's own heap
tl::expected<void, std::string> start_eal(uint64_t memory) {
    const AffinityGuard affinity;
    const ClosedOnExec closed_on_exec;
    route_eal_log();
    rte_log_set_global_level(RTE_LOG_WARNING);
    std::vector<std::string> args = eal_arguments(memory);
    std::vector<char*> argv;
    argv.reserve(args.size());
    for (std::string& arg : args)
        argv.push_back(arg.data());
    errno = 0;
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0) return {};
    // DPDK does not always preserve the system's error.
    const int error = rte_errno != 0 ? rte_errno : errno;
    return tl::unexpected("DPDK's environment did not start: " + errno_text_with_limit(error) +
                          "; BDEVKIT_LOG=info shows its own messages");
}

/// Empty when the host runs without hugepages.
tl::expected<std::optional<Hugepages>, std::string> get_hugepages(const HugepageRequest& request,
                                                                  uint64_t memory) {
    if (request.kind == HugepageRequest::Kind::off) return std::nullopt;
    const bool required = request.kind == HugepageRequest::Kind::required;
    const std::optional<Hugepages> pages = map_hugepages(required ? request.bytes : memory);
    if (pages || !required) return pages;
    return tl::unexpected("hugepages: " + std::to_string(request.bytes >> 20) + " MiB are wanted, " +
                          std::to_string(free_hugepage_bytes() >> 20) +
                          " MiB are free: raise /proc/sys/vm/nr_hugepages, or use hugepages: auto");
}

tl::expected<void, std::string> start_first(const EnvOptions& options, const HugepageRequest& request) {
    const auto pages = get_hugepages(request, options.memory);
    if (!pages) return tl::unexpected(pages.error());
    auto started = start_eal(*pages ? unused_heap : options.memory);
    if (started) {
        g_started = true;
        if (*pages) started = heap_use(**pages);
    }
    if (!started && *pages) unmap_hugepages(**pages);
    return started;
}

}  // namespace

tl::expected<void, std::string> env_init(const EnvOptions& options) {
    const auto request = parse_hugepages(options.hugepages);
    if (!request) return tl::unexpected(request.error());
    const std::lock_guard lock(g_mutex);
    if (!g_started) return start_first(options, *request);
    if (request->kind == HugepageRequest::Kind::required && !env_uses_hugepages()) {
        return tl::unexpected(std::string(
            "hugepages: this process has started without hugepages before and cannot change that"));
    }
    return {};
}

bool env_uses_hugepages() {
    return heap_in_hugepages();
}

}  // namespace bdk
