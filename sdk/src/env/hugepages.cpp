// SPDX-License-Identifier: BSD-3-Clause
#include "env/hugepages.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <utility>

namespace bdk {
namespace {

constexpr std::array<std::pair<std::string_view, uint64_t>, 4> units = {{
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
}};

/// Smaller hugepages of other architectures save little.
constexpr uint64_t smallest_page = 2ull << 20;

/// 2097152 of "hugepages-2048kB"; 0 for any other name.
uint64_t page_bytes_of(std::string_view folder) {
    constexpr std::string_view prefix = "hugepages-";
    if (!folder.starts_with(prefix) || !folder.ends_with("kB")) return 0;
    folder.remove_prefix(prefix.size());
    uint64_t kib = 0;
    std::from_chars(folder.data(), folder.data() + folder.size(), kib);
    return kib << 10;
}

/// The folders of /sys/kernel/mm/hugepages by their pages' bytes, ascending.
std::map<uint64_t, std::filesystem::path> page_sizes() {
    std::map<uint64_t, std::filesystem::path> result;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
        const uint64_t page = page_bytes_of(entry.path().filename().string());
        if (std::has_single_bit(page)) result.emplace(page, entry.path());
    }
    return result;
}

uint64_t number_in(const std::filesystem::path& file) {
    uint64_t number = 0;
    std::ifstream(file) >> number;
    return number;
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
    for (const auto& [page, folder] : page_sizes()) {
        const uint64_t free = number_in(folder / "free_hugepages");
        const uint64_t reserved = number_in(folder / "resv_hugepages");
        total += (free - std::min(free, reserved)) * page;
    }
    return total;
}

std::optional<Hugepages> map_hugepages(uint64_t bytes) {
    for (const auto& [page, folder] : page_sizes()) {
        if (page < smallest_page || bytes > std::numeric_limits<uint64_t>::max() - page) continue;
        const Hugepages pages{nullptr, (bytes + page - 1) / page * page, page};
        const int size_flag = std::countr_zero(page) << MAP_HUGE_SHIFT;
        void* start = mmap(nullptr, pages.bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | size_flag, -1, 0);
        if (start == MAP_FAILED) continue;
        // The mapping has reserved the pages. But a cgroup limit or a NUMA policy takes effect only when they
        // are touched, and then kills the process. So they are populated here. Kernels before 5.14 do not
        // know the call.
        if (madvise(start, pages.bytes, MADV_POPULATE_WRITE) == 0 || errno == EINVAL)
            return Hugepages{start, pages.bytes, page};
        munmap(start, pages.bytes);
    }
    return std::nullopt;
}

void unmap_hugepages(const Hugepages& pages) {
    munmap(pages.start, pages.bytes);
}

}  // namespace bdk
