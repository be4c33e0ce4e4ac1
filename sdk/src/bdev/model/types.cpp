// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/bdev_io.h>

#include <array>
#include <string_view>

namespace {

constexpr std::array<const char*, BDK_BDEV_IO_NUM_TYPES> type_names = {
    "invalid",         "read",         "write",      "unmap",
    "flush",           "reset",        "nvme_admin", "nvme_io",
    "nvme_io_md",      "write_zeroes", "zcopy",      "get_zone_info",
    "zone_management", "zone_append",  "compare",    "compare_and_write",
    "abort",           "seek_hole",    "seek_data",  "copy",
    "nvme_iov_md",
};

}  // namespace

const char* bdk_bdev_io_type_name(uint32_t type) {
    return type < type_names.size() ? type_names[type] : "unknown";
}

uint32_t bdk_bdev_io_type_from_name(const char* name) {
    for (uint32_t type = 1; type < type_names.size(); type++)
        if (std::string_view(name) == type_names[type]) return type;
    return BDK_BDEV_IO_TYPE_INVALID;
}
