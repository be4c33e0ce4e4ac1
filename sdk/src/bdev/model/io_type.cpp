// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/io_type.hpp"

#include <string_view>
#include <utility>

namespace bdk {

namespace {

constexpr uint64_t read = type_bit(BDK_BDEV_IO_TYPE_READ);
constexpr uint64_t write = type_bit(BDK_BDEV_IO_TYPE_WRITE);

constexpr std::array<IoType, io_type_count> make_table() {
    std::array<IoType, io_type_count> table{};
    table[BDK_BDEV_IO_TYPE_INVALID] = {.name = "invalid"};
    table[BDK_BDEV_IO_TYPE_READ] = {.name = "read",
                                    .carries = Carries::blocks,
                                    .data = Data::iovs,
                                    .is_plain = true,
                                    .limited = Limited::as_read,
                                    .hidden_md = HiddenMd::converted,
                                    .ref_tags = RefTags::in_data_or_md,
                                    .most_blocks = &bdk_bdev::max_rw_size};
    table[BDK_BDEV_IO_TYPE_WRITE] = {.name = "write",
                                     .carries = Carries::blocks,
                                     .data = Data::iovs,
                                     .needs_write = true,
                                     .is_plain = true,
                                     .changes = Changes::its_blocks,
                                     .limited = Limited::as_write,
                                     .hidden_md = HiddenMd::converted,
                                     .fua = Fua::module_first,
                                     .ref_tags = RefTags::in_data_or_md,
                                     .most_blocks = &bdk_bdev::max_rw_size};
    table[BDK_BDEV_IO_TYPE_UNMAP] = {.name = "unmap",
                                     .carries = Carries::blocks,
                                     .needs_write = true,
                                     .is_plain = true,
                                     .changes = Changes::its_blocks,
                                     .fua = Fua::core,
                                     .most_blocks = &bdk_bdev::max_unmap};
    table[BDK_BDEV_IO_TYPE_FLUSH] = {.name = "flush", .carries = Carries::blocks, .is_plain = true};
    table[BDK_BDEV_IO_TYPE_RESET] = {.name = "reset"};
    table[BDK_BDEV_IO_TYPE_NVME_ADMIN] = {.name = "nvme_admin", .needs_write = true};
    const IoType command{.carries = Carries::command,
                         .needs_write = true,
                         .changes = Changes::as_commanded,
                         .limited = Limited::by_command};
    for (const auto& [type, name] : {std::pair{BDK_BDEV_IO_TYPE_NVME_IO, "nvme_io"},
                                     std::pair{BDK_BDEV_IO_TYPE_NVME_IO_MD, "nvme_io_md"},
                                     std::pair{BDK_BDEV_IO_TYPE_NVME_IOV_MD, "nvme_iov_md"}}) {
        table[type] = command;
        table[type].name = name;
    }
    table[BDK_BDEV_IO_TYPE_WRITE_ZEROES] = {.name = "write_zeroes",
                                            .carries = Carries::blocks,
                                            .needs_write = true,
                                            .is_plain = true,
                                            .changes = Changes::its_blocks,
                                            .fua = Fua::core,
                                            .own_flags = BDK_BDEV_IO_NO_UNMAP,
                                            .made_from = write,
                                            .most_blocks = &bdk_bdev::max_write_zeroes};
    table[BDK_BDEV_IO_TYPE_ZCOPY] = {.name = "zcopy",
                                     .carries = Carries::blocks,
                                     .changes = Changes::if_committed,
                                     .limited = Limited::by_flags,
                                     .hidden_md = HiddenMd::refused};
    table[BDK_BDEV_IO_TYPE_GET_ZONE_INFO] = {.name = "get_zone_info", .carries = Carries::zone};
    table[BDK_BDEV_IO_TYPE_ZONE_MANAGEMENT] = {.name = "zone_management",
                                               .carries = Carries::zone,
                                               .needs_write = true,
                                               .changes = Changes::its_zone};
    // The position of an append is known only at its end.
    table[BDK_BDEV_IO_TYPE_ZONE_APPEND] = {.name = "zone_append",
                                           .carries = Carries::blocks,
                                           .data = Data::iovs,
                                           .needs_write = true,
                                           .changes = Changes::its_zone,
                                           .limited = Limited::as_write,
                                           .hidden_md = HiddenMd::refused,
                                           .fua = Fua::module_first};
    table[BDK_BDEV_IO_TYPE_COMPARE] = {.name = "compare",
                                       .carries = Carries::blocks,
                                       .data = Data::iovs,
                                       .limited = Limited::as_read,
                                       .hidden_md = HiddenMd::converted,
                                       .ref_tags = RefTags::in_data_or_md,
                                       .made_from = read,
                                       .most_blocks = &bdk_bdev::max_rw_size};
    table[BDK_BDEV_IO_TYPE_COMPARE_AND_WRITE] = {.name = "compare_and_write",
                                                 .carries = Carries::blocks,
                                                 .data = Data::fused,
                                                 .needs_write = true,
                                                 .changes = Changes::its_blocks,
                                                 .limited = Limited::as_write,
                                                 .hidden_md = HiddenMd::converted,
                                                 .fua = Fua::core,
                                                 .ref_tags = RefTags::in_data,
                                                 .made_from = read | write};
    table[BDK_BDEV_IO_TYPE_ABORT] = {.name = "abort"};
    table[BDK_BDEV_IO_TYPE_SEEK_HOLE] = {.name = "seek_hole", .carries = Carries::place};
    table[BDK_BDEV_IO_TYPE_SEEK_DATA] = {.name = "seek_data", .carries = Carries::place};
    table[BDK_BDEV_IO_TYPE_COPY] = {.name = "copy",
                                    .carries = Carries::blocks,
                                    .has_source = true,
                                    .needs_write = true,
                                    .changes = Changes::its_blocks,
                                    .fua = Fua::core,
                                    .made_from = read | write,
                                    .most_blocks = &bdk_bdev::max_copy};
    return table;
}

}  // namespace

constinit const std::array<IoType, io_type_count> io_types = make_table();

}  // namespace bdk

const char* bdk_bdev_io_type_name(uint32_t type) {
    return type < bdk::io_types.size() ? bdk::io_types[type].name : "unknown";
}

uint32_t bdk_bdev_io_type_from_name(const char* name) {
    for (uint32_t type = 1; type < bdk::io_types.size(); type++)
        if (std::string_view(name) == bdk::io_types[type].name) return type;
    return BDK_BDEV_IO_TYPE_INVALID;
}
