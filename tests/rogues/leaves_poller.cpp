// SPDX-License-Identifier: BSD-3-Clause
// Leaves a poller behind: fini runs while the app thread still calls it.
#include "faulty_disk.hpp"

class LeavesPoller : public FaultyDisk<LeavesPoller> {
public:
    explicit LeavesPoller(const char* name) : FaultyDisk(name) {
        bdk_poller_register([](void*) { return BDK_POLLER_IDLE; }, this, 0, "forgotten");
    }

    void submit(Channel&, bdevkit::Io io) { io.complete(); }
};

BDEVKIT_MODULE(LeavesPoller, .name = "leaves_poller");
