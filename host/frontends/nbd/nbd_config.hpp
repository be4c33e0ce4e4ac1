// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "frontends/frontend.hpp"

namespace bdevkit::host {

/// Where the stack file says so, "file:line:column: ", to begin an error with; may be empty.
using Place = std::string;

struct NbdExport {
    std::string bdev;
    std::string name;         ///< as clients ask for it; the bdev's name unless the stack says otherwise
    std::string description;  ///< shown by `nbdinfo --list`
    bool read_only = false;   ///< true also where the bdev does not take writes
    Place place = {};
};

/// When clients that ask for structured replies get them.
enum class StructuredReplies : uint32_t {
    automatic,  ///< where an export can tell holes from data: to clients of the others they are only dearer
    always,
    never,
};

struct NbdConfig {
    std::string listen;  ///< `unix:/path` or `tcp:address:port`, `tcp:[v6]:port`; port 0 picks a free one
    std::vector<NbdExport> exports;
    uint32_t max_connections = 256;
    uint64_t memory = uint64_t{1} << 30;  ///< bytes that requests may hold; each thread has an equal part
    StructuredReplies structured_replies = StructuredReplies::automatic;
    Place place = {};  ///< of `listen`
};

/// [main thread] The server; nothing is opened before start().
std::unique_ptr<Frontend> make_nbd_server(NbdConfig config);

}  // namespace bdevkit::host
