// SPDX-License-Identifier: BSD-3-Clause
// The options of the module.
#pragma once

#include <bdevkit/option.hpp>

#include <cstdint>

namespace nvme {

enum class Multipath : uint32_t { active_passive, active_active };
enum class Transport : uint32_t { automatic, kernel, pcie, tcp };

struct Options {
    Transport transport;
    const char* address;
    uint32_t queue_depth;
    bdevkit::Duration timeout;
    bool interrupts;

    // For tcp alone.
    const char* service;
    bdevkit::List<const char*> paths;
    Multipath multipath;
    const char* subsystem;
    bdevkit::Path dhchap_key_file, dhchap_ctrl_key_file;
    const char* host_nqn;
    bdk_uuid host_id;
    bool header_digest, data_digest;
    bdevkit::Duration keep_alive, connect_timeout, reconnect_delay, loss_timeout;
};

}  // namespace nvme
