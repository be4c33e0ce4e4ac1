// SPDX-License-Identifier: BSD-3-Clause
// null: takes every write, gives nothing back. I/O is queued on the channel and completed in batches from a
// poller, as real devices do. Per I/O it touches one slot of a small array, which stays in the first-level
// cache.
#include <bdevkit/bdevkit.hpp>
#include <cstring>
#include <utility>
#include <vector>

namespace {

using bdevkit::Io;
using bdevkit::IoStatus;
using bdevkit::IoType;

class Null : public bdevkit::Bdev<Null> {
public:
    struct Options {
        bdevkit::Size size;
        uint32_t block_size;
        bdk_uuid uuid;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(size, "Bytes of the disk, a multiple of block_size.").required().min(512),
        BDEVKIT_OPTION(block_size, "Bytes per block, a power of two.").defaults_to("512").min(512).max(65536),
        BDEVKIT_OPTION(uuid, "The bdev's UUID; made from its name when not given."),
    };

    static constexpr const char* product_name = "Null disk";
    static constexpr uint64_t io_types =
        bdevkit::io_types(IoType::read, IoType::write, IoType::flush, IoType::unmap, IoType::write_zeroes,
                          IoType::reset, IoType::abort);

    class Channel {
    public:
        explicit Channel(Null& disk)
            : poller_(bdevkit::Poller::start<&Channel::complete_batch>(this, disk.name())) {
            queued_.reserve(256);
            batch_.reserve(256);
            poller_.pause();
        }

        void queue(Io io) {
            if (std::exchange(paused_, false)) poller_.resume();
            queued_.push_back(io.get());
        }

        /// Takes `io` out and completes it as aborted. False when it is not here.
        bool abort(bdk_bdev_io* io) {
            for (auto* list : {&queued_, &batch_})
                for (bdk_bdev_io*& slot : *list)
                    if (slot == io) {
                        slot = nullptr;
                        Io(io).complete(IoStatus::aborted);
                        return true;
                    }
            return false;
        }

    private:
        /// Turns without work before the poller pauses: pausing at once would cost a resume per I/O at
        /// depth 1.
        static constexpr uint32_t idle_turns_before_pause = 64;

        bool complete_batch() {
            if (queued_.empty()) {
                paused_ = ++idle_turns_ >= idle_turns_before_pause;
                if (paused_) poller_.pause();
                return false;
            }
            idle_turns_ = 0;
            std::swap(queued_, batch_);  // what the callbacks submit waits for the next turn
            for (bdk_bdev_io*& slot : batch_)
                if (bdk_bdev_io* io = std::exchange(slot, nullptr)) Io(io).complete();
            batch_.clear();
            return true;
        }

        std::vector<bdk_bdev_io*> queued_;  ///< nullptr where an I/O was aborted
        std::vector<bdk_bdev_io*> batch_;   ///< being completed; nullptr where done
        bdevkit::Poller poller_;
        uint32_t idle_turns_ = 0;
        bool paused_ = true;
    };

    Null(const char* name, const Options& given) : Bdev(name) {
        const uint32_t block_size = given.block_size;
        if ((block_size & (block_size - 1)) != 0)
            throw bdevkit::Error(EINVAL,
                                 bdevkit::format("block_size is %u: give a power of two", block_size));
        if (given.size % block_size != 0)
            throw bdevkit::Error(EINVAL, bdevkit::format("size is no multiple of block_size %u", block_size));
        bdev().blocklen = block_size;
        bdev().blockcnt = given.size / block_size;
        bdev().uuid = given.uuid;
        bdev().flags = BDK_BDEV_FUA;
    }

    void submit(Channel& ch, Io io) {
        if (io.type() == IoType::read && !io.has_buffer()) return with_buffer<&Null::read_zeroes>(io);
        if (io.type() == IoType::abort)
            return io.complete(ch.abort(io->u.abort.bio_to_abort) ? IoStatus::success : IoStatus::failed);
        ch.queue(io);
    }

    void resize(uint64_t num_blocks) { notify_resized(num_blocks); }

private:
    /// A buffer of the host's may hold somebody else's data.
    void read_zeroes(Channel& ch, Io io) {
        for (const iovec& piece : io.iovs())
            std::memset(piece.iov_base, 0, piece.iov_len);
        ch.queue(io);
    }
};

}  // namespace

BDEVKIT_MODULE(Null, .name = "null", .version = "1.0.0",
               .description = "Completes every I/O without storing anything", .author = "bdevkit",
               .license = "BSD-3-Clause");
