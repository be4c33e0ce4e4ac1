// SPDX-License-Identifier: BSD-3-Clause
// What has been measured for a latency histogram (histogram.h).
#pragma once

#include <cstdint>
#include <memory>

#include "base/latency_histogram.hpp"

namespace bdk {

/// Of a bdev, for channels that are gone; or of a channel.
struct MeasuredLatencies {
    uint64_t io_types = 0;  ///< bits; 0: off
    std::unique_ptr<LatencyHistogram> histogram;

    void start(uint64_t types) {
        histogram = types == 0 ? nullptr : std::make_unique<LatencyHistogram>();
        io_types = types;
    }
};

}  // namespace bdk
