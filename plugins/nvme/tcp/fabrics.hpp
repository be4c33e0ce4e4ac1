// SPDX-License-Identifier: BSD-3-Clause
// The commands that set up a controller of NVMe over Fabrics (Base Specification 2.0, 3.3 and 6).
#pragma once

#include <nvme/types.h>

#include "protocol.hpp"
#include "target.hpp"

namespace nvme::tcp {

/// The bit for events about changed namespaces, in OAES and in the feature that asks for events.
constexpr uint32_t notice_namespaces = 1u << 8;
/// The bit for events about changed access states.
constexpr uint32_t notice_access = 1u << 11;

/// A controller identifier with which the target chooses the controller.
constexpr uint16_t any_controller = 0xffff;

Command fabrics_command(nvme_fctype type);
/// @param size  entries of the queue
Command connect_command(uint16_t queue, uint32_t size, std::chrono::milliseconds keep_alive);
nvmf_connect_data connect_data(const Target& target, uint16_t controller);
Command property_get(uint32_t at, bool wide);
Command property_set(uint32_t at, uint32_t value);
Command identify_command(uint32_t cns, uint32_t nsid);
/// The first `bytes` of a log page.
Command log_page(uint8_t page, uint32_t bytes);
Command set_feature(uint8_t feature, uint32_t value);

/// A status as text, for messages.
std::string status_text(const Result& result);
/// Why a connect command was refused, and what to do. If refuses_subsystem(), a list of subsystems may
/// follow.
std::string connect_refusal(const Result& result, const Target& target);
/// Whether the target has no such subsystem for this host.
bool refuses_subsystem(const Result& result);

}  // namespace nvme::tcp
