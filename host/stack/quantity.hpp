// SPDX-License-Identifier: BSD-3-Clause
// Numbers, sizes and durations as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace bdevkit::host {

/// The error describes a valid value, such as "a whole number such as 8", to follow "expected ".
using Quantity = tl::expected<uint64_t, std::string>;

/// `42`, `0x2a`.
Quantity parse_number(std::string_view text);

/// Bytes: `512`, `4k`, `64MiB`, `1.5G`. Units in any case: B, K, M, G, T, P, E, alone or followed by `B` or
/// `iB`; all are powers of 1024, because disk sizes based on 1000 are not useful.
Quantity parse_size(std::string_view text);

/// Nanoseconds: `10us`, `1.5s`, `2m`. Units: ns, us, ms, s, m (or min), h, d. A unit is required except for
/// 0.
Quantity parse_duration(std::string_view text);

/// The shortest form that parse_size() reads back as `bytes`.
std::string format_size(uint64_t bytes);

/// The shortest form that parse_duration() reads back as `ns`.
std::string format_duration(uint64_t ns);

}  // namespace bdevkit::host
