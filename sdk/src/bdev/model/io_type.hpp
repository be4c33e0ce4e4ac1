// SPDX-License-Identifier: BSD-3-Clause
// The table of I/O types: all that the core has to know about a type to check, split, shift, hold, limit and
// repeat an I/O of it. A new type needs a line in io_type.cpp, its submission in path/submit.cpp, and tests.
// If the core can make it from other types, it also needs a handler in steps/.
#pragma once

#include <bdevkit/bdev_io.h>
#include <bdevkit/bdev_module.h>

#include <array>
#include <cstdint>

namespace bdk {

/// The types that this host knows are the numbers below.
inline constexpr uint32_t io_type_count = BDK_BDEV_IO_TYPE_NVME_IOV_MD + 1;

/// The part of bdk_bdev_io::u that an I/O of the type carries.
enum class Carries : uint8_t {
    nothing,  ///< nothing, or nothing that the core has to look at
    blocks,   ///< u.bdev: a range of blocks
    place,    ///< u.bdev: the block from which to seek
    zone,     ///< u.zone_mgmt
    command,  ///< u.nvme_passthru
};

enum class Data : uint8_t {
    none,
    iovs,   ///< the iovecs of its blocks
    fused,  ///< two arrays: the data to compare, and the data to write
};

/// What an I/O of the type changes on the bdev.
enum class Changes : uint8_t {
    nothing,
    its_blocks,
    its_zone,      ///< any block of its zone
    if_committed,  ///< its blocks, with BDK_BDEV_IO_ZCOPY_COMMIT
    as_commanded,  ///< the opcode says whether it changes blocks, and only the device knows which
};

/// What a rate limit counts an I/O of the type as.
enum class Limited : uint8_t {
    no,
    as_read,
    as_write,
    by_flags,    ///< a zcopy counts as a read if it populates, as a write if it commits
    by_command,  ///< the opcode says
};

/// The handling of the type on a desc that hides metadata.
enum class HiddenMd : uint8_t {
    no_matter,
    converted,  ///< by steps/hidden_md.cpp
    refused,    ///< refused, because it has no form without metadata
};

/// What makes an I/O of the type with FUA durable on a bdev with a write cache.
enum class Fua : uint8_t {
    none,          ///< the type has no FUA
    core,          ///< the core, by a flush
    module_first,  ///< the module if it has BDK_BDEV_FUA, else the core
};

/// Where the reference tags of protection information are in an I/O of the type.
enum class RefTags : uint8_t {
    none,
    in_data_or_md,
    in_data,  ///< only in interleaved metadata
};

struct IoType {
    const char* name = "unknown";
    uint32_t since_minor = 0;  ///< of the ABI: modules that were built for an older minor do not get the type
    Carries carries = Carries::nothing;
    Data data = Data::none;
    bool has_source = false;   ///< reads a second range, which starts at src_offset_blocks
    bool needs_write = false;  ///< refused on a desc that is open for reading only
    bool is_plain = false;     ///< only its range has to be checked, so it is fit for the fast path
    Changes changes = Changes::nothing;
    Limited limited = Limited::no;
    HiddenMd hidden_md = HiddenMd::no_matter;
    Fua fua = Fua::none;
    uint32_t own_flags = 0;  ///< the flags of options that it may have beside BDK_BDEV_IO_FUA
    RefTags ref_tags = RefTags::none;
    uint64_t made_from = 0;  ///< bits of the types that the core can make it from; 0: it cannot make it
    uint32_t bdk_bdev::*most_blocks = nullptr;  ///< the limit of bdk_bdev above which it is split
};

extern const std::array<IoType, io_type_count> io_types;

/// [any thread] The line of a type. The type must have been checked.
inline const IoType& io_type(uint32_t type) noexcept {
    return io_types[type];
}

/// A flag of an I/O, and the minor of the ABI that brought it. Modules that were built for an older one are
/// not given an I/O with the flag.
struct IoFlag {
    uint32_t flag;
    uint32_t since_minor;
};

inline constexpr IoFlag io_flags[] = {{BDK_BDEV_IO_FUA, 0},
                                      {BDK_BDEV_IO_ZCOPY_POPULATE, 0},
                                      {BDK_BDEV_IO_ZCOPY_COMMIT, 0},
                                      {BDK_BDEV_IO_ZCOPY_START, 0},
                                      {BDK_BDEV_IO_NO_UNMAP, 0}};

constexpr uint32_t io_flags_of_minor(uint32_t abi_minor) noexcept {
    uint32_t flags = 0;
    for (const IoFlag& known : io_flags)
        if (known.since_minor <= abi_minor) flags |= known.flag;
    return flags;
}

constexpr uint64_t type_bit(uint32_t type) noexcept {
    return BDK_BDEV_IO_TYPE_BIT(type);
}

/// [any thread] Bits of the types for which pred(IoType) is true.
template <typename Pred>
uint64_t types_where(Pred pred) noexcept {
    uint64_t types = 0;
    for (uint32_t type = 1; type < io_types.size(); type++)
        if (pred(io_types[type])) types |= type_bit(type);
    return types;
}

}  // namespace bdk
