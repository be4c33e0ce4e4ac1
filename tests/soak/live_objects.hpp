// SPDX-License-Identifier: BSD-3-Clause
// What the bdev layer has on a thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

struct bdk_thread;

namespace bdk::test {

/// The objects that the bdev layer has on one thread.
struct ThreadObjects {
    uint64_t ios = 0;     ///< bdev_ios that were not given back
    size_t channels = 0;  ///< bdev channels, those of virtual bdevs to their bases included
    size_t waiting = 0;   ///< callers that wait for a bdev_io
};
/// [bdk thread] The objects of the calling thread.
ThreadObjects objects_here();
/// [not a bdk thread]
ThreadObjects objects_of(bdk_thread* thread);
/// While it exists, the log is silent except for reports of leftovers.
class LeftBehind {
public:
    LeftBehind();
    ~LeftBehind();
    LeftBehind(const LeftBehind&) = delete;
    LeftBehind& operator=(const LeftBehind&) = delete;

    /// [any thread] How many lines have said so.
    static uint64_t count();
};

/// [not a bdk thread] One line for each bdev_io that has not been given back: its place, and what it waits
/// for.
std::string ios_of(bdk_thread* thread);

}  // namespace bdk::test
