// SPDX-License-Identifier: BSD-3-Clause
// Requests that wait for memory.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>

#include "frontends/nbd/nbd_buffers.hpp"

namespace bdevkit::host::nbd {

/// A client as the queue knows it.
class MemoryClient : public boost::intrusive::list_base_hook<> {
public:
    bool waits_for_memory() const noexcept { return is_linked(); }
};

/// [one bdk thread] Decides whose request may take buffers, so that all together stay below the limit of the
/// buffer cache. A request that does not fit waits, and those that come later wait behind it, so that a large
/// one gets its turn. A client that holds no memory may begin a short request all the same: so clients that
/// hold all of it, and do not go on, keep nobody from small I/O.
class MemoryQueue {
public:
    /// Every client may have one request of so many bytes beside the limit.
    static constexpr size_t short_request = 128u << 10;

    explicit MemoryQueue(const BufferCache& buffers) noexcept : buffers_(buffers) {}

    /// Whether the client may take so many bytes now. Else it is in the queue, and is to ask again when it is
    /// next().
    /// @param held  bytes that it has
    bool admit(MemoryClient& client, size_t bytes, size_t held) noexcept;

    /// The client waits no more. The one that is next() now is to ask again.
    void leave(MemoryClient& client) noexcept;

    /// The client that is to ask again after memory was given back, or another one has left; else nullptr.
    MemoryClient* next() noexcept { return waiting_.empty() ? nullptr : &waiting_.front(); }

    /// Counts the times at which the queue began to fill.
    uint64_t shortages() const noexcept { return shortages_; }

private:
    const BufferCache& buffers_;
    boost::intrusive::list<MemoryClient> waiting_;
    uint64_t shortages_ = 0;
};

}  // namespace bdevkit::host::nbd
