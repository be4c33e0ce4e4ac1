// SPDX-License-Identifier: BSD-3-Clause
// The protocol data units of NVMe/TCP, as they are on the wire (TCP Transport Specification 1.0, 3.6).
// Numbers are little-endian. The headers of libnvme do not have these types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

#include "../command.hpp"

namespace nvme::tcp {

using Bytes = std::span<const std::byte>;

enum class PduType : uint8_t {
    ic_req = 0,
    ic_resp = 1,
    h2c_term_req = 2,
    c2h_term_req = 3,
    capsule_cmd = 4,
    capsule_resp = 5,
    h2c_data = 6,
    c2h_data = 7,
    r2t = 9,
};

/// Bits of PduHeader::flags.
constexpr uint8_t pdu_header_digest = 1u << 0, pdu_data_digest = 1u << 1, pdu_last = 1u << 2,
                  pdu_success = 1u << 3;
/// Bits of IcPdu::digests.
constexpr uint8_t ic_header_digest = 1u << 0, ic_data_digest = 1u << 1;

constexpr uint32_t digest_size = 4;
/// The least MAXH2CDATA of a controller.
constexpr uint32_t least_max_data = 4096;
/// The most bytes of a header that a PDU which ends the connection may quote.
constexpr uint32_t most_quoted = 128;
/// Bytes of data that any command on the admin queue, and any fabrics command, may carry along.
constexpr uint32_t admin_in_capsule = 8192;

struct PduHeader {
    PduType type;
    uint8_t flags;
    uint8_t header_length;  ///< bytes, without digest
    uint8_t data_offset;    ///< bytes from the start of the PDU; 0: no data
    uint32_t length;        ///< bytes of the whole PDU
};
static_assert(sizeof(PduHeader) == 8);

/// ICReq and ICResp, which open a connection.
struct IcPdu {
    PduHeader header;
    uint16_t version;   ///< 0
    uint8_t alignment;  ///< of data in PDUs that the sender receives: dwords, less one
    uint8_t digests;
    uint32_t limit;  ///< ICReq: R2Ts at a time for a command, less one; ICResp: most bytes of data in H2CData
    uint8_t reserved[112];
};
static_assert(sizeof(IcPdu) == 128);

struct CapsuleCmdPdu {
    PduHeader header;
    Command command;
};
static_assert(sizeof(CapsuleCmdPdu) == 72);

/// A completion queue entry.
struct Completion {
    uint64_t result;
    uint16_t sq_head;
    uint16_t sq_id;
    uint16_t cid;
    uint16_t status;  ///< in bits 1 to 15; bit 0, the phase, is not used by fabrics
};
static_assert(sizeof(Completion) == 16);

struct CapsuleRespPdu {
    PduHeader header;
    Completion completion;
};
static_assert(sizeof(CapsuleRespPdu) == 24);

/// H2CData, C2HData and R2T.
struct DataPdu {
    PduHeader header;
    uint16_t cid;
    uint16_t tag;     ///< of the transfer: R2T has it from the controller, H2CData returns it; not in C2HData
    uint32_t offset;  ///< bytes in the data of the command
    uint32_t length;  ///< bytes
    uint32_t reserved;
};
static_assert(sizeof(DataPdu) == 24);

/// H2CTermReq and C2HTermReq; the header of the PDU at fault follows.
struct TermPdu {
    PduHeader header;
    uint16_t error;  ///< FatalError
    uint16_t detail_low, detail_high;
    uint8_t reserved[10];
};
static_assert(sizeof(TermPdu) == 24);

/// Why host or controller ends the connection (3.6.2.3).
enum class FatalError : uint16_t {
    invalid_header_field = 1,
    sequence = 2,
    header_digest = 3,
    data_out_of_range = 4,
    limit_exceeded = 5,
    unsupported_parameter = 6,
};

/// The controller broke the protocol. `detail` is the offset of the bad field, or the expected digest.
class ProtocolError : public std::runtime_error {
public:
    ProtocolError(FatalError of, uint32_t with, const std::string& message)
        : std::runtime_error(message), error(of), detail(with) {}

    FatalError error;
    uint32_t detail;
};

/// CRC32C of bytes that arrive piece by piece.
class Digest {
public:
    void add(Bytes bytes) noexcept;
    uint32_t value() const noexcept { return ~crc_; }

private:
    uint32_t crc_ = ~0u;
};

}  // namespace nvme::tcp
