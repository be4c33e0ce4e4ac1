// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/desc.h>

#include <sys/uio.h>
#include <array>
#include <cstdint>

namespace bdevkit::python {

/// One I/O, in blocks.
struct Operation {
    uint32_t type = BDK_BDEV_IO_TYPE_INVALID;
    uint32_t flags = 0;  ///< BDK_BDEV_IO_*
    uint64_t offset = 0;
    uint64_t length = 0;
    uint64_t source = 0;  ///< copy: the source
    uint32_t zones = 0;   ///< get zone info: number of zones; zone management: BDK_BDEV_ZONE_*
    iovec data{};
    iovec second{};  ///< compare-and-write: the data to write
    iovec metadata{};
    std::array<uint8_t, 64> command{};  ///< NVMe
    bdk_bdev_io* borrowed = nullptr;    ///< end of a zcopy: the memory lent by its start
};

/// The result of an I/O.
struct Outcome {
    int32_t error = 0;   ///< 0 or an errno
    int32_t status = 0;  ///< BDK_BDEV_IO_STATUS_*; 0: the I/O was refused and never submitted
    uint32_t sct = 0, sc = 0, cdw0 = 0;
    uint64_t value = 0;               ///< result of a seek, or position of a zone append, in blocks
    bdk_bdev_io* borrowed = nullptr;  ///< from a zcopy's start, which must be ended
    iovec* lent = nullptr;            ///< of a zcopy's start
    int32_t lent_count = 0;
};

/// [channel's thread] Like the functions of desc.h. `operation` must not move until cb runs.
int submit(const Operation& operation, bdk_bdev_desc* desc, bdk_io_channel* ch, bdk_bdev_io_completion_cb cb,
           void* arg);

/// [in the completion callback] The result of the I/O; frees the bdev_io, unless it belongs to lent memory.
Outcome take_outcome(bdk_bdev_io* io, bool success);

/// The result of an I/O that could not be submitted. @param rc a negative errno
Outcome refusal(int rc);

}  // namespace bdevkit::python
