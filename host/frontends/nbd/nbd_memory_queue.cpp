// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_memory_queue.hpp"

namespace bdevkit::host::nbd {

bool MemoryQueue::admit(MemoryClient& client, size_t bytes, size_t held) noexcept {
    const bool is_first = waiting_.empty() || &waiting_.front() == &client;
    const size_t used = buffers_.used_bytes();
    const bool fits = used + bytes <= buffers_.limit() || used == 0;
    if (bytes == 0 || (is_first && fits) || (held == 0 && bytes <= short_request)) {
        leave(client);
        return true;
    }
    if (waiting_.empty()) ++shortages_;
    if (!client.waits_for_memory()) waiting_.push_back(client);
    return false;
}

void MemoryQueue::leave(MemoryClient& client) noexcept {
    if (client.waits_for_memory()) waiting_.erase(waiting_.iterator_to(client));
}

}  // namespace bdevkit::host::nbd
