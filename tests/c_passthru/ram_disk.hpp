// SPDX-License-Identifier: BSD-3-Clause
// A base bdev for tests: keeps its data in memory, counts what it is asked, and fails or waits on demand.
// Everything runs on the app thread unless it says otherwise.
#pragma once

#include <bdevkit/bdevkit.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace bdevkit::test {

class RamDisk {
public:
    static constexpr uint32_t block_size = 512;

    static const bdk_module& module() {
        static const bdk_module table = {.abi_major = BDK_ABI_MAJOR,
                                         .abi_minor = BDK_ABI_MINOR,
                                         .size = sizeof(bdk_module),
                                         .name = "ram"};
        return table;
    }

    RamDisk(std::string name, uint64_t blocks) : name_(std::move(name)), data_(blocks * block_size) {}
    RamDisk(const RamDisk&) = delete;
    RamDisk& operator=(const RamDisk&) = delete;

    /// @return 0 or what bdk_bdev_register() says
    int appear() {
        bdev_ = {.size = sizeof(bdk_bdev),
                 .ctxt = this,
                 .name = name_.c_str(),
                 .product_name = "RAM disk",
                 .module = &module(),
                 .fn_table = &functions(),
                 .blockcnt = data_.size() / block_size,
                 .blocklen = block_size,
                 .io_type_supported = supported};
        const int rc = bdk_io_device_register(
            this, [](void*, void*) { return 0; }, [](void*, void*) {}, 1, name_.c_str());
        return rc != 0 ? rc : bdk_bdev_register(&bdev_);
    }

    bdk_bdev* bdev() { return &bdev_; }
    std::vector<char>& data() { return data_; }
    uint64_t count(uint32_t type) const { return counts_.at(type); }

    /// From now on every I/O ends with this NVMe status.
    void fail_with(uint32_t sct, uint32_t sc) { sct_ = sct, sc_ = sc; }

    /// Keeps I/Os until release().
    void hold() { holding_ = true; }
    std::size_t held() const { return held_.size(); }
    void release() {
        holding_ = false;
        while (!held_.empty()) {
            bdk_bdev_io* io = held_.front();
            held_.pop_front();
            finish(io);
        }
    }

private:
    static constexpr uint64_t supported =
        BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_READ) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE) |
        BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_UNMAP) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_FLUSH) |
        BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_WRITE_ZEROES) | BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_RESET) |
        BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_ABORT);

    static const bdk_bdev_fn_table& functions() {
        static const bdk_bdev_fn_table table = {
            .size = sizeof(bdk_bdev_fn_table),
            .destruct = [](void* ctxt) { return bdk_io_device_unregister(ctxt, nullptr); },
            .submit_request = [](bdk_io_channel*,
                                 bdk_bdev_io* io) { static_cast<RamDisk*>(io->bdev->ctxt)->submit(io); },
            .get_io_channel = [](void* ctxt) { return bdk_get_io_channel(ctxt); },
        };
        return table;
    }

    void submit(bdk_bdev_io* io) {
        ++counts_.at(io->type);
        if (io->type == BDK_BDEV_IO_TYPE_ABORT)
            abort(io);
        else if (holding_)
            held_.push_back(io);
        else
            finish(io);
    }

    void abort(bdk_bdev_io* io) {
        const auto victim = std::find(held_.begin(), held_.end(), io->u.abort.bio_to_abort);
        const bool found = victim != held_.end();
        if (found) {
            bdk_bdev_io* aborted = *victim;
            held_.erase(victim);
            bdk_bdev_io_complete(aborted, BDK_BDEV_IO_STATUS_ABORTED);
        }
        bdk_bdev_io_complete(io, found ? BDK_BDEV_IO_STATUS_SUCCESS : BDK_BDEV_IO_STATUS_FAILED);
    }

    void finish(bdk_bdev_io* io) {
        if (sct_ != 0 || sc_ != 0)
            bdk_bdev_io_complete_nvme_status(io, 0, sct_, sc_);
        else if (io->type == BDK_BDEV_IO_TYPE_READ)
            bdk_bdev_io_get_buf(
                io,
                [](bdk_io_channel*, bdk_bdev_io* read, bool) {
                    static_cast<RamDisk*>(read->bdev->ctxt)->transfer(read);
                },
                io->u.bdev.num_blocks * block_size);
        else
            transfer(io);
    }

    void transfer(bdk_bdev_io* io) {
        char* at = data_.data() + io->u.bdev.offset_blocks * block_size;
        const bool moves_data = io->type == BDK_BDEV_IO_TYPE_READ || io->type == BDK_BDEV_IO_TYPE_WRITE;
        for (int32_t i = 0; moves_data && i < io->u.bdev.iovcnt; ++i) {
            const iovec& iov = io->u.bdev.iovs[i];
            if (io->type == BDK_BDEV_IO_TYPE_READ)
                std::memcpy(iov.iov_base, at, iov.iov_len);
            else
                std::memcpy(at, iov.iov_base, iov.iov_len);
            at += iov.iov_len;
        }
        if (io->type == BDK_BDEV_IO_TYPE_WRITE_ZEROES) std::memset(at, 0, io->u.bdev.num_blocks * block_size);
        bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
    }

    std::string name_;
    std::vector<char> data_;
    bdk_bdev bdev_{};
    std::array<uint64_t, BDK_BDEV_IO_NUM_TYPES> counts_{};
    std::deque<bdk_bdev_io*> held_;
    bool holding_ = false;
    uint32_t sct_ = 0, sc_ = 0;
};

}  // namespace bdevkit::test
