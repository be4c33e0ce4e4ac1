// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "frontends/frontend.hpp"
#include "stack/frontend_kind.hpp"

namespace bdevkit::host {

/// The conditions under which clients get structured replies.
enum class StructuredReplies : uint32_t {
    automatic,  ///< if an export can tell holes from data; for other exports they only cost clients more
    always,
    never,
};

struct NbdConfig {
    std::string listen;  ///< `unix:/path` or `tcp:address:port`, `tcp:[v6]:port`; port 0 picks a free one
    std::vector<ExportSpec> exports;
    uint32_t max_connections = 256;
    uint64_t memory = uint64_t{1} << 30;  ///< bytes that requests may use; each thread has an equal share
    StructuredReplies structured_replies = StructuredReplies::automatic;
    Place place = {};  ///< place of `listen`
};

/// [main thread] Creates the server. It opens nothing before start().
std::unique_ptr<Frontend> make_nbd_server(NbdConfig config);

extern const FrontendKind nbd_kind;

}  // namespace bdevkit::host
