// SPDX-License-Identifier: BSD-3-Clause
// Requests that wait for memory.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>

#include "frontends/nbd/nbd_buffers.hpp"

namespace bdevkit::host::nbd {

/// A client in the queue.
class MemoryClient : public boost::intrusive::list_base_hook<> {
public:
    bool waits_for_memory() const noexcept { return is_linked(); }
};

/// [one bdk thread] Decides which request may take buffers, so that all requests together stay below the
/// limit of the buffer cache. A request that does not fit waits, and later requests wait behind it, so that a
/// large request gets its turn. A client that holds no memory may begin a short request in any case. So
/// clients that hold all memory and make no progress cannot keep others from small I/O.
class MemoryQueue {
public:
    /// Every client may have one request of this size in addition to the limit.
    static constexpr size_t short_request = 128u << 10;

    explicit MemoryQueue(const BufferCache& buffers) noexcept : buffers_(buffers) {}

    /// Whether the client may take that many bytes now. If not, it is queued, and must ask again when it is
    /// next(). @param held bytes that it has
    bool admit(MemoryClient& client, size_t bytes, size_t held) noexcept;

    /// Removes the client from the queue. The new next() must ask again.
    void leave(MemoryClient& client) noexcept;

    /// The client that must ask again after memory was returned or another client has left; otherwise
    /// nullptr.
    MemoryClient* next() noexcept { return waiting_.empty() ? nullptr : &waiting_.front(); }

    /// The number of times that the empty queue began to fill.
    uint64_t shortages() const noexcept { return shortages_; }

private:
    const BufferCache& buffers_;
    boost::intrusive::list<MemoryClient> waiting_;
    uint64_t shortages_ = 0;
};

}  // namespace bdevkit::host::nbd
