// SPDX-License-Identifier: BSD-3-Clause
// The pools behind <bdevkit/memory.h>'s iobuf.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/export.hpp"
#include "env/env_options.hpp"

namespace bdk {

/// [app thread] Creates the pools. @return 0 or -ENOMEM
BDK_INTERNAL int iobuf_start(const EnvOptions& options);

/// [app thread] Frees the pools once every channel is closed, then calls done().
BDK_INTERNAL void iobuf_stop(std::function<void()> done);

/// Counters of one pool since the start.
struct IobufPoolStats {
    uint64_t from_cache = 0;  ///< served by the thread's own cache
    uint64_t from_pool = 0;   ///< served by the shared pool
    uint64_t waited = 0;      ///< calls that had to wait
};

struct IobufStats {
    std::string name;  ///< the name given to bdk_iobuf_channel_open()
    IobufPoolStats small;
    IobufPoolStats large;
};

/// [bdk thread] One entry per open channel, in any order; done runs on the calling thread.
BDK_INTERNAL void iobuf_get_stats(std::function<void(std::vector<IobufStats>)> done);

}  // namespace bdk
