// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/path/nomem.hpp"

#include <new>
#include <utility>

#include "bdev/path/dispatch.hpp"
#include "bdev/path/waiting_io.hpp"

namespace bdk {

namespace {

constexpr uint64_t nomem_retry_us = 100;

void set_nomem_flag(SharedResource* shared, bool on) {
    for (BdevChannel* channel : shared->channels)
        channel->flags = on ? channel->flags | channel_nomem : channel->flags & ~channel_nomem;
}

}  // namespace

void retry_nomem(SharedResource* shared) {
    bdk_poller_pause(shared->retry);
    IoQueue waiting = std::exchange(shared->nomem, {});
    set_nomem_flag(shared, false);
    while (!waiting.empty()) {
        if (!shared->nomem.empty()) {
            shared->nomem.push(waiting.pop());
            continue;
        }
        io_dispatch(release_from(waiting));
    }
}

std::unique_ptr<SharedResource> make_shared_resource(bdk_io_channel* module_ch) {
    auto shared = std::make_unique<SharedResource>();
    shared->module_ch = module_ch;
    auto retry = [](void* ctx) {
        retry_nomem(static_cast<SharedResource*>(ctx));
        return BDK_POLLER_BUSY;
    };
    shared->retry = bdk_poller_register(retry, shared.get(), nomem_retry_us, "bdev_nomem_retry");
    if (shared->retry == nullptr) throw std::bad_alloc();
    bdk_poller_pause(shared->retry);
    return shared;
}

void channel_queue_nomem(BdevIo* io) {
    SharedResource* shared = io->ch->shared;
    if (!hold_in(shared->nomem, io)) return;
    set_nomem_flag(shared, true);
    if (shared->outstanding_in_module() == 0) bdk_poller_resume(shared->retry);
}

}  // namespace bdk
