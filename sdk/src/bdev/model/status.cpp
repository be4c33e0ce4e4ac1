// SPDX-License-Identifier: BSD-3-Clause
// Translations follow the NVM Express Base Specification (status codes) and the NVM Express: SCSI Translation
// Reference (sense keys and additional sense codes).
#include "bdev/model/status.hpp"

#include <bdevkit/bdev_io.h>

#include <cerrno>

#include "bdev/model/bdev_io.hpp"

namespace bdk {

namespace {

namespace nvme {
constexpr uint32_t generic = 0, media = 2;
constexpr uint32_t invalid_opcode = 0x01, internal_error = 0x06, aborted = 0x07, lba_out_of_range = 0x80;
constexpr uint32_t failed_fused = 0x09;
constexpr uint32_t write_fault = 0x80, read_error = 0x81, guard_check = 0x82, apptag_check = 0x83,
                   reftag_check = 0x84;
constexpr uint32_t compare_failure = 0x85;
}  // namespace nvme

namespace scsi {
constexpr uint32_t good = 0, check_condition = 0x02, task_aborted = 0x40;
constexpr uint32_t no_sense = 0, medium_error = 0x03, illegal_request = 0x05, aborted_command = 0x0b,
                   miscompare = 0x0e;
}  // namespace scsi

}  // namespace

IoStatus status_from_nvme(uint32_t cdw0, uint32_t sct, uint32_t sc) {
    IoStatus status;
    bool success = sct == nvme::generic && sc == 0;
    status.code = success ? BDK_BDEV_IO_STATUS_SUCCESS : BDK_BDEV_IO_STATUS_NVME_ERROR;
    // The submitter of a compare gets the same status whether the device or the core has compared.
    if (sct == nvme::media && sc == nvme::compare_failure) status.code = BDK_BDEV_IO_STATUS_MISCOMPARE;
    status.nvme = {cdw0, static_cast<uint16_t>(sct), static_cast<uint16_t>(sc)};
    return status;
}

IoStatus status_from_scsi(uint32_t sc, uint32_t sk, uint32_t asc, uint32_t ascq) {
    IoStatus status;
    // All four have 8 bits. A status that does not fit is no success, whatever its low bits say.
    if (sc > UINT8_MAX) sc = scsi::check_condition;
    status.code = sc == scsi::good ? BDK_BDEV_IO_STATUS_SUCCESS : BDK_BDEV_IO_STATUS_SCSI_ERROR;
    status.scsi = {static_cast<uint8_t>(sc), static_cast<uint8_t>(sk), static_cast<uint8_t>(asc),
                   static_cast<uint8_t>(ascq)};
    if (sc == scsi::good) status.nvme = {0, 0, 0};
    return status;
}

IoStatus status_from_errno(int32_t aio_errno) {
    IoStatus status;
    if (aio_errno == 0) {
        status.code = BDK_BDEV_IO_STATUS_SUCCESS;
    } else if (aio_errno == -ENOMEM) {
        status.code = BDK_BDEV_IO_STATUS_NOMEM;
    } else {
        status.code = BDK_BDEV_IO_STATUS_AIO_ERROR;
        status.aio_errno = aio_errno < 0 ? aio_errno : -EIO;
    }
    return status;
}

NvmeStatus status_as_nvme(const IoStatus& status) {
    switch (status.code) {
        case BDK_BDEV_IO_STATUS_SUCCESS:
            return {status.nvme.cdw0, 0, 0};
        case BDK_BDEV_IO_STATUS_NVME_ERROR:
            return {status.nvme.cdw0, status.nvme.sct, status.nvme.sc};
        case BDK_BDEV_IO_STATUS_ABORTED:
            return {0, nvme::generic, nvme::aborted};
        case BDK_BDEV_IO_STATUS_MISCOMPARE:
            return {0, nvme::media, nvme::compare_failure};
        case BDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED:
            return {0, nvme::generic, nvme::failed_fused};
        default:
            return {0, nvme::generic, nvme::internal_error};
    }
}

ScsiStatus status_as_scsi(const IoStatus& status) {
    switch (status.code) {
        case BDK_BDEV_IO_STATUS_SUCCESS:
            return {scsi::good, scsi::no_sense, 0, 0};
        case BDK_BDEV_IO_STATUS_SCSI_ERROR:
            return {status.scsi.sc, status.scsi.sk, status.scsi.asc, status.scsi.ascq};
        case BDK_BDEV_IO_STATUS_ABORTED:
            return {scsi::task_aborted, scsi::aborted_command, 0, 0};
        case BDK_BDEV_IO_STATUS_MISCOMPARE:
            return {scsi::check_condition, scsi::miscompare, 0x1d, 0};
        case BDK_BDEV_IO_STATUS_NVME_ERROR:
            break;
        default:
            return {scsi::check_condition, scsi::aborted_command, 0, 0};
    }
    uint32_t sct = status.nvme.sct;
    uint32_t sc = status.nvme.sc;
    if (sct == nvme::generic && sc == nvme::invalid_opcode)
        return {scsi::check_condition, scsi::illegal_request, 0x20, 0};
    if (sct == nvme::generic && sc == nvme::lba_out_of_range)
        return {scsi::check_condition, scsi::illegal_request, 0x21, 0};
    if (sct == nvme::generic && sc == nvme::aborted) return {scsi::task_aborted, scsi::aborted_command, 0, 0};
    if (sct != nvme::media) return {scsi::check_condition, scsi::aborted_command, 0, 0};
    switch (sc) {
        case nvme::write_fault:
            return {scsi::check_condition, scsi::medium_error, 0x03, 0};
        case nvme::read_error:
            return {scsi::check_condition, scsi::medium_error, 0x11, 0};
        case nvme::guard_check:
            return {scsi::check_condition, scsi::medium_error, 0x10, 0x01};
        case nvme::apptag_check:
            return {scsi::check_condition, scsi::medium_error, 0x10, 0x02};
        case nvme::reftag_check:
            return {scsi::check_condition, scsi::medium_error, 0x10, 0x03};
        case nvme::compare_failure:
            return {scsi::check_condition, scsi::miscompare, 0x1d, 0};
        default:
            return {scsi::check_condition, scsi::medium_error, 0, 0};
    }
}

int32_t status_as_errno(const IoStatus& status) {
    switch (status.code) {
        case BDK_BDEV_IO_STATUS_SUCCESS:
            return 0;
        case BDK_BDEV_IO_STATUS_AIO_ERROR:
            return status.aio_errno;
        case BDK_BDEV_IO_STATUS_NOMEM:
            return -ENOMEM;
        case BDK_BDEV_IO_STATUS_ABORTED:
            return -ECANCELED;
        case BDK_BDEV_IO_STATUS_MISCOMPARE:
            return -EILSEQ;
        default:
            return -EIO;
    }
}

}  // namespace bdk

using bdk::BdevIo;

int32_t bdk_bdev_io_get_status(const bdk_bdev_io* io) {
    return BdevIo::of(io)->status.code;
}

void bdk_bdev_io_get_nvme_status(const bdk_bdev_io* io, uint32_t* cdw0, uint32_t* sct, uint32_t* sc) {
    bdk::NvmeStatus status = bdk::status_as_nvme(BdevIo::of(io)->status);
    if (cdw0 != nullptr) *cdw0 = status.cdw0;
    if (sct != nullptr) *sct = status.sct;
    if (sc != nullptr) *sc = status.sc;
}

void bdk_bdev_io_get_scsi_status(const bdk_bdev_io* io, uint32_t* sc, uint32_t* sk, uint32_t* asc,
                                 uint32_t* ascq) {
    bdk::ScsiStatus status = bdk::status_as_scsi(BdevIo::of(io)->status);
    if (sc != nullptr) *sc = status.sc;
    if (sk != nullptr) *sk = status.sk;
    if (asc != nullptr) *asc = status.asc;
    if (ascq != nullptr) *ascq = status.ascq;
}

int32_t bdk_bdev_io_get_aio_status(const bdk_bdev_io* io) {
    return bdk::status_as_errno(BdevIo::of(io)->status);
}

const char* bdk_bdev_io_status_name(int32_t status) {
    switch (status) {
        case BDK_BDEV_IO_STATUS_PENDING:
            return "pending";
        case BDK_BDEV_IO_STATUS_SUCCESS:
            return "success";
        case BDK_BDEV_IO_STATUS_FAILED:
            return "failed";
        case BDK_BDEV_IO_STATUS_NOMEM:
            return "out of memory";
        case BDK_BDEV_IO_STATUS_SCSI_ERROR:
            return "SCSI error";
        case BDK_BDEV_IO_STATUS_NVME_ERROR:
            return "NVMe error";
        case BDK_BDEV_IO_STATUS_MISCOMPARE:
            return "miscompare";
        case BDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED:
            return "first fused command failed";
        case BDK_BDEV_IO_STATUS_ABORTED:
            return "aborted";
        case BDK_BDEV_IO_STATUS_AIO_ERROR:
            return "errno";
        default:
            return "unknown";
    }
}
