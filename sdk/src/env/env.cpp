// SPDX-License-Identifier: BSD-3-Clause
#define BDK_LOG_COMPONENT "env"
#include "env/env.hpp"

#include <bdevkit/log.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <stdio.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/cpus.hpp"
#include "env/hugepages.hpp"

namespace bdk {
namespace {

enum class EalState { stopped, with_hugepages, without_hugepages };

std::mutex g_mutex;
std::atomic<EalState> g_state{EalState::stopped};

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

std::vector<std::string> eal_arguments(bool hugepages, uint64_t memory) {
    const uint64_t mib = std::max<uint64_t>(memory >> 20, 64);
    std::vector<std::string> args = {"bdevkit",
                                     "--no-pci",
                                     "--no-telemetry",
                                     "--iova-mode=va",
                                     "--lcores",
                                     "0@(" + format_cores(available_cores()) + ")",
                                     "-m",
                                     std::to_string(mib)};
    if (hugepages) {
        args.emplace_back("--in-memory");
    } else {
        args.insert(args.end(), {"--no-huge", "--no-shconf"});
    }
    return args;
}

/// 0 or a negative errno. DPDK lets a failed start be tried again with other arguments.
int start_eal(bool hugepages, uint64_t memory) {
    const AffinityGuard affinity;
    std::vector<std::string> args = eal_arguments(hugepages, memory);
    std::vector<char*> argv;
    argv.reserve(args.size());
    for (std::string& arg : args)
        argv.push_back(arg.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) return -rte_errno;
    g_state = hugepages ? EalState::with_hugepages : EalState::without_hugepages;
    return 0;
}

tl::expected<bool, std::string> choose_hugepages(const HugepageRequest& request, uint64_t memory) {
    const uint64_t free_bytes = request.kind == HugepageRequest::Kind::off ? 0 : free_hugepage_bytes();
    if (request.kind == HugepageRequest::Kind::required && free_bytes < request.bytes) {
        return tl::unexpected("hugepages: " + std::to_string(request.bytes >> 20) + " MiB are wanted, " +
                              std::to_string(free_bytes >> 20) +
                              " MiB are free: raise /proc/sys/vm/nr_hugepages, or use hugepages: auto");
    }
    return request.kind == HugepageRequest::Kind::required || free_bytes >= memory;
}

tl::expected<void, std::string> start_first(const EnvOptions& options, const HugepageRequest& request) {
    const bool required = request.kind == HugepageRequest::Kind::required;
    const uint64_t memory = required ? request.bytes : options.memory;
    const auto hugepages = choose_hugepages(request, memory);
    if (!hugepages) return tl::unexpected(hugepages.error());

    route_eal_log();
    rte_log_set_global_level(RTE_LOG_WARNING);
    int rc = start_eal(*hugepages, memory);
    if (rc != 0 && *hugepages && !required) {
        BDK_WARNLOG("hugepages cannot be used (errno %d): going on without", -rc);
        rc = start_eal(false, memory);
    }
    if (rc == 0) return {};
    return tl::unexpected("DPDK's environment did not start (errno " + std::to_string(-rc) +
                          "): run with BDEVKIT_LOG=info to see its own messages");
}

}  // namespace

tl::expected<void, std::string> env_init(const EnvOptions& options) {
    const auto request = parse_hugepages(options.hugepages);
    if (!request) return tl::unexpected(request.error());
    const std::lock_guard lock(g_mutex);
    if (g_state == EalState::stopped) return start_first(options, *request);
    if (request->kind == HugepageRequest::Kind::required && !env_uses_hugepages()) {
        return tl::unexpected(std::string(
            "hugepages: this process has started without hugepages before and cannot change that"));
    }
    return {};
}

bool env_uses_hugepages() {
    return g_state == EalState::with_hugepages;
}

}  // namespace bdk
