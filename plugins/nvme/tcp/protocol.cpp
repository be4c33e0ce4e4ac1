// SPDX-License-Identifier: BSD-3-Clause
#include "protocol.hpp"

#include <bdevkit/log.hpp>

#include <nvme/types.h>

#include <cerrno>
#include <cstring>

namespace nvme::tcp {

namespace {

using bdevkit::format;

constexpr uint8_t sgl_without_metadata = 1u << 6;  // of a command's flags: SGL, metadata in one buffer
constexpr uint8_t sgl_in_capsule = 0x01, sgl_transport = 0x5a;
constexpr uint32_t pdu_type_at = 0, pdu_flags_at = 1, cid_at = 8, range_offset_at = 12, range_length_at = 16;
constexpr uint8_t transient_transport_error = 0x22;

/// Whether a command of an I/O queue moves exactly as many blocks as it says. Other commands may move less
/// than they have room for: log pages, reports, security and authentication data.
bool moves_blocks(uint8_t opcode) {
    return opcode == nvme_cmd_read || opcode == nvme_cmd_write || opcode == nvme_cmd_compare ||
           opcode == nvme_zns_cmd_append;
}

/// Thrown when the controller has ended the connection: the rest of the bytes is ignored.
struct Terminated {};

template <class Pdu>
const Pdu& as(const PduHeader& header) {
    return reinterpret_cast<const Pdu&>(header);
}

std::string reason_of(uint16_t error) {
    switch (FatalError(error)) {
        case FatalError::invalid_header_field:
            return "a header field is invalid";
        case FatalError::sequence:
            return "a PDU is out of sequence";
        case FatalError::header_digest:
            return "a wrong header digest";
        case FatalError::data_out_of_range:
            return "data are out of range";
        case FatalError::limit_exceeded:
            return "a limit was exceeded";
        case FatalError::unsupported_parameter:
            return "a parameter is not supported";
        default:
            return format("error %u", error);
    }
}

}  // namespace

Protocol::Protocol(const Options& options, OnEnded on_ended)
    : options_(options), on_ended_(std::move(on_ended)), slots_(options.depth) {
    free_.reserve(options.depth);
    for (size_t i = slots_.size(); i-- != 0;)
        free_.push_back(uint16_t(i));
    IcPdu request{};
    request.header.type = PduType::ic_req;
    request.digests =
        uint8_t((options.header_digest ? ic_header_digest : 0) | (options.data_digest ? ic_data_digest : 0));
    writer_.add(request);
}

// ---- commands ----

Protocol::Direction Protocol::direction_of(const Command& command, const Data& data) {
    if (data.bytes == 0) return Direction::none;
    const uint32_t bits = (command.opcode == nvme_admin_fabrics ? command.nsid : command.opcode) & 3;
    return bits == 1 ? Direction::to_controller : bits == 2 ? Direction::from_controller : Direction::none;
}

void Protocol::set_data(Slot& slot, const Data& data) {
    slot.single = {data.buf, data.bytes};
    slot.data = bdevkit::IovCursor(data.iovcnt != 0 ? data.iovs : &slot.single);
    slot.bytes = data.bytes;
}

int Protocol::submit(const Command& given, const Data& data, void* owner) {
    const Direction direction = direction_of(given, data);
    if (data.md_bytes != 0 || (data.bytes != 0 && direction == Direction::none) ||
        (data.iovcnt != 0 && !bdevkit::iovs_hold(data.iovs, int32_t(data.iovcnt), data.bytes)))
        return -EINVAL;
    if (!is_open() || free_.empty()) return -EAGAIN;
    const uint16_t cid = free_.back();
    Slot& slot = slots_[cid];
    slot = {};
    slot.owner = owner;
    slot.direction = direction;
    slot.is_exact = options_.is_for_io && moves_blocks(given.opcode);
    set_data(slot, data);

    const uint32_t room = given.opcode == nvme_admin_fabrics ? admin_in_capsule : options_.in_capsule;
    const bool carried = direction == Direction::to_controller && slot.bytes <= room;
    CapsuleCmdPdu pdu{{PduType::capsule_cmd, 0, 0, 0, 0}, given};
    pdu.command.cid = cid;
    pdu.command.flags = uint8_t((given.flags & ~0xc0u) | sgl_without_metadata);
    pdu.command.mptr = 0;
    pdu.command.dptr[0] = 0;
    pdu.command.dptr[1] = slot.bytes | uint64_t(carried ? sgl_in_capsule : sgl_transport) << 56;
    if (carried)
        writer_.add(pdu, slot.data, slot.bytes, cid);
    else
        writer_.add(pdu);
    // Nothing below throws.
    free_.pop_back();
    slot.in_flight = true;
    in_flight_++;
    if (carried) {
        slot.done = slot.bytes;
        slot.unsent = 1;
    }
    return cid;
}

int Protocol::find(const void* owner) const noexcept {
    for (const Slot& slot : slots_)
        if (slot.in_flight && slot.owner == owner) return int(&slot - slots_.data());
    return -ENOENT;
}

void Protocol::let_go(uint16_t cid) noexcept {
    if (std::exchange(slots_[cid].is_held, false) && !slots_[cid].in_flight) free_.push_back(cid);
}

void Protocol::sent(size_t bytes) {
    writer_.sent(bytes, [this](uint16_t cid) {
        Slot& slot = slots_[cid];
        if (--slot.unsent == 0 && slot.has_ended) release(cid);
    });
}

// ---- PDUs from the controller ----

void Protocol::receive(Bytes bytes) {
    if (state_ == State::failed) return;
    try {
        reader_.take(bytes);
    } catch (const Terminated&) {
    } catch (const ProtocolError& error) {
        refuse(error);
    } catch (const std::bad_alloc&) {
        fail("out of memory");
    }
}

void Protocol::on_header(const PduHeader& header, uint32_t data_length) {
    type_ = header.type;
    if (!is_open() && type_ != PduType::ic_resp && type_ != PduType::c2h_term_req)
        throw ProtocolError(FatalError::sequence, pdu_type_at, "a PDU before ICResp");
    if (type_ == PduType::ic_resp) on_ic_resp(as<IcPdu>(header));
    if (type_ == PduType::c2h_term_req) on_term_req(as<TermPdu>(header));
    if (type_ == PduType::capsule_resp) on_response(as<CapsuleRespPdu>(header).completion);
    if (type_ == PduType::r2t) on_r2t(as<DataPdu>(header));
    if (type_ == PduType::c2h_data) on_c2h_data(as<DataPdu>(header), data_length);
}

void Protocol::on_ic_resp(const IcPdu& pdu) {
    constexpr uint32_t version_at = 8, alignment_at = 10, digests_at = 11, limit_at = 12;
    const auto refuse = [](uint32_t at, const std::string& message) {
        throw ProtocolError(FatalError::unsupported_parameter, at, "ICResp with " + message);
    };
    if (is_open()) throw ProtocolError(FatalError::sequence, pdu_type_at, "a second ICResp");
    if (pdu.version != 0) refuse(version_at, format("version %u of PDUs, not 0", pdu.version));
    if (pdu.alignment > 31) refuse(alignment_at, format("CPDA %u, above 31", pdu.alignment));
    const bool header = (pdu.digests & ic_header_digest) != 0, data = (pdu.digests & ic_data_digest) != 0;
    if (header != options_.header_digest || data != options_.data_digest)
        refuse(digests_at,
               format("header digest %s, data digest %s: set `header_digest` and `data_digest` to what the "
                      "target does",
                      header ? "on" : "off", data ? "on" : "off"));
    if (pdu.limit < least_max_data || pdu.limit % 4 != 0)
        refuse(limit_at, format("MAXH2CDATA %u, no multiple of 4 from 4096 on", pdu.limit));
    max_data_ = pdu.limit;
    writer_.set({header, data, (pdu.alignment + 1u) * 4});
    reader_.set_digests(header, data);
    state_ = State::open;
}

void Protocol::on_term_req(const TermPdu& pdu) {
    fail(format("the target ends the connection: %s (detail 0x%x)", reason_of(pdu.error).c_str(),
                unsigned(pdu.detail_high) << 16 | pdu.detail_low));
    throw Terminated();
}

Protocol::Slot& Protocol::slot_of(uint16_t cid, const char* what) {
    if (cid >= slots_.size() || !slots_[cid].in_flight || slots_[cid].has_ended)
        throw ProtocolError(FatalError::invalid_header_field, cid_at,
                            format("%s for command %u, which is not in flight", what, cid));
    return slots_[cid];
}

void Protocol::on_c2h_data(const DataPdu& pdu, uint32_t data_length) {
    Slot& slot = slot_of(pdu.cid, "data");
    const bool last = (pdu.header.flags & pdu_last) != 0, success = (pdu.header.flags & pdu_success) != 0;
    if (slot.direction != Direction::from_controller)
        throw ProtocolError(FatalError::invalid_header_field, cid_at,
                            format("data for command %u, which reads none", pdu.cid));
    if (pdu.length != data_length)
        throw ProtocolError(FatalError::invalid_header_field, range_length_at,
                            format("data of %u bytes in a PDU that holds %u", pdu.length, data_length));
    if (slot.got_last || pdu.offset != slot.done)
        throw ProtocolError(
            FatalError::sequence, range_offset_at,
            format("data at %u of command %u, where %u was next", pdu.offset, pdu.cid, slot.done));
    if (pdu.length > slot.bytes - slot.done)
        throw ProtocolError(FatalError::data_out_of_range, range_length_at,
                            format("%u bytes of data at %u of command %u, which takes %u", pdu.length,
                                   pdu.offset, pdu.cid, slot.bytes));
    const bool is_whole = pdu.offset + pdu.length == slot.bytes || !slot.is_exact;
    if (success && !(last && is_whole))
        throw ProtocolError(FatalError::invalid_header_field, pdu_flags_at,
                            format("success of command %u before its data have come", pdu.cid));
    slot.got_last = last;
    data_ = pdu;
}

void Protocol::on_data(Bytes bytes) {
    if (type_ != PduType::c2h_data) return;  // a C2HTermReq quotes the faulty header
    Slot& slot = slots_[data_.cid];
    slot.data.write(bytes.data(), bytes.size());
    slot.done += uint32_t(bytes.size());
}

void Protocol::on_end(bool data_intact) {
    if (type_ != PduType::c2h_data) return;
    if (!data_intact) slots_[data_.cid].damaged = true;
    if ((data_.header.flags & pdu_success) != 0) end(data_.cid, {});
}

void Protocol::on_r2t(const DataPdu& pdu) {
    Slot& slot = slot_of(pdu.cid, "R2T");
    if (slot.direction != Direction::to_controller)
        throw ProtocolError(FatalError::invalid_header_field, cid_at,
                            format("R2T for command %u, which writes nothing", pdu.cid));
    if (slot.unsent != 0)
        throw ProtocolError(FatalError::limit_exceeded, cid_at,
                            format("R2T for command %u before the data of the last one were sent", pdu.cid));
    if (pdu.offset != slot.done)
        throw ProtocolError(
            FatalError::sequence, range_offset_at,
            format("R2T at %u of command %u, where %u was next", pdu.offset, pdu.cid, slot.done));
    if (pdu.length == 0 || pdu.length > slot.bytes - slot.done)
        throw ProtocolError(FatalError::data_out_of_range, range_length_at,
                            format("R2T for %u bytes at %u of command %u, which writes %u", pdu.length,
                                   pdu.offset, pdu.cid, slot.bytes));
    for (uint32_t left = pdu.length; left != 0;) {
        const uint32_t length = std::min(left, max_data_);
        left -= length;
        const DataPdu data{{PduType::h2c_data, uint8_t(left == 0 ? pdu_last : 0), 0, 0, 0},
                           pdu.cid,
                           pdu.tag,
                           slot.done,
                           length,
                           0};
        slot.done += length;
        slot.unsent++;
        writer_.add(data, slot.data, length, pdu.cid);
    }
}

void Protocol::on_response(const Completion& completion) {
    const Slot& slot = slot_of(completion.cid, "a response");
    const uint16_t status = uint16_t(completion.status >> 1);
    const Result result{.result = completion.result,
                        .sct = uint8_t(status >> NVME_SCT_SHIFT & NVME_SCT_MASK),
                        .sc = uint8_t(status & NVME_SC_MASK),
                        .do_not_retry = (status & NVME_SC_DNR) != 0};
    if (result.ok() && slot.is_exact && slot.direction == Direction::to_controller && slot.done != slot.bytes)
        throw ProtocolError(FatalError::sequence, cid_at,
                            format("success of command %u, for whose %u bytes it has asked only up to %u",
                                   completion.cid, slot.bytes, slot.done));
    end(completion.cid, result);
}

void Protocol::end(uint16_t cid, const Result& result) {
    Slot& slot = slots_[cid];
    slot.result = result;
    if (slot.damaged && result.ok()) {
        slot.result.sct = NVME_SCT_GENERIC;
        slot.result.sc = transient_transport_error;
    }
    if (slot.direction == Direction::from_controller) slot.result.bytes = slot.done;
    slot.has_ended = true;
    if (slot.unsent == 0) release(cid);
}

void Protocol::release(uint16_t cid) {
    Slot& slot = slots_[cid];
    slot.in_flight = false;
    in_flight_--;
    if (!slot.is_held) free_.push_back(cid);
    const Result result = slot.result;
    on_ended_(slot.owner, result);
}

void Protocol::fail(const std::string& reason) {
    state_ = State::failed;
    failure_ = reason;
    writer_.clear();
}

/// Fails, and tells the controller why, unless a part of another PDU has been sent.
void Protocol::refuse(const ProtocolError& error) {
    const bool can_tell = !writer_.is_within();
    fail(std::string("the target broke the protocol: ") + error.what());
    if (!can_tell) return;
    writer_.add_term({.header = {},
                      .error = uint16_t(error.error),
                      .detail_low = uint16_t(error.detail),
                      .detail_high = uint16_t(error.detail >> 16),
                      .reserved = {}},
                     reader_.header());
}

}  // namespace nvme::tcp
