// SPDX-License-Identifier: BSD-3-Clause
// The heap provides DMA memory below 2 MiB and pools. DPDK manages it. It is either DPDK's own heap, in
// ordinary pages, or a heap in hugepages that the host has mapped itself. So the host knows whether it has
// hugepages before it starts DPDK, which cannot be started twice.
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

/// [any thread] The `socket` argument for DPDK's functions. @param numa a node, or negative for any
int heap_socket(int32_t numa);

/// [any thread] The address of the heap; nullptr before the start. @param bytes out: its size
void* heap_range(uint64_t* bytes);

/// [any thread] Bytes from `buf` to the end of the heap when it is in hugepages and holds `buf`; else 0.
uint64_t heap_hugepage_bytes_from(const void* buf);

}  // namespace bdk
