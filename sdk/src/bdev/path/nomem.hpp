// SPDX-License-Identifier: BSD-3-Clause
// The handling of an I/O that a module answers with NOMEM. The I/O and those behind it wait until another I/O
// on the same module channel has completed, or for 100 us if none is in flight.
#pragma once

#include <memory>

#include "bdev/model/channel.hpp"

namespace bdk {

/// [channel's thread] Creates the state together with its poller: when the module has no memory later, there
/// may be none for a poller either. Throws std::bad_alloc.
std::unique_ptr<SharedResource> make_shared_resource(bdk_io_channel* module_ch);

/// [channel's thread] Queues an I/O that the module had no memory for.
void channel_queue_nomem(BdevIo* io);

/// [channel's thread] Submits the queued I/Os in order until the module answers NOMEM again.
void retry_nomem(SharedResource* shared);

}  // namespace bdk
