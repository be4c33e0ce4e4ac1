// SPDX-License-Identifier: BSD-3-Clause
// The controller's side of NVMe/TCP's PDUs, for tests: makes the PDUs of a controller and parses those of a
// host. The digest is computed bit by bit, without code of the module.
#pragma once

#include <cstring>
#include <optional>
#include <stdexcept>
#include <vector>

#include "pdu.hpp"

namespace nvme::tcp::test {

using Octets = std::vector<std::byte>;

inline uint32_t slow_crc32c(const std::byte* bytes, size_t length) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < length; i++) {
        crc ^= uint32_t(bytes[i]);
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

struct Digests {
    bool header = false, data = false;
};

inline void append(Octets& to, const void* bytes, size_t length) {
    const auto* from = static_cast<const std::byte*>(bytes);
    to.insert(to.end(), from, from + length);
}

/// A PDU of a controller, with correct lengths, flags and digests.
template <class Pdu>
Octets pdu_bytes(Pdu pdu, const Octets& data = {}, Digests digests = {}, uint32_t padding = 0) {
    const bool carries = pdu.header.type == PduType::c2h_data;
    const bool plain = pdu.header.type == PduType::ic_resp || pdu.header.type == PduType::c2h_term_req;
    if (plain) digests = {};
    const uint32_t head = uint32_t(sizeof(pdu)) + (digests.header ? 4 : 0) + padding;
    pdu.header.header_length = sizeof(pdu);
    pdu.header.data_offset = carries ? uint8_t(head) : 0;
    pdu.header.length = head + uint32_t(data.size()) + (carries && digests.data ? 4 : 0);
    if (digests.header) pdu.header.flags |= pdu_header_digest;
    if (carries && digests.data) pdu.header.flags |= pdu_data_digest;
    Octets result;
    append(result, &pdu, sizeof(pdu));
    if (digests.header) {
        const uint32_t digest = slow_crc32c(result.data(), sizeof(pdu));
        append(result, &digest, 4);
    }
    result.resize(result.size() + padding);
    append(result, data.data(), data.size());
    if (carries && digests.data) {
        const uint32_t digest = slow_crc32c(data.data(), data.size());
        append(result, &digest, 4);
    }
    return result;
}

inline Octets ic_resp(Digests digests = {}, uint32_t max_data = 4096, uint8_t alignment = 0) {
    return pdu_bytes(IcPdu{.header = {PduType::ic_resp},
                           .version = 0,
                           .alignment = alignment,
                           .digests = uint8_t((digests.header ? 1 : 0) | (digests.data ? 2 : 0)),
                           .limit = max_data,
                           .reserved = {}});
}

inline Octets response(uint16_t cid, uint16_t status = 0, uint64_t result = 0, Digests digests = {}) {
    return pdu_bytes(CapsuleRespPdu{{PduType::capsule_resp}, {result, 0, 0, cid, uint16_t(status << 1)}}, {},
                     digests);
}

inline Octets r2t(uint16_t cid, uint16_t tag, uint32_t offset, uint32_t length, Digests digests = {}) {
    return pdu_bytes(DataPdu{{PduType::r2t}, cid, tag, offset, length, 0}, {}, digests);
}

inline Octets c2h_data(uint16_t cid, uint32_t offset, const Octets& data, uint8_t flags, Digests digests = {},
                       uint32_t padding = 0) {
    return pdu_bytes(DataPdu{{PduType::c2h_data, flags}, cid, 0, offset, uint32_t(data.size()), 0}, data,
                     digests, padding);
}

/// A PDU of a host.
struct HostPdu {
    template <class Pdu>
    Pdu as() const {
        Pdu pdu;
        if (head.size() < sizeof(pdu)) throw std::runtime_error("a short header");
        std::memcpy(&pdu, head.data(), sizeof(pdu));
        return pdu;
    }
    PduHeader header;
    Octets head, data;
};

/// Takes the first PDU off a stream; none when it is not complete. Throws when its lengths, flags or digests
/// are wrong.
inline std::optional<HostPdu> take_pdu(Octets& stream, Digests digests) {
    HostPdu pdu;
    if (stream.size() < sizeof(pdu.header)) return {};
    std::memcpy(&pdu.header, stream.data(), sizeof(pdu.header));
    const auto expect = [](bool right, const char* what) {
        if (!right) throw std::runtime_error(what);
    };
    const bool plain = pdu.header.type == PduType::ic_req || pdu.header.type == PduType::h2c_term_req;
    if (plain) digests = {};
    const uint32_t at = pdu.header.data_offset, header = pdu.header.header_length, length = pdu.header.length;
    expect(length >= header + (digests.header ? 4 : 0), "a PDU that is too short");
    if (stream.size() < length) return {};
    pdu.head.assign(stream.begin(), stream.begin() + header);
    expect(((pdu.header.flags & pdu_header_digest) != 0) == digests.header, "a wrong header digest flag");
    if (digests.header) {
        uint32_t digest;
        std::memcpy(&digest, stream.data() + header, 4);
        expect(digest == slow_crc32c(stream.data(), header), "a wrong header digest");
    }
    const bool has_data_digest = digests.data && at != 0;
    expect(((pdu.header.flags & pdu_data_digest) != 0) == has_data_digest, "a wrong data digest flag");
    if (at != 0) {
        expect(at >= header + (digests.header ? 4 : 0) && at < length, "a wrong data offset");
        const uint32_t end = length - (has_data_digest ? 4 : 0);
        pdu.data.assign(stream.begin() + at, stream.begin() + end);
        if (has_data_digest) {
            uint32_t digest;
            std::memcpy(&digest, stream.data() + end, 4);
            expect(digest == slow_crc32c(pdu.data.data(), pdu.data.size()), "a wrong data digest");
        }
    } else if (pdu.header.type == PduType::h2c_term_req) {
        pdu.data.assign(stream.begin() + header, stream.begin() + length);
    } else {
        expect(length == header + (digests.header ? 4 : 0), "a PDU with something behind it");
    }
    stream.erase(stream.begin(), stream.begin() + length);
    return pdu;
}

}  // namespace nvme::tcp::test
