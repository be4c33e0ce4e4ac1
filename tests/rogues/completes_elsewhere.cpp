// SPDX-License-Identifier: BSD-3-Clause
// Breaks rule 3: completes an I/O on a thread other than the one that submitted it.
#include "faulty_disk.hpp"

class CompletesElsewhere : public FaultyDisk<CompletesElsewhere> {
public:
    explicit CompletesElsewhere(const char* name) : FaultyDisk(name) {}

    void submit(Channel&, bdevkit::Io io) {
        other_thread().send([raw = io.get()] { bdk_bdev_io_complete(raw, BDK_BDEV_IO_STATUS_SUCCESS); });
    }
};

BDEVKIT_MODULE(CompletesElsewhere, .name = "completes_elsewhere");
