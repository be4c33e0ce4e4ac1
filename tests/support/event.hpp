// SPDX-License-Identifier: BSD-3-Clause
// Something that happens on another thread, and that a test waits for.
#pragma once

#include <future>

namespace bdk::test {

/// Happens once.
class Event {
public:
    /// [any thread]
    void set() { promise_.set_value(); }
    /// [not a bdk thread, or one that may block] Returns when it has been set. Call it once.
    void wait() { future_.get(); }

private:
    std::promise<void> promise_;
    std::future<void> future_ = promise_.get_future();
};

}  // namespace bdk::test
