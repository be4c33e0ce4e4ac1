// SPDX-License-Identifier: BSD-3-Clause
// The table of I/O types: all that the core has to know of a type in order to check, split, shift, hold,
// limit and repeat an I/O of it. A new type is a line in io_type.cpp, its submission in path/submit.cpp, and
// its tests; if the core can make it from other types, its handler in steps/ too.
#pragma once

#include <bdevkit/bdev_io.h>
#include <bdevkit/bdev_module.h>

#include <array>
#include <cstdint>

namespace bdk {

/// Which part of bdk_bdev_io::u an I/O of the type carries.
enum class Carries : uint8_t {
    nothing,  ///< or what the core need not look at
    blocks,   ///< u.bdev: a range of blocks
    place,    ///< u.bdev: a block from which to seek
    zone,     ///< u.zone_mgmt
    command,  ///< u.nvme_passthru
};

enum class Data : uint8_t {
    none,
    iovs,   ///< of its blocks
    fused,  ///< two of them: what is compared, and what is written
};

/// What an I/O of the type changes on the bdev.
enum class Changes : uint8_t {
    nothing,
    its_blocks,
    its_zone,      ///< any block of it
    if_committed,  ///< its blocks, with BDK_BDEV_IO_ZCOPY_COMMIT
    as_commanded,  ///< the opcode tells whether, and only the device knows which blocks
};

/// What a rate limit counts an I/O of the type as.
enum class Limited : uint8_t {
    no,
    as_read,
    as_write,
    by_flags,    ///< a zcopy that populates reads, and one that commits writes
    by_command,  ///< the opcode tells
};

/// What becomes of the type on a desc that hides metadata.
enum class HiddenMd : uint8_t {
    no_matter,
    converted,  ///< by steps/hidden_md.cpp
    refused,    ///< it has no form without metadata
};

/// Who makes an I/O of the type with FUA durable on a bdev with a write cache.
enum class Fua : uint8_t {
    none,          ///< the type has no FUA
    core,          ///< the core, by a flush
    module_first,  ///< the module if it has BDK_BDEV_FUA, else the core
};

/// Where reference tags of protection information travel with an I/O of the type.
enum class RefTags : uint8_t {
    none,
    in_data_or_md,
    in_data,  ///< in interleaved metadata alone
};

struct IoType {
    const char* name = nullptr;
    Carries carries = Carries::nothing;
    Data data = Data::none;
    bool has_source = false;   ///< reads a second range, from src_offset_blocks on
    bool needs_write = false;  ///< refused on a desc that is open for reading only
    bool is_plain = false;  ///< a range inside the bdev is all that has to be checked: fit for the fast path
    Changes changes = Changes::nothing;
    Limited limited = Limited::no;
    HiddenMd hidden_md = HiddenMd::no_matter;
    Fua fua = Fua::none;
    RefTags ref_tags = RefTags::none;
    uint64_t made_from = 0;  ///< bits of the types that the core can make it from; 0: it cannot
    uint32_t bdk_bdev::*most_blocks = nullptr;  ///< the limit of bdk_bdev above which it is split
};

extern const std::array<IoType, BDK_BDEV_IO_NUM_TYPES> io_types;

/// [any thread] The line of a type that has been checked.
inline const IoType& io_type(uint32_t type) noexcept {
    return io_types[type];
}

constexpr uint64_t type_bit(uint32_t type) noexcept {
    return BDK_BDEV_IO_TYPE_BIT(type);
}

/// [any thread] Bits of the types for which pred(IoType) holds.
template <typename Pred>
uint64_t types_where(Pred pred) noexcept {
    uint64_t types = 0;
    for (uint32_t type = 1; type < io_types.size(); type++)
        if (pred(io_types[type])) types |= type_bit(type);
    return types;
}

}  // namespace bdk
