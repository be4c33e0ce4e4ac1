// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/ref_tags.hpp"

#include <bdevkit/dif.h>

#include <cerrno>

#include "bdev/model/status.hpp"
#include "bdev/path/dif_io.hpp"

namespace bdk {

bool io_remap_ref_tags(BdevIo* io, uint64_t from, uint64_t to) {
    bdk_dif_error error{};
    error.size = sizeof(error);
    const int rc = bdk_bdev_io_dif_remap(&io->pub, from, to, &error);
    if (rc == 0) return true;
    io->status = rc == -EILSEQ ? status_from_nvme(0, dif_error_sct, report_dif_error(&io->pub, error))
                               : status_from_errno(rc);
    return false;
}

bool io_fit_ref_tags(BdevIo* io, int64_t delta) {
    if (io->pub.type == BDK_BDEV_IO_TYPE_READ || !carries_ref_tags(&io->pub)) return true;
    const uint64_t to = io->pub.u.bdev.offset_blocks;
    return io_remap_ref_tags(io, to - static_cast<uint64_t>(delta), to);
}

void io_restore_ref_tags(BdevIo* io, int64_t delta) {
    if (!carries_ref_tags(&io->pub)) return;
    if (io->pub.type == BDK_BDEV_IO_TYPE_READ && !io->succeeded()) return;
    const uint64_t to = io->pub.u.bdev.offset_blocks;
    io_remap_ref_tags(io, to + static_cast<uint64_t>(delta), to);
}

}  // namespace bdk
