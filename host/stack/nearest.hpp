// SPDX-License-Identifier: BSD-3-Clause
// "Did you mean ...?": finds the name nearest to a misspelt one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bdevkit::host {

/// The number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `name`, if it is near enough; otherwise empty.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

/// "; did you mean 'malloc'?". Without a near candidate, "; expected one of: malloc, null". Empty when there
/// are no candidates or too many to list.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace bdevkit::host
