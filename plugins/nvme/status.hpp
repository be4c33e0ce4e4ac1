// SPDX-License-Identifier: BSD-3-Clause
// How a command ended (Base Specification 2.0, 3.3.3.2).
#pragma once

#include <cstdint>

namespace nvme {

struct Status {
    uint16_t code = 0;    ///< status code type in bits 8 to 10, status code in bits 0 to 7
    uint64_t result = 0;  ///< of the command: dwords 0 and 1 of the completion

    uint32_t sct() const noexcept { return code >> 8 & 7; }
    uint32_t sc() const noexcept { return code & 0xff; }
    bool success() const noexcept { return sct() == 0 && sc() == 0; }
};

}  // namespace nvme
