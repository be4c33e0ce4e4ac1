// SPDX-License-Identifier: BSD-3-Clause
#include "stack/problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/text.hpp"

namespace bdevkit::host {

void Problems::add(Location at, std::string message) {
    problems_.push_back({at, std::move(message)});
    if (problems_.size() >= limit) throw TooManyProblems{};
}

std::vector<Problem> Problems::sorted() const {
    std::vector<Problem> result = problems_;
    std::stable_sort(result.begin(), result.end(), [](const Problem& a, const Problem& b) {
        return std::tie(a.at.line, a.at.column) < std::tie(b.at.line, b.at.column);
    });
    return result;
}

std::string Problems::format(const std::string& file) const {
    std::string result;
    for (const Problem& problem : sorted()) {
        const std::string place =
            problem.at.line == 0 ? "" : fmt::format(":{}:{}", problem.at.line, problem.at.column);
        result += bdk::printable(fmt::format("{}{}: {}", file, place, problem.message)) + "\n";
    }
    if (problems_.size() >= limit) result += fmt::format("{}: stopped after {} problems\n", file, limit);
    return result;
}

}  // namespace bdevkit::host
