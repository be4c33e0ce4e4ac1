// SPDX-License-Identifier: BSD-3-Clause
#include "pdu_reader.hpp"

#include <bdevkit/log.hpp>

#include <algorithm>
#include <cstring>

namespace nvme::tcp {

namespace {

using bdevkit::format;

constexpr uint32_t type_at = 0, flags_at = 1, header_length_at = 2, data_offset_at = 3, length_at = 4;

[[noreturn]] void refuse(uint32_t at, const std::string& message) {
    throw ProtocolError(FatalError::invalid_header_field, at, message);
}

/// Bytes of the header of a PDU that a controller sends; 0 for other types.
uint32_t header_length(PduType type) {
    switch (type) {
        case PduType::ic_resp:
            return sizeof(IcPdu);
        case PduType::c2h_term_req:
            return sizeof(TermPdu);
        case PduType::capsule_resp:
            return sizeof(CapsuleRespPdu);
        case PduType::c2h_data:
        case PduType::r2t:
            return sizeof(DataPdu);
        default:
            return 0;
    }
}

}  // namespace

void PduReader::take(Bytes bytes) {
    while (!bytes.empty()) {
        switch (step_) {
            case Step::common_header:
                if (!fill(bytes, sizeof(PduHeader))) return;
                check_common();
                step_ = Step::header;
                break;
            case Step::header:
                if (fill(bytes, common().header_length + (has_header_digest() ? digest_size : 0)))
                    header_done();
                break;
            case Step::padding: {
                const size_t n = std::min<size_t>(left_, bytes.size());
                bytes = bytes.subspan(n);
                left_ -= uint32_t(n);
                if (left_ == 0) step_ = Step::data;
                break;
            }
            case Step::data: {
                const Bytes piece = bytes.first(std::min<size_t>(data_left_, bytes.size()));
                bytes = bytes.subspan(piece.size());
                data_left_ -= uint32_t(piece.size());
                if (data_digest_) digest_.add(piece);
                handler_.on_data(piece);
                if (data_left_ != 0) break;
                step_ = Step::data_digest;
                left_ = digest_size;
                if (!data_digest_ || common().type != PduType::c2h_data) end(true);
                break;
            }
            case Step::data_digest:
                sent_digest_ = sent_digest_ >> 8 | uint32_t(bytes.front()) << 24;
                bytes = bytes.subspan(1);
                if (--left_ == 0) end(sent_digest_ == digest_.value());
                break;
        }
    }
}

bool PduReader::fill(Bytes& bytes, size_t size) {
    const size_t n = std::min(size - have_, bytes.size());
    std::memcpy(header_.data() + have_, bytes.data(), n);
    have_ += n;
    bytes = bytes.subspan(n);
    return have_ == size;
}

void PduReader::check_common() const {
    const PduHeader& pdu = common();
    const uint32_t expected = header_length(pdu.type);
    if (expected == 0)
        refuse(type_at, format("a PDU of type %u, which no controller sends", unsigned(pdu.type)));
    if (pdu.header_length != expected)
        refuse(header_length_at, format("a header of %u bytes in a PDU of type %u, which has %u",
                                        pdu.header_length, unsigned(pdu.type), expected));
    check_digest_flags();
    check_length();
}

bool PduReader::has_header_digest() const noexcept {
    return header_digest_ && common().type != PduType::ic_resp && common().type != PduType::c2h_term_req;
}

void PduReader::check_digest_flags() const {
    const PduHeader& pdu = common();
    const bool of_data = data_digest_ && pdu.type == PduType::c2h_data;
    if (((pdu.flags & pdu_header_digest) != 0) != has_header_digest() ||
        ((pdu.flags & pdu_data_digest) != 0) != of_data)
        refuse(flags_at, format("digest flags 0x%x in a PDU of type %u, against what was agreed",
                                pdu.flags & 3u, unsigned(pdu.type)));
}

void PduReader::check_length() const {
    const PduHeader& pdu = common();
    const uint32_t header = pdu.header_length + (has_header_digest() ? digest_size : 0);
    const bool carries_data = pdu.type == PduType::c2h_data;
    const bool quotes = pdu.type == PduType::c2h_term_req;
    if (carries_data) {
        if (pdu.data_offset < header || pdu.data_offset % 4 != 0)
            refuse(data_offset_at,
                   format("data at byte %u of a PDU with a header of %u", pdu.data_offset, header));
        const uint32_t digest = data_digest_ ? digest_size : 0;
        if (pdu.length <= pdu.data_offset + digest)
            refuse(length_at, format("%u bytes of PDU for data at byte %u", pdu.length, pdu.data_offset));
    } else if (pdu.length < header || pdu.length > header + (quotes ? most_quoted : 0)) {
        refuse(length_at,
               format("%u bytes of PDU of type %u, which has %u", pdu.length, unsigned(pdu.type), header));
    }
}

void PduReader::check_header_digest() const {
    Digest digest;
    digest.add({header_.data(), common().header_length});
    uint32_t sent;
    std::memcpy(&sent, header_.data() + common().header_length, sizeof(sent));
    if (sent != digest.value())
        throw ProtocolError(FatalError::header_digest, digest.value(),
                            format("a header digest of 0x%x, which should be 0x%x", sent, digest.value()));
}

void PduReader::header_done() {
    const PduHeader pdu = common();
    if (has_header_digest()) check_header_digest();
    const bool carries_data = pdu.type == PduType::c2h_data;
    data_left_ = carries_data ? pdu.length - pdu.data_offset - (data_digest_ ? digest_size : 0)
                              : pdu.length - uint32_t(have_);
    left_ = carries_data ? pdu.data_offset - uint32_t(have_) : 0;
    digest_ = {};
    handler_.on_header(*reinterpret_cast<const PduHeader*>(header_.data()), data_left_);
    if (data_left_ == 0) return end(true);
    step_ = left_ != 0 ? Step::padding : Step::data;
}

void PduReader::end(bool intact) {
    step_ = Step::common_header;
    have_ = 0;
    handler_.on_end(intact);
}

}  // namespace nvme::tcp
