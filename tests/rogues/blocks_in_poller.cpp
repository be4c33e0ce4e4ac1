// SPDX-License-Identifier: BSD-3-Clause
// Breaks rule 5: sleeps in a poller.
#include <unistd.h>

#include "faulty_disk.hpp"

class BlocksInPoller : public FaultyDisk<BlocksInPoller> {
public:
    explicit BlocksInPoller(const char* name) : FaultyDisk(name) {}

    void submit(Channel&, bdevkit::Io io) {
        io_ = io;
        poller_ = bdk_poller_register(
            [](void* ctx) {
                static_cast<BlocksInPoller*>(ctx)->nap();
                return BDK_POLLER_BUSY;
            },
            this, 0, "napper");
    }

private:
    void nap() {
        // Longer than the watchdog's limit, which is 500 ms without a sanitizer.
        usleep(900'000);
        bdk_poller_unregister(&poller_);
        io_.complete();
    }

    bdevkit::Io io_{nullptr};
    bdk_poller* poller_ = nullptr;
};

BDEVKIT_MODULE(BlocksInPoller, .name = "blocks_in_poller");
