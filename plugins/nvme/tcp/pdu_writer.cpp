// SPDX-License-Identifier: BSD-3-Clause
#include "pdu_writer.hpp"

#include <algorithm>
#include <cstring>

namespace nvme::tcp {

namespace {

void put_digest(const Digest& digest, std::byte* to) {
    const uint32_t value = digest.value();
    std::memcpy(to, &value, sizeof(value));
}

}  // namespace

void PduWriter::add_head(Bytes head, bdevkit::IovCursor* data, uint32_t data_length, uint16_t owner) {
    Outgoing& out = queue_.emplace_back();
    std::memcpy(out.head.data(), head.data(), head.size());
    PduHeader pdu;
    std::memcpy(&pdu, head.data(), sizeof(pdu));
    const bool opens = pdu.type == PduType::ic_req;
    const bool digest = settings_.header_digest && !opens;
    out.head_size = uint32_t(head.size()) + (digest ? digest_size : 0);
    if (data != nullptr) {
        const uint32_t at =
            (out.head_size + settings_.alignment - 1) / settings_.alignment * settings_.alignment;
        std::memset(out.head.data() + out.head_size, 0, at - out.head_size);
        out.head_size = at;
        out.data = *data;
        out.data_length = data_length;
        out.owner = owner;
        out.tail_size = settings_.data_digest ? digest_size : 0;
        pdu.data_offset = uint8_t(at);
        Digest of_data;
        data->take(data_length, [&](const std::byte* bytes, size_t length) {
            if (settings_.data_digest) of_data.add({bytes, length});
        });
        put_digest(of_data, out.tail.data());
    }
    pdu.header_length = uint8_t(head.size());
    pdu.length = out.size();
    if (digest) pdu.flags |= pdu_header_digest;
    if (out.tail_size != 0) pdu.flags |= pdu_data_digest;
    std::memcpy(out.head.data(), &pdu, sizeof(pdu));
    if (!digest) return;
    Digest of_header;
    of_header.add({out.head.data(), head.size()});
    put_digest(of_header, out.head.data() + head.size());
}

void PduWriter::add_term(const TermPdu& term, Bytes quoted) {
    quoted = quoted.first(std::min<size_t>(quoted.size(), most_quoted));
    Outgoing& out = queue_.emplace_back();
    TermPdu pdu = term;
    pdu.header = {PduType::h2c_term_req, 0, sizeof(pdu), 0, uint32_t(sizeof(pdu) + quoted.size())};
    std::memcpy(out.head.data(), &pdu, sizeof(pdu));
    std::memcpy(out.head.data() + sizeof(pdu), quoted.data(), quoted.size());
    out.head_size = pdu.header.length;
}

size_t PduWriter::gather(std::span<iovec> pieces) const {
    size_t count = 0, skip = sent_;
    const auto put = [&](const std::byte* bytes, size_t length) {
        const size_t skipped = std::min(skip, length);
        skip -= skipped;
        if (length == skipped || count == pieces.size()) return;
        pieces[count++] = {const_cast<std::byte*>(bytes) + skipped, length - skipped};
    };
    for (const Outgoing& out : queue_) {
        if (count == pieces.size()) break;
        put(out.head.data(), out.head_size);
        if (out.data) {
            bdevkit::IovCursor data = *out.data;
            data.take(out.data_length, put);
        }
        put(out.tail.data(), out.tail_size);
    }
    return count;
}

}  // namespace nvme::tcp
