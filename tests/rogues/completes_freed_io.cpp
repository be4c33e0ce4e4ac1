// SPDX-License-Identifier: BSD-3-Clause
// Breaks: an I/O is not touched after its completion. Completes the previous I/O, freed meanwhile, with each
// one.
#include "faulty_disk.hpp"

class CompletesFreedIo : public FaultyDisk<CompletesFreedIo> {
public:
    explicit CompletesFreedIo(const char* name) : FaultyDisk(name) {}

    void submit(Channel&, bdevkit::Io io) {
        bdk_bdev_io_complete(io.get(), BDK_BDEV_IO_STATUS_SUCCESS);
        freed_ = io.get();
        late_ = bdevkit::Poller::start<&CompletesFreedIo::complete_late>(this, "late");
    }

private:
    bool complete_late() {
        bdk_bdev_io_complete(freed_, BDK_BDEV_IO_STATUS_SUCCESS);
        late_.stop();
        return true;
    }

    bdk_bdev_io* freed_ = nullptr;
    bdevkit::Poller late_;
};

BDEVKIT_MODULE(CompletesFreedIo, .name = "completes_freed_io");
