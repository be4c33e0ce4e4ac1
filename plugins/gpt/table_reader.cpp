// SPDX-License-Identifier: BSD-3-Clause
#include "table_reader.hpp"

using bdevkit::Error;

void TableReader::start(const char* bdev, Look look, Done done) {
    std::unique_ptr<TableReader> reader(new TableReader(bdev, look, std::move(done)));
    reader->read(0, uint64_t{2} * reader->desc_.block_size(), &TableReader::read_start);
    reader.release();
}

TableReader::TableReader(const char* bdev, Look look, Done done)
    : look_(look),
      last_try_(look == Look::after_protective_mbr),
      done_(std::move(done)),
      desc_(bdevkit::Desc::open<&TableReader::on_event>(bdev, bdevkit::Access::read, this)),
      channel_(desc_.get_io_channel()) {
    if (bdk_bdev_is_md_interleaved(desc_.bdev()))
        throw Error(ENOTSUP, bdevkit::format("'%s' has interleaved metadata", bdev));
}

void TableReader::read(uint64_t block, uint64_t bytes, void (TableReader::*then)()) {
    const uint32_t block_size = desc_.block_size();
    const uint64_t blocks = (bytes + block_size - 1) / block_size;
    buffer_.reset(static_cast<std::byte*>(bdk_dma_zmalloc(blocks * block_size, 4096, BDK_NUMA_ANY)));
    if (buffer_ == nullptr) throw Error(ENOMEM, "no memory to read it");
    bdevkit::read_blocks(desc_, channel_, buffer_.get(), block, blocks, [this, then](bool success) {
        attempt([&] {
            if (!success) throw Error(EIO, "it cannot be read");
            (this->*then)();
        });
    });
}

template <class Fn>
void TableReader::attempt(Fn fn) {
    try {
        if (removed_) throw Error(ENODEV, "the bdev is going");
        fn();
    } catch (const Error& error) {
        failed(error);
    }
}

void TableReader::read_start() {
    const Mbr mbr = read_mbr(buffer(512));
    // Where it is not protective, a backup table may be left of an earlier use of the disk.
    last_try_ = mbr == Mbr::other || (mbr == Mbr::none && look_ == Look::after_protective_mbr);
    if (last_try_)
        throw Error(EINVAL, mbr == Mbr::other ? "the disk has an MBR's partitions" : "there is none");
    const uint32_t block_size = desc_.block_size();
    std::copy_n(buffer_.get() + block_size, block_size, buffer_.get());
    read_header();
}

void TableReader::read_backup() {
    last_try_ = true;
    const uint64_t last = desc_.num_blocks() - 1;
    // Where a disk has grown, only the primary header knows.
    header_block_ = header_.alternate > 1 && header_.alternate <= last ? header_.alternate : last;
    read(header_block_, desc_.block_size(), &TableReader::read_header);
}

void TableReader::read_header() {
    header_ = read_gpt_header(buffer(desc_.block_size()), header_block_, desc_.num_blocks());
    read(header_.entries_block, header_.entries_bytes(), &TableReader::read_entries);
}

void TableReader::read_entries() {
    found_.partitions = read_gpt_entries(buffer(header_.entries_bytes()), header_);
    finish();
}

void TableReader::failed(const Error& error) {
    if (!last_try_ && !removed_) {
        found_.damage = error.what();
        return attempt([this] { read_backup(); });
    }
    found_.rc = error.rc();
    found_.problem = error.what();
    if (!found_.damage.empty() && found_.damage != found_.problem)
        found_.problem = found_.damage + "; of the backup: " + found_.problem;
    finish();
}

void TableReader::finish() {
    const std::unique_ptr<TableReader> self(this);
    channel_.put();
    desc_.close();
    done_(found_);
}
