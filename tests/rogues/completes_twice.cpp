// SPDX-License-Identifier: BSD-3-Clause
// Breaks: an I/O completes exactly once.
#include "faulty_disk.hpp"

class CompletesTwice : public FaultyDisk<CompletesTwice> {
public:
    explicit CompletesTwice(const char* name) : FaultyDisk(name) {}

    void submit(Channel&, bdevkit::Io io) {
        bdk_bdev_io* raw = io.get();
        bdk_bdev_io_complete(raw, BDK_BDEV_IO_STATUS_SUCCESS);
        bdk_bdev_io_complete(raw, BDK_BDEV_IO_STATUS_SUCCESS);
    }
};

BDEVKIT_MODULE(CompletesTwice, .name = "completes_twice");
