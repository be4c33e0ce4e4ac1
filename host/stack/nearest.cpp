// SPDX-License-Identifier: BSD-3-Clause
#include "stack/nearest.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bdevkit::host {

namespace {

constexpr size_t max_compared_length = 256;
constexpr size_t max_candidates = 5000;
constexpr size_t max_listed = 16;

}  // namespace

size_t edit_distance(std::string_view a, std::string_view b) {
    // Three rows of the Damerau-Levenshtein table (optimal string alignment).
    std::vector<size_t> before(b.size() + 1);
    std::vector<size_t> last(b.size() + 1);
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j)
        last[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        std::swap(before, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
    if (name.size() > max_compared_length || candidates.size() > max_candidates) return {};
    const size_t near_enough = std::max<size_t>(1, name.size() / 3);
    size_t best_distance = near_enough + 1;
    std::string best;
    for (const std::string& candidate : candidates) {
        if (candidate.size() > max_compared_length) continue;
        const size_t distance = edit_distance(name, candidate);
        if (distance >= best_distance) continue;
        best_distance = distance;
        best = candidate;
    }
    return best;
}

std::string suggestion(std::string_view name, const std::vector<std::string>& candidates) {
    if (const std::string best = nearest(name, candidates); !best.empty()) {
        return fmt::format("; did you mean '{}'?", best);
    }
    if (candidates.empty() || candidates.size() > max_listed) return {};
    return fmt::format("; expected one of: {}", fmt::join(candidates, ", "));
}

}  // namespace bdevkit::host
