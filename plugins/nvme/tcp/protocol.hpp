// SPDX-License-Identifier: BSD-3-Clause
// One queue of an NVMe/TCP controller, without a socket: bytes in, bytes out. Everything that a controller
// sends is checked; what breaks the protocol ends the connection.
#pragma once

#include <functional>
#include <vector>

#include "pdu_reader.hpp"
#include "pdu_writer.hpp"

namespace nvme::tcp {

/// How a command ended. A command that reads may succeed with fewer bytes than it has room for: its owner has
/// to check `bytes`.
struct Result {
    uint64_t result = 0;  ///< dwords 0 and 1 of the completion
    uint8_t sct = 0, sc = 0;
    bool do_not_retry = false;
    uint32_t bytes = 0;  ///< bytes of data that the controller has sent

    bool ok() const noexcept { return sct == 0 && sc == 0; }
};

/// The states of a queue:
///
///   opening --ICResp--> open --a PDU that breaks the protocol, or C2HTermReq--> failed
///      |                                                                          ^
///      '--ICResp that asks for something else, or any other PDU-------------------'
///
/// `opening`: ICReq waits to be sent, or has been; commands have to wait. `open`: commands and data go both
/// ways. `failed`: nothing is received or submitted; the only thing that may be left to send is the PDU that
/// tells the target why. Commands that are in flight then stay so until drop_all().
class Protocol : private PduHandler {
public:
    struct Options {
        uint16_t depth = 128;  ///< commands in flight at a time
        bool header_digest = false, data_digest = false;
        uint32_t in_capsule = admin_in_capsule;  ///< bytes of data that a command may carry along
        bool is_for_io = false;  ///< whether it is an I/O queue, whose reads and writes move blocks
    };
    /// A command has ended, and the protocol has forgotten it. The call may submit other commands.
    using OnEnded = std::function<void(void* owner, const Result&)>;

    /// The first output is the request to open the connection.
    Protocol(const Options& options, OnEnded on_ended);

    /// Commands may be submitted.
    bool is_open() const noexcept { return state_ == State::open; }
    /// Why it has failed: the connection is to be closed, once what waits has been sent. Empty while all is
    /// well.
    const std::string& failure() const noexcept { return failure_; }

    /// Takes a command, and fills in identifier and SGL. The memory of its data stays valid until it has
    /// ended.
    /// @return its identifier; -EAGAIN when the queue is full or not open; -EINVAL for data that the opcode
    /// does not move
    int submit(const Command& command, const Data& data, void* owner);

    /// Takes bytes from the controller. They are ignored after a failure.
    void receive(Bytes bytes);
    /// The next bytes to send. @return how many of `pieces` are filled
    size_t gather(std::span<iovec> pieces) const { return writer_.gather(pieces); }
    /// `bytes` more have been sent.
    void sent(size_t bytes);

    bool has_output() const noexcept { return !writer_.empty(); }
    size_t depth() const noexcept { return slots_.size(); }
    size_t in_flight() const noexcept { return in_flight_; }
    /// The identifier of the owner's command in flight, or -ENOENT.
    int find(const void* owner) const noexcept;
    /// Between hold() and let_go() the identifier is not given to another command, even when its command
    /// ends: an abort on the admin queue names it.
    void hold(uint16_t cid) noexcept { slots_[cid].is_held = true; }
    void let_go(uint16_t cid) noexcept;

    /// The connection has been closed: calls drop(owner) for each command in flight, and forgets it.
    /// Afterwards only the destructor may be called.
    template <class Drop>
    void drop_all(Drop&& drop) {
        writer_.clear();
        in_flight_ = 0;
        for (Slot& slot : slots_)
            if (std::exchange(slot.in_flight, false)) drop(slot.owner);
    }

private:
    enum class State : uint8_t { opening, open, failed };
    enum class Direction : uint8_t { none, to_controller, from_controller };

    struct Slot {
        void* owner = nullptr;
        iovec single{};
        bdevkit::IovCursor data{nullptr};
        uint32_t bytes = 0;
        uint32_t done = 0;    ///< bytes received, or asked for by the controller
        uint32_t unsent = 0;  ///< PDUs with its data that wait to be sent
        Direction direction = Direction::none;
        bool in_flight = false;
        bool is_held = false;    ///< hold(): not free although the command has ended
        bool is_exact = false;   ///< success means that all of its data were moved
        bool got_last = false;   ///< the controller has sent the last of its data
        bool damaged = false;    ///< data had a wrong digest
        bool has_ended = false;  ///< the controller has ended it; data still wait to be sent
        Result result;
    };

    static Direction direction_of(const Command& command, const Data& data);
    void set_data(Slot& slot, const Data& data);

    void on_header(const PduHeader& header, uint32_t data_length) override;
    void on_data(Bytes bytes) override;
    void on_end(bool data_intact) override;
    void on_ic_resp(const IcPdu& pdu);
    void on_term_req(const TermPdu& pdu);
    void on_c2h_data(const DataPdu& pdu, uint32_t data_length);
    void on_r2t(const DataPdu& pdu);
    void on_response(const Completion& completion);
    Slot& slot_of(uint16_t cid, const char* what);
    void end(uint16_t cid, const Result& result);
    void release(uint16_t cid);
    void fail(const std::string& reason);
    void refuse(const ProtocolError& error);

    Options options_;
    OnEnded on_ended_;
    PduReader reader_{*this};
    PduWriter writer_;
    std::vector<Slot> slots_;
    std::vector<uint16_t> free_;
    size_t in_flight_ = 0;
    State state_ = State::opening;
    uint32_t max_data_ = 0;  ///< bytes in one H2CData
    std::string failure_;
    PduType type_ = PduType::ic_resp;  ///< of the current PDU
    DataPdu data_{};                   ///< the current C2HData
};

}  // namespace nvme::tcp
