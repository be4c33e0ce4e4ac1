// SPDX-License-Identifier: BSD-3-Clause
// What becomes of an I/O that a module answers with NOMEM: it waits, and those behind it, until another one
// on the same module channel has completed, or for 100 us when there is none to wait for.
#pragma once

#include <memory>

#include "bdev/model/channel.hpp"

namespace bdk {

/// [channel's thread] With its poller from the start: when the module has no memory, there may be none for a
/// poller either. Throws std::bad_alloc.
std::unique_ptr<SharedResource> make_shared_resource(bdk_io_channel* module_ch);

/// [channel's thread] Puts an I/O that the module could not take into the queue for memory.
void channel_queue_nomem(BdevIo* io);

/// [channel's thread] Submits what waits, in order, until the module says NOMEM again.
void retry_nomem(SharedResource* shared);

}  // namespace bdk
