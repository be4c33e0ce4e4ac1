// SPDX-License-Identifier: BSD-3-Clause
// A submission queue and its completion queue (Base Specification 2.0, 3.3).
#pragma once

#include <cstdint>
#include <vector>

#include "../command.hpp"
#include "../status.hpp"
#include "doorbell.hpp"

namespace nvme::pcie {

/// A completion queue entry (Base Specification 2.0, 3.3.3.2).
struct Completion {
    uint64_t result;  ///< of the command: dwords 0 and 1
    uint16_t sq_head;
    uint16_t sq_id;
    uint16_t cid;
    uint16_t status;  ///< bit 0: the phase
};
static_assert(sizeof(Completion) == 16);

/// Just memory and two doorbells, so that a test can play the controller. Used by one thread at a time. An
/// entry of a completion queue is new when its phase bit differs from that of the last round. A command is
/// known by its identifier, which is below depth() and free again when the command has ended.
class QueuePair {
public:
    struct Memory {
        Command* commands = nullptr;  ///< `depth` entries, as of the completions
        volatile Completion* completions = nullptr;
        volatile uint32_t* submission_doorbell = nullptr;
        volatile uint32_t* completion_doorbell = nullptr;
    };

    /// @param depth  entries of each queue, 2 to 65536
    QueuePair(uint32_t depth, const Memory& memory);

    /// Empties both queues, as they are when the controller has created them. Nothing is in flight.
    void restart(const Doorbell::Shadow& submission = {}, const Doorbell::Shadow& completion = {}) noexcept;

    uint32_t depth() const noexcept { return depth_; }
    uint32_t in_flight() const noexcept { return depth_ - 1 - uint32_t(free_.size()); }
    bool full() const noexcept { return free_.empty(); }
    /// How many commands can be submitted now.
    uint32_t room() const noexcept { return uint32_t(free_.size()); }

    /// The identifier of the next command. Not to be called when full.
    uint16_t next_cid() const noexcept { return free_.back(); }
    /// Not to be called when full. The controller sees the command after ring(). @return its identifier
    uint16_t submit(Command command) noexcept;

    /// Tells the controller of all commands submitted since the last call.
    void ring() noexcept {
        if (told_ == tail_) return;
        submission_.ring(told_, tail_);
        told_ = tail_;
    }

    /// Calls done(uint16_t cid, Status) for each command that has ended, in the order of completion; done()
    /// may submit. @return how many commands have ended
    template <class Done>
    uint32_t poll(Done&& done) {
        const uint32_t from = head_;
        uint32_t count = 0;
        Status status;
        uint16_t cid = 0;
        while (count < depth_ && next(cid, status)) {
            count++;
            if (!forget(cid)) continue;
            done(cid, status);
        }
        if (count != 0) completion_.ring(from, head_);
        return count;
    }

    /// Calls gone(uint16_t cid) for each command in flight, and forgets it. The controller has been stopped.
    /// gone() must not submit.
    template <class Gone>
    void end_all(Gone&& gone) {
        for (uint32_t cid = 0; cid + 1 < depth_; cid++)
            if (forget(uint16_t(cid), true)) gone(uint16_t(cid));
    }

    bool is_in_flight(uint16_t cid) const noexcept { return cid < used_.size() && used_[cid] != 0; }

    /// Completions of commands that were not in flight: the controller is broken.
    uint64_t strays() const noexcept { return strays_; }

private:
    /// Takes the next entry, if its phase says that it is new.
    bool next(uint16_t& cid, Status& status) noexcept {
        const volatile Completion& entry = memory_.completions[head_];
        const uint16_t word = __atomic_load_n(&entry.status, __ATOMIC_ACQUIRE);
        if ((word & 1) != phase_) return false;
        cid = entry.cid;
        status = {.code = uint16_t(word >> 1), .result = entry.result};
        if (++head_ == depth_) {
            head_ = 0;
            phase_ ^= 1;
        }
        return true;
    }

    /// @return whether it was in flight
    bool forget(uint16_t cid, bool may_be_free = false) noexcept {
        if (!is_in_flight(cid)) {
            if (!may_be_free) strays_++;
            return false;
        }
        used_[cid] = 0;
        free_.push_back(cid);
        return true;
    }

    Memory memory_;
    Doorbell submission_, completion_;
    uint32_t depth_;
    uint32_t tail_ = 0, told_ = 0;
    uint32_t head_ = 0;
    uint16_t phase_ = 1;
    std::vector<uint16_t> free_;  ///< identifiers; the last used is on top
    std::vector<uint8_t> used_;
    uint64_t strays_ = 0;
};

}  // namespace nvme::pcie
