// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
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

/// Bytes of hugepages of all sizes that nobody uses, from /sys/kernel/mm/hugepages.
BDK_INTERNAL uint64_t free_hugepage_bytes();

}  // namespace bdk
