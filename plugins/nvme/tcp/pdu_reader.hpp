// SPDX-License-Identifier: BSD-3-Clause
// Cuts the bytes that a controller sends into PDUs.
#pragma once

#include <array>

#include "pdu.hpp"

namespace nvme::tcp {

/// Gets the PDUs of a reader. Each function may throw ProtocolError.
class PduHandler {
public:
    virtual ~PduHandler() = default;
    /// A complete header. Its digest is right, and its lengths are consistent.
    /// @param data_length  bytes of data that follow
    virtual void on_header(const PduHeader& header, uint32_t data_length) = 0;
    /// The next bytes of the PDU's data.
    virtual void on_data(Bytes bytes) = 0;
    /// The PDU is complete.
    virtual void on_end(bool data_intact) = 0;
};

/// Needs no buffer but for one header: data are handed on as they arrive. Each PDU goes through the steps
/// common_header, header, padding, data and data_digest; the last three only when it has data.
class PduReader {
public:
    explicit PduReader(PduHandler& handler) noexcept : handler_(handler) {}

    /// Takes bytes as they arrive, in pieces of any length. Not to be called again after it has thrown
    /// ProtocolError.
    void take(Bytes bytes);

    /// The digests of PDUs, from the next one on.
    void set_digests(bool header, bool data) noexcept {
        header_digest_ = header;
        data_digest_ = data;
    }

    /// The current PDU's header, as much of it as has arrived. A PDU that ends the connection quotes it.
    Bytes header() const noexcept { return {header_.data(), have_}; }

private:
    enum class Step { common_header, header, padding, data, data_digest };

    /// Fills header_ up to `size` bytes. @return whether it is filled
    bool fill(Bytes& bytes, size_t size);
    const PduHeader& common() const noexcept { return *reinterpret_cast<const PduHeader*>(header_.data()); }
    void check_common() const;
    void check_length() const;
    void check_digest_flags() const;
    bool has_header_digest() const noexcept;
    void check_header_digest() const;
    void header_done();
    void end(bool intact);

    PduHandler& handler_;
    bool header_digest_ = false, data_digest_ = false;
    Step step_ = Step::common_header;
    alignas(8) std::array<std::byte, 128 + digest_size> header_;
    size_t have_ = 0;    ///< bytes of header_
    uint32_t left_ = 0;  ///< bytes of the current step that have not arrived
    uint32_t data_left_ = 0;
    uint32_t sent_digest_ = 0;
    Digest digest_;
};

}  // namespace nvme::tcp
