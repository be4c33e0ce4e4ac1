// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/model/status.hpp"

#include <bdevkit/desc.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "support/client.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

/// A status in each of the forms in which a caller may read it.
struct Forms {
    int32_t code;
    uint32_t cdw0, sct, sc;
    uint32_t scsi_sc, sk, asc, ascq;
    int32_t aio_errno;
    bool operator==(const Forms&) const = default;
};

class Status : public testing::Test {
protected:
    Status() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] { EXPECT_EQ(disk.add(), 0); });
    }

    /// The status that the caller of a read sees when the module completes it with `complete`.
    Forms seen_after(std::function<void(bdk_bdev_io*)> complete) {
        Client client("disk", Access::read);
        struct Seen {
            Forms forms{};
            std::function<void(int)> set;
        } seen;
        Awaited<int> done;
        seen.set = done.setter();
        char buf[512];
        call_on_app_thread([&] {
            disk.on_submit = std::move(complete);
            auto cb = [](bdk_bdev_io* io, bool, void* arg) {
                auto* self = static_cast<Seen*>(arg);
                Forms& f = self->forms;
                f.code = bdk_bdev_io_get_status(io);
                bdk_bdev_io_get_nvme_status(io, &f.cdw0, &f.sct, &f.sc);
                bdk_bdev_io_get_scsi_status(io, &f.scsi_sc, &f.sk, &f.asc, &f.ascq);
                f.aio_errno = bdk_bdev_io_get_aio_status(io);
                bdk_bdev_free_io(io);
                self->set(0);
            };
            ASSERT_EQ(bdk_bdev_read_blocks(client.desc(), client.channel(), buf, 0, 1, nullptr, cb, &seen),
                      0);
        });
        done.get();
        call_on_app_thread([&] { disk.on_submit = nullptr; });
        return seen.forms;
    }

    RawDisk disk{"disk"};
    TestHost host;
};

TEST_F(Status, PlainCodes) {
    EXPECT_EQ(seen_after([](bdk_bdev_io* io) { bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS); }),
              (Forms{BDK_BDEV_IO_STATUS_SUCCESS, 0, 0, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(seen_after([](bdk_bdev_io* io) { bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_ABORTED); }),
              (Forms{BDK_BDEV_IO_STATUS_ABORTED, 0, 0, 7, 0x40, 0x0b, 0, 0, -ECANCELED}));
    EXPECT_EQ(seen_after([](bdk_bdev_io* io) { bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_MISCOMPARE); }),
              (Forms{BDK_BDEV_IO_STATUS_MISCOMPARE, 0, 2, 0x85, 2, 0x0e, 0x1d, 0, -EILSEQ}));
}

TEST_F(Status, MiscompareIsNamedWhoeverHasCompared) {
    EXPECT_EQ(seen_after([](bdk_bdev_io* io) { bdk_bdev_io_complete_nvme_status(io, 0, 2, 0x85); }),
              (Forms{BDK_BDEV_IO_STATUS_MISCOMPARE, 0, 2, 0x85, 2, 0x0e, 0x1d, 0, -EILSEQ}));
}

TEST_F(Status, NvmeKeepsItsDetail) {
    EXPECT_EQ(seen_after([](bdk_bdev_io* io) { bdk_bdev_io_complete_nvme_status(io, 5, 2, 0x82); }),
              (Forms{BDK_BDEV_IO_STATUS_NVME_ERROR, 5, 2, 0x82, 2, 3, 0x10, 1, -EIO}));
    EXPECT_EQ(seen_after([](bdk_bdev_io* io) { bdk_bdev_io_complete_nvme_status(io, 9, 0, 0); }),
              (Forms{BDK_BDEV_IO_STATUS_SUCCESS, 9, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_F(Status, ScsiKeepsItsDetail) {
    EXPECT_EQ(seen_after([](bdk_bdev_io* io) { bdk_bdev_io_complete_scsi_status(io, 2, 5, 0x24, 1); }),
              (Forms{BDK_BDEV_IO_STATUS_SCSI_ERROR, 0, 0, 6, 2, 5, 0x24, 1, -EIO}));
}

TEST_F(Status, WhatDoesNotFitIsNoSuccess) {
    EXPECT_EQ(
        seen_after([](bdk_bdev_io* io) { bdk_bdev_io_complete_scsi_status(io, 0x100, 5, 0x24, 1); }).scsi_sc,
        2u);
    EXPECT_EQ(seen_after([](bdk_bdev_io* io) { bdk_bdev_io_complete_aio_status(io, ENOSPC); }).code,
              BDK_BDEV_IO_STATUS_AIO_ERROR);
}

TEST_F(Status, ErrnoKeepsItsDetail) {
    EXPECT_EQ(seen_after([](bdk_bdev_io* io) { bdk_bdev_io_complete_aio_status(io, -ENOSPC); }),
              (Forms{BDK_BDEV_IO_STATUS_AIO_ERROR, 0, 0, 6, 2, 0x0b, 0, 0, -ENOSPC}));
    EXPECT_EQ(seen_after([](bdk_bdev_io* io) { bdk_bdev_io_complete_aio_status(io, 0); }).code,
              BDK_BDEV_IO_STATUS_SUCCESS);
}

TEST_F(Status, FormWithoutDetailIsAFailure) {
    for (int32_t code : {BDK_BDEV_IO_STATUS_NVME_ERROR, BDK_BDEV_IO_STATUS_SCSI_ERROR,
                         BDK_BDEV_IO_STATUS_AIO_ERROR, BDK_BDEV_IO_STATUS_PENDING})
        EXPECT_EQ(seen_after([=](bdk_bdev_io* io) { bdk_bdev_io_complete(io, code); }).code,
                  BDK_BDEV_IO_STATUS_FAILED);
}

}  // namespace
}  // namespace bdk::test
