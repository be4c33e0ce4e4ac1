// SPDX-License-Identifier: BSD-3-Clause
// A frontend hands bdevs to clients. Driven by the host's main thread, which is not a bdk thread.
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

    /// [main thread] Starts to listen. On error nothing is left behind.
    virtual tl::expected<void, std::string> start() = 0;

    /// [main thread] Accepts no more clients, lets requests in flight finish and be answered, drops the
    /// clients and closes every desc. Returns when all of it is done.
    virtual void stop() = 0;

    /// [main thread, after start] Where clients connect: a URI such as
    /// `nbd+unix:///top?socket=/run/x.sock`, one per line.
    virtual std::string where() const = 0;
};

}  // namespace bdevkit::host
