/* SPDX-License-Identifier: BSD-3-Clause */
/** @file status.h How an I/O ended. */
#ifndef BDEVKIT_STATUS_H
#define BDEVKIT_STATUS_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

/** BDK_BDEV_IO_STATUS_*: how an I/O ended, with SPDK's numbers. Those with a detail carry it beside the
 * number: bdk_bdev_io_get_nvme_status() and its like. */
enum {
    BDK_BDEV_IO_STATUS_PENDING = 0, /**< not ended yet; never completes an I/O */
    BDK_BDEV_IO_STATUS_SUCCESS = 1,
    BDK_BDEV_IO_STATUS_FAILED = -1,             /**< without detail */
    BDK_BDEV_IO_STATUS_NVME_ERROR = -2,         /**< with an NVMe status */
    BDK_BDEV_IO_STATUS_SCSI_ERROR = -3,         /**< with a SCSI status and sense */
    BDK_BDEV_IO_STATUS_NOMEM = -4,              /**< the module lacks memory now; the core retries */
    BDK_BDEV_IO_STATUS_MISCOMPARE = -5,         /**< compare: the data differ */
    BDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED = -6, /**< of a fused command */
    BDK_BDEV_IO_STATUS_ABORTED = -7,            /**< by an abort, a reset or a close */
    BDK_BDEV_IO_STATUS_AIO_ERROR = -8,          /**< with a negative errno */
};

/** [any thread] "success", "miscompare", ...; "unknown" for anything else. Never freed. */
BDK_API const char* bdk_bdev_io_status_name(int32_t status);

/** What DIF checks cover (NVMe protection information; T10 DIF). */
enum {
    BDK_DIF_CHECK_REFTAG = 1u << 0, /**< the reference tag: the block's number */
    BDK_DIF_CHECK_APPTAG = 1u << 1, /**< the application tag */
    BDK_DIF_CHECK_GUARD = 1u << 2,  /**< the CRC of the data */
};

BDK_C_END

#endif
