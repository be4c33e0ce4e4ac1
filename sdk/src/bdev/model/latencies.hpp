// SPDX-License-Identifier: BSD-3-Clause
// The measurements of a latency histogram (histogram.h).
#pragma once

#include <cstdint>
#include <memory>

#include "base/latency_histogram.hpp"

namespace bdk {

/// The measurements of a channel, or for a bdev those of channels that are gone.
struct MeasuredLatencies {
    uint64_t io_types = 0;  ///< bits; 0: off
    std::unique_ptr<LatencyHistogram> histogram;

    void start(uint64_t types) {
        histogram = types == 0 ? nullptr : std::make_unique<LatencyHistogram>();
        io_types = types;
    }
};

}  // namespace bdk
