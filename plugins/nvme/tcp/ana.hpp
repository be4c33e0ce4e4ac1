// SPDX-License-Identifier: BSD-3-Clause
// Asymmetric Namespace Access: how well a controller reaches each namespace (Base Specification 2.0, 8.1 and
// 5.16.1.13).
#pragma once

#include <nvme/types.h>

#include <map>

#include "pdu.hpp"

namespace nvme::tcp {

/// The best one first.
enum class Access : uint8_t {
    optimized,
    non_optimized,
    // With these it gets no I/O.
    inaccessible,
    changing,
    lost,     ///< persistently
    unknown,  ///< to be asked for again
    none,     ///< the namespace is not there
};

const char* access_name(Access access);

/// Bytes to read of a controller's log; 0: it does not report any.
/// @param most  bytes that it transfers at a time; 0: any number
uint32_t ana_log_size(const nvme_id_ctrl& data, uint64_t most);

/// What the log says, by namespace. Throws bdevkit::Error when it is wrong, or longer than what was read.
std::map<uint32_t, Access> parse_ana_log(Bytes log);

}  // namespace nvme::tcp
