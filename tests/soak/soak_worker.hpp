// SPDX-License-Identifier: BSD-3-Clause
// A bdk thread that opens bdevs at random and keeps I/O in flight on them.
#pragma once

#include <bdevkit/poller.h>

#include <functional>
#include <memory>
#include <vector>

#include "soak/soak_session.hpp"
#include "support/await.hpp"

namespace bdk::test {

class SoakWorker {
public:
    /// [not a bdk thread] Starts at once, with I/O.
    SoakWorker(bdk_thread* thread, std::vector<std::unique_ptr<Tower>>& towers, uint64_t seed);
    /// [not a bdk thread] After close_all().
    ~SoakWorker();
    SoakWorker(const SoakWorker&) = delete;
    SoakWorker& operator=(const SoakWorker&) = delete;

    // Each: [not a bdk thread].
    /// Submits no more; true is set once nothing is in flight. Descs stay open.
    Awaited<bool> drain();
    /// As drain(); and nothing is open, either.
    Awaited<bool> close_all();
    void go_on();
    /// Closes the descs that it has open for writing in the tower.
    void revoke_writers(const Tower& tower);
    SoakCounts counts();
    /// Descs with a channel, and the I/Os in flight.
    size_t sessions();
    uint64_t in_flight();

    bdk_thread* thread() { return thread_; }

private:
    int act();
    void open_one();
    void load_one();
    bool is_idle();

    bdk_thread* thread_;
    std::vector<std::unique_ptr<Tower>>& towers_;
    SoakRandom random_;
    SoakCounts counts_;
    std::vector<std::unique_ptr<SoakSession>> sessions_;
    bdk_poller* poller_ = nullptr;
    bool running_ = true;
    bool closing_ = false;
    std::function<void(bool)> idle_;  ///< waits for the drain
};

}  // namespace bdk::test
