// SPDX-License-Identifier: BSD-3-Clause
#include "env/hugepages.hpp"

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <utility>

namespace bdk {
namespace {

constexpr std::array<std::pair<std::string_view, uint64_t>, 4> units = {{
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
}};

/// 2097152 of "hugepages-2048kB"; 0 for any other name.
uint64_t page_bytes_of(std::string_view folder) {
    constexpr std::string_view prefix = "hugepages-";
    if (!folder.starts_with(prefix) || !folder.ends_with("kB")) return 0;
    folder.remove_prefix(prefix.size());
    uint64_t kib = 0;
    std::from_chars(folder.data(), folder.data() + folder.size(), kib);
    return kib << 10;
}

}  // namespace

tl::expected<HugepageRequest, std::string> parse_hugepages(std::string_view text) {
    if (text.empty() || text == "auto") return HugepageRequest{};
    if (text == "off") return HugepageRequest{HugepageRequest::Kind::off, 0};
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
    for (const auto& [name, factor] : units) {
        const bool fits = number > 0 && number <= std::numeric_limits<uint64_t>::max() / factor;
        if (error == std::errc() && unit == name && fits) {
            return HugepageRequest{HugepageRequest::Kind::required, number * factor};
        }
    }
    return tl::unexpected("hugepages: expected auto, off or a size such as 1GiB, got '" + std::string(text) +
                          "'");
}

uint64_t free_hugepage_bytes() {
    uint64_t total = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
        std::ifstream file(entry.path() / "free_hugepages");
        uint64_t pages = 0;
        if (file >> pages) total += pages * page_bytes_of(entry.path().filename().string());
    }
    return total;
}

}  // namespace bdk
