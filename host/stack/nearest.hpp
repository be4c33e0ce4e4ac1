// SPDX-License-Identifier: BSD-3-Clause
// "Did you mean": the name that a misspelt one is nearest to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bdevkit::host {

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `name`, if it is near enough to be meant; else empty.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

/// "; did you mean 'malloc'?", or, without a near one, "; expected one of: malloc, null", or nothing when
/// there are no candidates or too many to list.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace bdevkit::host
