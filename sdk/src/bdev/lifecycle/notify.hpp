// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/notify.h>

namespace bdk {

/// [app thread] Calls every watch. `type`: BDK_NOTIFY_*.
void notify_watches(uint32_t type, bdk_bdev* bdev);

}  // namespace bdk
