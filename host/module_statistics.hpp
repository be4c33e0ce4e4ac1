// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/bdev.h>

#include <string>

namespace bdevkit::host {

/// [app thread] The module's own counters (dump_device_stat_json) as a JSON object; empty if it has none.
std::string module_statistics(const bdk_bdev* bdev);

}  // namespace bdevkit::host
