// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bdevkit/thread.h>

#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "abandoning.hpp"

namespace bdevkit::python {

class OpenDesc;

/// The bdk thread that does the I/O of Python's threads, which are not bdk threads. It owns their descs.
class IoThread {
public:
    /// [not a bdk thread, while a host runs] Throws std::runtime_error when no thread can be created.
    IoThread();
    /// [any thread] Wraps a thread that somebody else owns.
    explicit IoThread(bdk_thread* thread) : thread_(thread) {}
    IoThread(const IoThread&) = delete;
    IoThread& operator=(const IoThread&) = delete;

    /// [any thread] Queues fn(ctx) on the thread. @return 0; -ENODEV once the host has stopped; -ENOMEM.
    int send(bdk_msg_fn fn, void* ctx);

    /// [any thread] Runs fn there, later. @return as send(); fn does not run unless it is 0
    int post(std::function<void()> fn);

    /// [not a bdk thread] Runs fn there and waits for its return. @return as send()
    int run(const std::function<void()>& fn);

    /// [not a bdk thread] Aborts the I/O in flight and closes the remaining descs; when the I/O has ended,
    /// the thread exits. @return the names of the bdevs of these descs
    std::vector<std::string> stop();

    /// [any thread] From now on send() is refused.
    void detach();

    /// [on the thread] The descs that are open on the thread.
    std::vector<std::shared_ptr<OpenDesc>>& descs() { return descs_; }

    /// [on the thread]
    Abandoning& abandoning() { return abandoning_; }

private:
    std::shared_mutex mutex_;  ///< senders read thread_, stop() changes it
    bdk_thread* thread_;
    std::vector<std::shared_ptr<OpenDesc>> descs_;
    Abandoning abandoning_;
};

}  // namespace bdevkit::python
