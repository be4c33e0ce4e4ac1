// SPDX-License-Identifier: BSD-3-Clause
// Base of the rogues that break a threading rule: a disk of 64 blocks that stores nothing. Each rogue defines
// submit().
#pragma once

#include <bdevkit/bdevkit.hpp>

template <class Derived>
class FaultyDisk : public bdevkit::Bdev<Derived> {
public:
    static constexpr uint64_t io_types = bdevkit::io_types(bdevkit::IoType::read, bdevkit::IoType::write);

    struct Channel {
        explicit Channel(Derived&) {}
    };

protected:
    explicit FaultyDisk(const char* name) : bdevkit::Bdev<Derived>(name) {
        this->bdev().blocklen = 512;
        this->bdev().blockcnt = 64;
    }

    /// A thread beside the app thread; it exits with the process's threads.
    static bdevkit::Thread other_thread() {
        static bdk_thread* const thread = bdk_thread_create("rogue", nullptr, 0);
        return bdevkit::Thread(thread);
    }
};
