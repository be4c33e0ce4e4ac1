// SPDX-License-Identifier: BSD-3-Clause
// The heap: where DMA memory below 2 MiB and pools come from. DPDK manages it. It is either DPDK's own, in
// ordinary pages, or one that lies in hugepages which the host has mapped itself. So the host knows whether
// it has hugepages before DPDK starts, which cannot be started twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <tl/expected.hpp>

#include "env/hugepages.hpp"

namespace bdk {

/// [after DPDK's start, once] The heap lies in `pages` from now on, for the life of the process.
tl::expected<void, std::string> heap_use(const Hugepages& pages);

/// [any thread] True when it lies in hugepages.
bool heap_in_hugepages();

/// [any thread] What DPDK's functions take as `socket`. @param numa  a node, or negative for any
int heap_socket(int32_t numa);

/// [any thread] Where it lies; nullptr before the start. @param bytes  out: its size
void* heap_range(uint64_t* bytes);

/// [any thread] Bytes from `buf` to the end of the heap when it is in hugepages and holds `buf`; else 0.
uint64_t heap_hugepage_bytes_from(const void* buf);

}  // namespace bdk
