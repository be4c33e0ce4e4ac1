// SPDX-License-Identifier: BSD-3-Clause
// What is done to a controller through its registers and its admin queue. Every function waits for its end
// and throws bdevkit::Error; all are called on one thread, which is no bdk thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "../identify.hpp"
#include "io_queue.hpp"

namespace nvme::pcie {

class Admin {
public:
    /// @param patience  how long an admin command may take
    Admin(VfioDevice& device, std::chrono::milliseconds patience);

    /// Starts the controller, which disable() has stopped, and its admin queue.
    void enable();
    /// Stops it: nothing reaches memory any more, and its queues are gone.
    void disable();
    /// Tells it that power may go, and waits until it has stored what it keeps.
    void shut_down();

    bool gone() const noexcept { return registers_.gone(); }
    /// It has stopped with an error of its own.
    bool fatal() const noexcept { return NVME_CSTS_CFS(registers_.status()) != 0; }

    /// @return how the command has ended, well or not
    Status command(const Request& request);

    Identity identify();
    /// After identify(). The active namespaces that bdevs can stand for.
    std::vector<Namespace> namespaces();
    /// How many I/O queues it grants.
    uint32_t request_io_queues(uint32_t wanted);
    /// Entries of an I/O queue, at most `wanted`.
    uint32_t io_queue_depth(uint32_t wanted) const noexcept;
    /// After identify(), and after each enable() before queues are created: has the controller look for
    /// doorbells of its I/O queues in memory, if it can. @param most_queues  that will be created
    void share_doorbells(uint32_t most_queues);
    bool shares_doorbells() const noexcept { return shared_; }
    void create(IoQueue& queue);
    void remove(const IoQueue& queue);
    /// @return whether the command will end as aborted
    bool abort(uint16_t queue, uint16_t cid);

    /// Asks for events; those that have come since wait in take_events(). After each one it is asked again.
    void watch_events();
    /// Looks for completions, without waiting. @return the events: dword 0 of each
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

    // The command that is waited for, and the one that asks for events.
    static constexpr uint32_t none = UINT32_MAX;
    uint32_t waited_ = none, event_ = none;
    Status ended_;
    Identity identity_;

    std::optional<DmaMemory> doorbells_;  ///< a page of values, and one of events
    bool shared_ = false;                 ///< the controller knows it
    uint32_t event_mask_ = 0;
    std::vector<uint32_t> events_;
};

}  // namespace nvme::pcie
