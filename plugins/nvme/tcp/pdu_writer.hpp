// SPDX-License-Identifier: BSD-3-Clause
// The PDUs that wait to be sent.
#pragma once

#include <sys/uio.h>
#include <bdevkit/iov_cursor.hpp>

#include <array>
#include <deque>
#include <optional>

#include "pdu.hpp"

namespace nvme::tcp {

/// Keeps the headers. Data are not copied: they stay where they are until they have been sent.
class PduWriter {
public:
    struct Settings {
        bool header_digest = false, data_digest = false;
        uint32_t alignment = 4;  ///< of data in a PDU: bytes, at most 128
    };
    void set(const Settings& settings) noexcept { settings_ = settings; }

    /// Adds a PDU without data. Fills in lengths and digest. `Pdu` begins with a PduHeader.
    template <class Pdu>
    void add(const Pdu& pdu) {
        add_head(bytes_of(pdu), nullptr, 0, 0);
    }
    /// Adds a PDU with data, and moves the cursor behind the data, which must not change until they have been
    /// sent.
    /// @param owner  of the data, for sent()
    template <class Pdu>
    void add(const Pdu& pdu, bdevkit::IovCursor& data, uint32_t data_length, uint16_t owner) {
        add_head(bytes_of(pdu), &data, data_length, owner);
    }
    /// Adds a PDU that is followed by a copy of `quoted`, without digests.
    void add_term(const TermPdu& pdu, Bytes quoted);

    /// The next bytes to send. @return how many of `pieces` are filled; 0: nothing waits
    size_t gather(std::span<iovec> pieces) const;
    /// `bytes` more have been sent. Calls done(owner) for each PDU with data that has been sent completely.
    template <class Done>
    void sent(size_t bytes, Done&& done) {
        for (sent_ += bytes; !queue_.empty() && sent_ >= queue_.front().size(); queue_.pop_front()) {
            sent_ -= queue_.front().size();
            if (queue_.front().data) done(queue_.front().owner);
        }
    }

    bool empty() const noexcept { return queue_.empty(); }
    /// Whether a PDU has been sent in part.
    bool is_within() const noexcept { return sent_ != 0; }
    void clear() noexcept {
        queue_.clear();
        sent_ = 0;
    }

private:
    struct Outgoing {
        uint32_t size() const noexcept { return head_size + data_length + tail_size; }

        std::array<std::byte, 256> head;
        uint32_t head_size = 0;
        std::optional<bdevkit::IovCursor> data;
        uint32_t data_length = 0;
        std::array<std::byte, digest_size> tail;
        uint32_t tail_size = 0;
        uint16_t owner = 0;
    };

    template <class Pdu>
    static Bytes bytes_of(const Pdu& pdu) noexcept {
        return std::as_bytes(std::span(&pdu, 1));
    }
    void add_head(Bytes head, bdevkit::IovCursor* data, uint32_t data_length, uint16_t owner);

    Settings settings_;
    std::deque<Outgoing> queue_;
    size_t sent_ = 0;  ///< bytes of the first PDU
};

}  // namespace nvme::tcp
