// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/bdev.h>

#include <string>

namespace bdevkit::host {

/// [app thread] What the module counts for itself (dump_device_stat_json), a JSON object; empty: it counts
/// nothing.
std::string module_statistics(const bdk_bdev* bdev);

}  // namespace bdevkit::host
