// SPDX-License-Identifier: BSD-3-Clause
// Keeps I/O in flight at a bdev and checks the data of every read.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "check/client.hpp"

namespace bdevkit::host {

struct LoadOptions {
    uint32_t depth = 8;
    uint64_t first_block = 0;  ///< of the range
    uint64_t num_blocks = 0;   ///< 0: to the end
    bool writes = true;        ///< if the bdev can be written
    bool verifies = true;      ///< if the bdev stores data
    uint64_t count = 0;        ///< ends by itself after this number of I/Os; 0: ends with stop()
};

/// Writes and reads in turn, each slot at its own places, from the client's thread.
class CheckLoad {
public:
    /// [main thread] Starts the load. The client outlives it.
    CheckLoad(CheckClient& client, LoadOptions options);
    /// [main thread] Call wait() before.
    ~CheckLoad();
    CheckLoad(const CheckLoad&) = delete;
    CheckLoad& operator=(const CheckLoad&) = delete;

    /// [main thread] Starts no more I/O.
    void stop();
    /// [client's thread]
    void stop_here() { stopping_ = true; }
    /// [main thread] Waits until no I/O is in flight. If I/O does not complete, that breaks io.completes.
    void wait();
    /// [main thread] Waits until that number of I/Os has completed.
    void wait_for(uint64_t completed);

    // After wait():
    uint64_t completed() const { return completed_; }
    uint64_t failed() const { return failed_; }
    /// The first failure, and the first read with wrong data; empty: none.
    const std::string& failure() const { return failure_; }
    const std::string& mismatch() const { return mismatch_; }
    /// Throws Broken if there was a failure or a mismatch.
    void expect_clean() const;

private:
    struct Slot {
        uint64_t block = 0;
        uint64_t round = 0;
        bool known = false;  ///< the place holds `expected`
        std::vector<std::byte> buffer, expected;
    };
    void issue(Slot& slot);
    void ended(Slot& slot, bool was_write, const CheckResult& result);

    CheckClient& client_;
    LoadOptions options_;
    uint64_t unit_;
    std::vector<std::unique_ptr<Slot>> slots_;
    // Of the client's thread.
    bool stopping_ = false;
    uint64_t issued_ = 0, in_flight_ = 0, completed_ = 0, failed_ = 0;
    std::string failure_, mismatch_;
};

}  // namespace bdevkit::host
