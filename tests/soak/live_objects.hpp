// SPDX-License-Identifier: BSD-3-Clause
// What is there: allocations of the whole program, and the bdev layer's objects of a thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

struct bdk_thread;

namespace bdk::test {

/// [any thread] Pieces of memory that operator new has given out and that were not given back.
int64_t live_allocations();

/// What the bdev layer has on one thread.
struct ThreadObjects {
    uint64_t ios = 0;     ///< bdev_ios that were not given back
    size_t channels = 0;  ///< bdev channels, those of virtual bdevs to their bases included
    size_t waiting = 0;   ///< who waits for a bdev_io
};
/// [not a bdk thread]
ThreadObjects objects_of(bdk_thread* thread);
/// [not a bdk thread] One line for each bdev_io that has not been given back: where it is, and what it waits
/// for.
std::string ios_of(bdk_thread* thread);

}  // namespace bdk::test
