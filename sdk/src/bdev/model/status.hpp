// SPDX-License-Identifier: BSD-3-Clause
// The status of an I/O. It is kept in the form in which it was given, and can be read in every form.
#pragma once

#include <bdevkit/status.h>

#include <cstdint>

namespace bdk {

/// `code` says which form has the detail.
struct IoStatus {
    int32_t code = BDK_BDEV_IO_STATUS_PENDING;
    union {
        struct {
            uint32_t cdw0;
            uint16_t sct, sc;
        } nvme = {0, 0, 0};
        struct {
            uint8_t sc, sk, asc, ascq;
        } scsi;
        int32_t aio_errno;
    };
};

struct NvmeStatus {
    uint32_t cdw0, sct, sc;
};

struct ScsiStatus {
    uint32_t sc, sk, asc, ascq;
};

IoStatus status_from_nvme(uint32_t cdw0, uint32_t sct, uint32_t sc);
IoStatus status_from_scsi(uint32_t sc, uint32_t sk, uint32_t asc, uint32_t ascq);
IoStatus status_from_errno(int32_t aio_errno);

NvmeStatus status_as_nvme(const IoStatus& status);
ScsiStatus status_as_scsi(const IoStatus& status);
int32_t status_as_errno(const IoStatus& status);

}  // namespace bdk
