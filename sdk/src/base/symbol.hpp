// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "base/export.hpp"

namespace bdk {

/// [any thread] A readable name of the function at `address`: its symbol when the object exports it, else
/// "malloc.so+0x1234".
BDK_INTERNAL std::string symbol_name_of(const void* address);

/// [any thread] The position of an address inside a function: "malloc.so(bdk_bdev_io_complete+0x1c)".
BDK_INTERNAL std::string location_of(const void* address);

/// [any thread] The name of the file that holds `address`, without folder and ending: "malloc" of malloc.so;
/// "?" if unknown.
BDK_INTERNAL std::string object_stem_of(const void* address);

}  // namespace bdk
