// SPDX-License-Identifier: BSD-3-Clause
// The file descriptors that one thread waits for.
#pragma once

#include <bdevkit/poller.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct bdk_thread;

struct bdk_interrupt {
    int fd = -1;
    uint32_t events = 0;
    bdk_interrupt_fn fn = nullptr;
    void* ctx = nullptr;
    bdk_thread* thread = nullptr;
    bool registered = true;
    std::string name;
};

namespace bdk {

class InterruptList {
public:
    /// Reserves room for one more entry in every list, so that other operations need no memory. Throws
    /// std::bad_alloc.
    void make_room();
    bdk_interrupt* add(std::unique_ptr<bdk_interrupt> interrupt);
    /// The next collect() frees the memory, because an event may still be under way.
    void remove(bdk_interrupt* interrupt);
    void collect() noexcept {
        if (!removed_.empty()) removed_.clear();
    }

    size_t count() const noexcept { return all_.size(); }
    const std::vector<std::unique_ptr<bdk_interrupt>>& all() const noexcept { return all_; }
    std::string names() const;

private:
    std::vector<std::unique_ptr<bdk_interrupt>> all_;
    std::vector<std::unique_ptr<bdk_interrupt>> removed_;
};

}  // namespace bdk
