// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/export.hpp"

namespace bdk {

/// The value of the option `hugepages`.
struct HugepageRequest {
    enum class Kind {
        automatic,  ///< use hugepages when there are enough
        off,
        required,  ///< use `bytes` of hugepages, or refuse to start
    };
    Kind kind = Kind::automatic;
    uint64_t bytes = 0;
};

/// Reads `auto`, `off` or a size such as `1GiB`.
BDK_INTERNAL tl::expected<HugepageRequest, std::string> parse_hugepages(std::string_view text);

/// Bytes of hugepages of all sizes that are free and that no process has reserved, from
/// /sys/kernel/mm/hugepages.
BDK_INTERNAL uint64_t free_hugepage_bytes();

/// Memory in hugepages, which are allocated and stay.
struct Hugepages {
    void* start = nullptr;
    uint64_t bytes = 0;
    uint64_t page = 0;  ///< size of one page in bytes
};

/// Maps `bytes` or a little more in hugepages of one size. The kernel decides in this single call whether
/// there are enough: when several processes ask at once, each gets either everything or nothing. @return
/// empty when there are not enough
std::optional<Hugepages> map_hugepages(uint64_t bytes);

void unmap_hugepages(const Hugepages& pages);

}  // namespace bdk
