// SPDX-License-Identifier: BSD-3-Clause
// A controller's registers and its admin queue.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "../identify.hpp"
#include "io_queue.hpp"

namespace nvme::pcie {

/// Every function waits until it is done, and throws bdevkit::Error. All are called on one thread, which is
/// not a bdk thread.
class Admin {
public:
    /// @param patience  how long an admin command may take
    Admin(VfioDevice& device, std::chrono::milliseconds patience);

    /// Starts the controller and its admin queue. disable() has been called before.
    void enable();
    /// Stops the controller: it accesses no memory, and its queues are deleted.
    void disable();
    /// Prepares the controller for a loss of power (CC.SHN), and waits until it has stored its data.
    void shut_down();

    bool gone() const noexcept { return registers_.gone(); }
    /// The controller has stopped with a fatal error.
    bool fatal() const noexcept { return NVME_CSTS_CFS(registers_.status()) != 0; }

    /// Runs a command. @return its status, success or not
    Status command(const Request& request);

    Identity identify();
    /// Called after identify(). The active namespaces that can be bdevs.
    std::vector<Namespace> namespaces();
    /// @return how many I/O queues the controller grants
    uint32_t request_io_queues(uint32_t wanted);
    /// @return entries of an I/O queue, at most `wanted`
    uint32_t io_queue_depth(uint32_t wanted) const noexcept;
    /// Has the controller look for the doorbells of its I/O queues in memory, if it can. Called after
    /// identify(), and after each enable(), before queues are created. @param most_queues  how many will be
    /// created at most
    void share_doorbells(uint32_t most_queues);
    bool shares_doorbells() const noexcept { return shared_; }
    void create(IoQueue& queue);
    void remove(const IoQueue& queue);
    /// @return whether the command will end as aborted
    bool abort(uint16_t queue, uint16_t cid);

    /// Asks the controller for events. take_events() returns them.
    void watch_events();
    /// Does not wait. @return the events that have arrived: dword 0 of each
    std::vector<uint32_t> take_events();
    /// Lets the controller report changed namespaces again.
    void acknowledge_changed_namespaces();

private:
    static constexpr uint32_t depth = 32;
    static constexpr uint32_t pages = Transfer::max_bytes / page_size + 2;

    void wait(uint32_t mask, uint32_t value, const char* what);
    void poll();
    Status run(Command command, const char* what);
    Status identify(uint32_t cns, uint32_t csi, uint32_t nsid, void* data);
    void must_identify(uint32_t cns, void* data);

    VfioDevice& device_;
    Registers registers_;
    std::chrono::milliseconds patience_;
    Doorbell::Shadow shadow(uint32_t doorbell) const noexcept;

    IoQueue queue_;
    Transfer transfer_;

    // Identifiers of the command that a function waits for, and of the command that waits for an event.
    static constexpr uint32_t none = UINT32_MAX;
    uint32_t waited_ = none, event_ = none;
    Status ended_;
    Identity identity_;

    std::optional<DmaMemory> doorbells_;  ///< a page of values and a page of events (see Doorbell)
    bool shared_ = false;                 ///< the controller uses doorbells_
    uint32_t event_mask_ = 0;
    std::vector<uint32_t> events_;
};

}  // namespace nvme::pcie
