// SPDX-License-Identifier: BSD-3-Clause
// Asymmetric Namespace Access: how well a controller reaches each namespace (Base Specification 2.0, 8.1 and
// 5.16.1.13).
#pragma once

#include <nvme/types.h>

#include <map>

#include "pdu.hpp"

namespace nvme::tcp {

/// How well a path reaches a namespace, the best first. Those after non_optimized get no I/O.
enum class Access : uint8_t {
    optimized,
    non_optimized,
    inaccessible,
    changing,
    lost,     ///< persistent loss
    unknown,  ///< a status has contradicted the log, which is read again
    none,     ///< the path does not reach the namespace
};

const char* access_name(Access access);

/// @param most  bytes that the controller transfers at a time; 0: without limit
/// @return bytes to read of the controller's log; 0: it reports no access states
uint32_t ana_log_size(const nvme_id_ctrl& data, uint64_t most);

/// Decodes the log. Throws bdevkit::Error when it is malformed, or ends too early. @return the states by
/// namespace
std::map<uint32_t, Access> parse_ana_log(Bytes log);

}  // namespace nvme::tcp
