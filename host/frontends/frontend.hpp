// SPDX-License-Identifier: BSD-3-Clause
// A frontend serves bdevs to clients. The host's main thread, which is not a bdk thread, drives it.
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace bdevkit::host {

class Frontend {
public:
    Frontend() = default;
    virtual ~Frontend() = default;
    Frontend(const Frontend&) = delete;
    Frontend& operator=(const Frontend&) = delete;

    /// [main thread] Starts to listen. On error everything is undone.
    virtual tl::expected<void, std::string> start() = 0;

    /// [main thread] Accepts no more clients, completes and answers the requests in flight, drops the clients
    /// and closes every desc. Returns when all of this is done.
    virtual void stop() = 0;

    /// [main thread, after start] The addresses for clients: URIs such as
    /// `nbd+unix:///top?socket=/run/x.sock`, one per line.
    virtual std::string where() const = 0;
};

}  // namespace bdevkit::host
