// SPDX-License-Identifier: BSD-3-Clause
// What a controller says of itself and of its namespaces, as far as bdevs need it.
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
    bool shadow_doorbells = false;   ///< it looks for doorbells in memory, if asked to
    uint32_t max_fused = 0;          ///< blocks per fused compare-and-write; 0: it has none
    bool sgls = false;               ///< data may be described by SGLs
    bool write_cache = false;
    bool compares = false, unmaps = false, writes_zeroes = false, copies = false;
};

/// The zones of a namespace of the Zoned Namespace Command Set (its specification 1.1, 4.1.5). All have one
/// size.
struct Zones {
    uint64_t size = 0;                      ///< blocks; 0: it has none
    uint32_t max_open = 0, max_active = 0;  ///< 0: any number
    uint64_t max_append = 0;                ///< bytes; 0: as much as any transfer
    bool crossed_by_reads = false;          ///< a read may reach over a zone's end
};

struct Namespace {
    uint32_t id = 0;
    uint64_t blocks = 0;
    uint32_t format = 0;      ///< which of its block formats it has
    uint32_t block_size = 0;  ///< bytes, interleaved metadata included
    uint32_t md_size = 0;     ///< bytes of metadata per block
    bool md_interleaved = false;
    bool is_shared = false;  ///< by several controllers
    uint32_t pi_type = 0;    ///< protection information: 0 none, 1 to 3
    bool pi_at_head = false;
    bool zeroes_deallocate = false;  ///< write zeroes may give blocks back, which read as zeroes
    uint32_t optimal_boundary = 0;   ///< blocks; 0: none
    uint32_t max_fused = 0;          ///< as the controller's, where it has; 0: the same
    uint32_t max_copy = 0;           ///< blocks per source range; 0: it does not copy
    Zones zones;
    std::array<uint8_t, 16> nguid{};  ///< or EUI64 behind zeroes; zeroes for none
};

/// @param page  bytes: the controller's smallest page, in which its largest transfer is counted
Identity parse_identity(IdentifyData data, uint64_t page);

/// `blocks` is 0 for a namespace that is not active.
Namespace parse_namespace(uint32_t id, IdentifyData data);

/// A namespace's I/O command set, NVME_CSI_*, by its list of identification descriptors (CNS 03h).
uint32_t command_set_of(IdentifyData descriptors);
/// Gives a namespace with neither NGUID nor EUI64 the UUID of its list, if that has one.
void add_uuid(Namespace& ns, IdentifyData descriptors);

/// The zones of `ns`.
/// @param zoned_ns, zoned_controller  what namespace and controller say of the Zoned Namespace Command Set
/// @param page  as of parse_identity()
Zones parse_zones(const Namespace& ns, IdentifyData zoned_ns, IdentifyData zoned_controller, uint64_t page);

/// Sends an identify command: of what `cns` names, for the command set `csi`. Throws bdevkit::Error when it
/// does not end. @return how it has ended
using Identify =
    std::function<Status(uint32_t cns, uint32_t csi, uint32_t nsid, std::span<std::byte, 4096> data)>;

/// All that there is to know of a namespace; nothing, with a line in the log, for one that no bdev can stand
/// for. Throws bdevkit::Error.
/// @param name  the controller's, for messages
std::optional<Namespace> identify_namespace(const std::string& name, const Identity& controller, uint32_t id,
                                            uint64_t page, const Identify& identify);

}  // namespace nvme
