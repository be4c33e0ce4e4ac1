// SPDX-License-Identifier: BSD-3-Clause
// The resources that the process and one bdk_thread hold at the moment.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bdevkit::host {

/// The resources of the process.
struct Footprint {
    size_t heap = 0;  ///< bytes in use
    size_t fds = 0;
    size_t mapped_files = 0;  ///< mappings of files in the address space
    size_t threads = 0;       ///< pthreads

    static Footprint of_process();
};

/// The resources of the calling bdk_thread.
struct ThreadFootprint {
    size_t pollers = 0;
    size_t channels = 0;  ///< io_channels of any kind
    uint64_t bdev_ios = 0;

    static ThreadFootprint of_this_thread();
};

}  // namespace bdevkit::host
