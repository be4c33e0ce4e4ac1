// SPDX-License-Identifier: BSD-3-Clause
// A queue pair with its memory.
#pragma once

#include <atomic>
#include <memory>

#include "queue_pair.hpp"
#include "registers.hpp"
#include "transfer.hpp"
#include "vfio_device.hpp"

namespace nvme::pcie {

/// Used by a channel and by the controller's worker, in turn: `state` says whose it is (see Channel).
struct IoQueue {
    enum class State : uint32_t {
        stopped,  ///< the worker's: not created in the controller (yet)
        ready,    ///< the channel's alone
        quiet,    ///< the channel's, which submits nothing and stops it when nothing is in flight
        failed,   ///< of no use: the controller has refused to create it, or is lost
    };

    /// [any thread] Throws bdevkit::Error. @param pages  for the data of commands in flight
    IoQueue(const VfioDevice& device, uint16_t id, uint32_t depth, uint32_t pages);

    uint16_t id;
    int interrupt_event;  ///< of the MSI-X vector with the queue's number; -1: none
    bool sgls = false;    ///< commands may use SGLs; those of admin queues may not
    std::atomic<State> state{State::stopped};
    DmaMemory memory;
    uint64_t submission_iova, completion_iova;
    QueuePair pair;
    PagePool pool;
};

}  // namespace nvme::pcie
