// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_export.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

namespace bdevkit::host::nbd {

namespace {

std::string why_not_open(const ExportSpec& config, int rc) {
    const std::string what = config.place + "nbd: export '" + config.name + "': bdev '" + config.bdev + "' ";
    switch (rc) {
        case -ENODEV:
            return what + "does not exist";
        case -EPERM:
            return what +
                   "is claimed by a module and cannot be written; export it with read_only: true, or export "
                   "the bdev on top of it";
        default:
            return what + "could not be opened: " + std::strerror(-rc);
    }
}

/// NBD has no metadata, so only the data of a bdev with metadata is served.
int open_desc(const ExportSpec& config, bool write, bdk_bdev_event_cb on_event, void* ctx,
              bdk_bdev_desc** desc) {
    const uint32_t flags = BDK_BDEV_OPEN_HIDE_METADATA | (write ? BDK_BDEV_OPEN_WRITE : 0);
    return bdk_bdev_open(config.bdev.c_str(), flags, on_event, ctx, desc);
}

bool supports(const bdk_bdev* bdev, uint32_t type) {
    return bdk_bdev_io_type_supported(bdev, type);
}

/// Bytes.
uint64_t write_unit_of(const bdk_bdev_desc* desc) {
    const uint64_t blocks = std::max<uint32_t>(1, bdk_bdev_get_write_unit_size(bdk_bdev_desc_get_bdev(desc)));
    return blocks * bdk_bdev_desc_get_block_size(desc);
}

std::string why_not_writable(const ExportSpec& config, uint64_t write_unit) {
    return config.place + "nbd: export '" + config.name + "': bdev '" + config.bdev +
           "' is written in units of " + std::to_string(write_unit) +
           " bytes, and the largest request of NBD has " + std::to_string(max_payload) +
           " bytes (32 MiB): export it with read_only: true, or give the bdev a smaller write unit";
}

}  // namespace

tl::expected<std::unique_ptr<Export>, std::string> Export::open(const ExportSpec& config,
                                                                std::function<void()> removed) {
    std::unique_ptr<Export> self(new Export(config, std::move(removed)));
    if (self->config_.name.empty()) self->config_.name = config.bdev;

    // Whether the bdev supports writes is known only once it is open.
    int rc = open_desc(config, false, on_event, self.get(), &self->desc_);
    if (rc != 0) return tl::make_unexpected(why_not_open(self->config_, rc));
    self->bdev_ = bdk_bdev_desc_get_bdev(self->desc_);
    if (self->config_.read_only) return self;
    if (!supports(self->bdev_, BDK_BDEV_IO_TYPE_WRITE)) {
        self->config_.read_only = true;
        return self;
    }
    bdk_bdev_desc* writable = nullptr;
    rc = open_desc(config, true, on_event, self.get(), &writable);
    if (rc != 0) return tl::make_unexpected(why_not_open(self->config_, rc));
    bdk_bdev_close(std::exchange(self->desc_, writable));
    const uint64_t unit = write_unit_of(self->desc_);
    if (unit > max_payload) return tl::make_unexpected(why_not_writable(self->config_, unit));
    return self;
}

void Export::close() {
    if (desc_ != nullptr) bdk_bdev_close(std::exchange(desc_, nullptr));
}

void Export::on_event(uint32_t type, bdk_bdev*, void* ctx) {
    if (type == BDK_BDEV_EVENT_REMOVE) static_cast<Export*>(ctx)->removed_();
}

uint16_t Export::flags() const {
    uint16_t flags = has_flags;
    const bool flushes = supports(bdev_, BDK_BDEV_IO_TYPE_FLUSH);
    // All connections use the same bdev, so a flush on one of them is valid for all.
    flags |= can_multi_conn;
    if (flushes) flags |= send_flush;
    if (config_.read_only) return flags | read_only;
    if (flushes || !bdk_bdev_has_write_cache(bdev_)) flags |= send_fua;
    if (supports(bdev_, BDK_BDEV_IO_TYPE_UNMAP)) flags |= send_trim;
    if (supports(bdev_, BDK_BDEV_IO_TYPE_WRITE_ZEROES)) flags |= send_write_zeroes;
    return flags;
}

bool Export::tells_holes() const {
    return supports(bdev_, BDK_BDEV_IO_TYPE_SEEK_DATA) && supports(bdev_, BDK_BDEV_IO_TYPE_SEEK_HOLE);
}

ExportInfo Export::info() const {
    const uint64_t block = bdk_bdev_desc_get_block_size(desc_);
    const uint64_t boundary = block * bdk_bdev_get_optimal_io_boundary(bdev_);
    const uint64_t physical = bdk_bdev_get_physical_block_size(bdev_);
    uint64_t preferred = std::max<uint64_t>({4096, block, physical});
    if (std::has_single_bit(boundary) && boundary <= (1u << 20)) preferred = std::max(preferred, boundary);
    return ExportInfo{
        .name = config_.name,
        .description = config_.description,
        .size = block * bdk_bdev_get_num_blocks(bdev_),
        .flags = flags(),
        .preferred_block = static_cast<uint32_t>(std::has_single_bit(preferred) ? preferred : 4096),
    };
}

Target Export::target() {
    const uint32_t block = bdk_bdev_desc_get_block_size(desc_);
    // Lent memory contains the metadata that the desc hides.
    const bool lends = supports(bdev_, BDK_BDEV_IO_TYPE_ZCOPY) && block == bdk_bdev_get_block_size(bdev_);
    return Target{
        .bdev = bdev_,
        .desc = desc_,
        .channel = bdk_bdev_get_io_channel(desc_),
        .size = block * bdk_bdev_get_num_blocks(bdev_),
        .block_size = block,
        .write_unit = write_unit_of(desc_),
        .flushes = supports(bdev_, BDK_BDEV_IO_TYPE_FLUSH),
        .lends = lends,
        .seeks = tells_holes(),
    };
}

}  // namespace bdevkit::host::nbd
