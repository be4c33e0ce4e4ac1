// SPDX-License-Identifier: BSD-3-Clause
// The physical limit beside malloc's figures: copies of one size from random places of a 64 MiB disk into the
// buffers of 128 I/Os in turn, with nothing around them. Prints copies per second.
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <chrono>

namespace {

constexpr size_t disk_size = 64UL << 20;
constexpr size_t huge_page = 2UL << 20;
constexpr size_t buffers = 128;

/// Filled, and on transparent huge pages as far as the kernel gives them: as the malloc bdev has its memory.
std::byte* make_disk() {
    auto* disk = static_cast<std::byte*>(std::aligned_alloc(huge_page, disk_size));
    if (disk == nullptr) return nullptr;
    madvise(disk, disk_size, MADV_HUGEPAGE);
    std::memset(disk, 0x5a, disk_size);
    return disk;
}

/// xorshift64 (G. Marsaglia, "Xorshift RNGs", 2003): costs next to nothing beside the copy.
class Random {
public:
    uint64_t operator()() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }

private:
    uint64_t state_ = 88172645463325252ULL;
};

double copies_per_second(const std::byte* disk, std::byte* into, size_t size, double seconds) {
    using Clock = std::chrono::steady_clock;
    Random random;
    const size_t places = disk_size / size;
    uint64_t copies = 0;
    const Clock::time_point start = Clock::now();
    std::chrono::duration<double> elapsed{};
    while (elapsed.count() < seconds) {
        for (size_t i = 0; i < 64 * buffers; i++) {
            std::memcpy(into + (i % buffers) * size, disk + (random() % places) * size, size);
            asm volatile("" ::: "memory");  // keeps the compiler from removing a copy
        }
        copies += 64 * buffers;
        elapsed = Clock::now() - start;
    }
    return static_cast<double>(copies) / elapsed.count();
}

}  // namespace

int main(int argc, char** argv) {
    const size_t size = argc == 3 ? std::strtoul(argv[1], nullptr, 10) : 0;
    const double seconds = argc == 3 ? std::strtod(argv[2], nullptr) : 0;
    if (size == 0 || size > huge_page || seconds <= 0) {
        std::fprintf(stderr, "usage: memcpy_bench BYTES SECONDS, such as 4096 2\n");
        return 2;
    }
    const std::unique_ptr<std::byte, decltype(&std::free)> disk(make_disk(), &std::free);
    const std::unique_ptr<std::byte, decltype(&std::free)> into(
        static_cast<std::byte*>(std::aligned_alloc(4096, (size * buffers + 4095) / 4096 * 4096)), &std::free);
    if (!disk || !into) {
        std::fprintf(stderr, "memcpy_bench: not enough memory: 64 MiB and %zu bytes are needed\n",
                     size * buffers);
        return 1;
    }
    std::memset(into.get(), 0, size * buffers);
    std::printf("%.0f\n", copies_per_second(disk.get(), into.get(), size, seconds));
    return 0;
}
