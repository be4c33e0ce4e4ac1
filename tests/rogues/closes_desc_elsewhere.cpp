// SPDX-License-Identifier: BSD-3-Clause
// Breaks rule 2: closes a desc on a thread other than the one that opened it.
#include "faulty_disk.hpp"

class ClosesDescElsewhere : public FaultyDisk<ClosesDescElsewhere> {
public:
    struct Options {
        bdevkit::BdevName base;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(base, "The bdev whose desc is closed wrongly.").required(),
    };

    ClosesDescElsewhere(const char* name, const Options& given) : FaultyDisk(name) {
        const int rc = bdk_bdev_open(
            given.base, 0, [](uint32_t, bdk_bdev*, void*) {}, nullptr, &desc_);
        if (rc != 0) throw bdevkit::Error(rc, "no base");
    }

    void submit(Channel&, bdevkit::Io io) {
        other_thread().send([this, io] {
            bdk_bdev_close(desc_);
            bdevkit::Thread::app().send([io]() mutable { io.complete(); });
        });
    }

    void destruct() {
        bdk_bdev_close(desc_);
        finish_destruct();
    }

private:
    bdk_bdev_desc* desc_ = nullptr;
};

BDEVKIT_MODULE(ClosesDescElsewhere, .name = "closes_desc_elsewhere");
