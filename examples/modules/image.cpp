// SPDX-License-Identifier: BSD-3-Clause
// A disk image in a file, mapped into memory. Short rather than fast: reading a page that is not in memory
// yet blocks the reactor.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bdevkit/bdevkit.hpp>
#include <bdevkit/iov_cursor.hpp>

namespace {

using bdevkit::Error, bdevkit::format, bdevkit::Io, bdevkit::IoType;

class Image : public bdevkit::Bdev<Image> {
public:
    struct Options {
        bdevkit::Path path;
        uint32_t block_size;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(path, "The file; its size is the disk's.").required(),
        BDEVKIT_OPTION(block_size, "Bytes per block, a power of two.").defaults_to("512").min(512).max(65536),
    };
    static constexpr uint64_t io_types =
        bdevkit::io_types(IoType::read, IoType::write, IoType::flush, IoType::unmap, IoType::write_zeroes);

    Image(const char* name, const Options& given) : Bdev(name), file_(open(given.path, O_RDWR | O_CLOEXEC)) {
        struct stat status {};
        if (file_ < 0 || fstat(file_, &status) != 0) fail("open", given.path);
        size_ = uint64_t(status.st_size);
        void* start = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
        if (start == MAP_FAILED) fail("map", given.path);
        start_ = static_cast<std::byte*>(start);
        bdev().blocklen = given.block_size;
        bdev().blockcnt = size_ / given.block_size;
        bdev().flags = BDK_BDEV_WRITE_CACHE;
    }
    ~Image() {
        munmap(start_, size_);
        close(file_);
    }

    void submit(Channel& ch, Io io) {
        const uint64_t offset = io.offset_blocks() * bdev().blocklen,
                       length = io.num_blocks() * bdev().blocklen;
        switch (io.type()) {
            case IoType::read:
                return io.has_buffer() ? read(ch, io) : with_buffer<&Image::read>(io);
            case IoType::write:
                bdevkit::IovCursor(io.iovs().data()).read(start_ + offset, length);
                return io.complete();
            case IoType::flush:
                return io.complete_errno(fdatasync(file_) == 0 ? 0 : -errno);
            default: {
                const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
                const int rc = fallocate(file_, mode, off_t(offset), off_t(length));
                return io.complete_errno(rc == 0 ? 0 : -errno);
            }
        }
    }

private:
    [[noreturn]] void fail(const char* what, const char* path) {
        const int error = errno;
        if (file_ >= 0) close(file_);
        throw Error(error, format("cannot %s '%s'", what, path));
    }

    void read(Channel&, Io io) {
        bdevkit::IovCursor(io.iovs().data())
            .write(start_ + io.offset_blocks() * bdev().blocklen, io.num_blocks() * bdev().blocklen);
        io.complete();
    }

    int file_;
    uint64_t size_ = 0;
    std::byte* start_ = nullptr;
};

}  // namespace

BDEVKIT_MODULE(Image, .name = "image", .version = "1.0.0", .description = "A disk image in a file");
