// SPDX-License-Identifier: BSD-3-Clause
#include "table_reader.hpp"

using bdevkit::Error, bdevkit::format;

void TableReader::start(const char* bdev, Look look, Done done) {
    std::unique_ptr<TableReader> reader(new TableReader(bdev, look, std::move(done)));
    reader->read(0, uint64_t{2} * reader->desc_.block_size(), &TableReader::read_start);
    reader.release();
}

TableReader::TableReader(const char* bdev, Look look, Done done)
    : look_(look),
      stage_(look == Look::after_protective_mbr ? Stage::backup : Stage::primary),
      done_(std::move(done)),
      desc_(bdevkit::Desc::open<&TableReader::on_event>(bdev, bdevkit::Access::read, this)),
      channel_(desc_.get_io_channel()) {
    if (bdk_bdev_is_md_interleaved(desc_.bdev()))
        throw Error(ENOTSUP, bdevkit::format("'%s' has interleaved metadata", bdev));
}

void TableReader::read(uint64_t block, uint64_t bytes, void (TableReader::*then)()) {
    const uint32_t block_size = desc_.block_size();
    const uint64_t blocks = std::min((bytes + block_size - 1) / block_size, desc_.num_blocks() - block);
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
        if (removed_) throw Error(ENODEV, "the bdev is being removed");
        fn();
    } catch (const Error& error) {
        failed(error);
    }
}

void TableReader::read_start() {
    const Mbr mbr = read_mbr(buffer(512));
    // If the MBR is not protective, a backup table may be a remnant of an earlier use of the disk.
    may_have_table_ = mbr == Mbr::protective || (mbr == Mbr::none && look_ == Look::anywhere);
    stage_ = may_have_table_ ? Stage::primary : Stage::backup;
    if (!may_have_table_)
        throw Error(EINVAL, mbr == Mbr::other ? "the disk has MBR partitions" : "there is none");
    const uint32_t block_size = desc_.block_size();
    std::copy_n(buffer_.get() + block_size, block_size, buffer_.get());
    read_header();
}

void TableReader::read_backup() {
    stage_ = Stage::backup;
    const uint64_t last = desc_.num_blocks() - 1;
    // If a disk has grown, only the primary header knows the position.
    header_block_ = header_.alternate > 1 && header_.alternate <= last ? header_.alternate : last;
    read(header_block_, desc_.block_size(), &TableReader::read_header);
}

void TableReader::read_header() {
    header_ = read_gpt_header(buffer(desc_.block_size()), header_block_, desc_.num_blocks());
    read(header_.entries_block, header_.entries_bytes(), &TableReader::read_entries);
}

void TableReader::read_entries() {
    found_.partitions = read_gpt_entries(buffer(header_.entries_bytes()), header_);
    stage_ == Stage::primary ? begin_check_of_backup() : finish();
}

void TableReader::begin_check_of_backup() {
    stage_ = Stage::check;
    const uint64_t last = desc_.num_blocks() - 1;
    if (header_.alternate != last)
        found_.backup = format(
            "the primary header places it at block %llu, but the disk ends with block %llu: move it there, "
            "with `sgdisk -e` for example",
            static_cast<unsigned long long>(header_.alternate), static_cast<unsigned long long>(last));
    if (header_.alternate <= 1 || header_.alternate > last) return finish();
    read(header_.alternate, desc_.block_size(), &TableReader::check_backup_header);
}

void TableReader::check_backup_header() {
    backup_ = read_gpt_header(buffer(desc_.block_size()), header_.alternate, desc_.num_blocks());
    if (!describe_same_table(header_, backup_)) throw Error(EINVAL, "it describes other partitions");
    read(backup_.entries_block, backup_.entries_bytes(), &TableReader::check_backup_entries);
}

void TableReader::check_backup_entries() {
    read_gpt_entries(buffer(backup_.entries_bytes()), backup_);
    finish();
}

void TableReader::begin_search_for_other_block_size() {
    stage_ = Stage::search;
    read(0, largest_block_size + least_block_size, &TableReader::search_for_other_block_size);
}

void TableReader::search_for_other_block_size() {
    const uint32_t own = desc_.block_size();
    const uint64_t bytes = desc_.num_blocks() * own;
    const auto start = buffer(std::min<uint64_t>(bytes, largest_block_size + least_block_size));
    const uint32_t size = block_size_of_table(start, bytes);
    if (size != 0 && size != own) {
        found_.other_block_size = size;
        found_.problem =
            format("it is a table for blocks of %u bytes, but the disk has blocks of %u", size, own);
    }
    finish();
}

void TableReader::failed(const Error& error) {
    if (!removed_ && stage_ == Stage::primary) {
        found_.damage = error.what();
        return attempt([this] { read_backup(); });
    }
    if (!removed_ && stage_ == Stage::check) {
        found_.backup += found_.backup.empty() ? error.what() : std::string("; ") + error.what();
        return finish();
    }
    if (!removed_ && stage_ == Stage::search) return finish();
    found_.rc = error.rc();
    found_.problem = error.what();
    if (!found_.damage.empty() && found_.damage != found_.problem)
        found_.problem = found_.damage + "; backup: " + found_.problem;
    if (removed_ || !may_have_table_) return finish();
    attempt([this] { begin_search_for_other_block_size(); });
}

void TableReader::finish() {
    const std::unique_ptr<TableReader> self(this);
    channel_.put();
    desc_.close();
    done_(found_);
}
