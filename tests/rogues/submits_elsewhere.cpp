// SPDX-License-Identifier: BSD-3-Clause
// Breaks rule 2: submits to its base on another thread than the channel's.
#include "faulty_disk.hpp"

class SubmitsElsewhere : public bdevkit::VirtualBdev<SubmitsElsewhere> {
public:
    struct Options {
        bdevkit::BdevName base;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(base, "The bdev that gets the I/O.").required(),
    };

    SubmitsElsewhere(const char* name, const Options& given) : VirtualBdev(name, given.base) {}

    void submit(Channel& ch, bdevkit::Io io) {
        static bdk_thread* const other = bdk_thread_create("rogue", nullptr, 0);
        bdevkit::Thread(other).send([this, io, base = ch.base.get()] {
            static char buf[512];
            auto done = [](bdk_bdev_io*, bool, void*) {};
            const int rc = bdk_bdev_read_blocks(this->base().get(), base, buf, 0, 1, nullptr, done, nullptr);
            bdevkit::Thread::app().send(
                [io, rc]() mutable { bdk_bdev_io_complete_aio_status(io.get(), rc); });
        });
    }
};

BDEVKIT_MODULE(SubmitsElsewhere, .name = "submits_elsewhere");
