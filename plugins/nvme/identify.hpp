// SPDX-License-Identifier: BSD-3-Clause
// What a controller says of itself and of its namespaces, as far as bdevs need it.
#pragma once

#include <bdevkit/memory.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

/// The data of an identify command (Base Specification 2.0, 5.17).
using NvmeIdentifyData = std::span<const std::byte, 4096>;

struct NvmeIdentity {
    std::string serial, model, firmware;
    uint64_t max_transfer = 0;  ///< bytes; 0: no limit
    bool write_cache = false;
    bool compares = false, unmaps = false, writes_zeroes = false, copies = false;
};

struct NvmeNamespace {
    uint32_t id = 0;
    uint64_t blocks = 0;
    uint32_t block_size = 0;  ///< bytes, interleaved metadata included
    uint32_t md_size = 0;     ///< bytes of metadata per block
    bool md_interleaved = false;
    uint32_t pi_type = 0;  ///< protection information: 0 none, 1 to 3
    bool pi_at_head = false;
    bool zeroes_deallocate = false;  ///< write zeroes may give blocks back, which read as zeroes
    uint32_t optimal_boundary = 0;   ///< blocks; 0: none
    uint32_t max_copy = 0;           ///< blocks per source range; 0: it does not copy
    std::array<uint8_t, 16> nguid{};
};

/// @param page  bytes: the controller's smallest page, in which its largest transfer is counted
NvmeIdentity nvme_identity(NvmeIdentifyData data, uint64_t page);

/// `blocks` is 0 for a namespace that is not active.
NvmeNamespace nvme_namespace(uint32_t id, NvmeIdentifyData data);
