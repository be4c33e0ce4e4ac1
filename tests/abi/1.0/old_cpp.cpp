// SPDX-License-Identifier: BSD-3-Clause
// old-cpp: a disk. I/O is queued on the thread's channel and done in the next turn of the
// reactor, as a device would; what it is done to is medium.hpp's.
#include <bdevkit/bdevkit.hpp>
#include <bdevkit/io_batch.hpp>
#include <bdevkit/iov_cursor.hpp>

#include "medium.hpp"

namespace {

using bdevkit::Error;
using bdevkit::Io;
using bdevkit::IoStatus;
using bdevkit::IoType;

class OldCppDisk : public bdevkit::Bdev<OldCppDisk> {
public:
    struct Options {
        bdevkit::Size size;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(size, "Bytes on the disk, a multiple of 512.").required().min(512),
    };
    static constexpr const char* product_name = "old-cpp disk";
    static constexpr uint64_t io_types =
        bdevkit::io_types(IoType::read, IoType::write, IoType::flush, IoType::unmap, IoType::write_zeroes,
                          IoType::reset, IoType::abort);

    /// What the module keeps of each I/O, from submit() to its end.
    struct IoContext {
        uint64_t begun;  ///< ticks
    };

    /// What each thread has of its own.
    struct Channel {
        explicit Channel(OldCppDisk& disk) : batch(disk, disk.name()) {}
        bdevkit::IoBatch<OldCppDisk> batch;
    };

    OldCppDisk(const char* name, const Options& given) : Bdev(name), medium_(given.size) {
        if (given.size % block_size != 0)
            throw Error(EINVAL, bdevkit::format("size is no multiple of %u", block_size));
        bdev().blocklen = block_size;
        bdev().blockcnt = given.size / block_size;
        // The core splits what is longer, so that no I/O holds up the reactor.
        bdev().max_rw_size = bdev().max_unmap = bdev().max_write_zeroes = longest / block_size;
    }

    /// [channel's thread] Starts an I/O.
    void submit(Channel& ch, Io io) {
        io.context<IoContext>().begun = bdk_get_ticks();
        switch (io.type()) {
            case IoType::read:
                return with_buffer<&OldCppDisk::queue>(io);
            case IoType::abort:
                return io.complete(ch.batch.abort(io->u.abort.bio_to_abort) ? IoStatus::success
                                                                            : IoStatus::failed);
            default:
                return queue(ch, io);
        }
    }

    /// [channel's thread] An I/O is to be done soon.
    void prepare(Io) {}

    /// [app thread] For `bdevkit run`'s dump.
    void dump_info(bdevkit::Json json) const { json.value("kind", "of ABI 1.0"); }
    void resize(uint64_t num_blocks) { notify_resized(num_blocks); }

    /// [channel's thread] Does a queued I/O, which the batch completes.
    void work(Io io) {
        const uint64_t offset = io.offset_blocks() * block_size, length = io.num_blocks() * block_size;
        switch (io.type()) {
            case IoType::read:
                bdevkit::IovCursor(io.iovs().data()).write(medium_.at(offset), length);
                break;
            case IoType::write:
                bdevkit::IovCursor(io.iovs().data()).read(medium_.at(offset), length);
                break;
            case IoType::unmap:
            case IoType::write_zeroes:
                medium_.zero(offset, length);
                break;
            default:  // flush: nothing is cached; reset: what came before it is done
                break;
        }
        log_end(io);
    }

private:
    static constexpr uint32_t block_size = 512;
    static constexpr uint32_t longest = 1 << 20;

    void queue(Channel& ch, Io io) { ch.batch.add(io); }

    void log_end(Io io) const {
        const uint64_t ticks = bdk_get_ticks() - io.context<IoContext>().begun;
        BDK_DEBUGLOG("%s: %s done after %.1f us", name(), bdk_bdev_io_type_name(io->type),
                     double(ticks) * 1e6 / double(bdk_get_ticks_hz()));
    }

    Medium medium_;
};

}  // namespace

BDEVKIT_MODULE(OldCppDisk, .name = "old-cpp", .version = "0.1.0", .description = "A plugin of ABI 1.0",
               .author = "bdevkit", .license = "BSD-3-Clause");
