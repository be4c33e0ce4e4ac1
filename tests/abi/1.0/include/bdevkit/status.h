/* SPDX-License-Identifier: BSD-3-Clause */
/** @file status.h How an I/O ended. */
#ifndef BDEVKIT_STATUS_H
#define BDEVKIT_STATUS_H

#include <bdevkit/abi.h>

BDK_C_BEGIN

enum {
    BDK_BDEV_IO_STATUS_PENDING = 0,
    BDK_BDEV_IO_STATUS_SUCCESS = 1,
    BDK_BDEV_IO_STATUS_FAILED = -1, /**< without detail */
    BDK_BDEV_IO_STATUS_NOMEM = -2,  /**< the module lacks memory now; the core retries */
    BDK_BDEV_IO_STATUS_SCSI_ERROR = -3,
    BDK_BDEV_IO_STATUS_NVME_ERROR = -4,
    BDK_BDEV_IO_STATUS_MISCOMPARE = -5, /**< compare: the data differ */
    BDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED = -6,
    BDK_BDEV_IO_STATUS_ABORTED = -7,
    BDK_BDEV_IO_STATUS_AIO_ERROR = -8,
};

/** [any thread] "success", "miscompare", ...; "unknown" for anything else. */
BDK_API const char* bdk_bdev_io_status_name(int32_t status);

/** What DIF checks cover (NVMe protection information; T10 DIF). */
enum {
    BDK_DIF_CHECK_REFTAG = 1u << 0,
    BDK_DIF_CHECK_APPTAG = 1u << 1,
    BDK_DIF_CHECK_GUARD = 1u << 2,
};

BDK_C_END

#endif
