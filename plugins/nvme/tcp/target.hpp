// SPDX-License-Identifier: BSD-3-Clause
// A portal of a subsystem, and how this host connects to it.
#pragma once

#include <array>
#include <memory>

#include "socket.hpp"

namespace nvme::tcp {

struct DhchapKeys;

/// One way to a subsystem.
struct Target {
    std::string name() const { return address + ":" + service; }

    std::string address, service;
    std::string subsystem;  ///< the NQN
    std::string host_nqn;
    std::array<uint8_t, 16> host_id{};
    std::shared_ptr<const DhchapKeys> keys;  ///< for authentication; NULL: none
    bool header_digest = false, data_digest = false;
    uint32_t queue_size = 128;                         ///< entries of an I/O queue
    std::chrono::milliseconds keep_alive{10000};       ///< 0: none
    std::chrono::milliseconds connect_timeout{10000};  ///< how long connecting may take in all
    std::vector<Address> addresses;                    ///< of the host
};

}  // namespace nvme::tcp
