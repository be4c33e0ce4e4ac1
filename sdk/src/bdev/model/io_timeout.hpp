// SPDX-License-Identifier: BSD-3-Clause
// The timeout of a desc's I/Os. The desc has the setting, and each of its channels a copy.
#pragma once

#include <bdevkit/desc.h>

#include <cstdint>

namespace bdk {

struct IoTimeout {
    uint64_t ticks = 0;  ///< how long an I/O may take; 0: no limit
    bdk_bdev_io_timeout_cb cb = nullptr;
    void* arg = nullptr;
};

}  // namespace bdk
