// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/export.hpp"

namespace bdk {

/// What the option `hugepages` asks for.
struct HugepageRequest {
    enum class Kind {
        automatic,  ///< use them when there are enough
        off,
        required,  ///< `bytes` of them, or refuse to start
    };
    Kind kind = Kind::automatic;
    uint64_t bytes = 0;
};

/// Reads `auto`, `off` or a size such as `1GiB`.
BDK_INTERNAL tl::expected<HugepageRequest, std::string> parse_hugepages(std::string_view text);

/// Bytes of hugepages of all sizes that are free and that no process has reserved, from
/// /sys/kernel/mm/hugepages.
BDK_INTERNAL uint64_t free_hugepage_bytes();

/// Memory in hugepages, which are there and stay.
struct Hugepages {
    void* start = nullptr;
    uint64_t bytes = 0;
    uint64_t page = 0;  ///< bytes of one of them
};

/// Maps `bytes` or a little more in hugepages of one size. Whether there are enough is the kernel's to say,
/// in this one call: of processes that ask at once, each gets all that it asks for, or nothing.
/// @return nothing when there are not enough
std::optional<Hugepages> map_hugepages(uint64_t bytes);

void unmap_hugepages(const Hugepages& pages);

}  // namespace bdk
