// SPDX-License-Identifier: BSD-3-Clause
// The identify data of controllers and namespaces, as far as bdevs need them.
#pragma once

#include <bdevkit/memory.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "status.hpp"

namespace nvme {

/// The data of an identify command (Base Specification 2.0, 5.17).
using IdentifyData = std::span<const std::byte, 4096>;

struct Identity {
    std::string serial, model, firmware;
    uint64_t max_transfer = 0;       ///< bytes; 0: no limit
    bool lists_identifiers = false;  ///< namespaces have a list of identification descriptors (NVMe 1.3)
    bool shadow_doorbells = false;   ///< it can look for doorbells in memory
    uint32_t max_fused = 0;          ///< blocks in a fused compare-and-write; 0: not supported
    bool sgls = false;               ///< SGLs can describe data
    bool write_cache = false;
    bool compares = false, unmaps = false, writes_zeroes = false, copies = false;
};

/// The zones of a namespace (Zoned Namespace Command Set Specification 1.1, 4.1.5). All have one size.
struct Zones {
    uint64_t size = 0;                      ///< blocks; 0: the namespace has no zones
    uint32_t max_open = 0, max_active = 0;  ///< 0: any number
    uint64_t max_append = 0;                ///< bytes; 0: limited as any transfer is
    bool crossed_by_reads = false;          ///< a read may cross a zone's end
};

struct Namespace {
    uint32_t id = 0;
    uint64_t blocks = 0;
    uint32_t format = 0;      ///< index of its block format
    uint32_t block_size = 0;  ///< bytes, interleaved metadata included
    uint32_t md_size = 0;     ///< bytes of metadata per block
    bool md_interleaved = false;
    bool is_shared = false;  ///< several controllers reach it
    uint32_t pi_type = 0;    ///< protection information: 0 none, 1 to 3
    bool pi_at_head = false;
    bool zeroes_deallocate = false;  ///< write zeroes may deallocate blocks, which then read as zeroes
    uint32_t optimal_boundary = 0;   ///< blocks; 0: none
    uint32_t max_fused = 0;          ///< as Identity::max_fused, for this namespace; 0: the same
    uint32_t max_copy = 0;           ///< blocks in a source range of a copy; 0: not supported
    Zones zones;
    std::array<uint8_t, 16> nguid{};  ///< or zeroes and the EUI64, or the UUID; all zeroes: none
};

/// Decodes the data of a controller.
/// @param page  bytes in the controller's smallest page, the unit of its largest transfer
Identity parse_identity(IdentifyData data, uint64_t page);

/// Decodes the data of a namespace. One that is not active has 0 blocks.
Namespace parse_namespace(uint32_t id, IdentifyData data);

/// The I/O command set, NVME_CSI_*, in a namespace's list of identification descriptors (CNS 03h).
uint32_t command_set_of(IdentifyData descriptors);
/// Gives a namespace that has neither NGUID nor EUI64 the UUID in its list of identification descriptors.
void add_uuid(Namespace& ns, IdentifyData descriptors);

/// Decodes the zones of `ns`.
/// @param zoned_ns, zoned_controller  data of namespace and controller for the Zoned Namespace Command Set
/// @param page  as for parse_identity()
Zones parse_zones(const Namespace& ns, IdentifyData zoned_ns, IdentifyData zoned_controller, uint64_t page);

/// Sends an identify command for the structure `cns` of the command set `csi`. Throws bdevkit::Error when
/// there is no answer. @return the status of the command
using Identify =
    std::function<Status(uint32_t cns, uint32_t csi, uint32_t nsid, std::span<std::byte, 4096> data)>;

/// Reads all data of a namespace. Throws bdevkit::Error.
/// @param name  the controller's name, for messages
/// @return nothing, with a line in the log, for a namespace that cannot be a bdev
std::optional<Namespace> identify_namespace(const std::string& name, const Identity& controller, uint32_t id,
                                            uint64_t page, const Identify& identify);

}  // namespace nvme
