// SPDX-License-Identifier: BSD-3-Clause
// The commands in flight in a queue, by identifier.
#pragma once

#include <nvme/types.h>

#include <optional>
#include <utility>
#include <vector>

#include "../status.hpp"
#include "transfer.hpp"

struct bdk_bdev_io;

namespace nvme::pcie {

/// A command in flight.
struct Flight {
    bdk_bdev_io* io = nullptr;
    uint64_t started = 0;  ///< ticks
    bool abort_sent = false;
    bool late = false;  ///< a reset has been asked for because of it
    Transfer transfer;

    std::optional<uint16_t> partner;  ///< the other command of a fused pair, while that is in flight
    std::optional<Status> other;      ///< the partner's status, once it has ended
};

/// An I/O has one command, or two that the controller fuses (Base Specification 2.0, 3.4.2). It ends with the
/// last of its commands.
class Flights {
public:
    /// The I/O that ends with a command.
    struct End {
        bdk_bdev_io* io;  ///< NULL: none, the partner is still in flight
        Status status;
        bool late;
    };

    explicit Flights(uint32_t count) : flights_(count) {}

    uint32_t size() const noexcept { return uint32_t(flights_.size()); }
    Flight& operator[](uint32_t cid) noexcept { return flights_[cid]; }

    /// Begins a flight, whose transfer has begun.
    void begin(uint16_t cid, bdk_bdev_io* io, uint64_t now) noexcept {
        Flight& flight = flights_[cid];
        flight.io = io;
        flight.started = now;
        flight.abort_sent = flight.late = false;
        flight.partner.reset();
        flight.other.reset();
    }
    void fuse(uint16_t first, uint16_t second) noexcept {
        flights_[first].partner = second;
        flights_[second].partner = first;
    }

    /// The command has ended, and its identifier may be used again. The first command of a pair leaves its
    /// status to its partner.
    End end(uint16_t cid, PagePool& pool, const Status& status) {
        Flight& flight = flights_[cid];
        flight.transfer.end(pool, status.success());
        bdk_bdev_io* io = std::exchange(flight.io, nullptr);
        if (!flight.partner) return {io, flight.other ? of_both(*flight.other, status) : status, flight.late};
        Flight& partner = flights_[*std::exchange(flight.partner, std::nullopt)];
        partner.partner.reset();
        partner.other = status;
        partner.late |= flight.late;
        return {nullptr, {}, false};
    }

    /// The identifier of an I/O's command; nothing when none is in flight.
    std::optional<uint16_t> find(const bdk_bdev_io* io) const noexcept {
        for (size_t cid = 0; cid < flights_.size(); cid++)
            if (flights_[cid].io == io) return uint16_t(cid);
        return {};
    }

private:
    /// The status of a pair: the cause, not a failure that is only its consequence.
    static Status of_both(const Status& a, const Status& b) noexcept {
        const bool is_consequence = a.sct() == NVME_SCT_GENERIC && a.sc() == NVME_SC_FUSED_FAIL;
        return a.success() || (is_consequence && !b.success()) ? b : a;
    }

    std::vector<Flight> flights_;
};

}  // namespace nvme::pcie
