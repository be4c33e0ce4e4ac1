// SPDX-License-Identifier: BSD-3-Clause
#include "support/raw_disk.hpp"

#include <bdevkit/claim.h>
#include <bdevkit/desc.h>
#include <bdevkit/json.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace bdk::test {

namespace {

int no_channel_context(void*, void*) {
    return 0;
}
void drop_channel_context(void*, void*) {}

}  // namespace

const bdk_module raw_disk_module = {
    .size = sizeof(bdk_module),
    .name = "raw_disk",
    .get_ctx_size = [](const bdk_module*, const bdk_bdev*) { return uint32_t{24}; },
    .config_json = [](const bdk_module*, bdk_json_writer* w) { bdk_json_bool(w, "holds_io", true); },
};

RawDisk::RawDisk(std::string name, uint64_t num_blocks) : name_(std::move(name)) {
    bdev.blockcnt = num_blocks;
}

int RawDisk::add() {
    fn_.size = sizeof(fn_);
    fn_.destruct = destruct;
    fn_.submit_request = submit;
    fn_.get_io_channel = get_io_channel;
    fn_.resize = resize;
    if (io_type_supported != nullptr)
        fn_.io_type_supported = [](void* ctxt, uint32_t type) {
            return static_cast<RawDisk*>(ctxt)->io_type_supported(type);
        };
    fn_.get_spin_time = [](void* ctxt, bdk_io_channel*) { return static_cast<RawDisk*>(ctxt)->spin_ns; };
    bdev.size = sizeof(bdev);
    bdev.ctxt = this;
    bdev.name = name_.c_str();
    bdev.product_name = "Raw disk";
    if (bdev.module == nullptr) bdev.module = &raw_disk_module;
    bdev.fn_table = &fn_;
    bdev.blocklen = block_size;
    bdev.io_type_supported = io_types;
    bdev.flags = flags;
    data.assign(bdev.blockcnt * block_size, std::byte{0});
    if (int rc = bdk_io_device_register(this, no_channel_context, drop_channel_context, 0, name_.c_str());
        rc != 0)
        return rc;
    int rc = bdk_bdev_register(&bdev);
    if (rc != 0) bdk_io_device_unregister(this, nullptr);
    return rc;
}

int RawDisk::destruct(void* ctxt) {
    auto* self = static_cast<RawDisk*>(ctxt);
    self->destructed = true;
    if (self->never_destructed) return BDK_PENDING;
    if (self->async_destruct) {
        self->end_destruct();
        return BDK_PENDING;
    }
    bdk_io_device_unregister(self, nullptr);
    return 0;
}

void RawDisk::end_destruct() {
    bdk_io_device_unregister(
        this, [](void* disk) { bdk_bdev_destruct_done(&static_cast<RawDisk*>(disk)->bdev, 0); });
}

bdk_io_channel* RawDisk::get_io_channel(void* ctxt) {
    return bdk_get_io_channel(ctxt);
}

void RawDisk::submit(bdk_io_channel*, bdk_bdev_io* io) {
    auto* self = static_cast<RawDisk*>(io->bdev->ctxt);
    std::memset(io->driver_ctx, 0xcc, 24);  // the context is ours
    if (self->on_submit) return self->on_submit(io);
    self->seen.push_back(io->type);
    if (self->nomem_answers > 0) {
        self->nomem_answers--;
        return bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_NOMEM);
    }
    if (io->type == BDK_BDEV_IO_TYPE_ABORT) return self->do_abort(io);
    if (self->hold) return self->held.push_back(io);
    self->execute(io);
}

void RawDisk::do_abort(bdk_bdev_io* io) {
    bool found = std::erase(held, io->u.abort.bio_to_abort) != 0;
    if (found) bdk_bdev_io_complete(io->u.abort.bio_to_abort, BDK_BDEV_IO_STATUS_ABORTED);
    bdk_bdev_io_complete(io, found ? BDK_BDEV_IO_STATUS_SUCCESS : BDK_BDEV_IO_STATUS_FAILED);
}

void RawDisk::execute(bdk_bdev_io* io) {
    std::byte* at = data.data() + io->u.bdev.offset_blocks * block_size;
    if (io->type == BDK_BDEV_IO_TYPE_WRITE || io->type == BDK_BDEV_IO_TYPE_READ) {
        for (int i = 0; i < io->u.bdev.iovcnt; i++) {
            const iovec& iov = io->u.bdev.iovs[i];
            if (io->type == BDK_BDEV_IO_TYPE_WRITE)
                std::memcpy(at, iov.iov_base, iov.iov_len);
            else
                std::memcpy(iov.iov_base, at, iov.iov_len);
            at += iov.iov_len;
        }
    } else if (io->type == BDK_BDEV_IO_TYPE_WRITE_ZEROES || io->type == BDK_BDEV_IO_TYPE_UNMAP) {
        std::memset(at, 0, io->u.bdev.num_blocks * block_size);
    }
    bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_SUCCESS);
}

void RawDisk::release(int32_t status) {
    while (!held.empty()) {
        bdk_bdev_io* io = held.front();
        held.pop_front();
        if (status == BDK_BDEV_IO_STATUS_SUCCESS)
            execute(io);
        else
            bdk_bdev_io_complete(io, status);
    }
}

RawLayer::RawLayer(std::string name, std::string base, int64_t delta)
    : name_(std::move(name)), base_name_(std::move(base)), delta_(delta) {}

int RawLayer::add() {
    if (int rc = bdk_bdev_open(base_name_.c_str(), 0, on_event, this, &base_); rc != 0) return rc;
    bdk_bdev* base = bdk_bdev_desc_get_bdev(base_);
    if (int rc = bdk_bdev_module_claim_bdev(base, base_, &raw_disk_module); rc != 0) {
        bdk_bdev_close(base_);
        return rc;
    }
    fn_.size = sizeof(fn_);
    fn_.destruct = destruct;
    fn_.submit_request = submit;
    fn_.get_io_channel = get_io_channel;
    bdev.size = sizeof(bdev);
    bdev.ctxt = this;
    bdev.name = name_.c_str();
    bdev.product_name = "Raw layer";
    bdev.module = &raw_disk_module;
    bdev.fn_table = &fn_;
    bdev.blocklen = bdk_bdev_get_block_size(base);
    bdev.blockcnt = num_blocks != 0 ? num_blocks : bdk_bdev_get_num_blocks(base);
    bdev.acwu = bdk_bdev_get_max_compare_and_write(base);
    bdev.io_type_supported = io_types;
    bdk_io_device_register(this, create_channel, destroy_channel, sizeof(Channel), name_.c_str());
    int rc = bdk_bdev_register(&bdev);
    if (rc != 0) destruct(this);
    return rc;
}

int RawLayer::destruct(void* ctxt) {
    auto* self = static_cast<RawLayer*>(ctxt);
    if (self->on_destruct) self->on_destruct();
    bdk_bdev_module_release_bdev(bdk_bdev_desc_get_bdev(self->base_), &raw_disk_module);
    bdk_bdev_close(self->base_);
    bdk_io_device_unregister(self, nullptr);
    self->destructed = true;
    return 0;
}

void RawLayer::on_event(uint32_t type, bdk_bdev*, void* ctx) {
    if (type == BDK_BDEV_EVENT_REMOVE)
        bdk_bdev_unregister(&static_cast<RawLayer*>(ctx)->bdev, nullptr, nullptr);
}

int RawLayer::create_channel(void* io_device, void* ctx) {
    auto* self = static_cast<RawLayer*>(io_device);
    *static_cast<Channel*>(ctx) = {self, bdk_bdev_get_io_channel(self->base_)};
    return static_cast<Channel*>(ctx)->base == nullptr ? -1 : 0;
}

void RawLayer::destroy_channel(void*, void* ctx) {
    bdk_put_io_channel(static_cast<Channel*>(ctx)->base);
}

bdk_io_channel* RawLayer::get_io_channel(void* ctxt) {
    return bdk_get_io_channel(ctxt);
}

void RawLayer::submit(bdk_io_channel* ch, bdk_bdev_io* io) {
    auto* channel = static_cast<Channel*>(bdk_io_channel_get_ctx(ch));
    RawLayer* self = channel->layer;
    if (self->on_submit) return self->on_submit(io, self->base_, channel->base);
    bdk_bdev_io_forward_opts opts{};
    opts.size = sizeof(opts);
    opts.offset_delta = self->delta_;
    opts.done = self->done;
    bdk_bdev_io_forward_ext(io, self->base_, channel->base, &opts);
}

}  // namespace bdk::test
