// SPDX-License-Identifier: BSD-3-Clause
#include <isa-l/crc.h>

#include "pdu.hpp"

namespace nvme::tcp {

void Digest::add(Bytes bytes) noexcept {
    // isa-l takes its source as a pointer to what it may change, and leaves it alone; lengths are its int.
    auto* octets = const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(bytes.data()));
    crc_ = crc32_iscsi(octets, int(bytes.size()), crc_);
}

}  // namespace nvme::tcp
