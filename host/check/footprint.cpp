// SPDX-License-Identifier: BSD-3-Clause
#include "check/footprint.hpp"

#include <malloc.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "bdev/model/io_pool.hpp"
#include "thread/io_channel.hpp"
#include "thread/thread.hpp"

// Defined in a build with a sanitizer: glibc's figures do not cover its allocator.
extern "C" __attribute__((weak)) size_t __sanitizer_get_current_allocated_bytes();

namespace bdevkit::host {

namespace {

size_t entries_of(const char* folder) {
    return size_t(std::distance(std::filesystem::directory_iterator(folder), {}));
}

/// A mapping's line in /proc/self/maps ends with the path of its file, if it has one.
size_t count_mapped_files() {
    std::ifstream maps("/proc/self/maps");
    std::string line;
    size_t count = 0;
    while (std::getline(maps, line))
        count += line.find(" /") != std::string::npos ? 1 : 0;
    return count;
}

}  // namespace

Footprint Footprint::of_process() {
    Footprint result;
    result.fds = entries_of("/proc/self/fd");
    result.mapped_files = count_mapped_files();
    result.threads = entries_of("/proc/self/task");
    if (__sanitizer_get_current_allocated_bytes != nullptr) {
        result.heap = __sanitizer_get_current_allocated_bytes();
    } else {
        const struct mallinfo2 info = mallinfo2();
        result.heap = info.uordblks + info.hblkhd;
    }
    return result;
}

ThreadFootprint ThreadFootprint::of_this_thread() {
    ThreadFootprint result;
    bdk_thread* thread = bdk::current_thread();
    bdk_io_channel* ch = bdk_get_io_channel(bdk::io_pool_io_device());
    result.bdev_ios = static_cast<const bdk::IoPool*>(bdk::io_channel_ctx(ch))->in_use;
    bdk_put_io_channel(ch);
    result.pollers = thread->pollers.count();
    result.channels = thread->channels.count();
    return result;
}

}  // namespace bdevkit::host
