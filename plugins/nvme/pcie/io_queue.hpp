// SPDX-License-Identifier: BSD-3-Clause
// An I/O queue pair with its memory. The channel that has it and the controller's thread share it.
#pragma once

#include <atomic>
#include <memory>

#include "queue_pair.hpp"
#include "registers.hpp"
#include "transfer.hpp"
#include "vfio_device.hpp"

namespace nvme::pcie {

struct IoQueue {
    enum class State : uint32_t {
        stopped,  ///< the controller does not have it (yet); the controller's thread may touch it
        ready,    ///< it is the channel's alone
        quiet,    ///< the channel's still, who submits nothing and stops it when nothing is in flight
        failed,   ///< the controller refuses to have it, or is gone
    };

    /// [any thread] Throws bdevkit::Error. @param pages  for data that are on their way at the same time
    IoQueue(const VfioDevice& device, uint16_t id, uint32_t depth, uint32_t pages);

    uint16_t id;
    int interrupt_event;  ///< of the vector with the queue's number; -1 for none
    bool sgls = false;    ///< the controller takes them; admin queues have none
    std::atomic<State> state{State::stopped};
    DmaMemory memory;
    uint64_t submission_iova, completion_iova;
    QueuePair pair;
    PagePool pool;
};

}  // namespace nvme::pcie
